"""The Java library gives what Python gives: tensors, mattes, golden vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import Size
from pocketmatte.ops.bitmask import FP16_BITS, FP32_BITS, pack_bits
from pocketmatte.ops.clean import clean_matte
from pocketmatte.ops.resize import place, resize
from pocketmatte.pipeline.golden import read_golden
from pocketmatte.pipeline.pipeline import load
from pocketmatte.pipeline.tensors import prepare, read_alpha
from pocketmatte.spec import InputSpec, Licences, ModelSpec, OutputSpec, StateSpec, WeightFile
from pocketmatte.zoo.find import list_models
from tests.clients.java import Cases, compile_client

pytestmark = pytest.mark.system

NET = Size(48, 64)
VECTORS = Path(__file__).parents[2] / "clients" / "web" / "test" / "vectors.npz"  # of all clients


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    compile_client(folder)
    return folder


@pytest.fixture
def cases(classes: Path, tmp_path: Path) -> Cases:
    return Cases(classes, tmp_path)


def picture(height: int, width: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = resize(rng.integers(0, 256, (7, 9, 3), np.uint8), (height, width), "bilinear").astype(int)
    return np.clip(smooth + rng.integers(-25, 26, smooth.shape), 0, 255).astype(np.uint8)


def spec_of(source: InputSpec | None = None, output: OutputSpec | None = None, states: tuple = ()) -> ModelSpec:
    return ModelSpec(
        name="made-up",
        version="1",
        summary="",
        architecture="",
        files=(WeightFile("made-up.tflite", "litert", "0" * 64, "fp32"),),
        input=source or InputSpec("image", NET),
        output=output or OutputSpec("alpha"),
        parameters=1,
        macs=1,
        licences=Licences("Apache-2.0", "Apache-2.0", True),
        states=states,
    )


@pytest.mark.parametrize("spec", [s for s in list_models() if s.golden], ids=lambda s: s.name)
def test_golden_vectors(cases: Cases, spec: ModelSpec) -> None:
    """The tensor from the golden picture as Python prepares it; the matte from the answer of the model's own file."""
    assert spec.folder is not None
    vectors = read_golden(spec)
    with load(spec.folder / "spec.json", temporal="off") as pipeline:
        prepared = prepare(vectors["image"], spec, "nhwc")
        states = {s.input: np.zeros(s.shape, np.float32) for s in spec.states}
        output = pipeline.session.run({spec.input.name: prepared.tensor, **states})[spec.output.name]
    height, width = vectors["image"].shape[:2]
    tensor = cases.add("tensor", spec=spec, image=vectors["image"])
    matte = cases.add("matte", spec=spec, image=vectors["image"], tensor=output, enlarge="bilinear")
    judged = cases.add("golden", spec=spec, golden=str(spec.folder / str(spec.golden)), output=output)
    cases.run()

    assert np.abs(cases.result(tensor, np.float32, prepared.tensor.shape) - prepared.tensor).max() <= 1e-5
    seen = prepared.geometry.crop(read_alpha(output, spec, "nhwc"))
    wanted = prepared.geometry.enlarge(clean_matte(seen, "unsure"))
    assert np.abs(cases.result(matte, np.float32, (height, width)) - wanted).max() <= 1e-5
    levels, difference, bound = json.loads((cases.folder / judged).read_text())
    assert levels <= 1.01  # as check_golden allows: the vectors are kept in half precision
    assert difference <= bound
    assert bound == pytest.approx(float(vectors["bound"]))


# Smaller and larger than the grid, one axis of each, thin, whole ratios, the very size.
SIZES = [
    (480, 640),
    (97, 131),
    (31, 200),
    (200, 33),
    (20, 30),
    (1, 90),
    (90, 1),
    (96, 128),
    (144, 192),
    (240, 256),
    NET,
]


@pytest.mark.parametrize("filter", ["area", "bilinear"])
@pytest.mark.parametrize("kind", ["squash", "letterbox"])
def test_tensors_of_all_sizes(cases: Cases, filter: str, kind: str) -> None:
    source = InputSpec("image", NET, "bgr", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), kind, filter, 117, channels=4)
    spec = spec_of(source)
    images = [picture(*size, seed=i) for i, size in enumerate(SIZES)]
    names = [cases.add("tensor", spec=spec, image=image) for image in images]
    cases.run()
    for name, image in zip(names, images, strict=True):
        wanted = prepare(image, spec, "nhwc").tensor
        assert np.abs(cases.result(name, np.float32, wanted.shape) - wanted).max() <= 1e-5, image.shape


def test_bytes_are_rounded_as_python_rounds_them(cases: Cases) -> None:
    image = picture(120, 180)
    sizes = [
        (60, 90),
        (40, 60),
        (24, 36),
        (20, 30),
        (15, 10),
        (61, 90),
        (120, 60),
        (30, 180),
        (130, 90),
        (240, 400),
        (7, 5),
    ]
    asked = [(size, how) for size in sizes for how in ("area", "bilinear")]
    names = [
        cases.add("resize", image=image, to_height=height, to_width=width, filter=how) for (height, width), how in asked
    ]
    cases.run()
    for name, (size, how) in zip(names, asked, strict=True):
        found = cases.result(name, np.uint8, (*size, 3)).astype(int)
        difference = np.abs(found - resize(image, size, how))
        assert difference.max() == 0, (size, how, difference.max(), np.mean(difference > 0))


OUTPUTS = {
    "alpha": (OutputSpec("y"), 1, lambda x: x),
    "alpha of three channels": (OutputSpec("y", "alpha", 2), 3, lambda x: x),
    "logits": (OutputSpec("y", "logits"), 1, lambda x: 8 * x - 4),
    "two logits": (OutputSpec("y", "two-logits", 1), 2, lambda x: 8 * x - 4),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("kind", ["squash", "letterbox"])
def test_mattes_of_every_kind_of_output(cases: Cases, name: str, kind: str) -> None:
    output, channels, change = OUTPUTS[name]
    spec = spec_of(InputSpec("image", NET, resize=kind), output)
    tensor = change(np.random.default_rng(1).uniform(-0.1, 1.1, (1, *NET, channels))).astype(np.float32)
    images = [picture(100, 70), picture(30, 150)]
    names = [cases.add("matte", spec=spec, image=i, tensor=tensor, enlarge="bilinear") for i in images]
    cases.run()
    for result, image in zip(names, images, strict=True):
        wanted = place(image.shape[:2], NET, kind).inverse(read_alpha(tensor, spec, "nhwc"))
        assert np.abs(cases.result(result, np.float32, wanted.shape) - wanted).max() <= 1e-5


def test_pieces_that_the_network_is_nowhere_sure_of_fade(cases: Cases) -> None:
    with np.load(VECTORS) as vectors:
        pieces, faded = vectors["pieces"], vectors["faded"]
    height, width = pieces.shape[1:]
    names = [cases.add("clean", alpha=matte, height=height, width=width) for matte in pieces]
    # As the pipeline does it, on the network's own cells and before the matte is enlarged.
    whole = spec_of(InputSpec("image", Size(height, width)))
    image = picture(2 * height, 2 * width)
    tensor = pieces[0].reshape(1, height, width, 1)
    enlarged = cases.add("matte", spec=whole, image=image, tensor=tensor, enlarge="bilinear")
    cases.run()
    for name, wanted in zip(names, faded, strict=True):
        assert np.abs(cases.result(name, np.float32, wanted.shape) - wanted).max() <= 1e-6
    wanted = resize(faded[0], image.shape[:2], "area")
    assert np.abs(cases.result(enlarged, np.float32, wanted.shape) - wanted).max() <= 1e-5


def test_guided_edges_follow_the_picture(cases: Cases) -> None:
    """A disc that the grid only knows roughly: the guided matte must be nearer to it than the interpolated one."""
    y, x = np.mgrid[:240, :320].astype(np.float32)
    truth = np.clip(70.5 - np.hypot(y - 120, x - 160), 0, 1).astype(np.float32)
    image = (40 + 160 * truth[..., None] + picture(240, 320)[..., :1] * 0.05).astype(np.uint8).repeat(3, axis=2)
    small = resize(truth, NET).reshape(1, *NET, 1)
    names = [cases.add("matte", spec=spec_of(), image=image, tensor=small, enlarge=e) for e in ("guided", "bilinear")]
    cases.run()
    guided, plain = (np.abs(cases.result(n, np.float32, truth.shape) - truth).mean() for n in names)
    assert guided < 0.5 * plain
    assert cases.result(names[0], np.float32, truth.shape).min() >= 0


def test_the_last_alpha_is_fed_back_and_forgotten_at_a_reset(cases: Cases) -> None:
    spec = spec_of(states=(StateSpec("prior", "alpha", (1, *NET, 1)),))
    answers = [np.random.default_rng(i).random((1, *NET, 1), np.float32) for i in range(4)]
    image = picture(60, 80)
    name = cases.add("video", spec=spec, image=image, steps=[cases.file(a) for a in answers])
    cases.run()
    fed = cases.result(name, np.float32, (4, *answers[0].shape))
    assert not fed[0].any()
    assert (fed[1] == answers[0]).all()
    assert (fed[2] == answers[1]).all()
    assert not fed[3].any()


@pytest.mark.parametrize("mirror", [0, 1])
def test_pictures_are_turned_upright(cases: Cases, mirror: int) -> None:
    image = picture(5, 8)
    argb = 255 << 24 | image[..., 0].astype(np.uint32) << 16 | image[..., 1].astype(np.uint32) << 8 | image[..., 2]
    turns = [0, 90, 180, 270, -90]
    names = [cases.add("turn", image=argb.astype("<u4"), degrees=degrees, mirror=mirror) for degrees in turns]
    cases.run()
    for name, degrees in zip(names, turns, strict=True):
        wanted = np.rot90(image, -degrees // 90)
        wanted = wanted[:, ::-1] if mirror else wanted
        assert (cases.result(name, np.uint8, wanted.shape) == wanted).all()


def test_camera_frames_with_padded_rows(cases: Cases) -> None:
    image = picture(6, 5)
    rows = np.full((6, 32), 99, np.uint8)
    rows[:, :20] = np.dstack([image, np.full((6, 5), 255, np.uint8)]).reshape(6, 20)
    whole, short = (rows.ravel()[:end] for end in (-12, -13))  # cameras leave out the padding of the last row
    size = {"height": 6, "width": 5, "stride": 32}
    name, refused = (cases.add("camera", image=cases.file(part), **size) for part in (whole, short))
    cases.run()
    wanted = np.rot90(image, -1)[:, ::-1]
    assert (cases.result(name, np.uint8, wanted.shape) == wanted).all()
    assert "32 in a row" in cases.error(refused)


@pytest.mark.parametrize(("kind", "zero"), [(np.int8, -128), (np.int8, 3), (np.uint8, 0), (np.uint8, 131)])
def test_eight_bits(cases: Cases, kind: type, zero: int) -> None:
    scale = np.float32(0.0078125)
    reals = np.concatenate([np.linspace(-3, 3, 4001), np.arange(-300, 300) * 0.5 * scale]).astype(np.float32)
    signed = int(np.issubdtype(kind, np.signedinteger))
    name = cases.add("quantize", reals=reals, scale=repr(float(scale)), zero=zero, signed=signed)
    cases.run()
    limits = np.iinfo(kind)
    wanted = np.clip(np.rint(reals / scale) + zero, limits.min, limits.max).astype(kind)
    assert (cases.result(name, kind, reals.shape) == wanted).all()
    back = (wanted.astype(np.float32) - zero) * scale
    assert np.abs(cases.result(name + ".back", np.float32, reals.shape) - back).max() <= 1e-6


def test_packed_masks(cases: Cases) -> None:
    rng = np.random.default_rng(2)
    masks = [
        (bits, rng.integers(0, 2, (9, width), np.uint8)) for bits in (FP32_BITS, FP16_BITS, 1) for width in (64, 37)
    ]
    names = [
        cases.add("unpack", packed=pack_bits(mask, bits), height=9, width=mask.shape[1], bits=bits)
        for bits, mask in masks
    ]
    lost = pack_bits(masks[0][1]).astype(np.float16).astype(np.float32) + np.float32(1 / 1024)
    refused = cases.add("unpack", packed=lost, height=9, width=64, bits=16)
    short = cases.add("unpack", packed=pack_bits(masks[0][1]), height=9, width=65, bits=16)
    cases.run()
    for name, (_, mask) in zip(names, masks, strict=True):
        assert (cases.result(name, np.uint8, mask.shape) == mask).all()
    assert "no pattern of 16 bits" in cases.error(refused)
    assert "do not hold" in cases.error(short)


BROKEN: dict[str, tuple[Callable[[ModelSpec], str], str]] = {
    "newer": (lambda s: s.to_json().replace('"schema": 1', '"schema": 2'), "expected schema 1"),
    "cut off": (lambda s: s.to_json()[:200], "JSON, character 200"),
    "trailing": (lambda s: s.to_json() + "x", "expected the end, found 'x'"),
    "batch": (lambda s: replace(s, input=replace(s.input, batch=4)).to_json(), "expected one picture"),
    "kind": (lambda s: s.to_json().replace('"kind": "alpha"', '"kind": "beta"'), "found beta"),
    "mean": (lambda s: s.to_json().replace('"mean": [', '"mean": ["x",'), "number(s) for mean"),
    "nested": (lambda _: "[" * 5000, "at most 100 levels"),
    "no object": (lambda _: "[]", "expected an object"),
    "bad escape": (lambda _: '{"a": "\\x"}', "an escape"),
    "leading zero": (lambda _: '{"a": 01}', "a value"),
}


def test_broken_specs_are_refused_in_plain_words(cases: Cases) -> None:
    names = {}
    for what, (spoil, _) in BROKEN.items():
        file = f"{what}.json"
        (cases.folder / file).write_text(spoil(spec_of()))
        names[what] = cases.add("spec", spec=file)
    cases.run()
    for what, (_, words) in BROKEN.items():
        assert words in cases.error(names[what]), what
