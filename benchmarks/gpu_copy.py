"""How long a mask takes from a GPU to the CPU: as float, as bytes, and packed into bits.

Run:  python -m benchmarks.gpu_copy [--sizes 256,512,1080] [--rounds 200] [--out results/gpu_copy.json]
Needs PyTorch with CUDA. Without a GPU it says so and writes nothing: a copy within main memory says nothing about one.
Times one mask of SIZE x SIZE, in pageable and in pinned memory, with the GPU idle before and after; what is packed is
packed on the GPU and unpacked again, and must be the mask that went in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.command import launch, repeats
from pocketmatte.bench.rows import provenance
from pocketmatte.bench.timing import WARM_UP, interleave, summarise
from pocketmatte.ops.bitmask import FP16_BITS, FP32_BITS, FRACTION, unpack_bits, weights


def packed(mask: Tensor, bits: int, fraction: int) -> Tensor:
    """Mask ``[H,W]`` of 0 and 1 on any device -> ``[H, ceil(W / bits)]`` of the same type there."""
    missing = -mask.shape[1] % bits
    groups = torch.nn.functional.pad(mask, (0, missing)).reshape(mask.shape[0], -1, bits)
    kernel = torch.from_numpy(weights(bits, fraction)).to(mask.device, mask.dtype)
    return (groups * kernel).sum(-1)


def forms(mask: Tensor) -> dict[str, tuple[Tensor, int, int]]:
    """Per name: the tensor to bring back, bits in each number, and how many of them are fractional; 0 bits: plain."""
    half = mask.half()
    return {
        "float32": (mask, 0, 0),
        "float16": (half, 0, 0),
        "uint8": (mask.to(torch.uint8), 0, 0),
        "packed 16 in float32": (packed(mask, FP32_BITS, FRACTION), FP32_BITS, FRACTION),
        "packed 11 in float16": (packed(half, FP16_BITS, 0), FP16_BITS, 0),
    }


def is_exact(name: str, tensor: Tensor, bits: int, fraction: int, expected: Tensor) -> bool:
    """Whether the mask that comes back is the one that went in."""
    values = tensor.cpu().numpy()
    truth = expected.cpu().numpy()
    found = unpack_bits(values, truth.shape[1], bits, fraction) if bits else values
    return bool(np.array_equal(found.astype(np.float32), truth))


def measure(side: int, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    """One row per form and kind of memory."""
    mask = (torch.rand(side, side, generator=torch.Generator().manual_seed(0)) < 0.5).float().to(device)
    rows: list[dict[str, Any]] = []
    steps = []
    for name, (tensor, bits, fraction) in forms(mask).items():
        exact = is_exact(name, tensor, bits, fraction, mask)
        for pinned in (False, True):
            target = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned)

            def step(tensor: Tensor = tensor, target: Tensor = target) -> None:
                target.copy_(tensor, non_blocking=True)
                torch.cuda.synchronize()

            steps.append(step)
            size = tensor.numel() * tensor.element_size()
            rows.append({"side": side, "form": name, "bytes": size, "pinned": pinned, "exact": exact})
    torch.cuda.synchronize()
    for row, times in zip(rows, interleave(steps, rounds, clock=time.perf_counter), strict=True):
        found = summarise(times[WARM_UP:])
        row |= {"min_us": 1e3 * found.min_ms, "p50_us": 1e3 * found.p50_ms, "spread": found.spread, "void": found.void}
    return rows


def main() -> int:
    """Parse options, measure, write; 1 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512,1080")
    parser.add_argument("--rounds", type=repeats, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing measured", file=sys.stderr)
        return 1
    device = torch.device("cuda")
    rows = [row for side in map(int, options.sizes.split(",")) for row in measure(side, options.rounds, device)]
    for row in rows:
        print(row)
    if options.out:
        shared = provenance(torch.cuda.get_device_name(device))
        head = {"date": shared.date, "commit": shared.commit, "device": shared.device, "torch": torch.__version__}
        method = f"copy to the CPU and wait, forms in turn, {options.rounds} rounds after {WARM_UP}"
        options.out.write_text(json.dumps({**head, "method": method, "copies": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    launch(main)
