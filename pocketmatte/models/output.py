"""What a network returns while it trains; in evaluation mode every network returns the logits alone."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class TrainOutput(NamedTuple):
    """``logits`` ``[N,1,H,W]``; the rest is for auxiliary losses and ``None`` where a network has nothing to offer.

    ``coarse``: deep supervision, logits ``[N,1,h,w]`` at a fraction of the size. ``fine``: the last features before
    the head ``[N,c,H/k,W/k]``. ``deep``: the features with the widest view ``[N,c,h,w]``.
    """

    logits: Tensor
    coarse: Tensor | None = None
    fine: Tensor | None = None
    deep: Tensor | None = None
