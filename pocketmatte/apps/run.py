"""The ``run`` verb: photos, folders and videos, several at once, each failure one line and none of them fatal."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.apps.jobs import Settings, check_destination, cut_image, make_folder, open_pipeline, open_renderer
from pocketmatte.apps.run_video import cut_video, video_destination
from pocketmatte.apps.wording import for_command_line, without_effect
from pocketmatte.core import PocketmatteError
from pocketmatte.effects.render import Renderer
from pocketmatte.io.frames import folder_name
from pocketmatte.io.images import check_output, read_image, write_image
from pocketmatte.io.paths import Job, expand_inputs, is_video
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.temporal import DEFAULT_TEMPORAL


@dataclass(frozen=True)
class Outcome:
    """What became of one input: ``done``, ``skipped`` (resume), ``failed`` or ``interrupted``; ``message`` says why or
    adds a note."""

    job: Job
    state: str
    message: str = ""


Advance = Callable[[float, float | None], None]  # frames done, frames expected


def run(
    inputs: list[Path],
    output: Path | None,
    settings: Settings,
    layout: str,
    workers: int,
    resume: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Do all of it; returns the exit code: 0 only when everything asked for was done, 130 after Ctrl-C."""
    if resume and force:
        raise PocketmatteError("--resume leaves alone what is there and --force replaces it: choose one of them")
    found = expand_inputs(inputs, output, ".png", settings.look.word)
    jobs = [video_destination(j, settings.look, layout, output) if is_video(j.source) else j for j in found]
    if not any(is_video(job.source) for job in jobs):
        for option, value in (("--layout", layout), ("--temporal", settings.temporal)):
            if value not in ("plain", "off", DEFAULT_TEMPORAL):
                raise without_effect(option, "a video")
    open_pipeline(settings).close()  # a wrong model or device fails here, once, before any work
    open_renderer(settings)
    local = threading.local()
    pipelines: list[Pipeline] = []

    def opened() -> tuple[Pipeline, Renderer]:
        """The pipeline and renderer of this thread."""
        if not hasattr(local, "pair"):
            local.pair = open_pipeline(settings), open_renderer(settings)
            pipelines.append(local.pair[0])
        pair: tuple[Pipeline, Renderer] = local.pair
        return pair

    outcomes: list[Outcome] = []

    def work(job: Job, advance: Advance) -> Outcome:
        outcomes.append(outcome := attempt(job, advance))
        return outcome

    def attempt(job: Job, advance: Advance) -> Outcome:
        if resume and _result(job).exists():
            return Outcome(job, "skipped", "output is already there")
        try:
            check_destination(job.destination, settings)
            check_output(job.destination, force, settings.look.transparent and not is_video(job.source))
            if is_video(job.source):
                notes = cut_video(job, *opened(), layout, force, advance)
            else:
                loaded = read_image(job.source)
                pixels, notes = cut_image(loaded, *opened())
                make_folder(job.destination.parent)
                write_image(job.destination, pixels, force=force)
        except PocketmatteError as error:
            return Outcome(job, "failed", for_command_line(str(error)))
        except _InterruptedError:
            return Outcome(job, "interrupted")
        except MemoryError:
            return Outcome(job, "failed", f"{job.source}: not enough memory for a picture of this size")
        return Outcome(job, "done", "; ".join(notes))

    with (
        _progress(len(jobs)) as report,
        suppress(KeyboardInterrupt),
        closing(_each(jobs, work, workers, report)) as ends,
    ):
        for outcome in ends:
            report.finished(outcome)
    for pipeline in pipelines:
        pipeline.close()
    known = {outcome.job for outcome in outcomes}
    outcomes += [Outcome(job, "interrupted") for job in jobs if job not in known]
    return _summary(outcomes, found.skipped, as_json)


def _result(job: Job) -> Path:
    """What is there when a job is done: of a numbered sequence its folder."""
    numbered = folder_name(job.destination) if is_video(job.source) else None
    return numbered.folder if numbered else job.destination


def _each(
    jobs: list[Job], work: Callable[[Job, Advance], Outcome], workers: int, report: _Report
) -> Generator[Outcome, None, None]:
    """Outcomes as they come, with at most ``workers`` jobs under way and no more than that queued."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[Outcome]] = set()
        queue = iter(jobs)
        try:
            while True:
                while len(waiting) < 2 * workers and (job := next(queue, None)) is not None:
                    waiting.add(pool.submit(work, job, report.advance))
                if not waiting:
                    return
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except (
            BaseException
        ):  # Ctrl-C: a video under way ends at its next frame and leaves nothing, a photo is finished
            report.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _summary(outcomes: list[Outcome], passed_over: int, as_json: bool) -> int:
    failed = [o for o in outcomes if o.state == "failed"]
    done = [o for o in outcomes if o.state == "done"]
    cut_off = [o for o in outcomes if o.state == "interrupted"]
    skipped = len(outcomes) - len(done) - len(failed) - len(cut_off)
    if as_json:
        rows = [
            {"input": str(o.job.source), "output": str(o.job.destination), "state": o.state, "message": o.message}
            for o in sorted(outcomes, key=lambda o: str(o.job.source))
        ]
        counts = {"done": len(done), "skipped": skipped, "failed": len(failed), "passed_over": passed_over}
        if cut_off:
            counts["interrupted"] = len(cut_off)
        print(json.dumps({**counts, "files": rows}, indent=1))
    elif cut_off:
        pass
    elif len(outcomes) == 1:
        if skipped:
            print(f"pocketmatte: skipped: {outcomes[0].message}", file=sys.stderr)
        if not failed:
            print(outcomes[0].job.destination)
    else:
        others = f"; {passed_over} other files passed over" if passed_over else ""
        print(f"{len(done)} done, {skipped} skipped, {len(failed)} failed{others}", file=sys.stderr)
    if cut_off:
        written = f"{len(done)} of {len(outcomes)} written" if len(outcomes) > 1 else "nothing written"
        others = f" and {len(cut_off) - 1} more" if len(cut_off) > 1 else ""
        hint = "; the same command with --resume goes on" if done else ""
        print(
            f"pocketmatte: interrupted: {written}; left out: {cut_off[0].job.destination}{others}{hint}",
            file=sys.stderr,
        )
        return 130
    return 1 if failed else 0


class _InterruptedError(Exception):
    """Raised in a worker to leave its video."""


class _Report:
    """Progress on stderr: a bar with ETA on a terminal, one line per failure everywhere."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.stopped = threading.Event()
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.files = self.progress.add_task("files", total=total, visible=total > 1)
        self.frames = self.progress.add_task("frames", total=None, visible=False)

    def advance(self, done: float, expected: float | None) -> None:
        if self.stopped.is_set():
            raise _InterruptedError
        self.progress.update(self.frames, completed=done, total=expected, visible=True)

    def finished(self, outcome: Outcome) -> None:
        self.progress.advance(self.files)
        if outcome.state == "failed":
            self.console.print(f"failed: {outcome.message}", markup=False)
        elif outcome.message and outcome.state == "done":
            self.console.print(f"{outcome.job.source}: {outcome.message}", markup=False)


@contextmanager
def _progress(total: int) -> Iterator[_Report]:
    report = _Report(total)
    with report.progress:
        yield report
