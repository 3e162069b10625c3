"""How benchmarks answer to bad input: one line that says what to do, and nothing written."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.command import height_width, integers, launch, repeats, shares
from benchmarks.pages import ROOT
from pocketmatte.core import PocketmatteError, Size


def test_numbers_of_options() -> None:
    assert integers("1,2") == (1, 2)
    assert shares("0,0.5") == (0.0, 0.5)
    assert height_width("720x1280") == Size(720, 1280)
    assert repeats("2") == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (integers, "1,a"),
        (integers, ""),
        (shares, "0.5;1"),
        (height_width, "720"),
        (height_width, "0x9"),
        (repeats, "x"),
    ],
)
def test_options_that_are_no_numbers_are_quoted(kind: Callable[[str], object], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"found '{text}', expected "):
        kind(text)


def test_one_measurement_has_no_spread() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="found '1', expected a whole number of at least 2"):
        repeats("1")


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("latency", ["nobody-knows-me"], "latency: .*nobody-knows-me"),
        ("accuracy", ["nano", "--data", "nowhere"], "accuracy: nowhere holds none of real, street, closeup, empty"),
        ("video", ["--data", "nowhere"], "video: nowhere: No such file or directory"),
        ("ops", ["--size", "720"], "argument --size: found '720', expected HEIGHTxWIDTH"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, module: str, arguments: list[str], said: str) -> None:
    out = [] if module == "ops" else ["--out", str(tmp_path / "rows.csv")]
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments, *out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(said, last), last
    assert not list(tmp_path.iterdir())


def test_what_is_no_fault_of_the_user_keeps_its_traceback() -> None:
    def broken() -> None:
        raise OSError("no memory left")

    with pytest.raises(OSError, match="no memory left"):
        launch(broken)


def test_exit_code_of_main_is_kept() -> None:
    with pytest.raises(SystemExit, match="3"):
        launch(lambda: 3)


def test_errors_of_the_product_are_said_with_the_name_of_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PocketmatteError("no such thing")

    monkeypatch.setattr(sys, "argv", ["/somewhere/average.py"])
    with pytest.raises(SystemExit, match="^average: no such thing$"):
        launch(refused)
