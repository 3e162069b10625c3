"""The one-frame self-check of the DeepStream client: what it lets pass, and what it refuses with which words."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import pocketmatte
from pocketmatte.core import Frame
from pocketmatte.io.images import read_image
from pocketmatte.pipeline.pipeline import load

SCRIPT = Path(__file__).parents[2] / "clients" / "deepstream" / "check_mask.py"
PORTRAIT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"


@pytest.fixture(scope="module")
def checker():
    found = importlib.util.spec_from_file_location("deepstream_check_mask", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def alpha() -> np.ndarray:
    """A mask that a shipped model really makes."""
    with load("nano", threads=1, foreground="none") as pipeline:
        return pipeline.step(Frame(read_image(PORTRAIT).image)).alpha


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def broken(value: float, where: tuple[int, int] = (0, 0)) -> np.ndarray:
    mask = np.zeros((64, 48), np.float32)
    mask[20:60, 10:40] = 1
    mask[where] = value
    return mask


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((64, 48), np.float32), "all zero"),
        (np.full((64, 48), 0.3, np.float32), "flat"),
        (broken(0.9) * 0.4, "0.00% of it is a person"),
        (1 - 0.4 * broken(0.9), "100.00% of it is a person"),
        (np.ones((64, 48), np.float32), "all one"),
        (np.full((64, 48), np.nan, np.float32), "3072 of 3072 values are no numbers"),
        (broken(np.nan), "1 of 3072 values are no numbers"),
        (broken(np.inf), "no numbers"),
        (broken(7.5), "expected 0 to 1"),
        (broken(-3), "expected 0 to 1"),
        (np.linspace(0.48, 0.52, 3072, dtype=np.float32).reshape(64, 48), "flat"),
        (np.zeros((0, 48), np.float32), "one channel"),
    ],
)
def test_what_is_no_mask_is_refused(checker, mask, said):
    with pytest.raises(checker.MaskError, match=said):
        checker.check_mask(mask)


def test_a_real_mask_passes_in_every_form_it_may_come_in(checker, alpha, tmp_path):
    share = checker.check_mask(alpha)
    assert 0.2 < share < 0.8
    levels = np.rint(255 * alpha).astype(np.uint8)
    np.save(tmp_path / "float.npy", alpha[None, None])
    np.save(tmp_path / "byte.npy", levels)
    cv2.imwrite(str(tmp_path / "grey.png"), levels)
    cv2.imwrite(str(tmp_path / "deep.png"), np.rint(65535 * alpha).astype(np.uint16))
    cv2.imwrite(str(tmp_path / "cut.png"), np.dstack([np.zeros((*levels.shape, 3), np.uint8), levels]))
    files = sorted(tmp_path.iterdir())
    for path in files:
        (mask,) = checker.read_masks(path)
        assert abs(checker.check_mask(mask) - share) < 0.005, path
    done = run(*files)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("a mask") == 5


@pytest.mark.parametrize("kind", ["alpha", "logits"])
def test_what_nvinfer_writes_is_read_by_the_spec(alpha, tmp_path, kind):
    small = cv2.resize(alpha, (48, 64), interpolation=cv2.INTER_AREA).clip(1e-4, 1 - 1e-4)
    (tmp_path / "spec.json").write_text(json.dumps({"input": {"size": [64, 48]}, "output": {"kind": kind}}))
    raw = tmp_path / "gstnvdsinfer_uid-01_layer-alpha_batch-0000000000_batchsize-02.bin"
    batch = np.stack([small, np.full_like(small, 1e-4)])  # the second camera shows nobody
    (np.log(batch / (1 - batch)) if kind == "logits" else batch).astype(np.float32).tofile(raw)
    done = run(raw, "--spec", tmp_path / "spec.json")
    assert done.returncode == 1
    assert "picture 0: a mask" in done.stdout
    assert "picture 1 IS NO MASK: all zero" in done.stderr


def test_the_command_fails_loudly(tmp_path):
    np.save(tmp_path / "zero.npy", np.zeros((64, 48), np.float32))
    cv2.imwrite(str(tmp_path / "one.png"), np.full((64, 48), 255, np.uint8))
    done = run(tmp_path / "zero.npy", tmp_path / "one.png")
    assert done.returncode == 1
    assert [line.split(":")[2].strip() for line in done.stderr.splitlines()] == ["all zero", "all one"]
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "raw.bin").write_bytes(bytes(8))
    for name in ("missing.npy", "text.png", "raw.bin", "x.txt"):
        done = run(tmp_path / name)
        assert done.returncode == 2, name
        assert done.stderr.startswith("check_mask: cannot read")
        assert "Traceback" not in done.stderr
