"""What one run needs, and the work on one photo; shared by the command line and the Python API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pocketmatte.apps.wording import refuse_addresses, unused_by, without_effect
from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.effects.backdrop import FITS, ClipBackdrop, Fit, PictureBackdrop, read_depth
from pocketmatte.effects.blend import Blend
from pocketmatte.effects.looks import Look
from pocketmatte.effects.presets import Preset
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import LoadedImage, read_image
from pocketmatte.io.paths import Job, expand_inputs
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.ops.subject import Subject
from pocketmatte.pipeline.pipeline import Foreground, Pipeline, Refine, load
from pocketmatte.pipeline.temporal import DEFAULT_TEMPORAL
from pocketmatte.runtime.base import DEFAULT_THREADS

NOBODY = "nobody found"  # the note on a picture or video without people
_SMOOTH = 0.9  # weight of the past in the harmonizer's colours; every photo and video starts without a past


@dataclass(frozen=True)
class Settings:
    """How to cut out: everything about a run but its inputs and outputs."""

    look: Look
    model: str | None = None
    refine: Refine = "guided"
    foreground: Foreground = "fast"
    runtime: str = "auto"
    device: str = "auto"
    threads: int = DEFAULT_THREADS
    blend: Blend = field(default_factory=Blend)
    fit: Fit = "cover"
    preset: Preset | None = None
    depth: Path | None = None
    clean: Clean = DEFAULT_CLEAN
    temporal: str = DEFAULT_TEMPORAL
    subject: Subject = "all"

    def __post_init__(self) -> None:
        look = self.look.kind
        if not self.blend.plain and not self.look.has_background:
            raise PocketmatteError(f"blend {self.blend.name} needs a look with a background; found look {look}")
        if self.preset is not None and look == "alpha":
            raise PocketmatteError(f"preset {self.preset.name} changes colours, of which look alpha has none")
        if self.depth is not None and look != "depth":
            raise PocketmatteError(f"a depth picture goes with look depth; found look {look}")
        if self.fit not in FITS:
            raise PocketmatteError(f"unknown fit {self.fit!r}; known: {', '.join(FITS)}")

    def check_used(self, *backdrop: str) -> None:
        """Raise :class:`PocketmatteError` for what was chosen although the look makes no use of it; the defaults are no
        mistake. ``backdrop``: as in :func:`~pocketmatte.apps.wording.unused_by`."""
        for name, where in unused_by(self.look, *backdrop).items():
            if getattr(self, name) != getattr(Settings, name):
                raise without_effect(name, where)

    @property
    def pipeline_foreground(self) -> Foreground:
        """How the pipeline estimates the person's colours: not at all where the renderer does it while it draws, which
        is faster, or where nobody sees them."""
        drawn = self.look.has_background and self.foreground == "fast"
        return self.foreground if self.look.needs_foreground and not drawn else "none"


def open_pipeline(settings: Settings) -> Pipeline:
    """A fresh pipeline for what :func:`open_renderer` draws. Bare mattes come without foreground colours."""
    return load(
        settings.model,
        runtime=settings.runtime,
        device=settings.device,
        threads=settings.threads,
        refine=settings.refine,
        foreground=settings.pipeline_foreground,
        clean=settings.clean,
        temporal=settings.temporal,
        subject=settings.subject,
    )


def open_renderer(settings: Settings) -> Renderer:
    """A fresh renderer of the look, its backdrop opened. Raises :class:`PocketmatteError` when it cannot be."""
    path = settings.look.path
    backdrop: PictureBackdrop | ClipBackdrop | None = None
    if path and settings.look.kind == "video":
        from pocketmatte.io.video_source import VideoSource

        backdrop = ClipBackdrop(VideoSource(path), settings.fit)
    elif path:
        backdrop = PictureBackdrop(read_image(path).image, settings.fit)
    harmonizer = None
    if settings.blend.needs_harmonizer:
        from pocketmatte.pipeline.harmonizer import load_harmonizer

        harmonizer = load_harmonizer(threads=settings.threads, smooth=_SMOOTH)
    return Renderer(
        settings.look,
        backdrop,
        blend=settings.blend,
        preset=settings.preset,
        depth=read_depth(read_image(settings.depth).image) if settings.depth else None,
        harmonizer=harmonizer,
        estimate=settings.foreground == "fast",
    )


def photo_jobs(inputs: list[Path], output: Path | None, look: Look) -> list[Job]:
    """Source and destination of every photo among ``inputs`` (files and folders)."""
    refuse_addresses(inputs)
    return expand_inputs(inputs, output, ".png", look.word)


def check_destination(destination: Path, settings: Settings, others: Iterable[Path | None] = ()) -> None:
    """Raise :class:`PocketmatteError` when the output would replace a file that it is made with: the backdrop, the
    depth picture, or one of the ``others``."""
    for path in (settings.look.path, settings.depth, *others):
        if path is not None and destination.exists() and path.exists() and destination.samefile(path):
            raise PocketmatteError(f"{destination} is an input: it would be overwritten; choose another output")


def make_folder(folder: Path) -> None:
    """Make the folder of an output, and those above it. Raises :class:`PocketmatteError` when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PocketmatteError(f"cannot make the folder {folder}: {error.strerror}; choose another output") from error


class CutOut(NamedTuple):
    """``pixels`` uint8 of a look, see :meth:`pocketmatte.effects.render.Renderer.draw`; ``notes`` for the user."""

    pixels: UInt8Image
    notes: tuple[str, ...]


def cut_image(loaded: LoadedImage, pipeline: Pipeline, renderer: Renderer) -> CutOut:
    """One photo in its look. An alpha channel the photo already has can only be narrowed."""
    pipeline.reset()
    renderer.reset()
    frame = Frame(loaded.image)
    matte = pipeline.step(frame)
    if loaded.alpha is not None:
        matte = renderer.with_colours(frame.image, matte)
        matte = replace(matte, alpha=matte.alpha * (loaded.alpha.astype(np.float32) * np.float32(1 / 255)))
    notes = loaded.notes if somebody(matte.alpha) else (*loaded.notes, NOBODY)
    return CutOut(renderer.draw(frame.image, matte), notes)


def somebody(alpha: Alpha) -> bool:
    """Whether a matte holds anything that is more person than background."""
    return bool(alpha.max(initial=0) > 0.5)
