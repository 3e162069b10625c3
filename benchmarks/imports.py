"""What start-up costs (REQ-16): ``import pocketmatte`` and ``pocketmatte --help`` over a bare interpreter.

The commands run in turns, so that a busy machine slows all of them alike. Run: python -m benchmarks.imports [ROUNDS]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

from benchmarks.command import launch, repeats

ROOT = Path(__file__).parent.parent
HELP = "import sys; sys.argv = ['pocketmatte', '--help']; from pocketmatte.apps.cli import main; main()"
COMMANDS = {"python -c pass": "pass", "import pocketmatte": "import pocketmatte", "pocketmatte --help": HELP}
GOALS_MS = {"import pocketmatte": 150, "pocketmatte --help": 300}  # over `python -c pass`


def milliseconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs ``code``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print median, quartiles, and the ratio and difference to the bare interpreter (median of the paired rounds)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=repeats, default=20)
    rounds = parser.parse_args().rounds
    for code in COMMANDS.values():  # the first run reads from disk and writes byte code
        milliseconds(code)
    runs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, code in COMMANDS.items():
            runs[name].append(milliseconds(code))
    bare = runs["python -c pass"]
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, milliseconds")
    print(f"{'command':20} {'median':>7} {'quartiles':>13} {'ratio':>6} {'over bare':>9} {'goal':>5}")
    for name, times in runs.items():
        low, _, high = quantiles(times, n=4)
        ratio = median(t / b for t, b in zip(times, bare, strict=True))
        over = median(t - b for t, b in zip(times, bare, strict=True))
        goal = GOALS_MS.get(name, "")
        print(f"{name:20} {median(times):7.1f} {f'{low:.1f}-{high:.1f}':>13} {ratio:6.2f} {over:9.1f} {goal:>5}")


if __name__ == "__main__":
    launch(main)
