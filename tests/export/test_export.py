"""From trained weights to every format and back through the run side, on a network that converts in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pocketmatte.apps.build import export_model
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.export.bundle import golden_picture, write_bundle
from pocketmatte.export.certify import moving_clip
from pocketmatte.export.convert import resolve
from pocketmatte.export.edgetpu import compile_for_edgetpu
from pocketmatte.export.request import PRECISIONS, TARGETS, Request, parse_size
from pocketmatte.io.video_source import VideoSource
from pocketmatte.models import registry
from pocketmatte.models.checkpoint import load_weights, save_weights
from pocketmatte.pipeline.golden import check_golden
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import read_spec, sha256_of
from tests.apps.conftest import ASTRONAUT
from tests.io.video_clips import write_clip

pytestmark = pytest.mark.build
ROOT = Path(__file__).parents[2]
SIZE = Size(32, 48)


class Bright(nn.Module):
    """What is bright is a person; with ``prior`` also what was one. ``harsh``: one channel a thousand times larger."""

    mean, std, stride, size = 0.5, 0.5, 8, 64

    def __init__(self, prior: bool = False, harsh: bool = False):
        super().__init__()
        self.inputs = ("image", "prior") if prior else ("image",)
        self.stem = nn.Conv2d(3 + prior, 8, 2, 2)
        self.mix = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.head = nn.Conv2d(8, 1, 1)
        with torch.no_grad():
            for layer, value in ((self.stem, 0.1125), (self.mix, 0.1), (self.head, 1.0)):
                layer.weight.fill_(value)
                layer.bias.zero_()
            self.stem.bias.fill_(0.6)
            self.head.bias.fill_(-6.0)
            if harsh:
                self.stem.weight[7] *= 5000
                self.head.weight[0, 7] /= 5000

    def forward(self, x):
        y = self.mix(F.relu(self.stem(x)))
        return F.interpolate(self.head(y), scale_factor=2.0, mode="bilinear", align_corners=False)


@pytest.fixture(scope="module", autouse=True)
def bright():
    """The architecture is known while these tests run, and the pictures are the drawn ones."""
    registry.register("test-bright")(Bright)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("POCKETMATTE_DATA", raising=False)
        yield
    del registry._ARCHITECTURES["test-bright"]


def weights(folder: Path, name: str, **options) -> Path:
    path = folder / f"{name}.pt"
    save_weights(path, Bright(**options).state_dict(), "test-bright", options, {"name": name, "samples": 1})
    return path


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    folder = tmp_path_factory.mktemp("still")
    request = Request(tuple(TARGETS), PRECISIONS, SIZE, allow_drop=0.02)  # eight channels are few for 8 bits
    return folder / "out", write_bundle(weights(folder, "bright"), folder / "out", request)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    path = weights(folder, "follow", prior=True)
    request = Request(("litert", "onnx", "openvino"), ("fp32", "int8"), SIZE, allow_drop=0.02, steps=20)
    return path, folder / "out", write_bundle(path, folder / "out", request)


def test_every_format_is_written_certified_and_listed(still):
    folder, report = still
    assert report.refused == ()
    rows = {row["file"]: row for row in report.certificate["files"]}
    assert {row["verdict"] for row in rows.values() if row["precision"] in ("fp32", "fp16")} == {"passed"}
    assert rows["bright-int8.tflite"]["verdict"] in ("passed", "allowed")
    assert report.certificate["allow_drop"] == 0.02
    assert set(rows) == {
        *(f"bright-{p}.tflite" for p in PRECISIONS),
        *(f"bright-{p}{e}" for p in ("fp32", "fp16") for e in (".onnx", ".xml", ".mlpackage", "-tensorrt.onnx")),
        "bright-int8-io.tflite",
    }
    spec = read_spec(folder / "spec.json")
    assert {f.file for f in spec.files} == set(rows)
    assert all(sha256_of(spec.path_of(f)) == f.sha256 == rows[f.file]["sha256"] for f in spec.files)
    assert json.loads((folder / "certificate.json").read_text()) == report.certificate
    assert "bright-int8.tflite" in (folder / "certificate.txt").read_text()
    assert report.certificate["calibration"]["sha256"] != report.certificate["pictures"]["sha256"]
    assert not [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_remarks_name_what_a_format_does_not_have(still):
    notes = " ".join(still[1].notes)
    assert "onnx is written in fp32, fp16; there is no dynamic, int8 of it" in notes
    assert "edgetpu_compiler is not on PATH" in notes


@pytest.mark.parametrize("file", ["bright-fp32.tflite", "bright-fp32.onnx", "bright-fp32.xml", "bright-fp16.onnx"])
def test_files_repeat_the_golden_vector(still, file):
    with load(still[0] / file, threads=1) as pipeline:
        assert len(pipeline.spec.files) == 1
        worst, bound = check_golden(pipeline)
    assert worst <= bound


def test_a_named_file_is_the_one_that_runs(still):
    """Several files of one format lie beside each other."""
    from pocketmatte.export.flatbuffer import read_model

    with load(still[0] / "bright-int8.tflite") as pipeline:
        assert pipeline.spec.files[0].precision == "int8"
    assert len(read_model(still[0] / "bright-int8.tflite").subgraphs[0].operators) > 3


def test_litert_has_no_stray_transposition_and_starts_with_the_picture(still):
    from pocketmatte.export.flatbuffer import operator_name, read_model

    model = read_model(still[0] / "bright-fp32.tflite")
    names = [operator_name(model, o) for o in model.subgraphs[0].operators]
    assert not {"TRANSPOSE", "RESHAPE"} & set(names)
    session = open_session(still[0] / "bright-fp32.tflite")
    assert [(i.name, i.shape) for i in (*session.inputs, *session.outputs)] == [
        ("image", (1, *SIZE, 3)),
        ("alpha", (1, *SIZE, 1)),
    ]


def test_a_file_with_8_bit_inputs_is_asked_in_float(still):
    from ai_edge_litert.interpreter import Interpreter

    path = still[0] / "bright-int8-io.tflite"
    inside = Interpreter(str(path)).get_input_details()[0]["dtype"]
    assert np.dtype(inside) == np.int8
    with load(path, runtime="litert") as pipeline:
        assert check_golden(pipeline)[0] < 0.1


def test_coreml_takes_a_picture_and_is_an_ml_program(still):
    from pocketmatte.export.coreml import load_coremltools

    spec = load_coremltools().utils.load_spec(str(still[0] / "bright-fp16.mlpackage"))
    assert spec.WhichOneof("Type") == "mlProgram"
    picture = spec.description.input[0]
    assert (picture.name, picture.type.imageType.height, picture.type.imageType.width) == ("image", *SIZE)
    assert spec.description.output[0].name == "alpha"


def test_coreml_slices_are_computed_like_the_network(tmp_path):
    """Prisma-Net cuts the last row and column off what its transposed convolutions compute."""
    from pocketmatte.export.coreml import to_coreml
    from pocketmatte.export.coreml_check import MilSession
    from pocketmatte.models import create_model

    torch.manual_seed(0)
    network = create_model("prisma-net", width=0.125, size=32).eval()
    to_coreml(network, (32, 32), tmp_path / "p.mlpackage", "fp32")
    grey = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(network(torch.from_numpy(grey / 127.5 - 1))).numpy()
    found = MilSession(tmp_path / "p.mlpackage").run({"image": grey})["alpha"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("machine", ["desktop", "jetson"])
def test_tensorrt_scripts_are_valid_and_say_what_is_missing(still, machine):
    import onnx

    script = still[0] / f"build-bright-fp16-tensorrt-{machine}.sh"
    found = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "no trtexec" in found.stderr
    assert "not run by this project" in script.read_text()
    model = onnx.load(str(still[0] / "bright-fp16-tensorrt.onnx"))
    assert model.opset_import[0].version <= 17
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, *SIZE]
    assert f"--onnx={script.name[6 : -len(machine) - 4]}.onnx" in script.read_text()


def test_states_have_names_and_follow_the_trained_network(video):
    """20 steps and a reset, through the pipeline, in three runtimes and against PyTorch."""
    path, folder, report = video
    assert report.refused == ()
    network, _ = load_weights(path)
    frames = [Frame(image) for image in moving_clip(20)]
    for name in ("follow-fp32.tflite", "follow.onnx", "follow.xml"):
        with load(folder / name, threads=1, foreground="none") as pipeline:
            assert {i.name for i in pipeline.session.inputs} == {"image", "prior"}
            prior, answers = torch.zeros(1, 1, *SIZE), []
            for frame in frames:
                alpha, prepared = pipeline.infer(frame.image)
                image = torch.from_numpy(prepared.tensor)
                image = image if image.shape[1] == 3 else image.permute(0, 3, 1, 2)
                with torch.no_grad():
                    prior = torch.sigmoid(network(torch.cat([image, prior], 1)))
                assert np.abs(alpha - prior[0, 0].numpy()).max() < 1e-4
                answers.append(alpha)
            pipeline.reset()
            assert np.array_equal(pipeline.infer(frames[0].image)[0], answers[0])
            assert not np.array_equal(pipeline.infer(frames[0].image)[0], answers[0])  # the state counts
    assert all(row["drift"]["steps"] == 20 for row in report.certificate["files"])


def test_previous_matte_has_all_levels_of_int8(video):
    from pocketmatte.export.flatbuffer import operator_name, read_model, tensor_name

    model = read_model(video[1] / "follow-int8.tflite")
    graph = model.subgraphs[0]
    coded = [
        graph.tensors[int(o.outputs[0])].quantization
        for o in graph.operators
        if operator_name(model, o) == "QUANTIZE" and "prior" in tensor_name(graph, int(o.inputs[0]))
    ]
    assert [(float(q.scale[0]), int(q.zeroPoint[0])) for q in coded] == [(pytest.approx(1 / 255), -128)]


@pytest.mark.parametrize(
    ("variant", "shapes"), [("flat", ((1, *SIZE, 3), (1, 1536))), ("aligned4", ((1, *SIZE, 4), (1, 32, 12, 4)))]
)
def test_variants_for_gpu_delegates_give_the_same_numbers(still, tmp_path, variant, shapes):
    request = Request(("litert",), ("fp32",), SIZE, variant=variant)
    write_bundle(weights(tmp_path, "bright"), tmp_path / "out", request)
    with load(tmp_path / "out/bright.tflite") as one, load(still[0] / "bright-fp32.tflite") as other:
        assert (one.session.inputs[0].shape, one.session.outputs[0].shape) == shapes
        assert np.array_equal(one.infer(golden_picture())[0], other.infer(golden_picture())[0])


def test_batch_and_rewrite(tmp_path):
    request = Request(("litert", "onnx"), ("fp32",), SIZE, batch=3, rewrite=True)
    report = write_bundle(weights(tmp_path, "bright"), tmp_path / "out", request)
    assert report.refused == ()
    spec = read_spec(tmp_path / "out/spec.json")
    assert spec.input.batch == 3
    session = open_session(tmp_path / "out/bright.onnx")
    assert session.inputs[0].shape == (3, 3, *SIZE)
    with pytest.raises(PocketmatteError, match="takes 3 pictures at a time"):
        Pipeline(session, spec)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    """Both take 0.8 s; the second has half as many frames."""
    folder = tmp_path_factory.mktemp("clips")
    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (160, 160), interpolation=cv2.INTER_AREA)[..., ::-1]
    one, two = folder / "one.mp4", folder / "two.mp4"
    write_clip(one, range(8), Fraction(1, 10), lambda n: np.roll(portrait, 3 * n, 1), rate=Fraction(10))
    write_clip(two, range(4), Fraction(1, 5), lambda n: np.roll(portrait[:, ::-1], 6 * n, 1), rate=Fraction(5))
    return [one, two]


def live(model: Path, clips: list[Path], target: Path) -> tuple[dict, list]:
    """The figures and the pictures of ``pocketmatte live`` on several sources."""
    command = [sys.executable, "-m", "pocketmatte", "live", "--model", str(model), "--sink", str(target), "--json"]
    command += [word for clip in clips for word in ("--source", str(clip))]
    command += ["--look", "color:#00FF00", "--threads", "1", "--clean", "off"]  # these networks are sure of nothing
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with VideoSource(target) as video:
        return json.loads(done.stdout), [frame.image.astype(int) for frame in video]


@pytest.mark.parametrize("prior", [False, True])
def test_live_looks_at_two_sources_in_one_inference_and_shows_the_same(prior, still, video, clips, tmp_path):
    """``video`` carries a state, which must stay with its own source."""
    single = video[1] / "follow-fp32.tflite" if prior else still[0] / "bright-fp32.tflite"
    path = weights(tmp_path, "pair", prior=prior)
    request = Request(("litert",), ("fp32",), SIZE, batch=2, steps=20)
    assert write_bundle(path, tmp_path / "out", request).refused == ()
    before, alone = live(single, clips, tmp_path / "alone.mp4")
    after, together = live(tmp_path / "out/spec.json", clips, tmp_path / "together.mp4")
    assert (before["batch"], before["inferences"], before["frames"]) == (1, 8 + 4, 8)
    assert (after["batch"], after["inferences"], after["frames"]) == (2, 8, 8)
    assert before["sources"] == after["sources"] == [8, 4]
    assert len(alone) == len(together) == 8
    assert max(np.abs(one - two).max() for one, two in zip(alone, together, strict=True)) <= 2
    for picture in together[:-1]:  # at the last the second source has ended
        for cell in (picture[:, :160], picture[:, 160:]):  # two empty pictures would be equal as well
            assert 0.05 < (np.abs(cell - (0, 255, 0)).max(2) < 25).mean() < 0.95


def test_what_loses_too_much_is_mixed_or_refused_with_exit_code_and_reason(tmp_path, capsys):
    """One channel a thousand times larger than the rest: mixed precision saves the .tflite, an Edge TPU has none."""
    path, out = weights(tmp_path, "harsh", harsh=True), tmp_path / "out"
    code = export_model(str(path), out, "litert,edgetpu", "fp32,int8", "32x48", as_json=True)
    shown = capsys.readouterr()
    assert code == 4
    assert "refused: harsh-int8-io.tflite" in shown.err
    rows = {row["file"]: row for row in json.loads(shown.out)["certificate"]["files"]}
    assert rows["harsh-fp32.tflite"]["verdict"] == "passed"
    assert rows["harsh-int8-io.tflite"]["verdict"] == "refused"
    assert rows["harsh-int8.tflite"]["verdict"] == "passed"
    assert rows["harsh-int8.tflite"]["kept_in_float"]
    assert sorted(p.name for p in out.iterdir()) == [
        *("certificate.json", "certificate.txt", "golden.npz", "harsh-fp32.tflite", "harsh-int8.tflite", "spec.json")
    ]
    assert [f.precision for f in read_spec(out / "spec.json").files] == ["fp32", "int8"]


def test_nothing_is_overwritten_without_force(still):
    before = {p.name: p.stat().st_mtime_ns for p in still[0].iterdir()}
    with pytest.raises(PocketmatteError, match="already holds .*--force"):
        write_bundle(still[0].parent / "bright.pt", still[0], Request(("coreml",), ("fp32", "fp16"), SIZE))
    assert {p.name: p.stat().st_mtime_ns for p in still[0].iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"formats": ("tfjs",)}, "unknown export format tfjs; known: litert"),
        ({"precisions": ("int4",)}, "unknown export precision int4"),
        ({"formats": ("onnx",), "precisions": ("int8",)}, "onnx is written in fp32 or fp16 only"),
        ({"variant": "flat", "formats": ("onnx",)}, "is for .tflite files"),
        ({"size": Size(30, 48)}, "both sides must be multiples of 8, e.g. 32x48"),
        ({"batch": 0}, "--batch 0"),
        ({"calibrate": Path("x"), "precisions": ("fp32",)}, "--calibrate is for int8"),
        ({"allow_drop": 0.01, "precisions": ("fp16",)}, "--allow-drop is for dynamic and int8"),
    ],
)
def test_impossible_wishes_are_refused_before_any_work(tmp_path, change, message):
    with pytest.raises(PocketmatteError, match=message):
        write_bundle(weights(tmp_path, "bright"), tmp_path / "out", Request(**change))
    assert not (tmp_path / "out").exists()


def test_a_video_model_has_no_aligned_variant(tmp_path):
    with pytest.raises(PocketmatteError, match="for still models"):
        write_bundle(weights(tmp_path, "f", prior=True), tmp_path / "out", Request(("litert",), variant="aligned4"))


def test_sizes_and_models_are_found_or_refused(tmp_path, monkeypatch):
    assert parse_size("144x256") == Size(144, 256)
    assert parse_size("96") == Size(96, 96)
    for words in ("0x4", "a", "1x2x3", ""):
        with pytest.raises(PocketmatteError, match="expected HxW"):
            parse_size(words)
    (tmp_path / "weights/own").mkdir(parents=True)
    (tmp_path / "weights/own/own.pt").write_bytes(b"")
    (tmp_path / "best.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert resolve("own") == Path("weights/own/own.pt")
    assert resolve(tmp_path) == tmp_path / "best.pt"
    assert resolve("base").name == "base.pt"
    with pytest.raises(PocketmatteError, match="no trained weights called 'nobody'"):
        resolve("nobody")


@pytest.mark.parametrize("works", [True, False])
def test_edgetpu_compiler_is_used_when_it_is_on_the_path(tmp_path, monkeypatch, works):
    """A stand-in program: the real compiler exists for one system only."""
    program = tmp_path / "bin/edgetpu_compiler"
    program.parent.mkdir()
    body = 'cp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"' if works else "echo 'Model not quantized'; exit 1"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    model = tmp_path / "m.tflite"
    model.write_bytes(b"x")
    assert compile_for_edgetpu(model) is None
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    if works:
        assert compile_for_edgetpu(model) == tmp_path / "m_edgetpu.tflite"
    else:
        with pytest.raises(PocketmatteError, match="refuses m.tflite: Model not quantized"):
            compile_for_edgetpu(model)
