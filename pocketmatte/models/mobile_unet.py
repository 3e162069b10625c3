"""Mobile-UNet: MobileNetV2 x0.5 encoder, wide dense decoder, concatenated skips (128x128).

The bilinear variant convolves before it resizes: as published, with the resize first, five convolutions took 1,991 of
2,020 M multiply-adds. ``decoder="bilinear-wide"`` is the published order.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor, nn

from pocketmatte.models.decoders import ConcatDecoder
from pocketmatte.models.lite0_transfer import V2_SOURCES, start_from_lite0
from pocketmatte.models.mobilenet import MobileNet, mobilenet_v2_blocks
from pocketmatte.models.portrait_model import PortraitModel, rounded
from pocketmatte.models.registry import register


class MobileUNet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales the encoder, ``decoder`` is one of ``decoders.DECODERS``.

    ``dropout`` sits between batch norm and activation as published (there 0.5); 0 by default, as a few ten thousand
    composites that never repeat leave nothing to overfit to.
    """

    def __init__(
        self, decoder: str = "deconv", width: float = 0.5, size: int = 128, dropout: float = 0.0, prior: bool = False
    ) -> None:
        super().__init__(size, fine=32, deep=rounded(320 * width), prior=prior)
        self.encoder = MobileNet(rounded(32 * width), mobilenet_v2_blocks(width), nn.ReLU6, 3 + prior)
        skips = self.encoder.skip_widths[::-1]
        self.decoder = ConcatDecoder(self.encoder.width, skips, (512, 256, 128, 64, 32), decoder, dropout)
        self.head = nn.Conv2d(32, 1, 1)

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """Start the encoder from ImageNet weights of Lite0 (:mod:`pocketmatte.models.lite0_transfer`)."""
        start_from_lite0(self.encoder, V2_SOURCES, path)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        deep, skips = self.encoder(x)
        fine = self.decoder(deep, skips[::-1])
        return self.head(fine), fine, deep


register("mobile-unet-deconv")(MobileUNet)
register("mobile-unet-bilinear")(partial(MobileUNet, decoder="bilinear"))
