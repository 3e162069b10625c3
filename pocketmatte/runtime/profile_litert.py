"""Time per operator of a .tflite. LiteRT's Python package has no profiler for them, so each operator is cut out of the
file as a model of one operator and timed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.cut_litert import Cut, cut_operators
from pocketmatte.runtime.litert import LitertSession
from pocketmatte.runtime.profile import OperatorTime, Profile


def profile(path: Path, threads: int, rounds: int, warm_up: int) -> Profile:
    """See :func:`pocketmatte.runtime.profile.profile_file`.

    Every round runs the whole network once and then each operator once, in the network's order, so that both meet the
    same machine. What one operator would hand to the next without writing it down (fused or kept in the cache) is paid
    for by each: the sum differs from the whole, and :class:`Profile` holds both.
    """
    LitertSession(path, threads).close()  # says plainly what is wrong with a file, and swallows LiteRT's banner
    cuts = cut_operators(path.read_bytes())
    if not cuts:
        raise PocketmatteError(f"{path.name} has no operator that works on its input")
    runners = [_ready(path.read_bytes(), threads), *(_ready(cut.model, threads) for cut in cuts)]
    # one thread is this one: its processor time leaves out the turns of other programs
    clock = time.thread_time if threads == 1 else time.perf_counter
    totals = [0.0] * len(runners)
    for turn in range(warm_up + rounds):
        for i, runner in enumerate(runners):
            started = clock()
            runner.invoke()
            if turn >= warm_up:
                totals[i] += clock() - started
    whole, *each = (1e3 * total / rounds for total in totals)
    operators = tuple(OperatorTime(cut.kind, cut.name, ms) for cut, ms in zip(cuts, each, strict=True))
    return Profile(
        "litert",
        operators,
        whole,
        rounds,
        "each operator cut out as a model of its own, in turn with the whole network"
        + (", processor time" if threads == 1 else ""),
        _notes(cuts),
    )


def _notes(cuts: list[Cut]) -> tuple[str, ...]:
    folded = sum(cut.folded for cut in cuts)
    if not folded:
        return ()
    return (f"{folded} operators work on constants alone; they run once, when the file is loaded, and are not listed",)


def _ready(model: bytes, threads: int) -> Any:
    """An interpreter with random inputs in place."""
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = tuple(detail["shape"]), np.dtype(detail["dtype"])
        if dtype == np.bool_:
            value = rng.random(shape) < 0.5
        elif np.issubdtype(dtype, np.integer):
            value = rng.integers(-100 if np.issubdtype(dtype, np.signedinteger) else 0, 100, shape).astype(dtype)
        else:
            value = rng.random(shape, np.float32).astype(dtype)
        interpreter.set_tensor(detail["index"], value)
    return interpreter
