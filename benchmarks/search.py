"""Architecture search by measurement: what each design decision costs on LiteRT and brings in a short training.

Run:  python -m benchmarks.search [--peer SPEC.json ...] [--only-names NAME,...] [--no-training | --no-latency]
      [--samples 8000] [--train-size 128] [--seeds 1] [--work runs/search] [--out results/search.csv] [--budget SECONDS]
Every candidate (see ``candidates.py``) is exported untrained and timed on one thread, all of them and the peers in turn
in one run; then trained for the same number of samples and scored on held-out pictures of train/ at the reference's
input size. Candidates of other input sizes train at the same share of their own size. Finished trainings are never run
again, stopped ones are taken up. Then: python -m benchmarks.plot && python -m benchmarks.tables

GPU:  --train-size 256 --samples 200000 --batch 256 --side 256 --only 0 --parallel 4 --budget 540 --no-latency
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.candidates import CANDIDATES, PREFIX, Candidate, build, enter_all
from benchmarks.command import launch, repeats
from benchmarks.proxy import Bench, Row, merge, my_share, read_rows, score_at, side_by_side, with_data
from benchmarks.proxy_options import comparing_parser
from pocketmatte.bench.timing import WARM_UP, interleave, summarise
from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import SceneMix
from pocketmatte.export.flatbuffer import operator_name, read_model
from pocketmatte.export.litert import to_litert
from pocketmatte.export.wrap import count_macs, count_parameters
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.runtime.base import Session, open_session
from pocketmatte.spec import read_spec
from pocketmatte.train.config import Losses, Optim, Stage, TrainConfig

# what the GPU delegate, XNNPACK and int8 quantisation all take
ALLOWED = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL",
    "PAD", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "TRANSPOSE_CONV",
}  # fmt: skip
REFERENCE = 256  # input side that `--train-size` stands for
KEYS = ("name",)


def training(candidate: Candidate, seed: int, options: argparse.Namespace) -> TrainConfig | None:
    """The short training of a candidate; ``None`` where its size at this scale is no multiple of 32."""
    size = options.train_size * candidate.input / REFERENCE
    if size % 32:
        return None
    config = TrainConfig(
        name=candidate.name,
        architecture=PREFIX + candidate.name,
        stages=(Stage(int(size), options.samples, options.batch),),
        pretrained_encoder=False,
        optim=Optim(lr=options.lr, encoder_lr=options.lr, warmup_samples=options.samples // 20, ema=0.995),
        loss=Losses(),
        precision="32-true" if options.accelerator == "cpu" else "bf16-mixed",
        seed=seed,
        validate_every=options.samples,
        checkpoint_every=max(1000, options.samples // 8),
        log_every=max(500, options.samples // 16),
        tensorboard=False,
    )
    config = with_data(config, options.side, options.only or None)
    return replace(config, data=replace(config.data, mix=SceneMix(degrade=0.8), workers=0))


def describe(candidate: Candidate, work: Path) -> Row:
    """Size and cost of a candidate, exported to ``work`` on the way. Raises for an operator that is not allowed."""
    network, size = build(candidate), (candidate.input, candidate.input)
    path = tflite(candidate, work)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        to_litert(network, size, path)
    model = read_model(path)
    found = {operator_name(model, operator) for operator in model.subgraphs[0].operators}
    if foreign := found - ALLOWED:
        raise PocketmatteError(f"{candidate.name} needs {', '.join(sorted(foreign))}, which not every delegate takes")
    return {
        "name": candidate.name,
        "question": candidate.question,
        "note": candidate.note,
        "input": candidate.input,
        "parameters": count_parameters(network),
        "macs": count_macs(network, size),
    }


def tflite(candidate: Candidate, work: Path) -> Path:
    """Where the exported candidate lies."""
    return work / "exported" / f"{slug(candidate)}.tflite"


def slug(candidate: Candidate) -> str:
    """A name fit for files."""
    return "".join(c if c.isalnum() else "-" for c in candidate.name)


def latencies(files: dict[str, Path], rounds: int) -> dict[str, Row]:
    """Milliseconds of each file on one thread, all in turn."""
    sessions: dict[str, Session] = {name: open_session(path, "litert", threads=1) for name, path in files.items()}
    rng = np.random.default_rng(0)

    def step(session: Session) -> Callable[[], None]:
        given = {i.name: rng.random(i.shape, np.float32).astype(i.dtype) for i in session.inputs}

        def run() -> None:
            session.run(given)

        return run

    steps = [step(session) for session in sessions.values()]
    rows = {}
    for name, values in zip(sessions, interleave(steps, rounds), strict=True):
        found = summarise(values[WARM_UP:])
        rows[name] = {
            "min_ms": round(found.min_ms, 2),
            "median_ms": round(found.p50_ms, 2),
            "spread": round(found.spread, 3),
            "void": "yes" if found.void else "",
            "measured": date.today().isoformat(),
        }
    for session in sessions.values():
        session.close()
    return rows


def parse() -> argparse.Namespace:
    """The options."""
    parser = comparing_parser(__doc__, "runs/search", "results/search.csv", seeds="1", side=144)
    parser.add_argument("--peer", action="append", type=Path, default=[], metavar="SPEC", help="spec.json of a peer")
    parser.add_argument("--only-names", help="candidates, separated by commas (default: all)")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--rounds", type=repeats, default=40)
    parser.add_argument("--train-size", type=int, default=128)
    return parser.parse_args()


def time_all(chosen: list[Candidate], options: argparse.Namespace) -> None:
    """Export and time the candidates and the peers; writes their rows."""
    rows = {c.name: describe(c, options.work) for c in chosen}
    files = {c.name: tflite(c, options.work) for c in chosen}
    for path in options.peer:
        spec = read_spec(path)
        files[spec.name] = spec.path_of(spec.file_for("litert"))
        side = " x ".join(map(str, spec.input.size))
        rows[spec.name] = {
            "name": spec.name,
            "question": "peer",
            "note": f"input {side}",
            "input": spec.input.size.width,
        }
        rows[spec.name] |= {"parameters": spec.parameters, "macs": spec.macs}
    known = {row["name"]: row for row in read_rows(options.out)}
    for name, times in latencies(files, options.rounds).items():
        print(name, times, flush=True)
        rows[name] = {**known.get(name, {}), **rows[name], **times}
    merge(options.out, rows.values(), KEYS)


def train_all(chosen: list[Candidate], options: argparse.Namespace, deadline: float) -> int:
    """Train and score what is not finished; how many trainings are left."""
    bench, left = Bench(options.data, deadline, options.accelerator), 0
    jobs = [(seed, candidate) for seed in options.seeds for candidate in chosen]
    base = options.work / f"{options.train_size}-{options.samples}-{options.only}"
    for seed, candidate in my_share(jobs, options.part):
        config = training(candidate, seed, options)
        folder = base / f"{slug(candidate)}-{seed}"
        scored = folder / "score.json"
        if config is None:
            print(f"{candidate.name}: not trained, its size at this scale is no multiple of 32", file=sys.stderr)
        elif not scored.is_file():
            collecting = options.parallel > 1 and not options.part
            if collecting or bench.run(config, folder) is None:
                left += 1
            else:
                held = bench.pictures(config, folder).held_out(options.train_size)
                network = load_weights(folder / "best.pt")[0].to(held.images.device)
                scores = score_at(network, held, config.stages[0].size)
                scored.write_text(json.dumps(scores) + "\n")
                print(candidate.name, seed, scores, flush=True)
    if not options.part:
        collect(chosen, base, options)
    return left


def collect(chosen: list[Candidate], base: Path, options: argparse.Namespace) -> None:
    """Write the scores of all finished trainings into the table: the mean over seeds, and half their range."""
    known = {row["name"]: row for row in read_rows(options.out)}
    rows = []
    for candidate in chosen:
        found = [json.loads(path.read_text()) for path in sorted(base.glob(f"{slug(candidate)}-[0-9]*/score.json"))]
        if not found:
            continue
        row: Row = {"name": candidate.name, **known.get(candidate.name, {})}
        row |= {
            name: round(sum(f[name] for f in found) / len(found), 5)
            for name in ("score", "miou", "biou", "mad", "empty")
        }
        values = [f["score"] for f in found]
        row |= {"half_range": round((max(values) - min(values)) / 2, 5), "seeds": len(found)}
        rows.append(
            {**row, "samples": options.samples, "train_size": options.train_size, "people": options.only or "all"}
        )
    merge(options.out, rows, KEYS)


def main() -> int:
    """Measure, train, write; 3 when trainings are left."""
    options = parse()
    deadline = time.monotonic() + options.budget
    enter_all()
    names = options.only_names.split(",") if options.only_names else [c.name for c in CANDIDATES]
    if unknown := set(names) - {c.name for c in CANDIDATES}:
        raise PocketmatteError(
            f"no candidate {', '.join(sorted(unknown))}; known: {', '.join(c.name for c in CANDIDATES)}"
        )
    chosen = [c for c in CANDIDATES if c.name in names]
    if not options.no_latency and not options.part:
        time_all(chosen, options)
    if options.no_training:
        return 0
    if options.parallel > 1 and not options.part:
        side_by_side("benchmarks.search", options.parallel, sys.argv[1:])
    left = train_all(chosen, options, deadline)
    print(f"{left} trainings left", file=sys.stderr)
    return 3 if left else 0


if __name__ == "__main__":
    launch(main)
