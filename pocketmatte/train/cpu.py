"""What keeps training on a CPU from stalling: gradients that oneDNN is slow at, and memory given back too soon."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_backward = torch.ops.aten.convolution_backward
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt(3)


def keep_memory() -> None:
    """Let this process keep the memory it frees, where the C library is glibc.

    Activations above 32 MB are otherwise mapped anew, page by page, in every step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, -1)
        mallopt(_MMAP_MAX, 0)


class QuickDepthwise(TorchFunctionMode):
    """Within it, depthwise convolutions on the CPU learn by quicker gradients in bfloat16; nothing else changes.

    oneDNN, which torch asks on x86, falls back to plain loops for the gradient of the input where the convolution has
    a stride, for that of a 5x5 kernel and for both where it is dilated. They are asked here as convolutions that it is
    fast at: the same products, added up in another order.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.conv2d and not kwargs and _applies(*args):
            x, weight, bias, stride, padding, dilation = args[:6]
            x, weight, bias = (None if t is None else t.to(torch.bfloat16) for t in (x, weight, bias))
            steps = _one(stride), _one(padding), _one(dilation)
            return _Depthwise.apply(x, weight, bias, *steps)  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


def _applies(
    x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
) -> bool:
    """Whether it is a depthwise convolution on the CPU, of a kind for which the quick gradients are written."""
    side, step, edge, apart = weight.shape[-1], _one(stride), _one(padding), _one(dilation)
    if None in (step, edge, apart) or weight.shape[-2] != side or side not in (3, 5) or step > 2:
        return False
    if apart == 1:
        fits = (side == 5 or step == 2) and edge in (0, side // 2)
    else:  # the picture falls into as many that are not dilated
        fits = step == 1 and edge == apart * (side // 2) and all(n % apart == 0 for n in x.shape[2:])
    return bool(
        fits
        and x.device.type == "cpu"
        and (torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype) is torch.bfloat16
        and torch.is_grad_enabled()
        and 1 < groups == weight.shape[0] == x.shape[1]
    )


def _one(values: Any) -> Any:
    """The number that all of ``values`` are, None when they differ or are a name."""
    pair = (values, values) if isinstance(values, int) else tuple(values)
    return pair[0] if len(set(pair)) == 1 else None


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, dilation: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.dilation, ctx.biased = stride, padding, dilation, bias is not None
        return F.conv2d(x, weight, bias, stride, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_bias = gradient.sum((0, 2, 3)) if ctx.biased and ctx.needs_input_grad[2] else None
        apart, size = ctx.dilation, x.shape[2:]
        gradient = _apart(gradient, apart)
        at = gradient, _apart(x, apart), weight, ctx.stride, ctx.padding // apart
        of_x = _together(_of_input(*at), apart, size) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(*at) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, of_bias, None, None, None


def _apart(x: Tensor, step: int) -> Tensor:
    """``[N,C,H,W]`` -> ``[N*step*step,C,H/step,W/step]``: every ``step``-th pixel, from each first one."""
    if step > 1:
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // step, step, w // step, step).permute(0, 3, 5, 1, 2, 4)
        x = x.reshape(n * step * step, c, h // step, w // step)
    return x.contiguous(memory_format=torch.channels_last)


def _together(x: Tensor, step: int, size: torch.Size) -> Tensor:
    """What :func:`_apart` took apart, ``size`` pixels."""
    if step == 1:
        return x
    c, h, w = x.shape[1:]
    x = x.reshape(-1, step, step, c, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(-1, c, *size).contiguous(memory_format=torch.channels_last)


def _of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """A convolution of the gradient, zeros put between its pixels, with the kernel turned by half a circle."""
    side = weight.shape[-1]
    if stride > 1:
        height, width = (n + 2 * padding - side + 1 for n in x.shape[2:])
        spread = torch.zeros_like(gradient[:, :, :1, :1].expand(*x.shape[:2], height, width))
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), None, 1, side - 1 - padding, 1, len(weight))


def _of_weight(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """A 5x5 kernel's gradient, put together of four 3x3 kernels' that look at the input from its corners."""
    if weight.shape[-1] == 3:
        return _kernel(gradient, x, weight, stride, padding)
    result = torch.empty_like(weight)
    wide = F.pad(x, (padding, padding + 1, padding, padding + 1))
    height, width = (stride * (n - 1) + 3 for n in gradient.shape[2:])
    part = torch.empty_like(weight[:, :, :3, :3])
    for top in (0, 3):
        for left in (0, 3):
            seen = wide[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)
            found = _kernel(gradient, seen, part, stride, 0)
            result[:, :, top : top + 3, left : left + 3] = found[:, :, : 5 - top, : 5 - left]
    return result


def _kernel(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    mask = [False, True, False]
    at = [stride] * 2, [padding] * 2, [1, 1], False, [0, 0]
    answer: Tensor = _backward(gradient, x, weight, None, *at, len(weight), mask)[1]
    return answer
