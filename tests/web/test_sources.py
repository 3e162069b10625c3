"""The sources of the web client: its own test run, and that they make the committed page again."""

from __future__ import annotations

import importlib.util
import lzma
import os
import subprocess
from contextlib import closing
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from pocketmatte.apps.site import PAGE
from pocketmatte.export.flatbuffer import IDENTIFIER, read_model
from pocketmatte.pipeline.golden import read_golden
from pocketmatte.runtime.base import open_session
from pocketmatte.zoo.find import list_models

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
        if name.endswith(".xz"):  # releases of liblzma pack differently
            made, kept = lzma.decompress(made), lzma.decompress(kept)
        assert made == kept, name


def weights_behind(path: Path) -> bytes:
    """The file with all constants behind its flatbuffer, as large files have them."""
    model = read_model(path)
    constants = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    values = [bytes(buffer.data) for buffer in constants]
    start = 16
    for _ in range(2):  # the first time to learn the length
        place = start
        for buffer, value in zip(constants, values, strict=True):
            buffer.data, buffer.offset, buffer.size = None, place, len(value)
            place += -(-len(value) // 16) * 16
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        head = bytes(builder.Output())
        start = -(-len(head) // 16) * 16
    return head.ljust(start, b"\0") + b"".join(value.ljust(-(-len(value) // 16) * 16, b"\0") for value in values)


@pytest.mark.system
@pytest.mark.parametrize("place", ["inside", "behind"])
def test_expanded_weights_compute_the_same(npm: Path, tmp_path: Path, place: str) -> None:
    """The page turns half-precision weights into floats before it compiles; another engine runs what it made."""
    spec = next(model for model in list_models() if model.files[0].precision == "fp16")
    stored, expanded = tmp_path / "stored.tflite", tmp_path / "expanded.tflite"
    source = spec.path_of(spec.files[0])
    stored.write_bytes(source.read_bytes() if place == "inside" else weights_behind(source))
    script = tmp_path / "half.mjs"
    bundle = ["npx", "esbuild", "src/engine/half.ts", "--format=esm", f"--outfile={script}", "--log-level=error"]
    subprocess.run(bundle, cwd=WEB, check=True)
    code = (
        "import fs from 'node:fs'; const [script, from, to] = process.argv.slice(1); const half = await import(script);"
        "fs.writeFileSync(to, half.expandHalf(new Uint8Array(fs.readFileSync(from))));"
    )
    subprocess.run(["node", "--input-type=module", "-e", code, str(script), str(stored), str(expanded)], check=True)
    graph = read_model(expanded).subgraphs[0]
    assert len(graph.operators) < len(read_model(source).subgraphs[0].operators)
    tensor = read_golden(spec)["tensor"].astype(np.float32)
    found = []
    for path in (source, expanded):
        with closing(open_session(path, runtime="litert")) as session:
            found.append(session.run({spec.input.name: tensor})[spec.output.name])
    assert np.abs(found[0] - found[1]).max() < 1e-5
