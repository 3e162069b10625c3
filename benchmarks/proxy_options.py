"""The options that the scripts of short trainings share (``ablate``, ``search``, ``prune``, ``qat``), each with the
defaults its script gives."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from benchmarks.command import integers


def training_parser(
    doc: str | None, work: str, out: str, *, samples: int, batch: int, lr: float, side: int, only: int
) -> argparse.ArgumentParser:
    """A parser with the options of every short training; ``work`` and ``out`` are where things go without options."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=samples)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--side", type=int, default=side, help="shorter side of the stored pictures")
    parser.add_argument("--only", type=int, default=only, help="pictures of each set, 0 for all")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, default=Path(work))
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds after which to stop")
    return parser


def comparing_parser(doc: str | None, work: str, out: str, *, seeds: str, side: int) -> argparse.ArgumentParser:
    """For trainings from scratch, several seeds of each, side by side if wanted."""
    parser = training_parser(doc, work, out, samples=8000, batch=32, lr=4e-3, side=side, only=600)
    parser.add_argument("--seeds", type=integers, default=seeds)
    parser.add_argument("--parallel", type=int, default=1, help="trainings at once")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser


def tuning_parser(doc: str | None, work: str, out: str, init: str) -> argparse.ArgumentParser:
    """For short fine-tunings of a trained network."""
    parser = training_parser(doc, work, out, samples=640, batch=16, lr=5e-4, side=112, only=300)
    parser.add_argument("--init", type=Path, required=True, help=init)
    parser.add_argument("--size", type=int, default=96)
    return parser
