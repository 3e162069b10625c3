"""Time per operator from OpenVINO's own counters."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from pocketmatte.runtime.openvino_file import read_file, refusal, shared_core
from pocketmatte.runtime.profile import OperatorTime, Profile


def profile(path: Path, threads: int, rounds: int, warm_up: int) -> Profile:
    """See :func:`pocketmatte.runtime.profile.profile_file`. Computes in single precision, as sessions do."""
    config: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERF_COUNT": True,
    }
    core = shared_core()
    network = read_file(core, path)
    try:
        model = core.compile_model(network, "CPU", config)
    except RuntimeError as error:
        raise refusal(path, error) from error
    request = model.create_infer_request()
    rng = np.random.default_rng(0)
    inputs = {i: rng.random(tuple(p.shape)).astype(p.get_element_type().to_dtype()) for i, p in enumerate(model.inputs)}
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    whole = 0.0
    for turn in range(warm_up + rounds):
        started = time.perf_counter()
        request.infer(inputs)
        if turn >= warm_up:
            whole += time.perf_counter() - started
            for node in request.profiling_info:
                if node.status == ov.ProfilingInfo.Status.EXECUTED:
                    seconds[node.node_type, node.node_name] += node.real_time.total_seconds()
    operators = tuple(OperatorTime(kind, name, 1e3 * s / rounds) for (kind, name), s in seconds.items())
    method = "OpenVINO's performance counters, compiled graph in f32"
    return Profile("openvino", operators, 1e3 * whole / rounds, rounds, method)
