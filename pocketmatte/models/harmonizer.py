"""The harmoniser: a composite and its matte in, one colour transform of the person out.

It stays outside the registry of matting networks: it predicts some numbers, not a matte. What the numbers mean is
written down in :mod:`pocketmatte.effects.color_transform`; :func:`apply_transform` is the same mapping for training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError

KNOTS = 9  # of each curve, evenly spaced over 0..1
CURVE = 3 * KNOTS
OUTPUTS = 2 * CURVE + 12  # curves, matrix with offsets, curves
_STEEPEST = 1.5  # bound of the logarithm of a curve's slope
_OFFSET = 0.5  # bound of what a curve adds to black


class _Block(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Harmonizer(nn.Module):
    """Composite and matte ``[N,4,H,W]`` (RGB and alpha in 0..1) -> transform ``[N,66]``; the identity before training.

    H and W are multiples of 48.

    Features are averaged over the person and over the scene apart, at three depths: the finest sees single colours
    (a learned histogram), the coarsest what the picture shows. The two sets of averages are all the head knows.
    """

    steps: Tensor
    unit: Tensor

    def __init__(self, width: int = 64, hidden: int = 96) -> None:
        super().__init__()
        half = 5 * width // 8
        self.colours = nn.Sequential(_Block(3, 32, 1), _Block(32, 32, 1))
        self.stem = nn.Sequential(_Block(4, 24, 3, 2), _Block(24, half, 3, 2))
        self.middle = nn.Sequential(_Block(half, width, 3, 2), _Block(width, width, 3))
        self.deep = nn.Sequential(
            _Block(width, width, 3, 2, groups=width),
            _Block(width, 2 * width, 1),
            _Block(2 * width, 2 * width, 3, groups=2 * width),
            _Block(2 * width, 2 * width, 1),
        )
        self.head = nn.Sequential(nn.Linear(2 * (32 + 3 * width), hidden), nn.ReLU(inplace=True))
        self.last = nn.Linear(hidden, OUTPUTS)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        # a curve is its value at 0 and KNOTS - 1 slopes: summing them up keeps it monotone
        steps = torch.zeros(KNOTS, KNOTS)
        steps[0] = 1
        for knot in range(1, KNOTS):
            steps[1 : knot + 1, knot] = 1 / (KNOTS - 1)
        self.register_buffer("steps", steps, persistent=False)
        self.register_buffer("unit", torch.eye(3, 4).reshape(1, 12), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        alpha = x[:, 3:]
        x = x * 2 - 1
        fine = self.colours(F.avg_pool2d(x[:, :3], 3))
        middle = self.middle(self.stem(x))
        deep = self.deep(middle)
        averages = [
            *_averages(fine, F.avg_pool2d(alpha, 3)),
            *_averages(middle, F.avg_pool2d(alpha, 8)),
            *_averages(deep, F.avg_pool2d(alpha, 16)),
        ]
        raw = self.last(self.head(torch.cat(averages, 1)))
        before, matrix, after = raw[:, :CURVE], raw[:, CURVE : CURVE + 12], raw[:, CURVE + 12 :]
        return torch.cat([self._curves(before), self.unit + 0.3 * matrix, self._curves(after)], 1)

    def _curves(self, raw: Tensor) -> Tensor:
        """First the values at 0 of red, green and blue, then the slopes of each -> knots ``[N,27]``."""
        lows = _OFFSET * torch.tanh(0.3 * raw[:, :3])
        slopes = torch.exp(_STEEPEST * torch.tanh(raw[:, 3:] / _STEEPEST))
        side = KNOTS - 1
        knots = [
            torch.cat([lows[:, c : c + 1], slopes[:, c * side : (c + 1) * side]], 1) @ self.steps for c in range(3)
        ]
        return torch.cat(knots, 1)


def _averages(features: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of ``[N,C,h,w]`` over the person and over the scene, each ``[N,C]``; ``alpha`` ``[N,1,h,w]``."""
    share = alpha.mean((2, 3))
    inside = (features * alpha).mean((2, 3))
    whole = features.mean((2, 3))
    return inside / (share + 1e-3), (whole - inside) / (1.001 - share)


def apply_transform(pixels: Tensor, transform: Tensor) -> Tensor:
    """Colours ``[N,3,P]`` in 0..1 -> colours, not clipped at the end so that gradients survive there."""
    x = _apply_curves(pixels, transform[:, :CURVE])
    matrix = transform[:, CURVE : CURVE + 12].reshape(-1, 3, 4)
    x = torch.baddbmm(matrix[:, :, 3:], matrix[:, :, :3], x)
    return _apply_curves(x.clamp(0, 1), transform[:, CURVE + 12 :])


def _apply_curves(x: Tensor, knots: Tensor) -> Tensor:
    values = knots.reshape(-1, 3, KNOTS, 1)
    steps = (values[:, :, 1:] - values[:, :, :-1]) * (KNOTS - 1)
    result = values[:, :, 0].expand_as(x)
    for i in range(KNOTS - 1):
        result = result + steps[:, :, i] * (x - i / (KNOTS - 1)).clamp(0, 1 / (KNOTS - 1))
    return result


def save_harmonizer(path: Path, state: dict[str, Tensor], options: dict[str, Any], training: dict[str, Any]) -> None:
    """Write a checkpoint that :func:`load_harmonizer_weights` opens; ``training`` holds plain values."""
    part = path.with_suffix(".part")
    torch.save({"harmonizer": state, "options": options, "training": training}, part)
    part.replace(path)


def load_harmonizer_weights(path: Path) -> tuple[Harmonizer, dict[str, Any]]:
    """The network in evaluation mode and the ``training`` values. Raises :class:`PocketmatteError` on another file."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        network = Harmonizer(**stored["options"])
        network.load_state_dict(stored["harmonizer"])
        return network.eval(), dict(stored["training"])
    except FileNotFoundError as error:
        raise PocketmatteError(f"no weights at {path}") from error
    except Exception as error:  # torch reports a foreign file by many types of error
        raise PocketmatteError(f"{path} holds no trained harmoniser: {error}") from error
