"""Google's ``benchmark_model`` on a phone: push, run, pull its log, read it.

Flags and output are those of the TensorFlow Lite benchmark tool (tensorflow/lite/tools/benchmark/README.md); releases
before percentiles were added to its output give an average only. Not run on hardware by this project.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.bench.adb import Phone
from pocketmatte.bench.chain import NETWORK
from pocketmatte.bench.rows import Provenance, Row
from pocketmatte.bench.subjects import Choice
from pocketmatte.bench.timing import VOID_SPREAD, WARM_UP
from pocketmatte.core import PocketmatteError

FOLDER = "/data/local/tmp"  # where Android lets the shell user run programs
TOOL = f"{FOLDER}/benchmark_model"
DELEGATES = {"cpu": "--use_xnnpack=true", "gpu": "--use_gpu=true", "nnapi": "--use_nnapi=true"}
_LONGEST = 600.0  # seconds a run may take besides what was asked for


@dataclass(frozen=True)
class Report:
    """What the tool says: times in milliseconds, memory in MB; ``None`` where this release does not say."""

    runs: int
    min_ms: float
    avg_ms: float
    std_ms: float
    p50_ms: float | None
    p95_ms: float | None
    first_ms: float | None
    memory_mb: float | None
    log: str


def parse_report(log: str) -> Report:
    """Read the log of a run. Raises :class:`PocketmatteError` with its last line when it holds no result."""
    counts = [
        dict(re.findall(r"(\w+)=([-+.\deE]+)", line)) for line in log.splitlines() if re.search(r"\bcount=\d+", line)
    ]
    timings = re.search(r"Inference timings in us:.*First inference: ([-+.\deE]+)", log)
    if timings is None or not counts:
        said = (log.strip().splitlines() or ["it printed nothing"])[-1]
        raise PocketmatteError(f"benchmark_model gave no result: {said[:160]}")
    last = counts[-1]  # the ones before are the warm-up's
    memory = re.search(r"[Mm]emory footprint.*\(MB\):.*overall=([-+.\deE]+)", log)

    def milliseconds(key: str) -> float | None:
        return float(last[key]) / 1e3 if key in last else None

    lowest, average = milliseconds("min"), milliseconds("avg")
    if average is None:  # a single run is stated as `curr` alone
        average = lowest = milliseconds("curr")
    if average is None or lowest is None:
        raise PocketmatteError("benchmark_model gave a count without times")
    return Report(
        int(last["count"]),
        lowest,
        average,
        milliseconds("std") or 0.0,
        milliseconds("median"),
        milliseconds("p95"),
        float(timings[1]) / 1e3,
        float(memory[1]) if memory else None,
        log,
    )


def push(phone: Phone, choice: Choice, tool: Path | None) -> str:
    """Bring the model, and the tool when it lies on this computer, to the phone; returns the model's place there."""
    if choice.entry.format != "litert":
        raise PocketmatteError(f"phones are measured with .tflite files, found {choice.entry.file}")
    if tool is not None:
        if not tool.is_file():
            raise PocketmatteError(f"no benchmark_model at {tool}")
        phone.push(tool, TOOL)
    phone.shell(f"chmod 755 {TOOL}")
    remote = f"{FOLDER}/pocketmatte-{choice.entry.file}"
    phone.push(choice.path, remote)
    return remote


def run(
    phone: Phone, remote: str, delegate: str, threads: int, rounds: int, seconds: float = 0.0, profile: bool = False
) -> Report:
    """One call of the tool: at least ``rounds`` runs and ``seconds``. A delegate that does not take the whole network
    is the tool's to say: its log is in the report.
    """
    if delegate not in DELEGATES:
        raise PocketmatteError(f"unknown delegate {delegate!r}; known: {', '.join(DELEGATES)}")
    flags = [
        f"--graph={remote}",
        f"--num_threads={threads}",
        f"--num_runs={rounds}",
        f"--warmup_runs={WARM_UP}",
        DELEGATES[delegate],
        *([f"--min_secs={seconds:g}", f"--max_secs={seconds + _LONGEST:g}"] if seconds else []),
        *(["--enable_op_profiling=true"] if profile else []),
    ]
    log = f"{remote}.log"
    command = " ".join(map(shlex.quote, [TOOL, *flags])) + f" > {shlex.quote(log)} 2>&1"
    try:
        phone.shell(command, timeout=seconds + _LONGEST)
    except PocketmatteError as error:
        said = _pulled(phone, log).strip().splitlines()
        raise PocketmatteError(f"{error}\nbenchmark_model said last: {said[-1] if said else 'nothing'}") from error
    return parse_report(_pulled(phone, log))


def _pulled(phone: Phone, log: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "benchmark.log"
        phone.pull(log, local)
        return local.read_text(errors="replace")


def clean_up(phone: Phone, remote: str) -> None:
    """Remove the model and its log from the phone; the tool stays."""
    phone.shell(f"rm -f {shlex.quote(remote)} {shlex.quote(remote + '.log')}")


def to_row(
    report: Report,
    choice: Choice,
    shared: Provenance,
    delegate: str,
    threads: int,
    ratio: float | None,
    attempts: int = 1,
    minute: int | None = None,
) -> Row:
    """A row of results; where the tool gives no percentiles, the average stands in the column of the median and the
    method says so. ``spread`` is standard deviation over average.
    """
    spread = report.std_ms / report.avg_ms if report.avg_ms else 0.0
    middle = "median" if report.p50_ms is not None else "average instead of median"
    return Row(
        shared.date,
        shared.commit,
        shared.version,
        shared.device,
        shared.load,
        choice.spec.name,
        choice.entry.file,
        choice.entry.precision,
        "litert" if delegate == "cpu" else f"litert-{delegate}",
        "",
        threads,
        NETWORK,
        "",
        report.min_ms,
        report.avg_ms if report.p50_ms is None else report.p50_ms,
        report.p95_ms,
        spread,
        "yes" if spread > VOID_SPREAD else "",
        ratio,
        report.first_ms,
        report.memory_mb,
        None,
        choice.size_mb,
        report.runs,
        attempts,
        minute,
        f"benchmark_model on the phone, {middle}; spread = standard deviation / average; memory as the tool states it",
    )
