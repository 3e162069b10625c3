"""How long one training step takes on one core: precision, quick gradients and kept memory against plain torch.

Run:  OMP_NUM_THREADS=1 python -m benchmarks.train_step [NETWORK...] [--size 192] [--batch 32] [--rounds 7]
      [--out results/train_step.csv]
A step is a forward and a backward pass over the same random pictures; no loss of its own, no optimiser, no composing.
Every way of working has a process of its own; they take turns, so that a disturbance hits all alike.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import torch

from benchmarks.command import launch, repeats
from pocketmatte.bench.timing import Summary, interleave, summarise
from pocketmatte.models import create_model, list_architectures
from pocketmatte.train.cpu import QuickDepthwise, keep_memory
from pocketmatte.train.teacher import channels_last

WAYS = {  # precision in bfloat16, memory kept, quick gradients
    "32-true, plain": (False, False, False),
    "32-true": (False, True, True),
    "bf16-mixed, plain": (True, False, False),
    "bf16-mixed, memory kept": (True, True, False),
    "bf16-mixed": (True, True, True),
}
NETWORKS = ["matte-nano", "matte-small", "matte-base", "mobile-unet-bilinear"]


def work(name: str, way: str, size: int, batch: int) -> int:
    """The child: a step for every line that arrives, answered by a line."""
    mixed, keep, quick = WAYS[way]
    if keep:
        keep_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    network = channels_last(create_model(name).train())
    x = torch.rand(batch, 3, size, size).to(memory_format=torch.channels_last)
    for _ in sys.stdin:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed), ExitStack() as stack:
            if quick:
                stack.enter_context(QuickDepthwise())
            logits = network(x).logits
        logits.float().square().mean().backward()
        network.zero_grad()
        print("done", flush=True)
    return 0


def measure(name: str, options: argparse.Namespace) -> dict[str, Summary]:
    """The figures of every way of working, in one run."""
    sizes = ["--size", str(options.size), "--batch", str(options.batch)]
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.train_step", name, "--way", way, *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for way in WAYS
    ]

    def step(child: subprocess.Popen[str]) -> Callable[[], None]:
        def ask() -> None:
            assert child.stdin
            assert child.stdout
            print("step", file=child.stdin, flush=True)
            if child.stdout.readline().strip() != "done":
                raise SystemExit(f"{name}: a step ended early, exit code {child.wait()}")

        return ask

    try:
        times = interleave([step(child) for child in children], options.rounds, warm_up=2)
    finally:
        for child in children:
            child.kill()
            child.wait()
    return {way: summarise(kept[2:]) for way, kept in zip(WAYS, times, strict=True)}


def main() -> int:
    """Measure, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=repeats, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/train_step.csv"))
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.networks) - set(list_architectures()):
        parser.error(f"unknown architecture {', '.join(sorted(unknown))}; known: {', '.join(list_architectures())}")
    if options.way:
        return work(options.networks[0], options.way, options.size, options.batch)
    rows = []
    for name in options.networks:
        found = measure(name, options)
        plain = min(found["32-true, plain"].p50_ms, found["bf16-mixed, plain"].p50_ms)
        for way, summary in found.items():
            rows.append(
                {
                    "network": name,
                    "way": way,
                    "size": options.size,
                    "batch": options.batch,
                    "min_ms": round(summary.min_ms, 1),
                    "median_ms": round(summary.p50_ms, 1),
                    "spread": round(summary.spread, 3),
                    "void": "yes" if summary.void else "",
                    "times_as_fast": round(plain / summary.p50_ms, 2),
                    "torch": torch.__version__,
                    "measured": date.today().isoformat(),
                }
            )
            print(f"{name}, {way}: {summary.p50_ms:.0f} ms, {plain / summary.p50_ms:.2f} times as fast as plain torch")
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    launch(main)
