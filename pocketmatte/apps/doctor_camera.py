"""The rows of ``doctor`` on virtual cameras: is a v4l2loopback device set up right, and do pictures come out of it?"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np

from pocketmatte.apps.findings import Finding, State
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.loopback import FORMAT, MODPROBE, RELOAD, Loopback, loopbacks, shown
from pocketmatte.io.virtual import INSTALL, VirtualCamera
from pocketmatte.io.virtual_watch import readers_of

PATIENCE = 10.0  # seconds until the other process must have got a picture
_COLOR = (200, 90, 40)  # RGB
_NEAR = 16  # levels; the way through YUV costs a few
# As another program sees it: tries until the device is a camera, which it is once it is fed.
_READER = """
import sys, time
import cv2
path = sys.argv[1]
while True:
    source = cv2.VideoCapture(path, cv2.CAP_V4L2 if path.startswith("/dev/") else cv2.CAP_ANY)
    good, picture = source.read() if source.isOpened() else (False, None)
    if good:
        print(*picture.shape[:2], *picture.reshape(-1, 3).mean(0)[::-1].round().astype(int))
        break
    source.release()
    time.sleep(0.1)
"""


def camera_findings() -> list[Finding]:
    """Rows of every loopback device; one honest row where there is none. Other systems use OBS's camera: no row."""
    if sys.platform != "linux":
        return []
    found = loopbacks()
    if not found:
        return [Finding("virtual camera", "missing", "no loopback device here: not checked", MODPROBE)]
    return [row for device in found for row in (_exclusive(device), _pixels(device), _seen(device))]


def _exclusive(loopback: Loopback) -> Finding:
    what = f"virtual camera {loopback.device}, exclusive_caps"
    if loopback.exclusive is None:
        return Finding(what, "missing", "the module does not say: browsers may not see it", RELOAD)
    if not loopback.exclusive:
        return Finding(what, "missing", "not set: browsers do not see it", RELOAD)
    return Finding(what, "ok", "set")


def _pixels(loopback: Loopback) -> Finding:
    what = f"virtual camera {loopback.device}, pixel format"
    if why := loopback.refusal():
        return Finding(what, "broken", why, f"close the program that feeds it, or {RELOAD}")
    kept = f"keeps {loopback.pixels} {shown(loopback.size)}: pictures of another size are refused"
    return Finding(what, "ok", kept if loopback.size else f"free, takes {FORMAT}")


def _seen(loopback: Loopback) -> Finding:
    """Feed the device and let a second process read; left alone while a program has it open."""
    what = f"virtual camera {loopback.device}, seen by another process"
    if loopback.refusal():
        return Finding(what, "missing", "not checked: its pixel format does not fit")
    if importlib.util.find_spec("pyvirtualcam") is None:
        return Finding(what, "missing", "not checked: pyvirtualcam is not installed", INSTALL)
    if others := readers_of(loopback.device):
        return Finding(what, "missing", f"not checked: {others} other programs have it open", "close them, ask again")
    try:
        state, detail = _feed(loopback, loopback.size or Size(480, 640))
    except PocketmatteError as error:
        return Finding(what, "broken", *str(error).split("\n", 1))
    return Finding(what, state, detail, "" if state == "ok" else RELOAD)


def _feed(loopback: Loopback, size: Size) -> tuple[State, str]:
    picture = np.full((size.height, size.width, 3), _COLOR, np.uint8)
    command = [sys.executable, "-c", _READER, str(loopback.device)]
    quiet = {**os.environ, "OPENCV_LOG_LEVEL": "OFF"}
    camera = VirtualCamera(size, Fraction(30), str(loopback.device))
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet) as reader:
            end = time.monotonic() + PATIENCE
            while reader.poll() is None and time.monotonic() < end:
                camera.write(Frame(picture))
                time.sleep(1 / 30)
            failed = bool(reader.returncode)
            reader.kill()
            said, errors = reader.communicate()
    finally:
        camera.close()
    answer = said.split()
    if failed:
        return "broken", f"the second process failed: {(errors.splitlines() or ['no reason given'])[-1]}"
    if len(answer) != 5:
        return "broken", f"no picture came out within {PATIENCE:.0f} s"
    height, width, *color = map(int, answer)
    if (height, width) != size or max(abs(a - b) for a, b in zip(color, _COLOR, strict=True)) > _NEAR:
        got = f"{shown(Size(height, width))} in {tuple(color)}"
        return "broken", f"sent {shown(size)} in {_COLOR}, a second process got {got}"
    return "ok", f"a second process read a picture of {shown(size)} as it was sent"
