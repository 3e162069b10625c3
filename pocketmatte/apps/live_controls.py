"""What the user of a live picture can change while it runs, and the renderer that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pocketmatte.apps.jobs import Settings, open_renderer
from pocketmatte.core import Alpha, Matte, PocketmatteError, UInt8Image
from pocketmatte.effects.blend import Blend, parse_blend
from pocketmatte.effects.looks import Look, parse_look
from pocketmatte.effects.render import Renderer
from pocketmatte.io.image_formats import is_image
from pocketmatte.io.window_bar import Slider

KEYS = {
    "c": ("color transfer", "color-transfer"),
    "s": ("seamless", "seamless"),
    "m": ("smooth step", "smoothstep"),
    "h": ("harmonise", "harmonize"),
}
_FILTERS = "C colour transfer  S seamless  M smooth step  H harmonise  B blur  N none"
HELP = f"{_FILTERS}  space snapshot  R record  Q quit"
HELP_MANY = f"{_FILTERS}  Q quit"  # several sources
BACKGROUND, THRESHOLD = "background", "threshold"
_EDGE = 0.1  # width of the step that is left of the matte when a threshold is set


def harden(alpha: Alpha, threshold: float) -> Alpha:
    """Alpha float32 in 0..1 as a narrow step at ``threshold`` (0..1); unchanged at 0."""
    if threshold <= 0:
        return alpha
    return np.asarray(np.clip((alpha - np.float32(threshold)) / np.float32(_EDGE) + np.float32(0.5), 0, 1), np.float32)


def find_backgrounds(paths: list[Path]) -> list[Path]:
    """Pictures named, and those in folders named, in order. Raises :class:`PocketmatteError` when there are none."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if is_image(p)) if path.is_dir() else [path]
        if not inside or not all(p.is_file() for p in inside):
            raise PocketmatteError(f"{path}: expected a picture or a folder with pictures for --background")
        found += inside
    return found


@dataclass
class Controls:
    """The present choice. Renderers are opened when first needed and kept, with their memory of earlier frames.

    ``settings`` as given on the command line; ``backgrounds`` are the pictures that the slider goes through, after the
    look of the settings. A choice that turns out impossible, such as a picture that cannot be read, is told to ``warn``
    and left for the one before.
    """

    settings: Settings
    backgrounds: list[Path] = field(default_factory=list)
    threshold: float = 0.0
    background: int = 0
    blend: Blend = field(default_factory=Blend)
    blurred: bool = False
    filter_name: str = "none"
    warn: Callable[[str], None] = field(default=lambda message: None)
    _renderers: dict[tuple[Look, Blend], Renderer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.settings.look.transparent:
            raise PocketmatteError("look rgba is transparent, which no live output can show: choose another --look")
        self.blend = self.settings.blend
        self.filter_name = "none" if self.blend.plain else self.blend.name
        self._choices = [self.settings.look, *(parse_look(f"image:{path}") for path in self.backgrounds)]
        self.sliders = [
            Slider(BACKGROUND, "background", 0.0, 1 / max(1, len(self._choices) - 1)),
            Slider(THRESHOLD, "threshold", 0.0),
        ]
        self._tell()
        self.renderer()
        self._worked = self._chosen()

    def _chosen(self) -> tuple[int, bool, Blend, str]:
        return self.background, self.blurred, self.blend, self.filter_name

    @property
    def look(self) -> Look:
        """What stands behind the person."""
        return parse_look("blur") if self.blurred else self._choices[self.background]

    def renderer(self) -> Renderer:
        """The renderer of the present choice. Raises :class:`PocketmatteError` when its background cannot be read."""
        key = self.look, self.blend if self.look.has_background else Blend()
        if key not in self._renderers:
            self._renderers[key] = open_renderer(replace(self.settings, look=key[0], blend=key[1]))
        return self._renderers[key]

    def draw(self, image: UInt8Image, matte: Matte) -> UInt8Image:
        """The finished picture uint8 RGB ``[H,W,3]``."""
        renderer = self._working()
        if self.threshold > 0:
            matte = renderer.with_colours(image, matte)
            matte = replace(matte, alpha=harden(matte.alpha, self.threshold))
        picture = renderer.draw(image, matte)
        return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture

    def _working(self) -> Renderer:
        """The renderer of the present choice; where it cannot be opened, of the last one that could."""
        try:
            renderer = self.renderer()
        except PocketmatteError as error:
            self.background, self.blurred, self.blend, self.filter_name = self._worked
            self._tell()
            self.warn(str(error))
            return self.renderer()
        self._worked = self._chosen()
        return renderer

    def slide(self, name: str, value: float) -> None:
        """A slider was moved to ``value`` in 0..1."""
        if name == BACKGROUND:
            self.background, self.blurred = round(value * (len(self._choices) - 1)), False
        elif name == THRESHOLD:
            self.threshold = value
        self._tell()

    def press(self, key: str) -> bool:
        """A key of the filters; whether it is one."""
        if key in KEYS:
            self.filter_name, self.blend = KEYS[key][0], parse_blend(KEYS[key][1])
        elif key == "b":
            self.blurred = not self.blurred
        elif key == "n":
            self.filter_name, self.blend, self.blurred = "none", Blend(), False
        else:
            return False
        return True

    def _tell(self) -> None:
        look = self._choices[self.background]
        self.sliders[0].text = look.path.name if look.path else look.kind
        self.sliders[1].text = f"{self.threshold:.2f}" if self.threshold > 0 else "soft"
