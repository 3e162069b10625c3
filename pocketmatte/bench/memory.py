"""Memory of one model, measured in a process of its own so that nothing else is counted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.core import Frame, PocketmatteError, Size

_RUNS = 5


@dataclass(frozen=True)
class Memory:
    """Megabytes (10^6 bytes): ``peak`` of the process, and ``growth`` of that peak by opening and running the model."""

    peak: float
    growth: float


def memory_of(path: Path, runtime: str, device: str, threads: int, size: Size | None) -> Memory | None:
    """Open the file and run it five times: whole frames of ``size``, or the network alone when ``None``.

    ``None`` where the system tells no peak (Windows). Raises :class:`PocketmatteError` when that process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "memory.json"
        arguments = (str(path), runtime, device, threads, tuple(size) if size else None, str(answer))
        code = f"from pocketmatte.bench.memory import write_memory; write_memory{arguments!r}"
        home = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PocketmatteError(f"cannot measure the memory of {path.name} in {runtime}: {reason}")
        found = json.loads(answer.read_text())
    return Memory(**found) if found else None


def write_memory(path: str, runtime: str, device: str, threads: int, size: tuple[int, int] | None, answer: str) -> None:
    """The other process's part of :func:`memory_of`: writes its figures to the file ``answer``."""
    from pocketmatte.bench.frames import drifting_frames
    from pocketmatte.bench.subjects import choose, opened, random_inputs

    frames = [Frame(image) for image in drifting_frames(Size(*size), _RUNS)] if size else []
    before = peak_memory()
    with opened(choose([path], [runtime]), device, threads, "guided", "fast") as (subject,):
        session = subject.pipeline.session
        inputs = random_inputs(session)
        for i in range(_RUNS):
            if frames:
                subject.pipeline.step(frames[i])
            else:
                session.run(inputs)
    after = peak_memory()
    known = before is not None and after is not None
    figures = {"peak": after, "growth": (after or 0) - (before or 0)} if known else None
    Path(answer).write_text(json.dumps(figures))


def peak_memory() -> float | None:
    """Largest resident memory of this process so far, in megabytes; ``None`` where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # not getrusage, whose figure a child inherits from the process that started it
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) * 1024 / 1e6 if found else None
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
