"""The networks that the architecture search compares: one idea changed at a time, around the `nano` tier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pocketmatte.models import create_model, list_architectures, register
from pocketmatte.models.blocks import Context, Decode, upsample2
from pocketmatte.models.efficientnet_lite import EfficientNetLite0
from pocketmatte.models.matte_unet import MatteUNet
from pocketmatte.models.slim_encoder import SlimEncoder, SlimStage

PREFIX = "search/"
NANO = (
    SlimStage(20, 1, kernel=3, expand=1, halve=1),
    SlimStage(32, 1, kernel=5),
    SlimStage(56, 3, kernel=5),
    SlimStage(72, 1, kernel=5),
)


@dataclass(frozen=True)
class Candidate:
    """``question`` that it belongs to, how to ``build`` it, side of its square ``input``; ``note`` for the table."""

    name: str
    question: str
    note: str
    build: Callable[[], nn.Module]
    input: int = 256


class Coarse(SlimEncoder):
    """Offers no features at half the size: the decoder ends at a quarter."""

    def __init__(self, stem: int, stages: tuple[SlimStage, ...]) -> None:
        super().__init__(stem, stages)
        self.widths = self.widths[1:]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at strides 4, 8 ..."""
        return super().forward(x)[1:]


class Patches(SlimEncoder):
    """A 4x4 convolution of stride 4 at once: nothing ever runs at half the size."""

    def __init__(self, stem: int, stages: tuple[SlimStage, ...]) -> None:
        super().__init__(stem, stages)
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 4, 4, bias=False), nn.BatchNorm2d(stem), nn.ReLU6())


class DecodeLate(Decode):
    """Enlarges all channels and reduces them after: the 1x1 runs on four times the pixels."""

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Join ``x`` and the ``skip`` of twice its size."""
        up, skip = self.squeeze(upsample2(x)), self.skip(skip)
        y: Tensor = self.mix(up + skip if self.add else torch.cat([up, skip], 1))
        return y


def slim(
    stages: tuple[SlimStage, ...] = NANO, stem: int = 16, join: str = "add", head: str = "linear", late: bool = False
) -> MatteUNet:
    """The `nano` tier with parts exchanged."""
    encoder = SlimEncoder(stem, stages)
    context = Context(encoder.widths[-1], 72, blocks=1, halve=False)
    network = MatteUNet(encoder, context, (48, 32, 16, 8), detail=False, join=join, head=head)
    if late:
        cin = context.width
        for step, skip, cout in zip((16, 8, 4, 2), encoder.widths[-2::-1], (48, 32, 16, 8), strict=True):
            setattr(network, f"decode{step}", DecodeLate(cin, skip, cout, join))
            cin = cout
    return network


def quarter(encoder: SlimEncoder, learned: bool) -> MatteUNet:
    """A decoder that ends at a quarter of the size; the last x4 is bilinear or a transposed 4x4 convolution."""
    context = Context(encoder.widths[-1], 72, blocks=1, halve=False)
    network = MatteUNet(encoder, context, (48, 32, 16), detail=False, join="add")
    network.stride *= 2  # its features begin at a quarter
    if learned:
        network.head = nn.ConvTranspose2d(16, 1, 4, stride=4)
    else:
        enlarge = nn.Upsample(scale_factor=4.0, mode="bilinear", align_corners=False)
        network.head = nn.Sequential(nn.Conv2d(16, 1, 1), enlarge)
    return network


def lite0(repeats: tuple[int, ...], expansion: int, widths: tuple[int, ...], context: int) -> MatteUNet:
    """A Lite0 encoder, without its ImageNet weights, before the decoder of the tiers."""
    encoder = EfficientNetLite0(repeats, expansion=expansion)
    return MatteUNet(encoder, Context(encoder.widths[-1], context, halve=False), widths, detail=False, join="add")


_KERNELS_3 = tuple(SlimStage(s.width, s.repeats, 3, s.expand, s.halve) for s in NANO)
_MOBILENET_V2 = (
    SlimStage(12, 1, 3, 6, 4),
    SlimStage(16, 2, 3, 6, 6),
    SlimStage(32, 3, 3, 6, 6),
    SlimStage(56, 1, 3, 6, 6),
)
_MOBILENET_V3 = (
    SlimStage(16, 0, 3, 1, 1),
    SlimStage(24, 1, 3, 4, 4),
    SlimStage(40, 3, 5, 4, 4),
    SlimStage(80, 1, 5, 4, 4),
)


def _networks() -> Iterator[Candidate]:
    yield Candidate("nano", "reference", "slim encoder, 5x5 kernels, add, bilinear x2 of one channel", slim)
    name = "encoder"
    yield Candidate("kernels 3x3", name, "slim encoder with 3x3 kernels only", lambda: slim(_KERNELS_3))
    yield Candidate("mobilenetv2", name, "expansion 6, 3x3, widths of a 0.5 MobileNetV2", lambda: slim(_MOBILENET_V2))
    note = "expansion 4, 5x5 below 1/8, the proportions of V3-small"
    yield Candidate("mobilenetv3", name, note, lambda: slim(_MOBILENET_V3))
    note = "Lite0, one block a stage, expansion 2"
    yield Candidate("lite0 thin", name, note, lambda: lite0((1,) * 6, 2, (48, 32, 16, 8), 72))
    note = "the `small` tier: Lite0 with half of the inner channels"
    yield Candidate("lite0 half", name, note, lambda: lite0((1, 2, 2, 3, 2, 1), 3, (56, 32, 24, 16), 128))
    for side in (192, 224):
        yield Candidate(f"input {side}", "input", f"nano at {side}x{side}", slim, side)
    name = "down-sampling"
    yield Candidate(
        "patches 4x4", name, "4x4 convolution of stride 4 first", lambda: quarter(Patches(24, NANO[1:]), False)
    )
    name = "up-sampling"
    yield Candidate("learned x2", name, "2x2 transposed convolution at the end", lambda: slim(head="learned"))
    yield Candidate("bilinear x4", name, "decoder ends at 1/4, bilinear x4", lambda: quarter(Coarse(16, NANO), False))
    yield Candidate("learned x4", name, "decoder ends at 1/4, 4x4 transposed", lambda: quarter(Coarse(16, NANO), True))
    yield Candidate("1x1 after resize", name, "enlarge all channels, then reduce", lambda: slim(late=True))
    yield Candidate("concat", "skips", "skips joined by concatenation", lambda: slim(join="concat"))


CANDIDATES = tuple(_networks())


def enter_all() -> None:
    """Make the candidates known to the training code, under ``search/NAME``."""
    for candidate in CANDIDATES:
        if PREFIX + candidate.name not in list_architectures():
            register(PREFIX + candidate.name)(candidate.build)


def build(candidate: Candidate) -> nn.Module:
    """The candidate with the same random weights every time."""
    enter_all()
    torch.manual_seed(0)
    return create_model(PREFIX + candidate.name).eval()
