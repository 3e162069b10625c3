"""MobileNetV3-UNet: minimalistic MobileNetV3-small encoder, transposed convolutions, concatenated skips (224x224)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor, nn

from pocketmatte.models.decoders import ConcatDecoder
from pocketmatte.models.lite0_transfer import V3_SOURCES, start_from_lite0
from pocketmatte.models.mobilenet import MobileNet, mobilenet_v3_small_blocks, norm_act
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register

DEEP = 576


class MobileNetV3UNet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales what the encoder's blocks hand on and the decoder's filters;
    the stem, the widths inside the blocks and the last 576 channels stay. ``decoder`` and ``dropout``: see
    :class:`pocketmatte.models.mobile_unet.MobileUNet`.
    """

    def __init__(
        self, width: float = 1.0, decoder: str = "deconv", size: int = 224, dropout: float = 0.0, prior: bool = False
    ) -> None:
        filters = [round(n * width) for n in (256, 128, 64, 32, 16)]
        super().__init__(size, fine=filters[-1], deep=DEEP, prior=prior)
        self.encoder = MobileNet(16, mobilenet_v3_small_blocks(width), nn.ReLU, 3 + prior)
        self.last = nn.Sequential(nn.Conv2d(self.encoder.width, DEEP, 1, bias=False), *norm_act(DEEP))
        self.decoder = ConcatDecoder(DEEP, self.encoder.skip_widths[::-1], filters, decoder, dropout)
        self.head = nn.Conv2d(filters[-1], 1, 1)

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """Start the encoder from ImageNet weights of Lite0 (:mod:`pocketmatte.models.lite0_transfer`)."""
        start_from_lite0(self.encoder, V3_SOURCES, path)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, skips = self.encoder(x)
        deep = self.last(y)
        fine = self.decoder(deep, skips[::-1])
        return self.head(fine), fine, deep


register("mobilenetv3-unet")(MobileNetV3UNet)
register("mobilenetv3-unet-050")(partial(MobileNetV3UNet, width=0.5))
