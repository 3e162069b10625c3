"""What the doctor says of this installation."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from pocketmatte.apps import doctor_camera
from pocketmatte.apps.doctor import EXTRAS, extra_finding
from pocketmatte.apps.doctor_camera import camera_findings
from pocketmatte.io.loopback import MODPROBE
from tests.io.loopback_devices import driver, pretend

__all__ = ["driver"]  # a fixture

ROOT = Path(__file__).parents[2]


def test_every_optional_part_has_a_row(cli):
    answer = cli("doctor", "--json")
    rows = {row["what"]: row for row in json.loads(answer.out)}
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, use in EXTRAS.items():
        row = rows[f"extra {extra} ({use})"]
        packages = [package.split(">")[0] for package in known[extra]]
        assert row["state"] in ("ok", "missing")
        if row["state"] == "ok":
            assert sorted(part.split()[0] for part in row["detail"].split(", ")) == sorted(packages)
        else:
            assert row["advice"] == f"pip install 'pocketmatte[{extra}]'"
    assert answer.code == (1 if any(row["state"] == "broken" for row in rows.values()) else 0)


def test_absent_packages_are_named_with_what_to_do():
    found = extra_finding("server", ["numpy", "no-such-package", "nor-this"])
    assert (found.state, found.detail) == ("missing", "not installed: no-such-package, nor-this")
    assert found.advice == "pip install 'pocketmatte[server]'"
    assert extra_finding("server", ["numpy"]).state == "ok"
    assert extra_finding("server", []).state == "missing"


def test_without_a_loopback_device_that_is_said(cli, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, {})
    (found,) = camera_findings()
    assert (found.state, found.detail) == ("missing", "no loopback device here: not checked")
    assert found.advice == MODPROBE


def test_a_loopback_device_is_fed_and_read_by_another_process(monkeypatch, tmp_path, driver):
    pretend(monkeypatch, tmp_path, {10: "", 11: "YU12:320x240@30\n", 12: "YUYV:320x240@30\n"}, "Y,N,N")
    found = {row.what.removeprefix(f"virtual camera {tmp_path}/dev/"): row for row in camera_findings()}
    assert [row.state for row in found.values()] == [
        "ok",
        "ok",
        "ok",
        "missing",
        "ok",
        "ok",
        "missing",
        "broken",
        "missing",
    ]
    assert "640x480" in found["video10, seen by another process"].detail
    assert "320x240" in found["video11, seen by another process"].detail
    assert "browsers do not see it" in found["video11, exclusive_caps"].detail
    assert "keeps YUYV 320x240" in found["video12, pixel format"].detail
    assert driver.opened == [f"{tmp_path}/dev/video10", f"{tmp_path}/dev/video11"]


def test_wrong_colours_and_no_picture_at_all_are_broken(monkeypatch, tmp_path, driver):
    pretend(monkeypatch, tmp_path, {10: ""})
    driver.swapped = True
    assert camera_findings()[-1].state == "broken"
    assert "a second process got 640x480 in (40, 90, 200)" in camera_findings()[-1].detail
    (tmp_path / "dev/video10").unlink()
    monkeypatch.setattr(driver, "send", lambda self, frame: None)
    monkeypatch.setattr(doctor_camera, "PATIENCE", 1.0)
    assert "no picture came out within 1 s" in camera_findings()[-1].detail


def test_a_device_in_use_is_left_alone(monkeypatch, tmp_path, driver):
    pretend(monkeypatch, tmp_path, {10: ""})
    device = tmp_path / "dev/video10"
    device.touch()
    code = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(device)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        found = camera_findings()[-1]
        other.communicate()
    assert (found.state, found.detail) == ("missing", "not checked: 1 other programs have it open")
    assert driver.opened == []
