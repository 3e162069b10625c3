"""What each loss brings: the same small network, the same number of samples, one row per setting of the losses.

Run:  python -m benchmarks.ablate [--teacher FILE] [--rows NAME,...] [--net matte-nano] [--size 96] [--samples 8000]
      [--seeds 1,2] [--work runs/ablate] [--out results/ablation.csv] [--budget SECONDS] [--parallel N]
Scores are of the held-out pictures of train/; the test sets take no part. Every row and seed has a folder under
``--work``: what is finished is never run again, what was stopped (by ``--budget``, a signal or a kill) is taken up.

CPU:  the defaults, a row and seed in 5 to 10 minutes on one quiet core.
GPU:  --size 192 --samples 200000 --batch 256 --side 256 --only 0 --parallel 4 --budget 540, repeated until it says that
      nothing is left. Copy ``--work`` back and forth when the machine does not keep its files.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

from benchmarks.command import launch
from benchmarks.proxy import SCORES, Bench, Row, merge, my_share, read_rows, side_by_side, with_data
from benchmarks.proxy_options import comparing_parser
from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import SceneMix
from pocketmatte.train.config import Losses, Optim, Stage, TrainConfig

_NONE: dict[str, Any] = {"bce": 0.0, "edge_boost": 0.0, "l1": 1.0, "laplacian": 0.0, "dice": 0.0, "coarse": 0.0}
_BASE: dict[str, Any] = {**_NONE, "laplacian": 0.5, "bce": 1.0, "dice": 0.5, "coarse": 0.4, "edge_boost": 2.0}
# name -> loss weights; the first four add up, the next five add one term each to `edge boost`, the last has all
ROWS: dict[str, dict[str, Any]] = {
    "L1": _NONE,
    "+ Laplacian": {**_NONE, "laplacian": 0.5},
    "+ BCE and Dice": {**_BASE, "edge_boost": 0.0},
    "+ edge boost": _BASE,
    "boundary head": {**_BASE, "boundary": 0.1},
    "earlier frames": _BASE,
    "consistency": {**_BASE, "consistency": 1.0},
    "temporal": {**_BASE, "temporal": 0.5},
    "distillation": {**_BASE, "distill": 2.0},
    "all": {**_BASE, "boundary": 0.1, "consistency": 1.0, "temporal": 0.5, "distill": 2.0},
}
PAIRED = ("earlier frames", "consistency", "temporal", "all")  # see an earlier frame with a quarter of the samples
KEYS = ("row", "seed", "net", "size", "samples", "people")


def settings(row: str, seed: int, options: argparse.Namespace) -> TrainConfig:
    """The training configuration of one row."""
    loss = Losses(**ROWS[row])
    if loss.distill and not options.teacher:
        raise PocketmatteError(
            f"the row {row!r} needs a trained network to learn from: --teacher FILE, or leave it out"
        )
    config = TrainConfig(
        name=f"{row}, seed {seed}",
        architecture=options.net,
        stages=(Stage(options.size, options.samples, options.batch),),
        pretrained_encoder=False,
        teacher=options.teacher if loss.distill else None,
        optim=Optim(lr=options.lr, encoder_lr=options.lr, warmup_samples=options.samples // 20, ema=0.995),
        loss=loss,
        precision="32-true" if options.accelerator == "cpu" else "bf16-mixed",
        seed=seed,
        validate_every=options.samples,
        checkpoint_every=max(1000, options.samples // 8),
        log_every=max(500, options.samples // 16),
        tensorboard=False,
    )
    config = with_data(config, options.side, options.only or None)
    mix = SceneMix(pairs=0.25 if row in PAIRED else 0.0, degrade=0.8)
    return replace(config, data=replace(config.data, mix=mix, workers=0))


def parse() -> argparse.Namespace:
    """The options."""
    parser = comparing_parser(__doc__, "runs/ablate", "results/ablation.csv", seeds="1,2", side=112)
    parser.add_argument("--rows", help="beginnings of names, separated by commas (default: all rows)")
    parser.add_argument("--net", default="matte-nano")
    parser.add_argument("--teacher")
    parser.add_argument("--size", type=int, default=96)
    return parser.parse_args()


def chosen_rows(text: str | None) -> list[str]:
    """The rows whose names begin as the parts of ``text`` say, in the table's order; all without one."""
    if text is None:
        return list(ROWS)
    wanted = [part.strip() for part in text.split(",")]
    for part in wanted:
        if not any(row.startswith(part) for row in ROWS):
            raise PocketmatteError(f"no row begins with {part!r}; rows: {'; '.join(ROWS)}")
    return [row for row in ROWS if any(row.startswith(part) for part in wanted)]


def main() -> int:
    """Run what is not finished, write the table; 3 when something is left to do."""
    options = parse()
    began = time.monotonic()
    jobs = [(row, seed) for seed in options.seeds for row in chosen_rows(options.rows)]
    for row, seed in jobs:
        settings(row, seed, options)
    if options.parallel > 1 and not options.part:
        side_by_side("benchmarks.ablate", options.parallel, sys.argv[1:])
    bench = Bench(options.data, began + options.budget, options.accelerator)
    fixed = {"net": options.net, "size": options.size, "samples": options.samples, "people": options.only or "all"}
    known = {tuple(r[k] for k in KEYS) for r in read_rows(options.out)}
    finished, left = 0, 0
    # the parts only train; who started them (or the only process) collects and writes
    for row, seed in my_share(jobs, options.part):
        if (row, str(seed), *map(str, fixed.values())) in known:
            continue
        slug = "".join(c if c.isalnum() else "-" for c in row.lower()).strip("-")
        folder = options.work / f"{options.net}-{options.size}-{options.samples}-{options.only}" / f"{slug}-{seed}"
        if options.parallel > 1 and not options.part and not (folder / "result.json").is_file():
            left += 1
            continue
        scores = bench.run(settings(row, seed, options), folder)
        if scores is None:
            left += 1
            continue
        line: Row = {"row": row, "seed": seed, **fixed, **{name: scores[name] for name in SCORES}}
        line["minutes"] = scores["minutes"]
        finished += 1
        if not options.part:
            merge(options.out, [line], KEYS)
        print(line, flush=True)
    print(f"{finished} rows now, {left} left to do", file=sys.stderr)
    return 3 if left else 0


if __name__ == "__main__":
    launch(main)
