"""The dependency rule of the design, and what the layers below the command line must not do."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pocketmatte"
BUILD_SIDE = {"models", "data", "train", "export"}
TOP = {"apps", "__main__"}


def top_names() -> set[str]:
    """Names of the modules and packages right below ``pocketmatte``."""
    return {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")} - {"__init__"}


def sources(contract: str) -> set[str]:
    options = api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    names: list[str] = next(entry for entry in options if entry["id"] == contract)["source_modules"]
    return {name.removeprefix("pocketmatte.") for name in names}


def files_below_apps() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in TOP]


def test_contracts_hold() -> None:
    """All contracts of import-linter in pyproject.toml."""
    code = "from importlinter.cli import lint_imports_command as main; main(['--no-cache', '--no-logo'])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_is_on_one_side() -> None:
    """A new folder must be put under the torch rule, or be named here as one of the build side."""
    assert top_names() - BUILD_SIDE - TOP == sources("no-torch")
    assert top_names() - BUILD_SIDE - TOP - {"runtime"} == sources("engines")


def test_every_folder_is_a_package() -> None:
    """Without ``__init__.py`` a folder would be invisible to the contracts."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", files_below_apps(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_below_apps_prints_or_reads_the_command_line(path: Path) -> None:
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id="print" | "input" as name)):
                found.append((node.lineno, name))
            case ast.Attribute(value=ast.Name(id="sys"), attr="argv" | "stdin" | "stdout" | "stderr" as name):
                found.append((node.lineno, f"sys.{name}"))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                modules = [alias.name for alias in names]
                if isinstance(node, ast.ImportFrom):
                    modules = [node.module or ""]
                user_facing = {"argparse", "click", "getopt", "rich", "typer"}
                found += [(node.lineno, module) for module in modules if module.split(".")[0] in user_facing]
    assert found == []
