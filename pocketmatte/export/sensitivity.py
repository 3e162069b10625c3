"""How much each layer loses to int8, and the fewest layers to keep in float so that a bound holds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import operator_name, read_model, tensor_name
from pocketmatte.export.flatbuffer_names import module_of
from pocketmatte.export.quantize import prepare_litert, quantize_litert
from pocketmatte.export.quantize_ranges import Method, Samples, TensorStatistics, watch

Inputs = Mapping[str, npt.NDArray[Any]]
Loss = Callable[[Path], float]
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
MAX_GROUPS_KEPT = 16


@dataclass(frozen=True)
class Group:
    """Layers that are judged together: ``module`` they belong to, names of their output tensors."""

    module: str
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class Sensitivity:
    """``loss`` with all of the graph in int8 but this group, ``gain``: how much better that is than all in int8."""

    group: Group
    loss: float
    gain: float


@dataclass(frozen=True)
class MixedResult:
    """``keep_float`` for :func:`~pocketmatte.export.quantize.quantize_litert`, its loss, and whether it is in bounds.

    ``steps``: module added and the loss then, one per round; the first is all in int8.
    """

    keep_float: tuple[str, ...]
    loss: float
    holds: bool
    steps: tuple[tuple[str, float], ...]


class Prober:
    """Quantises one prepared graph again and again, calibrated once.

    ``loss`` judges a quantised file (lower is better); see :func:`matte_difference` for one that needs no labels.
    """

    def __init__(self, plain: Path, samples: Samples, loss: Loss, ranges: Method = "minmax") -> None:
        self.plain, self.ranges, self._loss = plain, ranges, loss
        self.statistics: dict[str, TensorStatistics] = watch(plain, samples)
        self._folder = plain.parent
        self._seen: dict[frozenset[str], float] = {}

    def loss(self, keep_float: Sequence[str] = ()) -> float:
        """Loss of the int8 file with these operators in float."""
        key = frozenset(keep_float)
        if key not in self._seen:
            file = self._folder / "probe.tflite"
            quantize_litert(self.plain, file, "int8", None, keep_float, ranges=self.ranges, statistics=self.statistics)
            self._seen[key] = self._loss(file)
        return self._seen[key]


@contextmanager
def probing(tflite: Path, samples: Samples, loss: Loss, ranges: Method = "minmax") -> Iterator[Prober]:
    """A :class:`Prober` for a float .tflite, with a temporary folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.tflite"
        prepare_litert(tflite, plain)
        yield Prober(plain, samples, loss, ranges)


def groups_of(tflite: Path, depth: int = 2) -> list[Group]:
    """The graph's layers by module, ``depth`` levels deep, in the order of the graph.

    Operators without weights go with the module they belong to. Raises :class:`PocketmatteError` when there is
    nothing to group.
    """
    model = read_model(tflite)
    graph = model.subgraphs[0]
    found: dict[str, list[str]] = {}
    weighted = set()
    outputs = {int(i) for i in graph.outputs}
    for operator in graph.operators:
        result = int(operator.outputs[0])
        name = tensor_name(graph, result)
        module = ".".join(module_of(name).split(".")[:depth]) or ("output" if result in outputs else "rest")
        found.setdefault(module, []).append(name)
        if operator_name(model, operator) in WEIGHTED:
            weighted.add(module)
    groups = [
        Group(module, tuple(names)) for module, names in found.items() if module in weighted or module == "output"
    ]
    if not groups:
        raise PocketmatteError(f"{tflite.name} has no layers with weights; nothing to quantise")
    return groups


def layer_sensitivity(prober: Prober, depth: int = 2) -> list[Sensitivity]:
    """The gain of leaving one group in float, for every group, largest first."""
    whole = prober.loss()
    rows = []
    for group in groups_of(prober.plain, depth):
        loss = prober.loss(group.tensors)
        rows.append(Sensitivity(group, loss, whole - loss))
    return sorted(rows, key=lambda row: -row.gain)


def mixed_precision(
    prober: Prober, bound: float, depth: int = 2, candidates: int = 4, most: int = MAX_GROUPS_KEPT
) -> MixedResult:
    """Greedy search: as long as the loss exceeds ``bound``, keep one more group in float.

    Each round tries the ``candidates`` most sensitive groups that are left and takes the one that helps most; at the
    end every group is dropped again whose absence does not break the bound. Stops after ``most`` groups.
    """
    loss = prober.loss()
    steps: list[tuple[str, float]] = [("", loss)]
    chosen: list[Group] = []
    left = [row.group for row in layer_sensitivity(prober, depth)] if loss > bound else []
    while loss > bound and left and len(chosen) < most:
        tried = {group: prober.loss(_names([*chosen, group])) for group in left[:candidates]}
        best = min(tried, key=lambda group: tried[group])
        left.remove(best)
        chosen.append(best)
        loss = tried[best]
        steps.append((best.module, loss))
    if loss <= bound:
        for group in chosen[:-1]:
            rest = [g for g in chosen if g is not group]
            if (without := prober.loss(_names(rest))) <= bound:
                chosen, loss = rest, without
    return MixedResult(_names(chosen), loss, loss <= bound, tuple(steps))


def _names(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(name for group in groups for name in group.tensors)


def sensitivity_table(rows: Sequence[Sensitivity], whole: float) -> str:
    """Rows as text, largest gain first; ``whole`` is the loss with everything in int8."""
    lines = [f"{'kept in float':<32} {'layers':>6} {'loss':>10} {'gain':>10}"]
    lines.append(f"{'(nothing)':<32} {0:>6} {whole:>10.5f} {0:>10.5f}")
    lines += [f"{r.group.module:<32} {len(r.group.tensors):>6} {r.loss:>10.5f} {r.gain:>10.5f}" for r in rows]
    return "\n".join(lines)


def matte_difference(reference: Path, inputs: Sequence[Inputs]) -> Loss:
    """A loss without labels: mean absolute difference of the outputs (0..1) from those of ``reference``."""
    expected = [run_litert(reference, given) for given in inputs]

    def loss(file: Path) -> float:
        found = [run_litert(file, given) for given in inputs]
        return float(np.mean([np.abs(a - b).mean() for a, b in zip(found, expected, strict=True)]))

    return loss


def run_litert(tflite: Path, inputs: Inputs) -> npt.NDArray[np.float32]:
    """The first output of a file with float inputs, float32."""
    from pocketmatte.runtime.base import open_session

    session = open_session(tflite, "litert", threads=1)
    try:
        return next(iter(session.run(dict(inputs)).values())).astype(np.float32)
    finally:
        session.close()
