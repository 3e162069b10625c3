"""The ``live`` verb: from a source through the network to windows, virtual cameras, recordings and streams."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from pocketmatte.apps.jobs import Settings, make_folder, open_pipeline
from pocketmatte.apps.live_controls import HELP, Controls, find_backgrounds
from pocketmatte.apps.live_meter import Meter
from pocketmatte.apps.live_sinks import IDLE, Speaker, check_files
from pocketmatte.core import Frame, Matte, PocketmatteError
from pocketmatte.io.images import write_image
from pocketmatte.io.live import FILE, SINKS, SOURCES, Sink, SinkRequest, Source, open_sink, open_source, scheme_of
from pocketmatte.io.recording import Recording
from pocketmatte.io.stream_sink import StreamSink
from pocketmatte.io.window import Event, Window
from pocketmatte.pipeline.governor import Governor
from pocketmatte.pipeline.ladder import Ladder, rungs_of
from pocketmatte.pipeline.lag import LagWatch
from pocketmatte.pipeline.pipeline import Pipeline, Seen
from pocketmatte.pipeline.scheduler import Mode, Paired, schedule
from pocketmatte.pipeline.still import StillWatch

_GRACE = 0.3  # share of a frame's time that mode live waits for the frame's own mask


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for beside :class:`Settings`. ``mode`` ``None``: by source and sink. ``lower``: models
    to fall back to, best first. ``every``: the network looks at one of so many frames, at most. ``frames``: stop
    after so many."""

    source: str
    sinks: tuple[str, ...]
    mode: Mode | None = None
    lower: tuple[str, ...] = ()
    every: int = 1
    backgrounds: tuple[Path, ...] = ()
    folder: Path = field(default_factory=Path)
    frames: int | None = None
    force: bool = False
    json: bool = False


def choose_mode(wishes: Wishes) -> Mode:
    """The mode asked for; ``exact`` from a file to files, else ``live``."""
    if wishes.mode is not None:
        return wishes.mode
    files = scheme_of(wishes.source, SOURCES) == FILE and all(scheme_of(s, SINKS) == FILE for s in wishes.sinks)
    return "exact" if files else "live"


def live(wishes: Wishes, settings: Settings) -> int:
    """Run until the source ends, the user quits or nothing is left to write to. The exit code."""
    mode = choose_mode(wishes)
    address = wishes.source
    if mode != "exact" and scheme_of(address, SOURCES) == FILE:
        address = f"clip:{address.removeprefix('file:')}"  # a file in a live mode plays at its own pace
    with ExitStack() as stack:
        backgrounds = find_backgrounds(list(wishes.backgrounds))
        check_files((wishes.source,), wishes.sinks, backgrounds, settings)
        controls = Controls(settings, backgrounds)
        models = (settings.model, *wishes.lower)
        pipelines = [stack.enter_context(open_pipeline(replace(settings, model=model))) for model in models]
        source = open_source(address)
        stack.callback(source.close)
        show = Show(wishes, mode, source, pipelines, controls)
        show.open_sinks()
        return show.run()


class Show(Speaker):
    """One live run: its sinks, its figures, what the user does."""

    def __init__(
        self, wishes: Wishes, mode: Mode, source: Source, pipelines: list[Pipeline], controls: Controls
    ) -> None:
        super().__init__()
        self.wishes, self.mode, self.source, self.controls = wishes, mode, source, controls
        controls.warn = self._warn
        share = mode == "live"
        # What synced shows has its own mask, so frames that are not looked at are not shown either.
        self._stride = wishes.every if mode == "synced" else 1
        self.meter = Meter(every=self._stride)
        self.sinks: dict[str, Sink] = {}
        self.streams: list[StreamSink] = []
        self.recording: Recording | None = None
        self._quit = False
        self._over = threading.Event()  # nobody will look any more
        self._told = time.monotonic()
        rungs = rungs_of([p.spec.name for p in pipelines], share=share, every=wishes.every)
        self.governor = Governor(len(rungs) if mode != "exact" else 1, float(self._stride / source.rate))
        self.ladder = Ladder(pipelines, rungs, lambda: self.governor.rung)
        self.steps: list[str] = []
        self.lag = LagWatch()
        if share:
            for pipeline in pipelines:
                pipeline.still = StillWatch()

    def open_sinks(self) -> None:
        """Open all of them or none. Raises :class:`PocketmatteError`."""
        sliders = tuple(self.controls.sliders)
        request = SinkRequest(self.source.size, self.source.rate, self.source, self.wishes.force, sliders, self._say)
        try:
            for address in self.wishes.sinks:
                self.sinks[address] = sink = open_sink(address, request)
                if isinstance(sink, StreamSink):
                    self.streams.append(sink)
        except PocketmatteError:
            self._close_sinks()
            raise

    def run(self) -> int:
        """The loop. Whatever ends it, what was written is completed."""
        interval = float(1 / self.source.rate)
        state = "ended"
        pairs = schedule(self._watched(), self._look, self.mode, _GRACE * interval, self._over)
        try:
            for pair in pairs:
                self._show(pair)
                self._events()
                if self._quit or not self.sinks or self.meter.frames == self.wishes.frames:
                    state = "stopped"
                    break
        except KeyboardInterrupt:
            state = "interrupted"
        except PocketmatteError as error:
            self._fail(str(error))
        finally:
            self.source.close()
            pairs.close()
            self._close_sinks()
        if self.failures:
            state = "failed"
        return self._report(state)

    def _watched(self) -> Iterator[Frame]:
        """Frames of the source while somebody looks; a camera goes on unseen, a file waits."""
        last: int | None = None
        for frame in self.source:
            if last is not None and frame.index - last < self._stride:
                continue
            while not self._wanted() and not self.source.paced and not self._over.wait(IDLE):
                pass
            if self._over.is_set():
                return
            if self._wanted():
                last = frame.index
                yield frame

    def _wanted(self) -> bool:
        return self.recording is not None or any(sink.wanted() for sink in [*self.sinks.values()])

    def _look(self, frame: Frame) -> Seen:
        started = time.perf_counter()
        seen = self.ladder.look(frame, self.meter.stage)
        self.meter.stage("look", time.perf_counter() - started)
        return seen

    def _show(self, pair: Paired[Seen]) -> None:
        started = time.perf_counter()
        frame = pair.frame
        if pair.seen is None:  # nothing is known yet: all of it is background, never the bare camera
            matte = Matte(np.zeros(frame.size, np.float32), None, frame.pts)
        else:
            matte = self.ladder.pipelines[0].finish(frame, pair.seen, self.meter.stage)
        drawn = time.perf_counter()
        picture = Frame(self.controls.draw(frame.image, matte), frame.pts, frame.index)
        self.meter.stage("draw", time.perf_counter() - drawn)
        self.meter.show(frame.index, pair.lag)
        self._status()
        written = time.perf_counter()
        for address, sink in [*self.sinks.items()]:
            self._write(address, sink, picture)
        if self.recording is not None:
            self._write("", self.recording, picture)
        now = time.perf_counter()
        self.meter.stage("write", now - written)
        self._last = picture
        if self.mode == "live" and self.lag.note(self._age(pair)):
            self._say(
                f"masks are {self.lag.mean:.1f} frames behind the picture on average: --mode synced shows every "
                "picture with its own mask, fewer per second"
            )
        step = self.governor.note(max(now - started, self.meter.mean("look")))
        if step is not None:
            rungs = self.ladder.rungs
            self.steps.append(
                f"{rungs[step.before].name} -> {rungs[step.after].name}: {1e3 * step.cost:.0f} ms per frame, budget "
                f"{1e3 * step.budget:.0f} ms"
            )
            self._say(self.steps[-1])

    def _age(self, pair: Paired[Seen]) -> int:
        """By how many frames the mask shown is older than the picture, beyond what was asked for. One kept because
        nothing moves is not old."""
        if pair.seen is None:
            return 0
        age = min(pair.frame.index - pair.seen.index, pair.lag + self.ladder.rung.cadence - 1)
        return max(0, age - (self.wishes.every - 1))

    def _write(self, address: str, sink: Sink, picture: Frame) -> None:
        """A sink that fails is given up; the others go on."""
        try:
            sink.write(picture)
        except PocketmatteError as error:
            self._fail(str(error))
            if address:
                del self.sinks[address]
            else:
                self.recording = None
            self._finish(sink)

    def _status(self) -> None:
        extra = f"filter {self.controls.filter_name}" + ("  REC" if self.recording is not None else "")
        if self.lag.trailing:
            extra += f"  masks {self.lag.mean:.1f} frames behind"
        lines = self.meter.lines(self.mode, self.ladder.rung.name, extra)
        lines += [stream.status.line() for stream in self.streams] + self._notices()
        for sink in self.sinks.values():
            if isinstance(sink, Window):
                sink.status, sink.help = lines, HELP
        if self._terminal and time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            print(f"\r{lines[0][:100]:100}", end="", file=sys.stderr, flush=True)

    def _events(self) -> None:
        """Do what the user asked for in a window."""
        for sink in [*self.sinks.values()]:
            for event in sink.events() if isinstance(sink, Window) else ():
                try:
                    self._do(event)
                except PocketmatteError as error:  # a picture that cannot be kept is no reason to end the show
                    self._fail(str(error))

    def _do(self, event: Event) -> None:
        if event.kind == "quit" or (event.kind == "key" and event.name in ("q", "escape")):
            self._quit = True
        elif event.kind == "slide":
            self.controls.slide(event.name, event.value)
        elif event.name == "space":
            self._snapshot()
        elif event.name == "r":
            self._record()
        else:
            self.controls.press(event.name)

    def _named(self, suffix: str) -> Path:
        make_folder(self.wishes.folder)
        return self.wishes.folder / f"pocketmatte-{datetime.now():%Y%m%d-%H%M%S-%f}{suffix}"

    def _snapshot(self) -> None:
        path = self._named(".png")
        write_image(path, self._last.image)
        self._say(f"snapshot {path}")

    def _record(self) -> None:
        if self.recording is None:
            self.recording = Recording(self._named(".mp4"), self.source.size, self.source.rate)
            self._say(f"recording {self.recording.path}")
        else:
            recording, self.recording = self.recording, None
            if self._finish(recording):
                self._say(f"recorded {recording.path}")

    def _close_sinks(self) -> None:
        sinks = [*self.sinks.values(), *([self.recording] if self.recording is not None else [])]
        self.sinks, self.recording = {}, None
        for sink in sinks:
            self._finish(sink)

    def _report(self, state: str) -> int:
        for note in self.source.notes:
            self._say(note)
        figures = {"state": state, "mode": self.mode, **self.meter.summary(), "skipped": self.ladder.skipped}
        if self.wishes.json:
            streams = [asdict(stream.status) for stream in self.streams]
            more = {"steps": self.steps, "trailing": self.lag.told, "failures": self.failures, "streams": streams}
            print(json.dumps({**figures, **more}, indent=1))
        else:
            frames = f"{self.meter.frames} frames, {self.meter.lost} lost, {self.meter.rate:.1f} fps"
            self._say(f"{state}: {frames}")
        unfinished = state == "interrupted" and not self.source.paced
        return 1 if self.failures or unfinished else 0
