"""docs/zoo.md says what results/ say, and its configurations and verbs exist."""

import re
import subprocess
import sys
from pathlib import Path

from pocketmatte.zoo.cards import list_cards

ROOT = Path(__file__).parents[2]


def test_tables_come_from_the_results():
    command = [sys.executable, "-m", "benchmarks.zoo_tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configurations_exist():
    named = set(re.findall(r"configs/[\w-]+\.yaml", (ROOT / "docs" / "zoo.md").read_text()))
    assert len(named) >= 5
    for config in named | {card.config for card in list_cards()}:
        assert (ROOT / config).is_file(), config
