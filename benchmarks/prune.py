"""Accuracy, multiply-adds and latency of a network as channels are pruned away.

Run:  python -m benchmarks.prune --init weights/base/base.pt [--shares 0,0.2,0.35,0.5]
      [--importance taylor,norm] [--size 96] [--samples 640] [--work runs/prune] [--out results/prune.csv]
Each share is pruned from the same weights and fine-tuned for ``--samples`` (share 0 is fine-tuned alike, and is what
the others compare with). Scores are of the held-out pictures of train/ at ``--size``, before and after the fine-tuning;
latency is of the .tflite at ``--export-size`` on one thread, all files in turn. Finished trainings are never run again.
GPU:  --size 256 --samples 300000 --batch 192 --side 288 --only 0 --budget 540, repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.command import launch, repeats, shares
from benchmarks.proxy import Bench, Row, merge, with_data
from benchmarks.proxy_options import tuning_parser
from benchmarks.search import latencies
from pocketmatte.data.compose import SceneMix
from pocketmatte.export.litert import to_litert
from pocketmatte.export.wrap import count_macs, count_parameters
from pocketmatte.models.checkpoint import load_weights, read_options
from pocketmatte.train.config import Optim, Prune, Stage, TrainConfig
from pocketmatte.train.validate import validate

KEYS = ("model", "importance", "share", "size", "samples")


def settings(share: float, importance: str, options: argparse.Namespace) -> TrainConfig:
    """The run that prunes ``share`` and fine-tunes."""
    architecture, built = read_options(options.init)
    config = TrainConfig(
        name=f"{options.init.stem} {importance} {share:g}",
        architecture=architecture,
        options=built,
        stages=(Stage(options.size, options.samples, options.batch),),
        pretrained_encoder=False,
        init=str(options.init),
        prune=Prune(share=share, importance=importance) if share else None,
        optim=Optim(lr=options.lr, encoder_lr=options.lr, warmup_samples=options.samples // 10, ema=0.98),
        precision="32-true" if options.accelerator == "cpu" else "bf16-mixed",
        validate_every=options.samples,
        checkpoint_every=max(200, options.samples // 4),
        log_every=max(100, options.samples // 8),
        tensorboard=False,
    )
    config = with_data(config, options.side, options.only or None)
    return replace(config, data=replace(config.data, mix=SceneMix(degrade=0.8), workers=0))


def parse() -> argparse.Namespace:
    """The options."""
    parser = tuning_parser(__doc__, "runs/prune", "results/prune.csv", "trained weights")
    parser.add_argument("--shares", type=shares, default="0,0.2,0.35,0.5", help="parts of the multiply-adds to remove")
    parser.add_argument("--importance", default="taylor", help="taylor, norm or both")
    parser.add_argument("--export-size", type=int, default=256)
    parser.add_argument("--rounds", type=repeats, default=30)
    return parser.parse_args()


def main() -> int:
    """Prune, fine-tune, measure, write; 3 when something is left to do."""
    options = parse()
    bench = Bench(options.data, time.monotonic() + options.budget, options.accelerator)
    rows: dict[str, Row] = {}
    files: dict[str, Path] = {}
    left = 0
    for importance in options.importance.split(","):
        for share in options.shares:
            if not share and f"{options.init.stem} whole" in rows:
                continue
            name = f"{options.init.stem} {importance} {share:g}" if share else f"{options.init.stem} whole"
            folder = options.work / f"{options.size}-{options.samples}-{options.only}" / name.replace(" ", "-")
            config = settings(share, importance, options)
            scores = bench.run(config, folder)
            if scores is None:
                left += 1
                continue
            network = load_weights(folder / "best.pt")[0]
            size = (options.export_size, options.export_size)
            rows[name] = {
                "model": options.init.stem,
                "importance": importance if share else "",
                "share": share,
                "parameters": count_parameters(network),
                "macs": count_macs(network, size),
                "score_pruned": _before(bench, config, folder, options),
                **{key: scores[key] for key in ("score", "miou", "biou")},
                "size": options.size,
                "samples": options.samples,
            }
            print(rows[name], flush=True)
            files[name] = folder / "net.tflite"
            if not files[name].is_file():
                to_litert(network, size, files[name])
    for name, times in latencies(files, options.rounds).items() if files else ():
        rows[name] |= {**times, "measured": date.today().isoformat()}
    merge(options.out, rows.values(), KEYS)
    return 3 if left else 0


def _before(bench: Bench, config: TrainConfig, folder: Path, options: argparse.Namespace) -> float:
    """The score right after pruning, before any fine-tuning."""
    kept = folder / "before.json"
    if not kept.is_file():
        network = bench.start(config, folder.with_name(folder.name + "-before"))
        kept.write_text(json.dumps(validate(network.eval(), bench.pictures(config, folder).held_out(options.size))))
    scores: dict[str, float] = json.loads(kept.read_text())
    return round(scores["score"], 5)


if __name__ == "__main__":
    launch(main)
