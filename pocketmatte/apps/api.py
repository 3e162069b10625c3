"""``pocketmatte.cut_out``: the main job in one call."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from pocketmatte.apps.jobs import Settings, check_destination, cut_image, open_pipeline, open_renderer, photo_jobs
from pocketmatte.effects.backdrop import Fit
from pocketmatte.effects.blend import parse_blend
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.presets import parse_preset
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import from_array, from_pil, read_image, write_image
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.ops.subject import Subject
from pocketmatte.pipeline.pipeline import Foreground, Pipeline

if TYPE_CHECKING:
    from PIL.Image import Image

P = TypeVar("P", str, Path)


@lru_cache(maxsize=2)
def _opened(settings: Settings) -> tuple[Pipeline, Renderer]:
    return open_pipeline(settings), open_renderer(settings)


@overload
def cut_out(
    image: P,
    output: str | Path | None = None,
    *,
    look: str = ...,
    model: str | None = ...,
    foreground: Foreground = ...,
    force: bool = ...,
    blend: str = ...,
    fit: Fit = ...,
    preset: str = ...,
    depth: str | Path | None = ...,
    clean: Clean = ...,
    subject: Subject = ...,
) -> Path: ...
@overload
def cut_out(
    image: np.ndarray,
    output: None = None,
    *,
    look: str = ...,
    model: str | None = ...,
    foreground: Foreground = ...,
    force: bool = ...,
    blend: str = ...,
    fit: Fit = ...,
    preset: str = ...,
    depth: str | Path | None = ...,
    clean: Clean = ...,
    subject: Subject = ...,
) -> np.ndarray: ...
@overload
def cut_out(
    image: Image,
    output: None = None,
    *,
    look: str = ...,
    model: str | None = ...,
    foreground: Foreground = ...,
    force: bool = ...,
    blend: str = ...,
    fit: Fit = ...,
    preset: str = ...,
    depth: str | Path | None = ...,
    clean: Clean = ...,
    subject: Subject = ...,
) -> Image: ...
def cut_out(
    image: str | Path | np.ndarray | Image,
    output: str | Path | None = None,
    *,
    look: str = "rgba",
    model: str | None = None,
    foreground: Foreground = "fast",
    force: bool = False,
    blend: str = "alpha",
    fit: Fit = "cover",
    preset: str = "none",
    depth: str | Path | None = None,
    clean: Clean = DEFAULT_CLEAN,
    subject: Subject = "all",
) -> Path | np.ndarray | Image:
    """Cut the people out of one photo and give back the kind that came in.

    * a path: writes ``output`` (default: ``photo-cutout.png`` beside it; never over an existing file without
      ``force``) and returns its path;
    * an array: uint8 ``[H,W]``, RGB ``[H,W,3]`` or straight RGBA ``[H,W,4]`` in, straight RGBA ``[H,W,4]`` out
      (``[H,W]`` for look ``alpha``, RGB for the looks with a background);
    * a PIL picture: a PIL picture in mode RGBA, L or RGB likewise.

    ``look`` is ``rgba``, ``alpha``, ``blur``, ``bokeh``, ``depth``, ``pixelate``, ``color:#RRGGBB``, ``image:PATH`` or
    ``video:PATH``; it and ``blend``, ``fit``, ``preset``, ``depth``, ``clean`` and ``subject`` are those of
    ``pocketmatte run``. The model stays loaded for the next call. Not for use from several threads at once:
    :func:`pocketmatte.load` gives each its own pipeline.
    Raises :class:`pocketmatte.PocketmatteError` with what to do about it, ``TypeError`` for another kind of input.
    """
    settings = Settings(
        look=parse_look(look),
        model=model,
        foreground=foreground,
        blend=parse_blend(blend),
        fit=fit,
        preset=parse_preset(preset),
        depth=Path(depth) if depth else None,
        clean=clean,
        subject=subject,
    )
    settings.check_used()
    if isinstance(image, str | os.PathLike):
        job = photo_jobs([Path(image)], Path(output) if output else None, settings.look)[0]
        check_destination(job.destination, settings)
        pipeline, renderer = _opened(settings)
        write_image(job.destination, cut_image(read_image(job.source), pipeline, renderer).pixels, force=force)
        return job.destination
    if output is not None:
        raise TypeError("output goes with a path; arrays and PIL pictures are returned")
    pipeline, renderer = _opened(settings)
    if isinstance(image, np.ndarray):
        return cut_image(from_array(image), pipeline, renderer).pixels
    import PIL.Image

    if isinstance(image, PIL.Image.Image):
        return PIL.Image.fromarray(cut_image(from_pil(image), pipeline, renderer).pixels)
    raise TypeError(f"cut_out takes a path, a NumPy array or a PIL picture, found {type(image).__name__}")
