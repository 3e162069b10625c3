"""Which operators of a .tflite file an accelerator takes, told from the file alone: no phone, no TPU needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import (
    Graph,
    Model,
    Operator,
    constant,
    operator_name,
    read_model,
    shape_of,
    tensor_name,
    type_name,
)
from pocketmatte.export.flatbuffer_names import module_of
from pocketmatte.export.residency_rules import doubt, problem
from pocketmatte.export.residency_targets import TARGETS, Target

# Rewrites that are known to mend an operator; see pocketmatte.export.rewrites
REMEDIES = {
    "TRANSPOSE": "remove-transposes",
    "PAD": "merge-pad",
    "PRELU": "prelu-to-max",
    "AVERAGE_POOL_2D": "pool-to-convolution",
}
FLOAT_TYPES = ("FLOAT32", "FLOAT16")


@dataclass(frozen=True)
class OperatorReport:
    """One operator: ``status`` is ``yes``, ``maybe`` or ``no``, with the ``reason``; ``module`` is its place in the
    network, empty when its name does not tell; ``remedy`` is a rewrite that may help."""

    index: int
    operator: str
    module: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    type: str
    status: Literal["yes", "maybe", "no"]
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class TargetReport:
    """The verdict on one target. ``precision`` says why the whole file does not suit it, or is empty."""

    target: str
    title: str
    sources: tuple[str, ...]
    note: str
    precision: str
    operators: tuple[OperatorReport, ...]

    @property
    def offenders(self) -> tuple[OperatorReport, ...]:
        """The operators that are not taken."""
        return tuple(o for o in self.operators if o.status == "no")

    @property
    def doubtful(self) -> tuple[OperatorReport, ...]:
        """The operators about which the source is not sure."""
        return tuple(o for o in self.operators if o.status == "maybe")

    @property
    def resident(self) -> bool:
        """Whether the whole graph may run there."""
        return not self.precision and not self.offenders


def residency(tflite: Path, targets: Sequence[str] = ()) -> list[TargetReport]:
    """Check every operator of ``tflite`` against the allow-lists of ``targets``, by default of all.

    A float file is checked against an 8-bit target as if it were quantised already (and the reverse), and
    ``precision`` says that it is not. Raises :class:`PocketmatteError` for a file that is no .tflite and for an
    unknown target.
    """
    if unknown := set(targets) - set(TARGETS):
        raise PocketmatteError(f"unknown target {', '.join(sorted(unknown))}; known: {', '.join(TARGETS)}")
    model = read_model(tflite)
    graph = model.subgraphs[0]
    quantised = any(
        operator_name(model, o).endswith("CONV_2D") and type_name(graph, int(o.outputs[0])) == "INT8"
        for o in graph.operators
    )
    return [_check(model, graph, TARGETS[name], quantised) for name in targets or TARGETS]


def _check(model: Model, graph: Graph, target: Target, quantised: bool) -> TargetReport:
    precision = ""
    if target.precision == "int8" and not quantised:
        precision = "the file computes in float; quantise it to int8"
    if target.precision == "float" and quantised and not target.takes_int8:
        precision = "the file computes in int8; take the fp32 or fp16 one"
    operators = tuple(
        _operator(model, graph, index, operator, target, quantised)
        for index, operator in enumerate(graph.operators)
        if not _unpacks_weights(model, graph, operator)
    )
    return TargetReport(target.name, target.title, target.sources, target.note, precision, operators)


def _unpacks_weights(model: Model, graph: Graph, operator: Operator) -> bool:
    """Whether an operator only turns stored weights into floats; runtimes do that once, when they load the file."""
    return (
        operator_name(model, operator) == "DEQUANTIZE" and constant(model, graph, int(operator.inputs[0])) is not None
    )


def _operator(
    model: Model, graph: Graph, index: int, operator: Operator, target: Target, quantised: bool
) -> OperatorReport:
    name, result = operator_name(model, operator), int(operator.outputs[0])
    computed = tuple(shape_of(graph, int(i)) for i in operator.inputs if i >= 0)
    kind = type_name(graph, result)
    rule = target.operators.get(name)
    if rule is None and name in ("QUANTIZE", "DEQUANTIZE") and quantised and target.precision == "float":
        rule = {}  # `precision` has said it
    reason = "not on the list"
    if rule is not None:
        reason = problem(model, graph, operator, rule)
        if not reason and max(map(len, (*computed, shape_of(graph, result)))) > 4:
            reason = "rank above 4"
        if not reason and _float_island(graph, operator, name, target, quantised):
            reason = f"computed in {kind.lower()}"
    open_question = doubt(model, graph, operator, rule) if rule is not None and not reason else ""
    status: Literal["yes", "maybe", "no"] = "no" if reason else "maybe" if open_question else "yes"
    return OperatorReport(
        index,
        name,
        module_of(tensor_name(graph, result)) or tensor_name(graph, result).split(";")[0],
        computed,
        shape_of(graph, result),
        kind,
        status,
        reason or open_question,
        REMEDIES.get(name, "") if reason else "",
    )


def _float_island(graph: Graph, operator: Operator, name: str, target: Target, quantised: bool) -> bool:
    """Whether an operator of an 8-bit file is computed in float on a target that cannot."""
    if target.precision != "int8" or not quantised or name in ("QUANTIZE", "DEQUANTIZE"):
        return False
    return type_name(graph, int(operator.outputs[0])) in FLOAT_TYPES


def residency_table(reports: Sequence[TargetReport], everything: bool = False) -> str:
    """The verdicts as text: a line per target, then what is not taken or doubtful; all operators if ``everything``."""
    lines = []
    for report in reports:
        counts = Counter(o.status for o in report.operators)
        verdict = "fits" if report.resident else "does not fit"
        if report.resident and report.doubtful:
            verdict = "fits, with open questions"
        lines.append(f"{report.title}: {verdict} ({counts['yes']} of {len(report.operators)} operators taken)")
        if report.precision:
            lines.append(f"  {report.precision}")
        shown = report.operators if everything else (*report.offenders, *report.doubtful)
        for o in shown:
            mark = {"yes": "+", "maybe": "?", "no": "-"}[o.status]
            why = f": {o.reason}" if o.reason else ""
            mend = f" [rewrite: {o.remedy}]" if o.remedy else ""
            lines.append(f"  {mark} {o.index:3} {o.operator:<18} {_size(o.output):<16} {o.module}{why}{mend}")
    return "\n".join(lines)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def residency_json(reports: Sequence[TargetReport]) -> list[dict[str, Any]]:
    """The verdicts as plain values."""
    return [{**asdict(r), "resident": r.resident} for r in reports]
