"""The virtual camera up to the device: the pixels that reach pyvirtualcam's backend, errors, work on demand."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import pyvirtualcam
from pyvirtualcam.camera import BACKENDS

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import SinkRequest, open_sink
from pocketmatte.io.loopback import MODPROBE
from pocketmatte.io.virtual import VirtualCamera
from pocketmatte.io.virtual_watch import EVERY, LINGER, PROBE, OnDemand, readers_of
from tests.io.loopback_devices import driver, pretend

__all__ = ["driver"]  # a fixture


class Backend:
    """What a driver gets to see. There is no loopback device where the tests run."""

    sent: list[np.ndarray]
    broken = False

    def __init__(self, width, height, fps, fourcc, device, **_):
        self.shape, self.path = (height, width, 3), device or "/dev/null-camera"
        Backend.sent, Backend.broken, self.fps = [], False, fps

    def send(self, frame):
        if Backend.broken:
            raise RuntimeError("no such device")
        Backend.sent.append(np.array(frame).reshape(self.shape))

    def close(self):
        pass

    def device(self):
        return self.path

    def native_fourcc(self):
        return 0


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setitem(BACKENDS, "recorded", Backend)
    return Backend


def camera(size, **options):
    return VirtualCamera(size, Fraction(30000, 1001), backend="recorded", **options)


def test_pixels_arrive_as_they_are(backend):
    sink = camera(Size(48, 64))
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    sink.write(Frame(picture, Fraction(0)))
    assert np.array_equal(backend.sent[0], picture)
    assert sink.wanted()  # nobody can tell here
    sink.close()


def test_odd_sides_gain_a_line(backend):
    sink = camera(Size(47, 853))
    picture = np.random.default_rng(0).integers(0, 256, (47, 853, 3), np.uint8)
    sink.write(Frame(picture, Fraction(0)))
    sent = backend.sent[0]
    assert sent.shape == (48, 854, 3)
    assert np.array_equal(sent[:47, :853], picture)
    assert np.array_equal(sent[47, :853], picture[46])
    assert np.array_equal(sent[:47, 853], picture[:, 852])


def test_a_device_that_goes_away_is_one_clear_line(backend):
    sink = camera(Size(48, 64))
    backend.broken = True
    with pytest.raises(PocketmatteError, match="/dev/null-camera takes no more pictures: no such device"):
        sink.write(Frame(np.zeros((48, 64, 3), np.uint8), Fraction(0)))
    with pytest.raises(PocketmatteError, match="expected"):
        sink.write(Frame(np.zeros((2, 2, 3), np.uint8), Fraction(0)))


@pytest.mark.parametrize("address", ["virtual:", "virtual:/dev/video93"])
def test_without_the_module_the_exact_command_is_named(address):
    with pytest.raises(PocketmatteError) as caught:
        open_sink(address, SinkRequest(Size(48, 64)))
    assert str(caught.value).endswith(f"load the module first: {MODPROBE}")
    assert "exclusive_caps=1" in MODPROBE
    assert pyvirtualcam.__version__


class TestFormatsThatDevicesKeep:
    def test_pictures_that_would_not_get_through_are_refused_before_anything_is_opened(
        self, monkeypatch, tmp_path, driver
    ):
        pretend(monkeypatch, tmp_path, {10: "YUYV:640x480@30\n", 11: "YU12:640x480@30/1\n"})
        for number, size in ((10, Size(480, 640)), (11, Size(48, 64))):
            with pytest.raises(PocketmatteError, match=f"video{number} keeps .* 640x480, .* sent as YU12") as caught:
                VirtualCamera(size, Fraction(30), str(tmp_path / f"dev/video{number}"))
            assert "sudo modprobe -r v4l2loopback" in str(caught.value)
        with pytest.raises(PocketmatteError, match="no virtual camera"):
            VirtualCamera(Size(48, 64), Fraction(30))
        assert driver.opened == []

    def test_the_first_device_that_fits_is_taken(self, monkeypatch, tmp_path, driver):
        pretend(monkeypatch, tmp_path, {9: "YUYV:640x480@30\n", 10: "YU12:640x480@30\n", 11: ""}, "Y,Y,N")
        assert VirtualCamera(Size(479, 639), Fraction(30)).device.endswith("video10")  # made even first
        free = VirtualCamera(Size(48, 64), Fraction(30))
        assert free.device.endswith("video11")

    def test_a_device_that_browsers_do_not_see_is_named(self, monkeypatch, tmp_path, driver):
        pretend(monkeypatch, tmp_path, {10: "", 11: ""}, "Y,N,N,N")
        cameras = [VirtualCamera(Size(4, 4), Fraction(30), str(tmp_path / f"dev/video{n}")) for n in (10, 11)]
        for camera_ in cameras:
            camera_.write(Frame(np.zeros((4, 4, 3), np.uint8)))
        assert cameras[0].notes == []
        assert "browsers do not see" in cameras[1].notes[0]


def test_readers_are_counted(tmp_path):
    device = tmp_path / "device"
    device.touch()
    with device.open():
        assert readers_of(device) == 0  # this process does not count
    code = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(device)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        assert readers_of(device) == 1
        other.communicate()
    assert readers_of(device) == 0


class Readers:
    """Simulated time and programs."""

    def __init__(self):
        self.now, self.count, self.asked = 0.0, 0, 0
        self.demand = OnDemand(self.look, lambda: self.now)

    def look(self):
        self.asked += 1
        return self.count

    def wait(self, seconds, count):
        """Answers over the next ``seconds`` with so many readers, asked at 30 frames per second."""
        self.count = count
        answers = []
        for _ in range(round(seconds * 30)):
            self.now += 1 / 30
            answers.append(self.demand.wanted())
        return answers


def test_nobody_looks_nothing_is_wanted():
    readers = Readers()
    assert not any(readers.wait(10, 0))
    assert readers.asked <= 10 / EVERY + 1  # the system is not asked for every frame


def test_a_short_probe_wakes_nobody():
    readers = Readers()
    for _ in range(5):
        assert not any(readers.wait(PROBE - EVERY - 0.1, 1))
        assert not any(readers.wait(1, 0))


def test_a_viewer_is_served_until_a_moment_after_leaving():
    readers = Readers()
    assert readers.wait(PROBE + 2 * EVERY, 1)[-1]
    assert all(readers.wait(5, 2))
    assert all(readers.wait(LINGER - EVERY - 0.1, 0))
    assert all(readers.wait(1, 1))  # back again within that moment
    assert not readers.wait(LINGER + 2 * EVERY, 0)[-1]
