"""The DeepStream generator: its numbers against our own chain, and its graph as GStreamer reads it."""

from __future__ import annotations

import configparser
import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.spec import InputSpec, OutputSpec, StateSpec, WeightFile
from tests.pipeline.test_pipeline import spec_like

SCRIPT = Path(__file__).parents[2] / "clients" / "deepstream" / "generate.py"
ONNX = WeightFile("model.onnx", "onnx", "0", "fp32", "nchw")
SOURCES = ["rtsp://camera/1", "/clips/two.mp4"]


@pytest.fixture(scope="module")
def generator():
    found = importlib.util.spec_from_file_location("deepstream_generate", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def model(layout="nchw", **changes):
    source = replace(InputSpec("image", Size(20, 30), mean=(0.5, 0.4, 0.3), std=(0.25, 0.25, 0.25), batch=2), **changes)
    return spec_like(files=(replace(ONNX, layout=layout),), input=source, output=OutputSpec("alpha"), states=())


def read(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return dict(parser["property"])


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_the_numbers_give_the_tensor_of_our_own_chain(generator, color):
    """nvinfer computes scale * (x - offset) in the order of model-color-format."""
    spec = model(color=color)
    values = read(generator.nvinfer_config(spec, spec.files[0], "fp16"))
    picture = np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)
    ordered = picture if values["model-color-format"] == "0" else picture[..., ::-1]
    offsets = np.array([float(value) for value in values["offsets"].split(";")])
    theirs = (float(values["net-scale-factor"]) * (ordered - offsets)).transpose(2, 0, 1)[None]
    assert np.abs(theirs - prepare(picture, spec, "nchw").tensor).max() < 1e-5
    assert values["batch-size"] == "2"
    assert values["network-type"] == "2"
    assert (values["network-input-order"], values["infer-dims"]) == ("0", "3;20;30")
    assert (values["segmentation-threshold"], values["output-blob-names"]) == ("0.5", "alpha")
    assert (values["network-mode"], values["maintain-aspect-ratio"]) == ("2", "0")


def test_layout_letterbox_and_logits(generator):
    spec = model("nhwc", resize="letterbox")
    spec = replace(spec, output=OutputSpec("alpha", "logits"))
    values = read(generator.nvinfer_config(spec, spec.files[0], "fp32"))
    assert (values["network-input-order"], values["infer-dims"]) == ("1", "20;30;3")
    assert values["maintain-aspect-ratio"] == values["symmetric-padding"] == "1"
    assert float(values["segmentation-threshold"]) == 0
    assert values["network-mode"] == "0"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (model(batch=1), "exported for 1 pictures, found 2 sources: pocketmatte export NAME --batch 2"),
        (model(std=(0.2, 0.3, 0.4)), "one scale"),
        (model(channels=4), "4 input channels"),
        (replace(model(), states=(StateSpec("prior", "alpha", (1, 20, 30, 1)),)), "memory from frame to frame"),
        (replace(model(), output=OutputSpec("alpha", "two-logits")), "two logits"),
    ],
)
def test_what_nvinfer_cannot_run_is_refused(generator, spec, message):
    with pytest.raises(PocketmatteError, match=message):
        generator.check(spec, 2)


def test_the_command_writes_all_three_files(tmp_path):
    spec = replace(model(), folder=None)
    (tmp_path / "spec.json").write_text(spec.to_json())
    out = tmp_path / "jetson"
    sources = [x for source in SOURCES for x in ("--source", source)]
    command = [sys.executable, str(SCRIPT), str(tmp_path / "spec.json"), *sources, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["graph.txt", "nvinfer.txt", "run.sh"]
    assert read((out / "nvinfer.txt").read_text())["onnx-file"] == str(tmp_path / "model.onnx")
    assert subprocess.run(["sh", "-n", str(out / "run.sh")]).returncode == 0
    done = subprocess.run([*command, "--source", "three.mp4"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "found 3 sources" in done.stderr


PARSE = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
made = Gst.parse_launch(sys.stdin.read())
mux = made.get_by_name("mux")
print(sorted(pad.get_name() for pad in mux.sinkpads), made.numchildren)
"""


def standing_in(text: str) -> str:
    """The graph with NVIDIA's elements replaced by ones that do nothing, without their properties; the one with
    several inputs by ``funnel``, the encoder by x264 (with frames in ordinary memory)."""
    text = re.sub(r"nvstreammux name=mux( [\w-]+=\S+)*", "funnel name=mux", text)
    text = re.sub(r"nvv4l2h264enc( [\w-]+=\S+)*", "x264enc", text.replace("(memory:NVMM)", ""))
    return re.sub(r"\bnv\w+( [\w-]+=(\"[^\"]*\"|\S+))*", "identity", text)


@pytest.mark.system
@pytest.mark.parametrize("sink", ["egl", "rtsp://127.0.0.1:8554/out"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_gstreamer_parses_the_graph(generator, tmp_path, sink, count):
    sources = [f"rtsp://camera/{n}" for n in range(count)]
    text = generator.graph(tmp_path / "nvinfer.txt", sources, sink, Size(720, 1280))
    assert text.count(f"batch-size={count} ") == 3
    plain = standing_in(text)
    assert "nv" not in plain.replace(str(tmp_path), "")
    done = subprocess.run(["/usr/bin/python3", "-c", PARSE], input=plain, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str([f"sink_{n}" for n in range(count)]))
    assert "WARNING" not in done.stderr
