"""One video through the pipeline: reading, network, refinement, drawing and writing overlap, in order, every frame
once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from pocketmatte.apps.jobs import NOBODY, make_folder, somebody
from pocketmatte.core import Frame, Matte, PocketmatteError, UInt8Image
from pocketmatte.effects.looks import Look
from pocketmatte.effects.render import Renderer
from pocketmatte.io.frames import folder_name
from pocketmatte.io.paths import Job
from pocketmatte.io.video_formats import ALPHA_SUFFIXES, VIDEO_OUTPUT_SUFFIXES
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.scheduler import exact
from pocketmatte.pipeline.threads import ahead


def video_destination(job: Job, look: Look, layout: str, output: Path | None) -> Job:
    """Give a video its own suffix: ``.mp4``, or ``.webm`` when the look is transparent. An explicit output stays.

    Raises :class:`PocketmatteError` for an explicit output of a type that cannot be written or cannot hold the look.
    """
    target = job.destination
    numbered = folder_name(target) is not None  # such as frames/%05d.png
    if target == output and not numbered and target.suffix.lower() not in VIDEO_OUTPUT_SUFFIXES:
        raise PocketmatteError(
            f"cannot write a video as {target.name}: use {', '.join(VIDEO_OUTPUT_SUFFIXES)} or FOLDER/NAME_%05d.png"
        )
    if target != output:
        transparent = look.transparent and layout == "plain"
        target = target.with_name(f"{target.name.removesuffix('.png')}{'.webm' if transparent else '.mp4'}")
    if layout == "side-by-side" and not look.transparent:
        raise PocketmatteError(f"--layout side-by-side shows colour and matte of --look rgba; found --look {look.kind}")
    if look.transparent and layout == "plain" and not numbered and target.suffix.lower() not in ALPHA_SUFFIXES:
        raise PocketmatteError(
            f"{target.name} cannot hold transparency: use {', '.join(ALPHA_SUFFIXES)}, --layout side-by-side "
            "or another --look"
        )
    return Job(job.source, target)


def cut_video(
    job: Job,
    pipeline: Pipeline,
    renderer: Renderer,
    layout: str,
    force: bool,
    advance: Callable[[float, float | None], None],
    options: dict[str, str] | None = None,
) -> tuple[str, ...]:
    """Cut one video; returns notes for the user without the source's name. ``options`` go over those of the encoder.

    Raises :class:`PocketmatteError`, leaving nothing half-written."""
    pipeline.reset()
    renderer.reset()
    with VideoSource(job.source) as source:
        found = False

        def finished() -> Iterator[tuple[Frame, Matte]]:
            for pair in exact(source, pipeline.look):
                assert pair.seen is not None
                matte = pipeline.finish(pair.frame, pair.seen)
                nonlocal found
                found = found or somebody(matte.alpha)
                yield pair.frame, matte

        def drawn() -> Iterator[tuple[UInt8Image, Fraction]]:
            for frame, matte in ahead(finished(), depth=2):
                assert frame.pts is not None
                picture = renderer.draw(frame.image, matte)
                yield np.stack([picture] * 3, axis=2) if picture.ndim == 2 else picture, frame.pts

        numbered = folder_name(job.destination)  # its own folder is made by the sink, whole or not at all
        make_folder((numbered.folder if numbered else job.destination).parent)
        with VideoSink(
            job.destination,
            source.size,
            source,
            alpha=renderer.look.transparent,
            layout=layout,
            options=options,
            force=force,
        ) as sink:
            for count, (picture, pts) in enumerate(ahead(drawn()), 1):
                sink.write(picture, pts)
                advance(count, source.frame_estimate)
        notes = [note.removeprefix(f"{job.source.name}: ") for note in (*source.notes, *sink.notes)]
        return (*notes, *([] if found else [NOBODY]))
