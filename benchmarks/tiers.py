"""Measure models beside the peers and rewrite every table, plot, gallery and card about them: one command.

Run:  python -m benchmarks.tiers NAME... --peers FOLDER [--runs RUNS] [--rounds 200] [--only STEP,...]
NAMEs are models of the zoo or weight files, still networks and video twins alike. FOLDER holds the peers' weights with
the descriptions of ``results/peers/`` beside them. Needs ``$POCKETMATTE_DATA``. Steps, in this order:

  accuracy   accuracy.csv, slice_scores.csv, pictures.csv     every test set, every picture
  video      video.csv                                        clips with exact truth, memory on and off
  latency    latency.csv                                      all models interleaved, 1 and 2 threads
  refine     refine.csv, docs/images/refine.png               ways to full size, with the first NAME's mattes
  gallery    docs/images/models/NAME-gallery.jpg
  cards      docs/models/NAME.md, curves; logs from RUNS
  tables     all other tables of the documentation
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.command import launch, repeats

ROOT = Path(__file__).parent.parent
PEERS = ("selfie_segmentation.tflite", "selfie_segmentation_landscape.tflite")


def commands(names: list[str], before: str | None, peers: Path, runs: Path | None, rounds: int) -> dict[str, list[str]]:
    """Step -> arguments of ``python -m``."""
    rivals = [str(peers / file) for file in PEERS]
    mine = list(dict.fromkeys([*([before] if before else []), *names]))
    published = [f"{path}:bilinear" for path in rivals]
    cards = ["benchmarks.cards", *names, *(["--from", str(runs)] if runs else [])]
    return {
        "accuracy": ["benchmarks.accuracy", *published, *mine],
        "video": ["benchmarks.video", *published, *mine],
        "latency": ["benchmarks.latency", *rivals, *mine, "--rounds", str(rounds), "--out", "results/latency.csv"],
        "refine": ["benchmarks.refine", "--model", names[0]],
        "gallery": ["benchmarks.failures", *names],
        "cards": cards,
        "tables": ["benchmarks.tables"],
    }


def main() -> int:
    """Run the steps one after the other; the exit code of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--before", metavar="SPEC", help="an earlier model, a row of every comparison")
    parser.add_argument("--rounds", type=repeats, default=200)
    parser.add_argument("--only", help="steps to run, separated by commas")
    options = parser.parse_args()
    if missing := [file for file in PEERS if not (options.peers / file).is_file()]:
        parser.error(f"{options.peers} has no {missing[0]}: see results/peers/README.md")
    if "POCKETMATTE_DATA" not in os.environ:
        parser.error("set POCKETMATTE_DATA to the folder that holds test/")
    steps = commands(options.names, options.before, options.peers.resolve(), options.runs, options.rounds)
    wanted = options.only.split(",") if options.only else list(steps)
    if unknown := set(wanted) - set(steps):
        parser.error(f"unknown step {', '.join(sorted(unknown))}; known: {', '.join(steps)}")
    for step in steps:
        if step in wanted:
            print(f"== {step}", flush=True)
            done = subprocess.run([sys.executable, "-m", *steps[step]], cwd=ROOT, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    launch(main)
