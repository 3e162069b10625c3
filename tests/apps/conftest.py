import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import pytest

import pocketmatte

ASTRONAUT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch):
    """Runs the real command line in this process: ``cli("run", photo, "--look", "alpha")``."""
    from pocketmatte.apps.cli import main

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["pocketmatte", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def photo(tmp_path):
    """A small copy of the sample portrait, ``photo.jpg``."""
    picture = cv2.resize(cv2.imread(str(ASTRONAUT)), (256, 256), interpolation=cv2.INTER_AREA)
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def snapshot():
    """``snapshot(folder)``: every file below it with its bytes, to prove that nothing was written or lost."""

    def take(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return take
