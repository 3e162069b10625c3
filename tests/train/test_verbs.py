"""The train and data verbs, below the command line."""

import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import yaml

from pocketmatte.apps import data as verbs
from pocketmatte.apps.build import train_model
from pocketmatte.core import PocketmatteError
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.train.setup import PRETRAINED

pytestmark = pytest.mark.build
ROOT = Path(__file__).parents[2]


def test_train_prints_its_configuration_once_and_can_be_taken_up(make_config, drawn, tmp_path, capsys):
    make_config()
    out = tmp_path / "run"
    assert not train_model(tmp_path / "tiny.yaml", out, drawn, 1e-3, False, None, ["seed=5"])
    text = capsys.readouterr().err
    printed = yaml.safe_load(text[: text.index("people and") - 3].rpartition("\n")[0])
    assert (printed["seed"], printed["optim"]["ema"], printed["optim"]["clip_norm"]) == (5, 0.9, 2.0)
    assert "stopped at 0 of 128 samples: go on with --resume" in text
    with pytest.raises(PocketmatteError, match="holds a run already: go on with --resume"):
        train_model(tmp_path / "tiny.yaml", out, drawn, None, False)
    assert train_model(tmp_path / "tiny.yaml", out, drawn, None, True)
    assert "resumed at 0 of 128" in capsys.readouterr().err
    assert load_weights(out / "best.pt")[1]["name"] == "tiny"


CHILD = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from pocketmatte.apps.build import train_model
print("finished", train_model(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), None, False))
"""


def test_a_signal_to_the_whole_group_leaves_a_checkpoint(make_config, drawn, tmp_path):
    """What `timeout` and Ctrl-C send reaches the composing processes too."""
    make_config()
    text = (
        (tmp_path / "tiny.yaml")
        .read_text()
        .replace("workers: 0", "workers: 1")
        .replace("samples: 64", "samples: 64000")
    )
    (tmp_path / "tiny.yaml").write_text(text)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "tiny.yaml"), str(tmp_path / "run"), str(drawn)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "loss" in line and "left" in line:
            os.killpg(child.pid, signal.SIGTERM)
            break
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert "finished False" in out
    assert "go on with --resume" in err
    assert (tmp_path / "run" / "checkpoint" / "shard-0.bin").is_file()


def test_train_from_another_network(make_config, drawn, tmp_path, capsys):
    make_config()
    assert train_model(tmp_path / "tiny.yaml", tmp_path / "one", drawn, None, False)
    assert train_model(tmp_path / "tiny.yaml", tmp_path / "two", drawn, None, False, tmp_path / "one" / "best.pt")
    assert "best.pt: " in capsys.readouterr().err


def test_pack_carries_the_encoder_too(drawn, tmp_path, capsys):
    verbs.pack(tmp_path / "p", drawn, 48, 1.0)
    assert (tmp_path / "p" / PRETRAINED).is_file()
    assert "136 files" in capsys.readouterr().out


def test_inspect_lists_each_set(drawn, capsys):
    verbs.inspect(drawn)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))
    assert [(row["set"], row["label"], row["pictures"]) for row in rows] == [
        ("ccp", "human", "24"),
        ("figaro", "teacher", "24"),
    ]
    assert 0.1 < float(rows[0]["person share"]) < 0.6


def test_compose_writes_a_sheet(make_config, drawn, tmp_path, capsys):
    make_config()
    verbs.compose(tmp_path / "tiny.yaml", tmp_path / "sheet.png", drawn, 6, 1)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 64, 4 * 2 * 64, 3)
    with pytest.raises(PocketmatteError, match="exists"):
        verbs.compose(tmp_path / "tiny.yaml", tmp_path / "sheet.png", drawn, 6, 1)


def test_draw_makes_data_to_try_with(tmp_path, capsys):
    verbs.draw(tmp_path / "d", 6, 4, 32)
    verbs.inspect(tmp_path / "d")
    assert "6 people, 4 backgrounds" in capsys.readouterr().out
