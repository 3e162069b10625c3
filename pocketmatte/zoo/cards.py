"""Cards of the reference architectures: what each costs, known without torch and without weights.

``architectures.json`` is written by ``benchmarks/architectures.py`` from the networks themselves; a test compares them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Card:
    """An architecture of the reference zoo. ``input`` is (height, width, channels), 4 channels with a prior.

    ``parameters`` count after batch-norm folding, ``macs`` at that input; ``config`` is the YAML file that trains it.
    """

    name: str
    summary: str
    parameters: int
    macs: int
    input: tuple[int, int, int]
    config: str


@cache
def list_cards() -> tuple[Card, ...]:
    """All reference architectures, by name."""
    rows = json.loads(Path(__file__).with_name("architectures.json").read_text())
    return tuple(Card(**{**row, "input": tuple(row["input"])}) for row in rows)


def find_card(name: str) -> Card | None:
    """The card of one architecture, ``None`` for another name."""
    return next((card for card in list_cards() if card.name == name), None)
