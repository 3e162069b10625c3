"""Time per operator from ONNX Runtime's own profiler."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime as ort

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.onnx_runtime import CPU, OnnxSession
from pocketmatte.runtime.profile import OperatorTime, Profile


def profile(path: Path, threads: int, rounds: int, warm_up: int) -> Profile:
    """See :func:`pocketmatte.runtime.profile.profile_file`."""
    infos = OnnxSession(path, [CPU], threads).inputs  # says plainly what is wrong with a file
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.random(i.shape, np.float32).astype(i.dtype) for i in infos}
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(path), options, providers=[CPU])
        for _ in range(warm_up + rounds):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text())
    whole = [e["dur"] for e in events if e.get("name") == "model_run"]
    if len(whole) != warm_up + rounds:
        raise PocketmatteError(f"onnxruntime {ort.__version__} profiled {len(whole)} of {warm_up + rounds} runs")
    durations: dict[str, list[int]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            durations[name].append(event["dur"])
            kinds[name] = event["args"]["op_name"]
    operators = [
        OperatorTime(kinds[name], name, sum(found[warm_up:]) / rounds / 1e3) for name, found in durations.items()
    ]
    method = "onnxruntime's profiler, optimised graph, whole microseconds per operator"
    return Profile("onnxruntime", tuple(operators), sum(whole[warm_up:]) / rounds / 1e3, rounds, method)
