"""Start-up stays light (REQ-16): what ``import pocketmatte`` and ``pocketmatte --help`` must not load.

The times themselves are measured by ``benchmarks/imports.py``; here only the loaded modules count.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINES = {"ai_edge_litert", "onnxruntime", "openvino", "tensorflow", "tensorrt"}
TRAINING = {"lightning", "numba", "torch"}
PICTURES = {"av", "cv2", "PIL", "pillow_heif"}
BUILD_SIDE = {"data", "export", "models", "train"}

HELP = """
import sys
from pocketmatte.apps.cli import main
sys.argv = ["pocketmatte", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def loaded_by(code: str) -> set[str]:
    """Top-level names in ``sys.modules`` of a fresh interpreter that has run ``code``."""
    report = "\nimport sys; print('\\nloaded:', *{name.split('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.rpartition("loaded:")[2].split())


def run_side_modules() -> list[str]:
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / "pocketmatte").rglob("*.py"))]
    return [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if path.parts[1] not in BUILD_SIDE and path.name != "__main__.py"
    ]


def test_import_loads_no_heavy_package() -> None:
    loaded = loaded_by("import pocketmatte")
    assert "pocketmatte" in loaded
    assert loaded & (ENGINES | TRAINING | PICTURES | {"typer", "rich"}) == set()


def test_help_loads_no_heavy_package() -> None:
    loaded = loaded_by(HELP)
    assert "pocketmatte" in loaded
    assert loaded & (ENGINES | TRAINING | PICTURES) == set()


@pytest.mark.parametrize("name", ["load", "cut_out", "Pipeline", "list_models"])
def test_public_names_are_there_on_demand(name: str) -> None:
    assert loaded_by(f"import pocketmatte; assert callable(pocketmatte.{name})") & TRAINING == set()


def import_all(modules: list[str], hidden: set[str]) -> None:
    """Import the modules in a fresh interpreter in which the hidden packages cannot be imported."""
    code = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({sorted(hidden)!r}))
for name in {modules!r}:
    importlib.import_module(name)
"""
    loaded_by(code)


def test_run_side_imports_without_training_packages() -> None:
    modules = run_side_modules()
    assert "pocketmatte.core" in modules
    import_all(modules, hidden=TRAINING | {"litert_torch", "onnx"})


def test_run_side_imports_without_engines_and_extras() -> None:
    """Only the one file per engine in ``runtime/`` needs its engine, and it is imported when a session opens."""
    modules = [name for name in run_side_modules() if not name.startswith("pocketmatte.runtime.")]
    assert "pocketmatte.runtime" in modules
    import_all(modules, hidden=ENGINES | {"pillow_heif"})
