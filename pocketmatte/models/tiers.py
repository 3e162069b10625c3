"""The tiers: members of the MatteUNet family cut to a budget, each also as a video twin with a prior input.

A twin has the still network's tensors with one more input channel in its first convolution, so that
``train --init`` starts it from the still weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pocketmatte.models.blocks import Context
from pocketmatte.models.efficientnet_lite import EfficientNetLite0
from pocketmatte.models.matte_unet import MatteUNet
from pocketmatte.models.registry import register
from pocketmatte.models.slim_encoder import SlimEncoder, SlimStage


def matte_nano(prior: bool = False) -> MatteUNet:
    """At most 60 M multiply-adds and 0.15 M parameters at 256x256; no pretrained weights, made to be distilled."""
    stages = [
        SlimStage(20, 1, kernel=3, expand=1, halve=1),
        SlimStage(32, 1, kernel=5),
        SlimStage(56, 3, kernel=5),
        SlimStage(72, 1, kernel=5),
    ]
    encoder = SlimEncoder(16, stages, 3 + prior)
    context = Context(encoder.widths[-1], 72, blocks=1, halve=False)
    return MatteUNet(encoder, context, (48, 32, 16, 8), prior=prior, detail=False, join="add")


def matte_small(prior: bool = False) -> MatteUNet:
    """At most 200 M multiply-adds and 0.6 M parameters at 256x256; Lite0 with half of each block's inner channels."""
    encoder = EfficientNetLite0((1, 2, 2, 3, 2, 1), expansion=3, channels=3 + prior)
    context = Context(encoder.widths[-1], 128, halve=False)
    return MatteUNet(encoder, context, (56, 32, 24, 16), prior=prior, detail=False, join="add")


def matte_base(prior: bool = False) -> MatteUNet:
    """At most 600 M multiply-adds and 2.1 M parameters at 256x256; Lite0 to stride 16, learned up-sampling at the end.

    Half the parameters that the budget allows: stages at stride 32 would double the file for a context that
    :class:`Context` gives at a tenth of it, and six tiers have to fit into one wheel.
    """
    encoder = EfficientNetLite0(channels=3 + prior)
    return MatteUNet(encoder, Context(encoder.widths[-1], 128), (64, 40, 24), prior=prior, head="learned")


def matte_large(prior: bool = False) -> MatteUNet:
    """The teacher: all of Lite0 and a wide decoder of dense convolutions; 5 M parameters, no budget."""
    encoder = EfficientNetLite0((1, 2, 2, 3, 3, 4, 1), channels=3 + prior)
    context = Context(encoder.widths[-1], 320, blocks=3, halve=False)
    return MatteUNet(encoder, context, (192, 128, 96, 64), prior=prior, mix="dense")


_TIERS: dict[str, Callable[..., MatteUNet]] = {
    "matte-unet-lite0": matte_base,  # what it was called when the first model, portrait-lite0, was trained
    "matte-nano": matte_nano,
    "matte-small": matte_small,
    "matte-base": matte_base,
    "matte-large": matte_large,
}
for _name, _constructor in _TIERS.items():
    register(_name)(_constructor)
    register(f"{_name}-video")(partial(_constructor, prior=True))
