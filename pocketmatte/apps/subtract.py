"""The ``subtract`` verb: a camera that stands still, a scene seen empty first."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from pocketmatte.apps.jobs import Settings, check_destination, make_folder, open_pipeline, open_renderer
from pocketmatte.apps.run_video import video_destination
from pocketmatte.background.difference import DifferenceSubtractor, Tuning
from pocketmatte.background.hybrid import Hybrid
from pocketmatte.background.mixture import GrabCutSubtractor, MixtureSubtractor
from pocketmatte.background.original import OriginalSubtractor
from pocketmatte.background.plate import Plate, Statistic, learn_plate, plate_from_picture
from pocketmatte.background.regions import Face
from pocketmatte.core import Alpha, Frame, Matte, PocketmatteError, Size, UInt8Image
from pocketmatte.io.image_formats import is_image, is_video
from pocketmatte.io.images import check_output, read_image, write_image
from pocketmatte.io.live import FILE, SOURCES, open_source, path_of, scheme_of
from pocketmatte.io.paths import Job
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.ops.foreground import estimate_foreground_ml
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.threads import ahead

Method = Literal["difference", "hybrid", "mog2", "knn", "grabcut", "original"]
_NOBODY = 0.002  # of a frame's area; a person is more
Masker = Callable[[Frame], Alpha]


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for beside :class:`Settings`. ``plate``: a photo of the empty scene instead of
    ``learn`` frames; ``faces``: a face detector's weight file; ``frames``: stop after so many; ``show_plate``: where to
    write the learned scene."""

    source: str
    output: Path
    method: Method = "difference"
    learn: int = 100
    statistic: Statistic = "median"
    plate: Path | None = None
    faces: Path | None = None
    frames: int | None = None
    show_plate: Path | None = None
    layout: str = "plain"
    force: bool = False
    json: bool = False


def subtract(wishes: Wishes, settings: Settings, tuning: Tuning) -> int:
    """Read the source, cut out whoever was not in the empty scene, write a video.

    A file is read from its start again once the scene is learned, so the output has every frame. A camera's first
    frames teach and are not written. Ctrl-C ends a camera, which keeps what was written, and gives a file up. The exit
    code. Raises :class:`PocketmatteError`, leaving nothing half-written.
    """
    is_file = scheme_of(wishes.source, SOURCES) == FILE
    path = Path(wishes.source.removeprefix("file:"))
    if is_file and is_image(path) and not is_video(path):
        raise PocketmatteError(f"{path} is a still picture: expected a video of a scene that is empty at first")
    job = Job(path if is_file else Path("camera"), wishes.output)
    target = video_destination(job, settings.look, wishes.layout, wishes.output).destination
    inputs = (path_of(wishes.source), wishes.plate, wishes.faces)
    for output in (target, wishes.show_plate):
        if output is not None:
            check_destination(output, settings, inputs)
            check_output(output, wishes.force, False)
    renderer = open_renderer(settings)
    source = VideoSource(path) if is_file else open_source(wishes.source)
    teacher = _Teacher(wishes, settings, tuning)
    try:
        frames = iter(source)
        masker = teacher.masker(frames, source.size)
        if is_file:
            if wishes.plate is None and wishes.method != "hybrid" and next(frames, None) is None:
                raise PocketmatteError(
                    f"{path} ends within the {wishes.learn} frames that are to show the empty scene: lower --learn, "
                    "or see --plate and --method hybrid"
                )
            source.close()
            source = VideoSource(path)
            frames = iter(source)
            teacher.restart()
        if wishes.show_plate is not None:
            _show(teacher.plate(), wishes)
        make_folder(target.parent)
        slow = settings.pipeline_foreground == "ml"  # the renderer does the fast way itself

        most = 0.0  # largest share of a frame that was anybody

        def rendered() -> Iterator[tuple[UInt8Image, Fraction]]:
            for frame in islice(frames, wishes.frames):
                assert frame.pts is not None
                nonlocal most
                alpha = masker(frame)
                most = max(most, float(alpha.mean()))
                own = estimate_foreground_ml(frame.image, alpha) if slow else None
                picture = renderer.draw(frame.image, Matte(alpha, own, frame.pts))
                yield np.stack([picture] * 3, axis=2) if picture.ndim == 2 else picture, frame.pts

        timing = source if isinstance(source, VideoSource) else None
        with VideoSink(
            target, source.size, timing, alpha=settings.look.transparent, layout=wishes.layout, force=wishes.force
        ) as sink:
            written = 0
            try:
                for picture, pts in ahead(rendered()):
                    sink.write(picture, pts)
                    written += 1
            except KeyboardInterrupt:
                if is_file or not written:
                    raise
            if not written:
                raise PocketmatteError(f"{wishes.source} ended while the empty scene was learned: lower --learn")
        name = path.name  # printed before every note
        notes = [note.removeprefix(f"{name}: ") for note in (*source.notes, *sink.notes)]
        if most < _NOBODY:
            notes.append(
                "nothing differs from the scene: was it empty when it was learned? See --plate, --method hybrid"
            )
        for note in notes:
            print(f"{wishes.source}: {note}", file=sys.stderr)
        if wishes.json:
            done = {"source": wishes.source, "output": str(target), "method": wishes.method, "frames": written}
            print(json.dumps({**done, "notes": notes}, indent=1))
        else:
            print(target)
        return 0
    except KeyboardInterrupt:
        print(f"pocketmatte: interrupted: nothing written; left out: {target}", file=sys.stderr)
        return 130
    finally:
        source.close()
        teacher.close()


class _Teacher:
    """Learns the scene by the method wanted."""

    def __init__(self, wishes: Wishes, settings: Settings, tuning: Tuning) -> None:
        self._wishes, self._settings, self._tuning = wishes, settings, tuning
        self._plate: Plate | None = None
        self._hybrid: Hybrid | None = None
        self._pipeline: Pipeline | None = None

    def masker(self, frames: Iterator[Frame], size: Size) -> Masker:
        """What gives a frame's alpha, once the scene is learned from ``frames``."""
        wishes = self._wishes
        images = (frame.image for frame in frames)
        if wishes.method == "hybrid":
            return self._with_network(images, size)
        if wishes.method == "original":
            return _plain(OriginalSubtractor(images, wishes.learn).step)
        faces = _no_faces if wishes.faces is None else _detector(wishes.faces)
        if wishes.method in ("mog2", "knn"):
            kind: Literal["mog2", "knn"] = "mog2" if wishes.method == "mog2" else "knn"
            mixture = MixtureSubtractor(images, wishes.learn, kind, self._tuning)
            return lambda frame: mixture.step(frame.image, faces(frame.image))
        plate = self._learn(images, size)
        if wishes.method == "grabcut":
            grabcut = GrabCutSubtractor(plate, self._tuning)
            return lambda frame: grabcut.step(frame.image, faces(frame.image))
        difference = DifferenceSubtractor(plate, self._tuning)
        return lambda frame: difference.step(frame.image, faces(frame.image))

    def plate(self) -> UInt8Image | None:
        """The learned scene, uint8 RGB, where the method has one."""
        if self._hybrid is not None and (scene := self._hybrid.plate()) is not None:
            return scene
        return None if self._plate is None else np.clip(self._plate.color + 0.5, 0, 255).astype(np.uint8)

    def restart(self) -> None:
        """The next frame is the first of the file again: only the scene is remembered."""
        if self._pipeline is not None:
            self._pipeline.reset()

    def close(self) -> None:
        """Free the network, where the method has one."""
        if self._pipeline is not None:
            self._pipeline.close()

    def _learn(self, images: Iterator[UInt8Image], size: Size) -> Plate:
        if self._wishes.plate is None:
            self._plate = learn_plate(images, self._wishes.learn, self._wishes.statistic)
        else:
            picture = read_image(self._wishes.plate).image
            if picture.shape[:2] != size:
                raise PocketmatteError(
                    f"{self._wishes.plate} has {picture.shape[1]}x{picture.shape[0]} pixels: expected "
                    f"{size.width}x{size.height} as the source has"
                )
            self._plate = plate_from_picture(picture)
        return self._plate

    def _with_network(self, images: Iterator[UInt8Image], size: Size) -> Masker:
        """The network's mask mended by the scene, which it goes on learning while people are there."""
        self._pipeline = pipeline = open_pipeline(self._settings)
        given = self._learn(images, size) if self._wishes.plate is not None else None
        self._hybrid = pipeline.plate = Hybrid(given)
        if given is None:
            for image in islice(images, self._wishes.learn):
                pipeline.look(Frame(image))
            self._hybrid.settle()
        return lambda frame: pipeline.finish(frame, pipeline.look(frame)).alpha


def _plain(step: Callable[[UInt8Image], Alpha]) -> Masker:
    return lambda frame: step(frame.image)


def _no_faces(_: UInt8Image) -> tuple[Face, ...]:
    return ()


def _detector(path: Path) -> Callable[[UInt8Image], tuple[Face, ...]]:
    from pocketmatte.pipeline.faces import FaceDetector

    return FaceDetector(path).find


def _show(plate: UInt8Image | None, wishes: Wishes) -> None:
    assert wishes.show_plate is not None
    if plate is None:
        raise PocketmatteError(f"method {wishes.method} has no picture of the scene: leave --show-plate out")
    write_image(wishes.show_plate, plate, force=wishes.force)
