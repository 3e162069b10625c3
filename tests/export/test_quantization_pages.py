"""The pages on quantisation and residency say what the results and the lists say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tables_come_from_the_results() -> None:
    command = [sys.executable, "-m", "benchmarks.quantization_tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
