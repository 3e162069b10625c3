"""MatteUNet: the project's own family. An encoder, a context stage, and a narrow decoder whose last step is a learned
2x2 up-sampling of one channel, so that nothing heavy ever runs at full network resolution."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.models.blocks import Context, Decode, Separable
from pocketmatte.models.efficientnet_lite import EfficientNetLite0
from pocketmatte.models.output import TrainOutput
from pocketmatte.models.slim_encoder import SlimEncoder


class LinearHead(nn.Sequential):
    """1x1 to one logit, then bilinear x2: four to five times faster on a phone's CPU than a transposed convolution."""

    def __init__(self, cin: int) -> None:
        super().__init__(nn.Conv2d(cin, 1, 1), nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False))


class MatteUNet(nn.Module):
    """``[N,3,H,W]`` normalised RGB -> matte logits ``[N,1,H,W]``; H and W are multiples of ``stride``.

    With ``prior`` the input has a fourth channel, the alpha of the previous frame in 0..1 (zeros when there is none),
    and ``inputs`` says so. ``widths`` are the channels after each decoder step, deepest first, one
    fewer than the encoder has features. In training mode returns a :class:`TrainOutput`.
    """

    mean: float = 0.498
    std: float = 0.502

    def __init__(
        self,
        encoder: EfficientNetLite0 | SlimEncoder,
        context: Context,
        widths: tuple[int, ...],
        *,
        prior: bool = False,
        detail: bool = True,
        join: str = "concat",
        mix: str = "separable",
        head: str = "linear",
    ) -> None:
        super().__init__()
        channels = encoder.widths
        self.encoder, self.context = encoder, context
        self.inputs = ("image", "prior") if prior else ("image",)
        self.stride = 2 ** (len(channels) + context.halve)
        self.steps = [2**n for n in range(len(channels) - 1, 0, -1)]
        width = deep = context.width
        for step, skip, cout in zip(self.steps, channels[-2::-1], widths, strict=True):
            self.add_module(f"decode{step}", Decode(width, skip, cout, join, mix))
            width = cout
        self.detail: nn.Module = Separable(width, width) if detail else nn.Identity()
        self.head: nn.Module = nn.ConvTranspose2d(width, 1, 2, stride=2) if head == "learned" else LinearHead(width)
        self.coarse_head = nn.Conv2d(deep, 1, 1)
        self.fine_channels, self.deep_channels = width, deep

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """ImageNet weights for the encoder, from a file or the installed package.

        Raises :class:`PocketmatteError` when there are none for this encoder.
        """
        if not isinstance(self.encoder, EfficientNetLite0):
            raise PocketmatteError(f"there are no ImageNet weights for {type(self.encoder).__name__}")
        self.encoder.load_imagenet(path)

    def forward(self, x: Tensor) -> Tensor | TrainOutput:
        features = self.encoder(x)
        y = deep = self.context(features[-1])
        for step, skip in zip(self.steps, features[-2::-1], strict=True):
            y = self.get_submodule(f"decode{step}")(y, skip)
        y = self.detail(y)
        logits: Tensor = self.head(y)
        return TrainOutput(logits, self.coarse_head(deep), y, deep) if self.training else logits
