"""The architectures of the reference zoo are the published ones, and their exports compute what PyTorch does."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pocketmatte.export.rewrites_torch import fold_batch_norm
from pocketmatte.export.wrap import count_macs, count_parameters, input_names
from pocketmatte.models import create_model, mobilenet
from pocketmatte.models.checkpoint import load_matching, save_weights
from pocketmatte.models.decoders import UpBlock
from pocketmatte.models.deeplab import DeepLab
from pocketmatte.models.portrait_model import rounded
from pocketmatte.models.portrait_net import Up
from pocketmatte.models.sinet import LEVEL2, LEVEL3, Entry, SqueezeModule
from pocketmatte.models.slim_net import UpBottleneck
from pocketmatte.zoo.cards import list_cards
from tests.contracts.published import PUBLISHED

pytestmark = pytest.mark.build
# what may stand in an exported graph: every one is taken by the LiteRT GPU delegate and by XNNPACK
LITERT_OPERATORS = {
    *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC", "MAX_POOL_2D", "MEAN"),
    *("MUL", "PAD", "RELU", "RESIZE_BILINEAR", "SLICE", "SUB", "TRANSPOSE_CONV", "ABS", "STRIDED_SLICE", "MAXIMUM"),
}
ONNX_OPERATORS = {
    *("Abs", "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Constant", "Conv", "ConvTranspose"),
    *("MaxPool", "Mul", "PRelu", "ReduceMean", "Relu", "Resize", "Sigmoid", "Slice", "Sub"),
}
SIDE = 64


def stirred(name, **options):
    """The architecture with fresh weights, stirred."""
    torch.manual_seed(3)
    return stir(create_model(name, **options))


def stir(network):
    """Batch norms and slopes with which a mistake in their folding would show."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.3, 0.5)
    return network.eval()


def answer(network, side=SIDE):
    """Inputs by name and the alpha of the network."""
    image, prior = torch.randn(1, 3, side, side), torch.rand(1, 1, side, side)
    inputs = {name: {"image": image, "prior": prior}[name] for name in input_names(network)}
    with torch.no_grad():
        return inputs, torch.sigmoid(network(torch.cat(list(inputs.values()), 1))).numpy()


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_macs_are_the_published_ones(name):
    published = PUBLISHED[name]
    network = create_model(name, **published.options)
    parameters = count_parameters(network)
    if name == "sinet":
        parameters = sum(p.numel() for p in network.parameters())
    assert parameters == pytest.approx(published.parameters, rel=0.01)
    macs = count_macs(network, (published.size, published.size))
    assert macs + published.spared == pytest.approx(published.macs, rel=0.01)
    assert macs <= published.macs * 1.01


def test_bilinear_mobile_unet_spares_three_quarters_of_the_arithmetic():
    published = PUBLISHED["mobile-unet-bilinear"]
    network = create_model("mobile-unet-bilinear")
    assert count_parameters(network) == published.parameters
    assert count_macs(network, (128, 128)) < 0.27 * published.macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_width_size_and_decoder_are_arguments(name):
    network = create_model(name)
    video = input_names(network) == ("image", "prior")
    other = create_model(name, width=0.25, size=2 * network.stride)
    assert other.size == 2 * network.stride
    assert count_parameters(other) < count_parameters(network)
    x = torch.randn(1, 3 + video, other.size, other.size)
    with torch.no_grad():
        assert other.eval()(x).shape == (1, 1, other.size, other.size)
    with pytest.raises(ValueError, match="multiple of"):
        create_model(name, size=network.stride + 1)


@pytest.mark.parametrize(
    ("name", "decoder"),
    [("mobile-unet-deconv", "bilinear"), ("mobilenetv3-unet", "bilinear"), ("portrait-net", "bilinear")],
)
def test_decoders_can_be_exchanged(name, decoder):
    network = create_model(name, decoder=decoder).eval()
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in network.modules())
    assert answer(network)[1].shape == (1, 1, SIDE, SIDE)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_pixel_of_the_matte_looks_about_itself(name):
    """Where the centre's logit reads from, before anything was learned: no step shifts the picture noticeably."""
    torch.manual_seed(5)
    network = create_model(name).eval()
    side = 128
    x = torch.randn(4, 2 + len(input_names(network)), side, side, requires_grad=True)
    network(x)[:, 0, side // 2, side // 2].sum().backward()
    weight = x.grad.abs().sum((0, 1))
    for axis in (0, 1):
        where = (weight.sum(axis) * (torch.arange(side) + 0.5)).sum() / weight.sum()
        assert abs(float(where) - side / 2) < 6


# the others are siblings of one of these
@pytest.mark.parametrize(
    "name",
    [
        *("mobilenetv3-unet-050", "mobilenetv3-add", "prisma-net"),
        *("slim-net", "portrait-net-video", "deeplab-mnv2", "sinet"),
    ],
)
def test_onnx_agrees_and_has_only_listed_operators(name, tmp_path):
    import onnx
    from onnxruntime import InferenceSession

    from pocketmatte.export.onnx import to_onnx

    network = stirred(name)
    to_onnx(network, (SIDE, SIDE), tmp_path / "x.onnx")
    inputs, alpha = answer(network)
    session = InferenceSession(str(tmp_path / "x.onnx"))
    (found,) = session.run(["alpha"], {key: x.numpy() for key, x in inputs.items()})
    # fresh weights may answer nearly the same everywhere: agree to a small part of what differs at all
    np.testing.assert_allclose(found, alpha, rtol=0, atol=min(2e-5, 0.02 * alpha.std()))
    assert {node.op_type for node in onnx.load(tmp_path / "x.onnx").graph.node} <= ONNX_OPERATORS


class Sample(nn.Module):
    """The blocks whose conversion is not plain: cut transposed convolution, PReLU, grouping, pooling, dilation.

    A whole network takes the converter a minute; `pocketmatte export` checks each of those it writes.
    """

    inputs = ("image",)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 2, 2), nn.PReLU(8))
        self.squeeze = nn.Sequential(Entry(8, 8, 2), SqueezeModule(8, 8, ((3, 1), (5, 2)), residual=True))
        self.up = UpBottleneck(8, 4, 8, 4, 0, "prelu")
        self.far = mobilenet.Bottleneck(8, mobilenet.Block(16, 8, 1, 2), nn.ReLU6)
        self.last = nn.Sequential(UpBlock(8, 4, "deconv", 0.0), nn.Conv2d(4, 1, 1))

    def forward(self, x):
        y = self.squeeze(self.stem(x))
        return self.last(self.far(self.up(y, y, None)))


def test_litert_agrees_and_has_only_listed_operators(tmp_path):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from pocketmatte.export.convert import ALWAYS
    from pocketmatte.export.litert import to_litert
    from pocketmatte.export.rewrites import rewrite_file

    torch.manual_seed(3)
    network = stir(Sample())
    to_litert(network, (SIDE, SIDE), tmp_path / "x.tflite")
    counts = rewrite_file(tmp_path / "x.tflite", tmp_path / "x.tflite", ALWAYS)
    assert counts["prelu-to-max"] == sum(isinstance(m, nn.PReLU) for m in network.modules())
    assert counts["merge-affine"] == 1  # the batch norm behind the sum in the squeeze module
    inputs, alpha = answer(network)
    plain = Interpreter(
        str(tmp_path / "x.tflite"), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    assert {entry["op_name"] for entry in plain._get_ops_details()} <= LITERT_OPERATORS
    run = Interpreter(str(tmp_path / "x.tflite")).get_signature_runner()
    found = run(image=inputs["image"].permute(0, 2, 3, 1).contiguous().numpy())
    assert alpha.std() > 1e-3
    np.testing.assert_allclose(found["alpha"].transpose(0, 3, 1, 2), alpha, atol=2e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_export_folds_every_batch_norm_that_follows_a_convolution(name):
    """Those of transposed convolutions too; what is left in SINet stands after sums and concatenations."""
    network = stirred(name)
    folded, count = fold_batch_norm(network)
    rest = sum(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert count + rest == sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert rest == (len(LEVEL2) + len(LEVEL3) + 3 if name == "sinet" else 0)
    torch.manual_seed(1)
    _, before = answer(network)
    torch.manual_seed(1)
    _, after = answer(folded.eval())
    np.testing.assert_allclose(after, before, atol=2e-5)


def test_deeplab_trains_at_stride_16_and_answers_at_8():
    network = create_model("deeplab-mnv2")
    x = torch.randn(2, 3, 64, 64)
    assert network.train()(x).deep.shape[2:] == (4, 4)
    assert network.eval().look(x)[2].shape[2:] == (8, 8)
    dilated = [(m.in_channels, m.dilation[0]) for m in network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    # 16 channels at a time: the block widths 192 and 288 see every second pixel, 480 every fourth
    assert {d for width, d in dilated if width == 480} == {4}
    assert {d for width, d in dilated if width == 288} == {2}
    assert {d for width, d in dilated if width in (48, 72)} == {1}
    with pytest.raises(ValueError, match="output strides"):
        DeepLab(strides=(4, 8))


def test_sinet_trains_in_two_stages(tmp_path):
    """The encoder's weights start the whole network, which then says the same at 1/8."""
    encoder = stirred("sinet", part="encoder")
    save_weights(tmp_path / "encoder.pt", encoder.state_dict(), "sinet", {"part": "encoder"}, {"name": "e"})
    whole = create_model("sinet").eval()
    matched = load_matching(whole, tmp_path / "encoder.pt")
    assert matched.unused == ()
    assert all(n.startswith(("lift", "detail", "blend", "head")) for n in matched.skipped)
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(whole.coarse(whole.look(x)[2]), encoder.coarse(encoder.look(x)[2]))
    with pytest.raises(ValueError, match="encoder or network"):
        create_model("sinet", part="decoder")


def test_transposed_convolution_of_portrait_net_starts_as_the_bilinear_resize():
    x = torch.randn(1, 5, 6, 8)
    with torch.no_grad():
        inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
        torch.testing.assert_close(Up(5, "deconv")(x)[inside], Up(5, "bilinear")(x)[inside])


def test_widths_follow_the_rule_of_mobilenet():
    assert [rounded(n) for n in (4, 8, 12, 20, 24, 48, 80)] == [8, 8, 16, 24, 24, 48, 80]


def test_cards_of_the_zoo_say_what_the_networks_are():
    """zoo/architectures.json is read without torch; `python -m benchmarks.architectures` writes it."""
    cards = {card.name: card for card in list_cards()}
    assert set(cards) == set(PUBLISHED)
    for name, card in cards.items():
        network = create_model(name)
        assert card.parameters == count_parameters(network)
        assert card.input == (network.size, network.size, 3 + (input_names(network) == ("image", "prior")))
        assert card.macs == count_macs(network, (network.size, network.size))
        config = Path(__file__).parents[2] / card.config
        assert config.is_file()
    assert json.loads((Path(__file__).parents[2] / "pocketmatte/zoo/architectures.json").read_text())
