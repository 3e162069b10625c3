"""A line of the ``doctor`` verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and advice when it is not ``ok``. ``missing`` parts are optional."""

    what: str
    state: State
    detail: str
    advice: str = ""
