"""Training on a CPU: the quick gradients are the gradients."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.models import create_model
from pocketmatte.train.cpu import QuickDepthwise

pytestmark = pytest.mark.build
# kernel, stride, padding, dilation
CASES = [(3, 2, 0, 1), (3, 2, 1, 1), (5, 2, 0, 1), (5, 2, 2, 1), (5, 1, 0, 1), (5, 1, 2, 1), (3, 1, 2, 2), (5, 1, 8, 4)]


def gradients(x: Tensor, weight: Tensor, *steps: int) -> tuple[Tensor, Tensor, Tensor, str]:
    """Of input, weight and bias, and who computed them; ``steps``: stride, padding, dilation."""
    stride, padding, dilation = steps
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.ones(len(weight), dtype=x.dtype, requires_grad=True)
    y = F.conv2d(x, weight, bias, stride, padding, dilation, len(weight))
    y.backward(torch.linspace(0, 9, y.numel()).sin().view_as(y).to(y.dtype))
    assert x.grad is not None
    assert weight.grad is not None
    assert bias.grad is not None
    return x.grad.float(), weight.grad.float(), bias.grad.float(), type(y.grad_fn).__name__


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), CASES)
@pytest.mark.parametrize("size", [(16, 20), (17, 21)])
def test_quick_gradients_are_those_of_single_precision(kernel, stride, padding, dilation, size):
    torch.manual_seed(0)
    x = torch.randn(4, 24, *size).bfloat16().to(memory_format=torch.channels_last)
    weight = torch.randn(24, 1, kernel, kernel).bfloat16()
    with QuickDepthwise():
        quick = gradients(x, weight, stride, padding, dilation)
    exact = gradients(x.float(), weight.float(), stride, padding, dilation)
    assert (quick[3] == "_DepthwiseBackward") == all(n % dilation == 0 for n in size)
    for found, expected in zip(quick[:3], exact[:3], strict=True):
        # one rounding to the eight bits of bfloat16, of the answer and of the gradient that arrives
        assert (found - expected).norm() < 0.005 * expected.norm()


def test_other_convolutions_are_left_alone():
    x = torch.randn(2, 8, 16, 16)
    with QuickDepthwise():
        assert gradients(x, torch.randn(8, 1, 5, 5), 1, 2, 1)[3] == "ConvolutionBackward0"  # single precision
        half = x.bfloat16()
        assert gradients(half, torch.randn(8, 1, 3, 3).bfloat16(), 1, 1, 1)[3] == "ConvolutionBackward0"
        full = torch.randn(4, 8, 3, 3).bfloat16()
        assert F.conv2d(half.requires_grad_(), full, None, 2, 1).grad_fn.name() == "ConvolutionBackward0"
        with torch.no_grad():
            assert F.conv2d(half, torch.randn(8, 1, 5, 5).bfloat16(), None, 1, 2, 1, 8).grad_fn is None


def test_a_network_in_mixed_precision_learns_the_same_way():
    """Direction of all gradients together, for nano with its 5x5 kernels and strides."""
    torch.manual_seed(0)
    network = create_model("matte-nano").train()
    x = torch.randn(4, 3, 64, 64)

    def learnt(mixed: bool, quick: bool) -> Tensor:
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            if quick:
                with QuickDepthwise():
                    out = network(x)
            else:
                out = network(x)
        out.logits.float().square().mean().backward()
        return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    exact, plain, quick = learnt(False, False), learnt(True, False), learnt(True, True)
    alike = [float(F.cosine_similarity(exact, found, dim=0)) for found in (plain, quick)]
    assert alike[1] > 0.95
    assert alike[1] > alike[0] - 0.02


LOOP = """
import resource, sys
import torch
from pocketmatte.train.cpu import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
for _ in range(20):
    torch.ones(20_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(20_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_that_is_kept_is_not_mapped_again():
    """Pages that the system hands out anew while 80 MB are taken and freed eight times more."""

    def faults(word: str) -> int:
        answer = subprocess.run([sys.executable, "-c", LOOP, word], capture_output=True, text=True, check=True)
        return int(answer.stdout)

    assert faults("keep") < 0.05 * faults("give")
