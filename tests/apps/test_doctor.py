"""What the doctor says of this installation."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from pocketmatte.apps.doctor import EXTRAS, extra_finding

ROOT = Path(__file__).parents[2]


def test_every_optional_part_has_a_row(cli):
    answer = cli("doctor", "--json")
    rows = {row["what"]: row for row in json.loads(answer.out)}
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, use in EXTRAS.items():
        row = rows[f"extra {extra} ({use})"]
        packages = [package.split(">")[0] for package in known[extra]]
        assert row["state"] in ("ok", "missing")
        if row["state"] == "ok":
            assert sorted(part.split()[0] for part in row["detail"].split(", ")) == sorted(packages)
        else:
            assert row["advice"] == f"pip install 'pocketmatte[{extra}]'"
    assert answer.code == (1 if any(row["state"] == "broken" for row in rows.values()) else 0)


def test_absent_packages_are_named_with_what_to_do():
    found = extra_finding("server", ["numpy", "no-such-package", "nor-this"])
    assert (found.state, found.detail) == ("missing", "not installed: no-such-package, nor-this")
    assert found.advice == "pip install 'pocketmatte[server]'"
    assert extra_finding("server", ["numpy"]).state == "ok"
    assert extra_finding("server", []).state == "missing"
