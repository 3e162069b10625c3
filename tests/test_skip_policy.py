"""A skip that nobody agreed to must fail the run; a permitted one must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PASSES = "def test_fine():\n    assert True\n"


def run(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    for name in ("conftest.py", "permitted_skips.toml"):
        shutil.copy(HERE / name, folder)
    (folder / "test_sample.py").write_text("import pytest\n" + tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "tests",
    [
        PASSES + "def test_off():\n    pytest.skip('a bad day')\n",
        PASSES + "@pytest.mark.skipif(True, reason='a bad day')\ndef test_off():\n    assert True\n",
        PASSES + "@pytest.mark.xfail(reason='a bad day')\ndef test_off():\n    assert False\n",
        PASSES + "pytest.skip('a bad day', allow_module_level=True)\n",
    ],
    ids=["skip", "skipif", "xfail", "module"],
)
def test_unknown_reason_fails_the_run_and_is_named(tmp_path: Path, tests: str) -> None:
    result = run(tmp_path, tests)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "skips not permitted" in result.stdout
    assert "a bad day" in result.stdout.split("skips not permitted")[1]


def test_permitted_reason_passes(tmp_path: Path) -> None:
    result = run(tmp_path, PASSES + "def test_off():\n    pytest.skip('POCKETMATTE_DATA is not set')\n")
    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "1 passed, 1 skipped" in result.stdout
