"""Every registered architecture keeps the contract that training and export rely on."""

import numpy as np
import pytest
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.data.drawn import draw_person
from pocketmatte.export.wrap import count_macs, count_parameters, input_names
from pocketmatte.models import TrainOutput, create_model, list_architectures, register
from pocketmatte.models.checkpoint import load_matching, load_weights, save_weights
from pocketmatte.models.efficientnet_lite import EfficientNetLite0, write_imagenet
from pocketmatte.models.mobilenet import Bottleneck
from tests.contracts.published import PUBLISHED

pytestmark = pytest.mark.build
# parameters after folding, multiply-adds at 256x256; a video twin has the budget of its tier. The architectures of the
# reference zoo have figures of their own: test_zoo_models.py
BUDGETS = {
    "matte-unet-lite0": (2_100_000, 600e6),
    "matte-nano": (150_000, 60e6),
    "matte-small": (600_000, 200e6),
    "matte-base": (2_100_000, 600e6),
    "matte-large": (8_000_000, 5000e6),
}
TIERS = ["nano", "small", "base", "large"]


@pytest.fixture(params=list_architectures())
def network(request):
    torch.manual_seed(0)
    return request.param, create_model(request.param)


def picture(model, n, height, width):
    return torch.randn(n, 3 + (input_names(model) == ("image", "prior")), height, width)


@pytest.mark.parametrize("size", [(96, 96), (64, 160)])
def test_forward_and_backward_at_two_aspect_ratios(network, size):
    _, model = network
    height, width = (side // model.stride * model.stride for side in size)
    out = model.train()(picture(model, 2, height, width))
    assert isinstance(out, TrainOutput)
    assert out.logits.shape == (2, 1, height, width)
    assert out.coarse.shape[:2] == (2, 1)
    assert out.fine.shape[1] == model.fine_channels
    assert out.deep.shape[1] == model.deep_channels
    assert out.coarse.shape[2:] == out.deep.shape[2:]
    (out.logits.mean() + out.coarse.mean()).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not without


def test_evaluation_gives_one_logit_map_and_repeats_itself(network):
    _, model = network
    x = picture(model, 1, 96, 96)
    with torch.no_grad():
        first, second = model.eval()(x), model(x)
    assert first.shape == (1, 1, 96, 96)
    assert torch.equal(first, second)


def test_budget(network):
    name, model = network
    if name.removesuffix("-video") not in BUDGETS:
        assert name in PUBLISHED
        return
    parameters, macs = BUDGETS[name.removesuffix("-video")]
    assert count_parameters(model) <= parameters
    assert count_macs(model, (256, 256)) <= macs


def test_weights_survive_a_file(network, tmp_path):
    name, model = network
    save_weights(tmp_path / "best.pt", model.state_dict(), name, {}, {"name": "x", "samples": 3})
    again, training = load_weights(tmp_path / "best.pt")
    assert training == {"name": "x", "samples": 3, "architecture": name}
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])


def test_only_operators_that_mobile_delegates_take(network):
    name, model = network
    kinds = {type(m).__name__ for m in model.modules() if not list(m.children())}
    allowed = {"Conv2d", "ConvTranspose2d", "BatchNorm2d", "ReLU", "ReLU6", "Identity", "Sigmoid", "Upsample"}
    # the zoo's networks resize by a function; PReLU leaves their exports as ReLU (test_zoo_models.py reads the files)
    assert kinds <= allowed | ({"Crop", "PReLU"} if name in PUBLISHED else set())
    for module in model.modules():
        if isinstance(module, torch.nn.Upsample):
            assert (module.mode, module.align_corners) == ("bilinear", False)


@pytest.mark.parametrize("tier", TIERS)
def test_video_twin_starts_as_the_still_network(tier, tmp_path):
    torch.manual_seed(1)
    still, twin = create_model(f"matte-{tier}").eval(), create_model(f"matte-{tier}-video").eval()
    save_weights(tmp_path / "still.pt", still.state_dict(), f"matte-{tier}", {}, {"name": "s"})
    matched = load_matching(twin, tmp_path / "still.pt")
    assert len(matched.widened) == 1
    assert matched.skipped == matched.unused == ()
    image, prior = torch.randn(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(twin(torch.cat([image, prior], 1)), still(image))


def test_matching_tensors_of_another_network_are_named(tmp_path):
    small, base = create_model("matte-small"), create_model("matte-base")
    save_weights(tmp_path / "small.pt", small.state_dict(), "matte-small", {}, {"name": "s"})
    matched = load_matching(base, tmp_path / "small.pt")
    assert "encoder.stem.0.conv.weight" in matched.loaded
    assert "decode8.skip.0.weight" in matched.skipped
    assert "skipped: " in str(matched)
    torch.save({"state": {"foreign": torch.zeros(1)}}, tmp_path / "foreign.pt")
    with pytest.raises(PocketmatteError, match="no tensor that fits"):
        load_matching(base, tmp_path / "foreign.pt")


@pytest.mark.parametrize("name", ["matte-small", "matte-base", "matte-base-video", "matte-large"])
def test_imagenet_weights_from_the_package_and_from_a_file(name, tmp_path):
    write_imagenet(tmp_path / "lite0.pt")
    one, two = create_model(name), create_model(name)
    one.load_pretrained_encoder()
    two.load_pretrained_encoder(tmp_path / "lite0.pt")
    for a, b in zip(one.encoder.state_dict().values(), two.encoder.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-3, atol=1e-3)
    stem = one.encoder.stem[0].conv.weight
    assert stem[:, :3].abs().sum() > 1
    assert (stem[:, 3:] == 0).all()


def test_narrowed_blocks_keep_the_channels_that_matter():
    """With half of the inner channels the features still follow those of the whole ImageNet network."""
    rng = np.random.default_rng(0)
    pictures = np.stack([draw_person(128, 128, rng)[0] for _ in range(4)]).transpose(0, 3, 1, 2)
    x = (torch.from_numpy(pictures).float() / 255 - 0.498) / 0.502
    whole, half = EfficientNetLite0().train(), EfficientNetLite0(expansion=3).train()
    whole.load_imagenet()
    half.load_imagenet()
    with torch.no_grad():
        pairs = zip(whole(x)[1:], half(x)[1:], strict=True)
    follow = [float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in pairs]
    assert follow[0] > 0.6
    assert min(follow) > 0.3


FROM_LITE0 = [
    "portrait-net",
    "portrait-net-video",
    "mobile-unet-deconv",
    "mobile-unet-bilinear",
    "deeplab-mnv2",
    "mobilenetv3-unet",
    "mobilenetv3-unet-050",
    "mobilenetv3-add",
]


@pytest.mark.parametrize("name", FROM_LITE0)
def test_mobilenet_encoders_start_from_lite0(name, tmp_path):
    """Every block is filled, from the package and from a file alike, and signals neither vanish nor blow up."""
    write_imagenet(tmp_path / "lite0.pt")
    one, two = create_model(name), create_model(name)
    before = {key: value.clone() for key, value in one.encoder.state_dict().items()}
    one.load_pretrained_encoder()
    two.load_pretrained_encoder(tmp_path / "lite0.pt")
    for key, value in one.encoder.state_dict().items():
        torch.testing.assert_close(value, two.encoder.state_dict()[key], rtol=2e-3, atol=1e-3)
        passed_on = key.startswith("part0.0.expand.1")  # a norm that starts as it was
        assert passed_on or key.endswith("num_batches_tracked") or not torch.equal(value, before[key]), key
    out = one.train()(torch.randn(2, 4 if "video" in name else 3, 128, 128).clamp(-1, 1))
    assert 0.1 < out.deep.std() < 10
    if "video" in name:
        assert (one.encoder.stem[0].conv.weight[:, 3:] == 0).all()


def test_blocks_of_the_same_shape_are_taken_as_they_are():
    net, source = create_model("portrait-net"), EfficientNetLite0()
    net.load_pretrained_encoder()
    source.load_imagenet()
    blocks = [m for m in net.encoder.modules() if isinstance(m, Bottleneck)]
    x = torch.randn(1, 24, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(
            blocks[2].eval().project[0].weight, source.blocks[2].project[0].weight, rtol=1e-3, atol=1e-3
        )
        # Lite0's own norms have a larger epsilon
        for norm in (m for m in blocks[2].modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.eps = 1e-3
        follow = torch.corrcoef(torch.stack([blocks[2](x).flatten(), source.eval().blocks[2](x).flatten()]))[0, 1]
    assert follow > 0.98  # apart from ReLU in place of ReLU6


def test_no_pretrained_weights_is_one_line():
    with pytest.raises(PocketmatteError, match="no ImageNet weights for SlimEncoder"):
        create_model("matte-nano").load_pretrained_encoder()


def test_foreign_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"no weights")
    with pytest.raises(PocketmatteError, match=r"x\.pt holds no trained weights"):
        load_weights(tmp_path / "x.pt")
    with pytest.raises(PocketmatteError, match="no weights at"):
        load_weights(tmp_path / "missing.pt")
    torch.save({"architecture": "matte-nano"}, tmp_path / "part.pt")
    with pytest.raises(PocketmatteError, match=r"part\.pt holds no trained weights"):
        load_weights(tmp_path / "part.pt")


def test_a_name_is_registered_once():
    name = list_architectures()[0]
    with pytest.raises(ValueError, match="twice"):
        register(name)(torch.nn.Identity)
    with pytest.raises(KeyError, match=name):
        create_model("no-such-net")


def test_counts_of_a_known_layer():
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(8))
    assert count_parameters(layer) == 3 * 8 * 9 + 8
    assert count_macs(layer, (32, 32)) == 16 * 16 * 3 * 8 * 9


def test_exported_video_network_takes_image_and_prior_and_agrees(tmp_path):
    """LiteRT and ONNX Runtime give what PyTorch gives, from inputs named image and prior."""
    from ai_edge_litert.interpreter import Interpreter
    from onnxruntime import InferenceSession

    from pocketmatte.export.litert import to_litert
    from pocketmatte.export.onnx import to_onnx

    torch.manual_seed(2)
    model = create_model("matte-nano-video").eval()
    to_litert(model, (64, 64), tmp_path / "v.tflite")
    to_onnx(model, (64, 64), tmp_path / "v.onnx")
    image, prior = torch.randn(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        alpha = torch.sigmoid(model(torch.cat([image, prior], 1))).numpy()
    run = Interpreter(str(tmp_path / "v.tflite")).get_signature_runner()
    last = {"image": image, "prior": prior}
    lite = run(**{name: x.permute(0, 2, 3, 1).contiguous().numpy() for name, x in last.items()})
    np.testing.assert_allclose(lite["alpha"].transpose(0, 3, 1, 2), alpha, atol=1e-5)
    session = InferenceSession(str(tmp_path / "v.onnx"))
    (onnx,) = session.run(["alpha"], {name: x.numpy() for name, x in last.items()})
    np.testing.assert_allclose(onnx, alpha, atol=1e-5)
