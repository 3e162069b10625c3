"""The allow-lists on the file that ships and on graphs changed to offend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import (
    add_constant,
    add_tensor,
    make_operator,
    operator_name,
    read_model,
    shape_of,
    write_model,
)
from pocketmatte.export.residency import residency, residency_json, residency_table
from pocketmatte.export.residency_rules import CHECKS
from pocketmatte.export.residency_targets import TARGETS

SHIPPED = Path(__file__).parents[2] / "pocketmatte" / "zoo" / "weights" / "base" / "base.tflite"


def partitions(path: Path) -> int:
    """How many parts XNNPACK really takes the graph in; 1 when it takes all of it."""
    interpreter: Any = Interpreter(str(path))
    interpreter.allocate_tensors()
    return sum(o["op_name"] == "DELEGATE" for o in interpreter._get_ops_details())


@pytest.fixture
def transposed(tmp_path: Path) -> Path:
    """The shipped graph with a transposition between the first two convolutions' neighbourhood and a dilation."""
    model = read_model(SHIPPED)
    graph = model.subgraphs[0]
    convolution = next(o for o in graph.operators if operator_name(model, o) == "CONV_2D")
    result = int(convolution.outputs[0])
    order = add_constant(model, graph, "order", np.array([0, 1, 2, 3], np.int32))
    between = add_tensor(graph, "between", shape_of(graph, result))
    convolution.outputs = np.array([between], np.int32)
    place = graph.operators.index(convolution)
    graph.operators.insert(place + 1, make_operator(model, "CUMSUM", [between, order], [result]))
    second = next(o for o in graph.operators if operator_name(model, o) == "DEPTHWISE_CONV_2D")
    second.builtinOptions.dilationHFactor = 2
    path = tmp_path / "offends.tflite"
    write_model(model, path)
    return path


def test_the_shipped_file_runs_whole_on_gpu_xnnpack_and_ane() -> None:
    reports = {r.target: r for r in residency(SHIPPED)}
    assert list(reports) == list(TARGETS)
    assert all(reports[name].resident for name in ("gpu", "xnnpack-fp32", "ane"))
    assert "quantise it to int8" in reports["edgetpu"].precision
    assert not reports["edgetpu"].resident


def test_the_verdict_on_xnnpack_is_what_xnnpack_does() -> None:
    (report,) = residency(SHIPPED, ["xnnpack-fp32"])
    assert report.resident
    assert partitions(SHIPPED) == 1


def test_offenders_are_named_with_their_module(transposed: Path) -> None:
    reports = {r.target: r for r in residency(transposed)}
    (offender,) = reports["xnnpack-fp32"].offenders
    assert (offender.operator, offender.reason) == ("CUMSUM", "not on the list")
    assert offender.module.startswith("encoder.stem")
    assert offender.output == (1, 128, 128, 32)
    dilated = [o for o in reports["ane"].offenders if o.operator == "DEPTHWISE_CONV_2D"]
    assert [o.reason for o in dilated] == ["dilation 2x1"]
    assert dilated[0].module.startswith("encoder.blocks.0") or dilated[0].module.startswith("encoder.0")
    assert any(o.reason.startswith("dilation 2x1, must be") for o in reports["edgetpu"].offenders)
    table = residency_table([reports["ane"]])
    assert "CUMSUM" in table
    assert "does not fit" in table


def test_every_list_cites_its_source_and_uses_known_conditions() -> None:
    for target in TARGETS.values():
        assert all(link.startswith("https://") for link in target.sources)
        assert target.sources
        used = {key for rule in target.operators.values() for key in rule}
        assert used <= {*CHECKS, "maybe", "half_pixel", "int8_only"}


def test_json_is_plain_and_complete() -> None:
    (report,) = json.loads(json.dumps(residency_json(residency(SHIPPED, ["gpu"]))))
    assert report["resident"] is True
    assert {"index", "operator", "module", "inputs", "output", "type", "status", "reason"} <= set(
        report["operators"][0]
    )


def test_wrong_use_is_explained(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="unknown target hexagon"):
        residency(SHIPPED, ["hexagon"])
    other = tmp_path / "no.tflite"
    other.write_bytes(b"PK\x03\x04 this is a zip file")
    with pytest.raises(PocketmatteError, match=r"no \.tflite file"):
        residency(other)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(SHIPPED.read_bytes()[:2000])
    with pytest.raises(PocketmatteError, match="damaged"):
        residency(damaged)
    with pytest.raises(PocketmatteError, match="cannot read"):
        residency(tmp_path / "absent.tflite")


def test_the_verb_prints_and_sets_the_exit_code() -> None:
    command = [sys.executable, "-m", "pocketmatte", "residency", str(SHIPPED), "--target"]
    fits = subprocess.run([*command, "gpu", "--json"], capture_output=True, text=True)
    assert fits.returncode == 0
    assert json.loads(fits.stdout)["targets"][0]["resident"] is True
    misses = subprocess.run([*command, "edgetpu"], capture_output=True, text=True)
    assert misses.returncode == 1
    assert "Coral Edge TPU: does not fit" in misses.stdout
