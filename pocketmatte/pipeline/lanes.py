"""Several streams through one loaded model: each has a pipeline of its own, all share every inference.

A model exported with ``--batch N`` takes the pictures of N streams at once. The pipelines run in threads of their own
and meet where they need the network: who comes last runs it for all. With a model for one picture they meet just the
same, and it runs once for each of them, one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.core import Frame, Matte, PocketmatteError
from pocketmatte.pipeline.pipeline import Observer, Pipeline, Seen, format_for
from pocketmatte.pipeline.temporal import make_temporal
from pocketmatte.runtime.base import DEFAULT_THREADS, Placement, Session, Tensor, TensorInfo, open_session
from pocketmatte.spec import ModelSpec
from pocketmatte.zoo.find import default_model, find_model


class Meeting:
    """Where lanes meet to share inferences of ``session``, which takes ``batch`` pictures. ``runs`` counts them."""

    def __init__(self, session: Session, batch: int) -> None:
        for info in session.inputs:
            if not info.shape or info.shape[0] != batch:
                raise PocketmatteError(
                    f"model input {info.name}: expected {batch} pictures in the first dimension, found "
                    f"{list(info.shape)}; export it with --variant plain"
                )
        self.session, self.batch, self.runs = session, batch, 0
        self._changed = threading.Condition()
        self._expected = 0
        self._asked: dict[int, Mapping[str, Tensor]] = {}
        self._answers: dict[int, dict[str, Tensor] | BaseException] = {}

    def expect(self, lanes: int) -> None:
        """So many lanes set out; each of them asks at most once, and leaves."""
        with self._changed:
            self._expected = lanes
            self._asked.clear()
            self._answers.clear()

    def ask(self, lane: int, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs for one lane's inputs (batch 1), when all others have asked too or left."""
        with self._changed:
            self._asked[lane] = inputs
            self._run_if_complete()
            while lane not in self._answers:
                self._changed.wait()
            answer = self._answers.pop(lane)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def leave(self) -> None:
        """One lane is done, with or without having asked."""
        with self._changed:
            self._expected -= 1
            self._run_if_complete()

    def _run_if_complete(self) -> None:
        if not self._asked or len(self._asked) < self._expected:
            return
        lanes = sorted(self._asked)
        for start in range(0, len(lanes), self.batch):
            part = lanes[start : start + self.batch]
            try:
                self._answers.update(zip(part, self._infer([self._asked[n] for n in part]), strict=True))
            except PocketmatteError as error:
                self._answers.update(dict.fromkeys(part, error))
        self._asked.clear()
        self._changed.notify_all()

    def _infer(self, asked: list[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
        empty = self.batch - len(asked)
        inputs = {
            info.name: np.concatenate(
                [*(one[info.name] for one in asked), *[np.zeros((1, *info.shape[1:]), info.dtype)] * empty]
            )
            for info in self.session.inputs
        }
        outputs = self.session.run(inputs)
        self.runs += 1
        return [{name: _part(tensor, n, self.batch) for name, tensor in outputs.items()} for n in range(len(asked))]


def _part(tensor: Tensor, number: int, batch: int) -> Tensor:
    """What one picture of the batch got, as a batch of 1; flat outputs are cut into equal parts."""
    rows = np.asarray(tensor.reshape(batch, -1)[number])
    return rows.reshape(1, *tensor.shape[1:]) if tensor.shape[0] == batch else rows


class _LaneSession:
    """See :class:`pocketmatte.runtime.base.Session`: one lane's share of a meeting."""

    def __init__(self, meeting: Meeting, lane: int) -> None:
        self._meeting, self._lane = meeting, lane
        self.inputs = tuple(_single(info) for info in meeting.session.inputs)
        self.outputs = tuple(_single(info) for info in meeting.session.outputs)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._meeting.ask(self._lane, inputs)

    def describe(self) -> Placement:
        return self._meeting.session.describe()

    def close(self) -> None:
        """The session belongs to all lanes."""


def _single(info: TensorInfo) -> TensorInfo:
    return TensorInfo(info.name, (1, *info.shape[1:]), info.dtype)


class Lanes:
    """``count`` pipelines that share ``session``; ``options`` are those of :class:`Pipeline`, ``temporal`` is a name of
    :mod:`pocketmatte.pipeline.temporal`."""

    def __init__(self, session: Session, spec: ModelSpec, count: int, temporal: str = "off", **options: Any) -> None:
        self.spec = spec
        self.meeting = Meeting(session, spec.input.batch)
        single = replace(spec, input=replace(spec.input, batch=1))
        self.pipelines = [
            Pipeline(_LaneSession(self.meeting, lane), single, temporal=make_temporal(temporal), **options)
            for lane in range(count)
        ]
        self._pool = ThreadPoolExecutor(count, "lane")

    def look(self, frames: Mapping[int, Frame], observe: Observer | None = None) -> dict[int, Seen]:
        """See :meth:`Pipeline.look`, for the next frame of the streams given by number (the others wait)."""
        self.meeting.expect(len(frames))

        def one(lane: int, frame: Frame) -> Seen:
            try:
                return self.pipelines[lane].look(frame, observe)
            finally:
                self.meeting.leave()

        work = {lane: self._pool.submit(one, lane, frame) for lane, frame in frames.items()}
        return {lane: done.result() for lane, done in work.items()}

    def step(self, frames: Mapping[int, Frame], observe: Observer | None = None) -> dict[int, Matte]:
        """See :meth:`Pipeline.step`, for the streams given by number."""
        seen = self.look(frames, observe)
        work = {n: self._pool.submit(self.pipelines[n].finish, frames[n], seen[n], observe) for n in frames}
        return {lane: done.result() for lane, done in work.items()}

    def close(self) -> None:
        """Free the session."""
        self._pool.shutdown()
        self.meeting.session.close()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_lanes(
    model: str | Path | None,
    count: int,
    *,
    runtime: str = "auto",
    device: str = "auto",
    threads: int = DEFAULT_THREADS,
    temporal: str = "off",
    **options: Any,
) -> Lanes:
    """Open a model once for ``count`` streams; see :func:`pocketmatte.pipeline.pipeline.load`."""
    spec, format_named = find_model(model if model is not None else default_model())
    entry = spec.file_for(format_named or format_for(spec, runtime))
    session = open_session(spec.path_of(entry), runtime, device, threads)
    try:
        return Lanes(session, spec, count, temporal, **options)
    except PocketmatteError:
        session.close()
        raise
