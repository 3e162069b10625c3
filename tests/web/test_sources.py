"""The sources of the web client: its own test run, and that they make the committed page again."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.apps.site import PAGE

WEB = Path(__file__).parents[2] / "clients" / "web"


def test_vectors_are_what_python_makes() -> None:
    """`python clients/web/test/make_vectors.py` after a change of the functions that they come from."""
    spec = importlib.util.spec_from_file_location("make_vectors", WEB / "test" / "make_vectors.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.vectors()
    with np.load(WEB / "test" / "vectors.npz") as kept:
        assert set(kept) == set(made)
        for name in made:
            assert np.allclose(kept[name].astype(np.float32), made[name].astype(np.float32), atol=1e-3), name


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh build, after a clean install of the locked packages."""
    out = tmp_path_factory.mktemp("page")
    environment = {**os.environ, "WEB_OUT": str(out), "NO_COLOR": "1"}
    for command in (["npm", "ci"], ["npm", "run", "build"], ["npm", "test"]):
        done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.system
def test_build_is_reproducible(npm: Path) -> None:
    names = {p.relative_to(PAGE).as_posix() for p in PAGE.rglob("*") if p.is_file()}
    assert {p.relative_to(npm).as_posix() for p in npm.rglob("*") if p.is_file()} == names
    for name in sorted(names - {"sw.js", "build.json"}):
        made, kept = ((folder / name).read_bytes() for folder in (npm, PAGE))
        if name.endswith(".gz"):  # releases of zlib pack differently
            made, kept = gzip.decompress(made), gzip.decompress(kept)
        assert made == kept, name
