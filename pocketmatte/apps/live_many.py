"""The ``live`` verb for several sources: one loaded model, pictures side by side or each to a sink of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pocketmatte.apps.jobs import Settings
from pocketmatte.apps.live_controls import HELP_MANY, Controls, find_backgrounds
from pocketmatte.apps.live_meter import Meter
from pocketmatte.apps.live_sinks import IDLE, Speaker, check_files
from pocketmatte.core import Frame, PocketmatteError, Size, UInt8Image
from pocketmatte.io.live import FILE, SINKS, SOURCES, Sink, SinkRequest, Source, open_sink, open_source, scheme_of
from pocketmatte.io.stream_sink import StreamSink
from pocketmatte.io.tile import Grid, make_grid, tile
from pocketmatte.io.window import Window
from pocketmatte.pipeline.lanes import Lanes, load_lanes
from pocketmatte.pipeline.rounds import Round, Rounds, newest_rounds, next_rounds, timed_rounds
from pocketmatte.pipeline.scheduler import Mode

Layout = Literal["tile", "separate"]


@dataclass(frozen=True)
class ManyWishes:
    """See :class:`pocketmatte.apps.live.Wishes`. ``separate`` takes one sink per source, in order; ``tile`` any
    number of sinks, which all get the whole."""

    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    layout: Layout = "tile"
    mode: Mode | None = None
    backgrounds: tuple[Path, ...] = ()
    frames: int | None = None
    force: bool = False
    json: bool = False


def is_exact(wishes: ManyWishes) -> bool:
    """Whether every frame is waited for: when asked for, or from files to files."""
    if wishes.mode is not None:
        return wishes.mode == "exact"
    files = [scheme_of(s, SOURCES) == FILE for s in wishes.sources] + [
        scheme_of(s, SINKS) == FILE for s in wishes.sinks
    ]
    return all(files)


def live_many(wishes: ManyWishes, settings: Settings) -> int:
    """Run until all sources end, the user quits or nothing is left to write to. The exit code."""
    count = len(wishes.sources)
    if wishes.layout == "separate" and len(wishes.sinks) != count:
        raise PocketmatteError(
            f"--layout separate needs one --sink for every --source: found {len(wishes.sinks)} for {count}"
        )
    exact = is_exact(wishes)
    with ExitStack() as stack:
        backgrounds = find_backgrounds(list(wishes.backgrounds))
        check_files(wishes.sources, wishes.sinks, backgrounds, settings)
        controls = [Controls(settings, backgrounds) for _ in range(count)]
        lanes = stack.enter_context(_open_lanes(settings, count))
        sources: list[Source] = []
        for address in wishes.sources:
            if not exact and scheme_of(address, SOURCES) == FILE:
                address = f"clip:{address.removeprefix('file:')}"  # plays at its own pace
            sources.append(open_source(address))
            stack.callback(sources[-1].close)
        show = ManyShow(wishes, sources, lanes, controls, exact)
        stack.callback(show.close_sinks)
        show.open_sinks()
        return show.run()


def _open_lanes(settings: Settings, count: int) -> Lanes:
    return load_lanes(
        settings.model,
        count,
        runtime=settings.runtime,
        device=settings.device,
        threads=settings.threads,
        temporal=settings.temporal,
        refine=settings.refine,
        foreground=settings.pipeline_foreground,
        clean=settings.clean,
        subject=settings.subject,
    )


class ManyShow(Speaker):
    """One run: every mask belongs to the frame it is shown with. A source or sink that fails is given up, the others
    go on; the cell of a source that ended is black."""

    def __init__(
        self, wishes: ManyWishes, sources: list[Source], lanes: Lanes, controls: list[Controls], exact: bool
    ) -> None:
        super().__init__()
        self.wishes, self.sources, self.lanes, self.controls = wishes, sources, lanes, controls
        self.rate = max(source.rate for source in sources)
        self.grid: Grid | None = None
        if wishes.layout == "tile":
            largest = Size(max(s.size.height for s in sources), max(s.size.width for s in sources))
            self.grid = make_grid(len(sources), largest)
        self.exact = exact
        for one in controls:
            one.warn = self._warn
        self.meter = Meter()
        self.counts = [0] * len(sources)
        self.sinks: dict[int, Sink] = {}  # by the number of the sink, which is the source's in layout separate
        self.streams: list[StreamSink] = []
        self._pictures: list[UInt8Image | None] = [None] * len(sources)
        self._quit = False

    def open_sinks(self) -> None:
        """Open all of them. Raises :class:`PocketmatteError`."""
        for number, address in enumerate(self.wishes.sinks):
            source = self.sources[0 if self.grid else number]  # whose sound goes along
            size, rate = (self.grid.size, self.rate) if self.grid else (source.size, source.rate)
            sliders = tuple(self.controls[0].sliders)
            sink = open_sink(address, SinkRequest(size, rate, source, self.wishes.force, sliders, self._say))
            self.sinks[number] = sink
            if isinstance(sink, StreamSink):
                self.streams.append(sink)

    def _rounds(self) -> Rounds:
        if not self.exact:
            return newest_rounds(self.sources, self.rate, lambda n, error: self._fail(str(error)))
        return timed_rounds(self.sources) if self.grid else next_rounds(self.sources)

    def run(self) -> int:
        """The loop. Whatever ends it, what was written is completed."""
        state = "ended"
        rounds = self._rounds()
        try:
            for turn in rounds:
                if frames := self._watched(turn):
                    self._show(replace(turn, frames=frames))
                self._events()
                if self._quit or not self.sinks or self.meter.frames == self.wishes.frames:
                    state = "stopped"
                    break
        except KeyboardInterrupt:
            state = "interrupted"
        except PocketmatteError as error:
            self._fail(str(error))
        finally:
            for source in self.sources:
                source.close()
            rounds.close()
            self.close_sinks()
        if self.failures:
            state = "failed"
        return self._report(state)

    def _watched(self, turn: Round) -> dict[int, Frame]:
        """The frames that somebody looks at; a camera goes on unseen, files wait."""
        while not self._wanted() and not all(source.paced for source in self.sources):
            time.sleep(IDLE)
        if self.grid:
            return turn.frames if self._wanted() else {}
        looked = {number for number, sink in self.sinks.items() if sink.wanted()}
        return {n: frame for n, frame in turn.frames.items() if n in looked or not self.sources[n].paced}

    def _wanted(self) -> bool:
        return any(sink.wanted() for sink in self.sinks.values())

    def _show(self, turn: Round) -> None:
        started = time.perf_counter()
        mattes = self.lanes.step(turn.frames, self.meter.stage)
        drawn: dict[int, Frame] = {}
        for number, frame in turn.frames.items():
            picture = self.controls[number].draw(frame.image, mattes[number])
            drawn[number] = Frame(np.ascontiguousarray(picture), frame.pts, frame.index)
            self._pictures[number] = picture
            self.counts[number] += 1
        for number in turn.ended:
            self._pictures[number] = None
        self.meter.stage("round", time.perf_counter() - started)
        self.meter.show(turn.index, 0)
        lines = self.meter.lines(self.wishes.layout, self.lanes.spec.name)
        lines += [stream.status.line() for stream in self.streams] + self._notices()
        whole = Frame(tile(self._pictures, self.grid), turn.pts, turn.index) if self.grid else None
        for number, sink in [*self.sinks.items()]:
            if isinstance(sink, Window):
                sink.status, sink.help = lines, HELP_MANY
            if (frame_out := whole or drawn.get(number)) is not None:
                self._write(number, sink, frame_out)

    def _write(self, number: int, sink: Sink, frame: Frame) -> None:
        try:
            sink.write(frame)
        except PocketmatteError as error:
            self._fail(str(error))
            del self.sinks[number]
            self._finish(sink)

    def _events(self) -> None:
        for sink in [*self.sinks.values()]:
            for event in sink.events() if isinstance(sink, Window) else ():
                if event.kind == "quit" or (event.kind == "key" and event.name in ("q", "escape")):
                    self._quit = True
                for controls in self.controls:
                    if event.kind == "slide":
                        controls.slide(event.name, event.value)
                    elif event.kind == "key":
                        controls.press(event.name)

    def close_sinks(self) -> None:
        """Complete what was written. May be called twice."""
        sinks, self.sinks = [*self.sinks.values()], {}
        for sink in sinks:
            self._finish(sink)

    def _report(self, state: str) -> int:
        for source in self.sources:
            for note in source.notes:
                self._say(note)
        shown: Sequence[int] = self.counts
        if self.wishes.json:
            figures = {"state": state, "layout": self.wishes.layout, "exact": self.exact, **self.meter.summary()}
            more = {
                "sources": shown,
                "batch": self.lanes.meeting.batch,
                "inferences": self.lanes.meeting.runs,
                "failures": self.failures,
                "streams": [asdict(stream.status) for stream in self.streams],
            }
            print(json.dumps({**figures, **more}, indent=1))
        else:
            self._say(f"{state}: {self.meter.frames} rounds, {sum(shown)} frames, {self.meter.rate:.1f} rounds/s")
        unfinished = state == "interrupted" and any(not source.paced for source in self.sources)
        return 1 if self.failures or unfinished else 0
