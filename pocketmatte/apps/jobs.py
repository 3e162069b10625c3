"""What one run needs, and the work on one photo; shared by the command line and the Python API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pocketmatte.core import Frame, Matte, UInt8Image
from pocketmatte.effects.looks import Look, Renderer
from pocketmatte.io.images import LoadedImage, read_image
from pocketmatte.io.paths import Job, expand_inputs
from pocketmatte.pipeline.pipeline import Foreground, Pipeline, Refine, load
from pocketmatte.runtime.base import DEFAULT_THREADS


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


def open_pipeline(settings: Settings) -> Pipeline:
    """A fresh pipeline. Foreground colours are estimated only for looks that leave the old background."""
    return load(
        settings.model,
        runtime=settings.runtime,
        device=settings.device,
        threads=settings.threads,
        refine=settings.refine,
        foreground=settings.foreground if settings.look.needs_foreground else "none",
    )


def open_renderer(settings: Settings) -> Renderer:
    """The renderer of the look, its backdrop picture read. Raises :class:`PocketmatteError` when it cannot be."""
    path = settings.look.path
    return Renderer(settings.look, read_image(path).image if path else None)


def photo_jobs(inputs: list[Path], output: Path | None, look: Look) -> list[Job]:
    """Source and destination of every photo among ``inputs`` (files and folders)."""
    return expand_inputs(inputs, output, ".png", look.word)


def cut_image(loaded: LoadedImage, pipeline: Pipeline, renderer: Renderer) -> UInt8Image:
    """One photo -> the pixels of its look. An alpha channel the photo already has can only be narrowed."""
    pipeline.reset()
    frame = Frame(loaded.image)
    matte = pipeline.step(frame)
    if loaded.alpha is not None:
        matte = Matte(
            matte.alpha * (loaded.alpha.astype(np.float32) * np.float32(1 / 255)), matte.foreground, matte.pts
        )
    return renderer.draw(frame.image, matte)
