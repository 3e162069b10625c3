"""The renderer: one look, one blend filter, one preset, frame after frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pocketmatte.core import Matte, Size, UInt8Image
from pocketmatte.effects.backdrop import Backdrop, PictureBackdrop
from pocketmatte.effects.blend import Blend, Recolour
from pocketmatte.effects.depth import defocus_from_depth, defocus_from_matte
from pocketmatte.effects.looks import Look
from pocketmatte.effects.presets import Preset
from pocketmatte.ops.composite import to_rgba
from pocketmatte.ops.filters import blur_background
from pocketmatte.ops.foreground import estimate_foreground_fast, recompose
from pocketmatte.ops.lens import blur_by, bokeh, clean_plate, pixelate


class Renderer:
    """Draws one stream of frames; :meth:`reset` begins a new one. Not for several threads at once.

    ``backdrop`` belongs to ``image`` and ``video`` looks: a uint8 RGB picture or a
    :class:`~pocketmatte.effects.backdrop.Backdrop`. ``depth``: float32 ``[h,w]``, 1 = nearest, for the ``depth`` look.
    ``harmonizer`` for blend filters that need one. ``preset`` is applied to the finished picture. ``estimate``: the
    person's own colours are estimated here, for mattes that come without.
    """

    def __init__(
        self,
        look: Look,
        backdrop: UInt8Image | Backdrop | None = None,
        *,
        blend: Blend | None = None,
        preset: Preset | None = None,
        depth: npt.NDArray[np.float32] | None = None,
        harmonizer: Recolour | None = None,
        estimate: bool = False,
    ) -> None:
        if (look.kind in ("image", "video")) != (backdrop is not None):
            raise ValueError("a backdrop belongs to image and video looks and to them alone")
        self.look, self.blend, self.preset, self._depth = look, blend or Blend(), preset, depth
        if self.blend.needs_harmonizer and harmonizer is None:
            raise ValueError(f"blend filter {self.blend.name} needs a harmonizer")
        self._harmonizer = harmonizer
        self._estimate = estimate
        if isinstance(backdrop, np.ndarray):
            backdrop = PictureBackdrop(backdrop)
        elif look.kind == "color":
            backdrop = PictureBackdrop(np.array([[look.color]], np.uint8))
        self._backdrop: Backdrop | None = backdrop

    def reset(self) -> None:
        """Forget earlier frames: the next one begins a new photo or video."""
        if self._backdrop is not None:
            self._backdrop.reset()
        if self._harmonizer is not None:
            self._harmonizer.reset()

    def with_colours(self, image: UInt8Image, matte: Matte) -> Matte:
        """The matte with the person's own colours, if that is this renderer's task: before its alpha is changed."""
        if matte.foreground is not None or not self._estimate:
            return matte
        return replace(matte, foreground=estimate_foreground_fast(image, matte.alpha))

    def draw(self, image: UInt8Image, matte: Matte) -> UInt8Image:
        """``image`` uint8 RGB ``[H,W,3]`` and its matte of the same size -> uint8 ``[H,W,4]`` straight RGBA for
        ``rgba``, ``[H,W]`` for ``alpha``, else RGB ``[H,W,3]``."""
        if self.look.kind == "alpha":
            return (matte.alpha * 255 + 0.5).astype(np.uint8)
        if self.look.kind == "rgba":
            colours = self._colours(image, matte)
            return to_rgba(self.preset(colours) if self.preset else colours, matte.alpha)
        background = self._background(image, matte, matte.pts)
        if self._estimate and matte.foreground is None and self.blend.plain:
            picture = recompose(image, matte.alpha, background)
        else:
            colours = self._colours(image, matte)
            picture = self.blend(colours, matte.alpha, background, image=image, harmonizer=self._harmonizer)
        return self.preset(picture) if self.preset else picture

    def _colours(self, image: UInt8Image, matte: Matte) -> UInt8Image:
        known = self.with_colours(image, matte).foreground
        return image if known is None else known

    def _background(self, image: UInt8Image, matte: Matte, pts: Fraction | None) -> UInt8Image:
        if self._backdrop is not None:
            return self._backdrop.at(Size(*image.shape[:2]), pts)
        amount = self.look.amount
        if self.look.kind == "blur":
            return blur_background(image, matte.alpha, amount)
        plate = clean_plate(image, matte.alpha)
        if self.look.kind == "pixelate":
            return pixelate(plate, round(amount))
        radius = amount * max(image.shape[:2])
        if self.look.kind == "bokeh":
            return bokeh(plate, radius)
        known = self._depth
        defocus = defocus_from_matte(matte.alpha) if known is None else defocus_from_depth(known, matte.alpha)
        return blur_by(plate, defocus, radius)
