"""The micro-models: every mask comes back bit by bit from the files in ``results/gpu_transfer``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pocketmatte.export.transfer import MICRO_MODELS, as_input, read_mask, write_micro
from pocketmatte.runtime.base import open_session
from pocketmatte.runtime.cut_litert import kinds_of

pytestmark = pytest.mark.build
FOLDER = Path(__file__).parents[2] / "results" / "gpu_transfer"
MASKS = {
    "noise": np.random.default_rng(0).integers(0, 2, (256, 256), np.uint8),
    "none": np.zeros((256, 256), np.uint8),
    "all": np.ones((256, 256), np.uint8),
    "stripes": np.tile(np.array([0, 1], np.uint8), (256, 128)),
}


@pytest.mark.parametrize("micro", MICRO_MODELS, ids=lambda m: m.name)
def test_exported_files_give_the_mask_back_exactly(micro):
    session = open_session(FOLDER / f"{micro.name}.tflite", threads=1)
    (given,), (answer,) = session.inputs, session.outputs
    assert given.shape == micro.input
    assert answer.shape == micro.output
    for mask in MASKS.values():
        output = session.run({given.name: as_input(micro, mask)})[answer.name]
        np.testing.assert_array_equal(read_mask(micro, np.asarray(output, np.float32)), mask)


def test_operators_are_those_of_the_study():
    found = {m.name: kinds_of((FOLDER / f"{m.name}.tflite").read_bytes()) for m in MICRO_MODELS}
    convolutions = {n: k["CONV_2D"] + k["DEPTHWISE_CONV_2D"] for n, k in found.items()}
    assert convolutions == {m.name: 2 if m.bits else 1 for m in MICRO_MODELS}
    assert {n: k["RESHAPE"] for n, k in found.items() if "packed" in n} == {
        "packed": 0,
        "aligned-packed": 1,
        "flat-packed": 2,
        "slice-packed": 1,
        "aligned-packed-fp16": 1,
    }
    assert all("TRANSPOSE" not in k for k in found.values())


def test_conversion_gives_the_file_that_is_kept(tmp_path):
    micro = next(m for m in MICRO_MODELS if m.name == "slice-pad")
    write_micro(micro, tmp_path / "x.tflite")
    kept = (FOLDER / "slice-pad.tflite").read_bytes()
    assert kinds_of((tmp_path / "x.tflite").read_bytes()) == kinds_of(kept)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("plain", 10),
        ("packed", 27),
        ("aligned", 148),
        ("aligned-packed", 54),
        ("flat-packed", 45),
        ("slice-packed", 45),
        ("slice-pad", 28),
    ],
)
def test_parameters_are_those_of_the_study(name, parameters):
    micro = next(m for m in MICRO_MODELS if m.name == name)
    assert sum(p.numel() for p in micro.build().parameters()) == parameters


def test_half_precision_destroys_sixteen_bits_and_not_eleven():
    mask = MASKS["noise"]
    for micro in MICRO_MODELS:
        if micro.bits:
            network = micro.build().eval().half()
            with torch.no_grad():
                output = network(torch.from_numpy(as_input(micro, mask)).half()).float().numpy()
            exact = bool((read_mask(micro, output) == mask).all())
            assert exact == (micro.bits == 11), micro.name


def test_copy_script_packs_exactly_and_claims_nothing_without_a_gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import gpu_copy

    mask = torch.from_numpy(MASKS["noise"][:, :200].copy()).float()
    for name, (tensor, bits, fraction) in gpu_copy.forms(mask).items():
        assert gpu_copy.is_exact(name, tensor, bits, fraction, mask)
        assert not gpu_copy.is_exact(name, tensor, bits, fraction, 1 - mask)
    monkeypatch.setattr("sys.argv", ["gpu_copy.py"])
    if not torch.cuda.is_available():
        assert gpu_copy.main() == 1
