"""Parameters (batch norms folded) and multiply-adds of the reference zoo's originals, and where ours mean to differ."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Published(NamedTuple):
    """``parameters`` and ``macs`` at ``size``; ``spared`` multiply-adds are those ours leaves out on purpose."""

    parameters: int
    macs: float
    size: int
    spared: float = 0.0
    options: Mapping[str, Any] = MappingProxyType({})


PUBLISHED = {
    "mobile-unet-deconv": Published(3_620_617, 526e6, 128),
    # the published order, resize first; the default convolves first
    "mobile-unet-bilinear": Published(3_620_617, 2020e6, 128, options={"decoder": "bilinear-wide"}),
    "mobilenetv3-unet": Published(2_552_241, 550e6, 224),
    "mobilenetv3-unet-050": Published(1_192_213, 222e6, 224),
    # one class instead of two, and the 1x1 head at 64 instead of 256
    "mobilenetv3-add": Published(940_122, 147.5e6, 256, spared=16 * 2 * 256**2 - 16 * 64**2),
    "prisma-net": Published(923_057, 1097.5e6, 256),
    "slim-net": Published(347_410, 296.5e6, 512, spared=8 * 4 * 256**2),
    # one class instead of two; the published 364.9 M are those of four input channels
    "portrait-net": Published(2_064_050, 364.9e6, 224, spared=9 * 8 * 224**2 + 9 * 32 * 112**2),
    "portrait-net-video": Published(2_064_050, 477e6, 256, spared=9 * 8 * 256**2),
    # half of the 1x1 after the concatenation reads a vector; 64 instead of 65 cells a side
    "deeplab-mnv2": Published(683_474, 2798e6, 512, spared=256 * 256 * 65**2 + (2798e6 - 277e6) * (1 - (64 / 65) ** 2)),
    # learnable parameters, batch norms not folded; one class instead of two in the 3x3 head, 1x1s and deep logits
    "sinet": Published(87_057, 130.3e6, 320, spared=27 * 320**2 + 48 * 80**2 + 144 * 40**2),
}
