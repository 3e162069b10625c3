"""What the networks of the reference zoo have in common: one logit out, one normalisation, heads for training only.

Deviations from the originals that hold for all of them: pictures are RGB in -1..1 (the originals used six different
conventions, some of them by accident), one logit instead of two classes (softmax over two classes is the sigmoid of
their difference), bilinear resizes have half-pixel centres, and the result keeps its height and width.
"""

from __future__ import annotations

from torch import Tensor, nn

from pocketmatte.models.output import TrainOutput


class PortraitModel(nn.Module):
    """``[N,3,H,W]`` RGB in -1..1 (``[N,4,H,W]`` with ``prior``, 0..1) -> matte logits ``[N,1,H,W]``.

    H and W are multiples of ``stride``; ``size`` is the side of the square pictures it is exported for. ``fine`` and
    ``deep`` are the channels of the features that training may look at. Subclasses implement :meth:`look`; with
    ``coarse`` off also :meth:`coarse`.
    Raises ``ValueError`` when ``size`` is no multiple of ``stride``.
    """

    mean: float = 0.5
    std: float = 0.5
    stride: int = 32

    def __init__(self, size: int, fine: int, deep: int, prior: bool = False, coarse: bool = True) -> None:
        super().__init__()
        if size % self.stride:
            raise ValueError(f"input size {size}: expected a multiple of {self.stride}")
        self.size = size
        self.inputs = ("image", "prior") if prior else ("image",)
        self.fine_channels, self.deep_channels = fine, deep
        # deep supervision, in training only; counts and exports leave it out
        self.coarse_head = nn.Conv2d(deep, 1, 1) if coarse else nn.Identity()

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, the last features before the head, and the deepest features."""
        raise NotImplementedError

    def coarse(self, deep: Tensor) -> Tensor:
        """Small logits for deep supervision."""
        y: Tensor = self.coarse_head(deep)
        return y

    def forward(self, x: Tensor) -> Tensor | TrainOutput:
        logits, fine, deep = self.look(x)
        if not self.training:
            return logits
        return TrainOutput(logits, self.coarse(deep), fine, deep)


def rounded(channels: float) -> int:
    """A width times a multiplier, to the nearest multiple of 8 but at least 90 % of it (MobileNet's rule)."""
    width = max(8, int(channels + 4) // 8 * 8)
    return width + 8 if width < 0.9 * channels else width
