"""The pipeline: the one object that photo, folder, video, evaluation and benchmark all use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from pocketmatte.background.hybrid import Hybrid
from pocketmatte.core import Alpha, Frame, Matte, PocketmatteError, UInt8Image
from pocketmatte.ops.clean import CLEAN_MODES, DEFAULT_CLEAN, Clean, clean_matte
from pocketmatte.ops.foreground import estimate_foreground_fast, estimate_foreground_ml
from pocketmatte.ops.refine import refine_guided
from pocketmatte.ops.resize import resize
from pocketmatte.ops.subject import SUBJECTS, MainSubject, Subject
from pocketmatte.pipeline.still import StillWatch
from pocketmatte.pipeline.temporal import Temporal, make_temporal
from pocketmatte.pipeline.tensors import Prepared, prepare, read_alpha
from pocketmatte.runtime.base import DEFAULT_THREADS, RUNTIMES, Session, Tensor, formats_of, installed, open_session
from pocketmatte.spec import ModelSpec
from pocketmatte.zoo.find import default_model, find_model

Refine = Literal["guided", "bilinear"]
Foreground = Literal["fast", "ml", "none"]
Observer = Callable[[str, float], None]
_ESTIMATORS: dict[str, Callable[[UInt8Image, Alpha], UInt8Image]] = {
    "fast": estimate_foreground_fast,
    "ml": estimate_foreground_ml,
}


@dataclass(frozen=True)
class Seen:
    """What the network says of frame ``index``: ``alpha`` float32 ``[h,w]`` in 0..1 in cells of its grid, and the
    picture in the same cells, ``guide`` uint8 RGB ``[h,w,3]``."""

    alpha: Alpha
    guide: UInt8Image
    index: int = 0
    pts: Fraction | None = None


class Pipeline:
    """Cuts people out of one stream of frames; holds the model's state between frames.

    ``refine``: how the network's small alpha reaches full size, ``guided`` by the picture or plain ``bilinear``.
    ``foreground``: how the person's own colours are estimated where the background shines through; ``none`` leaves
    ``Matte.foreground`` empty. ``clean``: pieces that the network is nowhere sure of fade (``unsure``), and small
    ``holes`` of people are filled, small ``islands`` removed, or ``both``; ``off`` leaves the network's matte alone.
    ``temporal``: what makes the frames of one stream agree, see :mod:`pocketmatte.pipeline.temporal`; ``None`` for
    pictures that have nothing to do with one another. ``plate``: the empty scene that corrects the network, for a
    camera that stands still. ``subject``: ``all`` people in front, or only the ``main`` one, the same person through a
    stream.
    """

    def __init__(
        self,
        session: Session,
        spec: ModelSpec,
        *,
        refine: Refine = "guided",
        foreground: Foreground = "fast",
        clean: Clean = DEFAULT_CLEAN,
        temporal: Temporal | None = None,
        plate: Hybrid | None = None,
        subject: Subject = "all",
    ) -> None:
        if refine not in ("guided", "bilinear"):
            raise PocketmatteError(f"unknown refinement {refine!r}; known: guided, bilinear")
        if foreground not in (*_ESTIMATORS, "none"):
            raise PocketmatteError(f"unknown foreground estimation {foreground!r}; known: fast, ml, none")
        if clean not in CLEAN_MODES:
            raise PocketmatteError(f"unknown matte clean-up {clean!r}; known: {', '.join(CLEAN_MODES)}")
        if subject not in SUBJECTS:
            raise PocketmatteError(f"unknown subject {subject!r}; known: {', '.join(SUBJECTS)}")
        self.session, self.spec, self.refine, self.foreground = session, spec, refine, foreground
        self.clean: Clean = clean
        self.temporal = temporal
        self.plate = plate
        self.still: StillWatch | None = None  # set for live use: frames in which nothing happens keep the last mask
        self._main = MainSubject() if subject == "main" else None
        _check(session, spec)
        image = next(i for i in session.inputs if i.name == spec.input.name)
        channels = spec.input.channels
        self._layout: Literal["nhwc", "nchw"] = "nchw" if image.shape[1] == channels != image.shape[3] else "nhwc"
        self.reset()

    def reset(self) -> None:
        """Forget earlier frames: the next one is treated as the first."""
        if self.temporal is not None:
            self.temporal.reset()
        if self.plate is not None:
            self.plate.reset()
        if self.still is not None:
            self.still.reset()
        self._last: Seen | None = None
        if self._main is not None:
            self._main.reset()
        # The shape is the file's: the spec states it in NHWC, and an .onnx file has its channels first.
        shapes = {i.name: i.shape for i in self.session.inputs}
        self._states: dict[str, Tensor] = {s.input: np.zeros(shapes[s.input], np.float32) for s in self.spec.states}

    def infer(self, image: UInt8Image, observe: Observer | None = None) -> tuple[Alpha, Prepared]:
        """uint8 RGB ``[H,W,3]`` -> alpha float32 at network size, and the prepared picture it belongs to."""
        started = time.perf_counter()
        prepared = prepare(image, self.spec, self._layout)
        started = _tell(observe, "preprocess", started)
        alpha = self._run(prepared)
        _tell(observe, "infer", started)
        return alpha, prepared

    def _run(self, prepared: Prepared) -> Alpha:
        outputs = self.session.run({self.spec.input.name: prepared.tensor, **self._states})
        self._states = {s.input: outputs[s.output] for s in self.spec.states}
        return read_alpha(outputs[self.spec.output.name], self.spec, self._layout)

    def look(self, frame: Frame, observe: Observer | None = None) -> Seen:
        """What the network says of a frame, steadied by the frames before: the part that remembers, always in order.

        ``observe(stage, seconds)`` hears how long each stage took."""
        started = time.perf_counter()
        _check_frame(frame)
        prepared = prepare(frame.image, self.spec, self._layout)
        guide = prepared.geometry.crop(prepared.small)
        if self.temporal is not None and self.temporal.is_cut(guide):
            self.reset()
            self.temporal.is_cut(guide)  # the first frame of the new scene
        if self.still is not None and self.still.is_still(guide) and self._last is not None:
            _tell(observe, "preprocess", started)
            return self._last
        started = _tell(observe, "preprocess", started)
        alpha = prepared.geometry.crop(self._run(prepared))
        started = _tell(observe, "infer", started)
        if self.temporal is not None:
            alpha = self.temporal.steady(alpha, guide)
        if self.plate is not None:
            alpha = self.plate.step(alpha, guide)
        if self.temporal is not None or self.plate is not None:
            _tell(observe, "temporal", started)
        if self._main is not None:
            alpha = self._main.step(alpha)
        seen = Seen(alpha, guide, frame.index, frame.pts)
        self._last = seen if self.still is not None else None
        return seen

    def finish(self, frame: Frame, seen: Seen, observe: Observer | None = None) -> Matte:
        """The full-size matte of ``frame`` from what was seen in it, or in a frame shortly before. Remembers nothing,
        so it may run beside the next :meth:`look`."""
        started = time.perf_counter()
        small = clean_matte(seen.alpha, self.clean) if self.clean != "off" else seen.alpha
        if self.refine == "guided":
            own = frame.index == seen.index and frame.pts == seen.pts
            alpha = refine_guided(small, frame.image, guide=seen.guide if own else None)
        else:
            alpha = resize(np.ascontiguousarray(small), frame.size, "area")
        started = _tell(observe, "refine", started)
        colours = None
        if self.foreground != "none":
            colours = _ESTIMATORS[self.foreground](frame.image, alpha)
            _tell(observe, "foreground", started)
        return Matte(alpha, colours, seen.pts)

    def step(self, frame: Frame, observe: Observer | None = None) -> Matte:
        """The matte of one frame at the frame's size; ``observe(stage, seconds)`` hears how long each stage took.

        Raises :class:`PocketmatteError` for a picture that is not uint8 RGB, ``TypeError`` for what is no frame."""
        return self.finish(frame, self.look(frame, observe), observe)

    def close(self) -> None:
        """Free the session."""
        self.session.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tell(observe: Observer | None, stage: str, started: float) -> float:
    now = time.perf_counter()
    if observe:
        observe(stage, now - started)
    return now


def _check_frame(frame: Frame) -> None:
    """What callers outside the package hand over first: a bare array, a grey picture, floats."""
    if not isinstance(frame, Frame) or not isinstance(frame.image, np.ndarray):
        what = type(frame.image if isinstance(frame, Frame) else frame).__name__
        raise TypeError(f"expected a Frame of a NumPy array, Frame(array), found {what}")
    image = frame.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise PocketmatteError(
            f"found a frame of {image.dtype} {list(image.shape)}: expected uint8 RGB [H,W,3] "
            "(cut_out also takes grey, RGBA and floats)"
        )


def _check(session: Session, spec: ModelSpec) -> None:
    """The spec must fit the file before the first frame, not fail in the middle of a video."""
    inputs, outputs = {i.name for i in session.inputs}, {o.name for o in session.outputs}
    wanted_in = {spec.input.name, *(s.input for s in spec.states)}
    wanted_out = {spec.output.name, *(s.output for s in spec.states)}
    if wanted_in != inputs or not wanted_out <= outputs:
        raise PocketmatteError(
            f"the description of {spec.name} does not fit its file: it names inputs {sorted(wanted_in)} and outputs "
            f"{sorted(wanted_out)}, the file has {sorted(inputs)} and {sorted(outputs)}"
        )
    if spec.input.batch != 1:
        raise PocketmatteError(
            f"{spec.name} takes {spec.input.batch} pictures at a time, a pipeline one: export it with --batch 1"
        )


def load(
    model: str | Path | None = None,
    *,
    runtime: str = "auto",
    device: str = "auto",
    threads: int = DEFAULT_THREADS,
    refine: Refine = "guided",
    foreground: Foreground = "fast",
    clean: Clean = DEFAULT_CLEAN,
    temporal: str = "off",
    subject: Subject = "all",
) -> Pipeline:
    """Open a model by zoo name, spec or exported file (default: the shipped one) and wrap it in a pipeline.

    ``temporal``: ``off`` for photos; for the frames of one video a name of :mod:`pocketmatte.pipeline.temporal`.
    Raises :class:`PocketmatteError` for an unknown model, runtime or device.
    """
    steadier = make_temporal(temporal)
    spec, format_named = find_model(model if model is not None else default_model())
    entry = spec.file_for(format_named or format_for(spec, runtime))
    session = open_session(spec.path_of(entry), runtime, device, threads)
    try:
        return Pipeline(
            session, spec, refine=refine, foreground=foreground, clean=clean, temporal=steadier, subject=subject
        )
    except PocketmatteError:
        session.close()
        raise


def format_for(spec: ModelSpec, runtime: str) -> str:
    """The format of ``spec`` that the named runtime prefers; with ``auto`` the best that an installed one opens."""
    have = {f.format for f in spec.files}
    if runtime in RUNTIMES:
        formats = formats_of(runtime)
        return next((f for f in formats if f in have), formats[0])
    usable = [f for n, e in RUNTIMES.items() if installed(e) for f in formats_of(n) if f in have]
    return usable[0] if usable else spec.files[0].format
