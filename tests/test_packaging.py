"""What travels in the wheel and in the source archive, and what the base install pulls in."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pocketmatte"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A freshly built wheel and source archive."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as file:
        names = set(file.namelist())
    licence = {name for name in names if name.endswith("licenses/LICENSE")}
    assert len(licence) == 1
    carried = {name for name in names if ".dist-info/" not in name}
    on_disk = {
        path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    assert carried == on_disk
    assert {"pocketmatte/py.typed", "pocketmatte/zoo/registry.json", "pocketmatte/assets/astronaut.jpg"} <= carried


def test_wheel_is_small(built: tuple[Path, Path]) -> None:
    """REQ-23: the default models ship inside the wheel, below 12 MB together."""
    assert built[0].stat().st_size < 12e6


def test_source_archive_holds_tests_but_no_training_output(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as file:
        tops = {name.split("/")[1] for name in file.getnames()}
    assert {"pocketmatte", "tests", "examples", "configs", "LICENSE", "Makefile", "README.md"} <= tops
    assert tops & {"runs", "weights", "demo-out", ".git", ".venv"} == set()


def test_base_install_has_no_torch_and_no_compiler() -> None:
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=!~\[; ]", requirement)[0].lower() for requirement in requirements}
    assert names == {"ai-edge-litert", "av", "numpy", "opencv-python-headless", "pillow", "rich", "typer"}


def test_every_registered_model_ships(built: tuple[Path, Path]) -> None:
    """The wheel holds the description, the weight files (with the sha256 it states) and the golden vectors."""
    with zipfile.ZipFile(built[0]) as file:
        registry: dict[str, str] = json.loads(file.read("pocketmatte/zoo/registry.json"))
        assert registry
        for folder in registry.values():
            spec = json.loads(file.read(f"pocketmatte/zoo/{folder}/spec.json"))
            assert spec["files"]
            for entry in spec["files"]:
                weights = file.read(f"pocketmatte/zoo/{folder}/{entry['file']}")
                assert hashlib.sha256(weights).hexdigest() == entry["sha256"]
            assert file.getinfo(f"pocketmatte/zoo/{folder}/{spec['golden']}").file_size > 0
