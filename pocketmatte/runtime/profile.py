"""Where a network's time goes, operator by operator. Each engine is asked in its own module."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path

from pocketmatte.core import PocketmatteError


@dataclass(frozen=True)
class OperatorTime:
    """Mean milliseconds per inference of one operator: its ``kind`` (``CONV_2D``) and its ``name`` in the graph."""

    kind: str
    name: str
    milliseconds: float


@dataclass(frozen=True)
class Profile:
    """``whole`` is the mean time of an undivided inference in milliseconds, ``method`` how operators were timed."""

    runtime: str
    operators: tuple[OperatorTime, ...]
    whole: float
    rounds: int
    method: str
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> float:
        """Sum of the operators' times in milliseconds."""
        return sum(o.milliseconds for o in self.operators)


_MODULES = {
    "litert": "pocketmatte.runtime.profile_litert",
    "onnxruntime": "pocketmatte.runtime.profile_onnx",
    "openvino": "pocketmatte.runtime.profile_openvino",
}


def profile_file(path: Path, runtime: str, threads: int, rounds: int, warm_up: int = 5) -> Profile:
    """Run the file ``rounds`` times on the CPU after ``warm_up`` runs. Raises :class:`PocketmatteError` when the
    runtime has no way to tell, or does not take the file.
    """
    if runtime not in _MODULES:
        raise PocketmatteError(f"no profile per operator from {runtime}; it comes from {', '.join(_MODULES)}")
    profile: Profile = importlib.import_module(_MODULES[runtime]).profile(path, threads, rounds, warm_up)
    return profile
