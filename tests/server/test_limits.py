"""What a server must survive: bad bodies, floods, slow clients, stop signals."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.server.conftest import png


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _cases(portrait: bytes) -> dict[str, tuple[dict[str, Any], int]]:
    form = "multipart/form-data; boundary=x"
    return {
        "empty file": ({"files": {"image": b""}}, 400),
        "text": ({"files": {"image": b"hello"}}, 400),
        "truncated": ({"files": {"image": portrait[:5000]}}, 400),
        "bomb": ({"files": {"image": _bomb(60000, 60000)}}, 413),
        "over the limit": ({"files": {"image": png(np.zeros((1001, 1000, 3), np.uint8))}}, 413),
        "large body": ({"content": bytes(2**20 + 1), "headers": {"content-type": "image/png"}}, 413),
        "no file": ({"data": {"look": "alpha"}, "files": {"other": b"x"}}, 422),
        "form without fields": ({"content": b"--x--", "headers": {"content-type": form}}, 422),
        "two files": ({"files": [("image", portrait), ("image", portrait)]}, 422),
        "unknown field": ({"files": {"image": portrait}, "data": {"colour": "red"}}, 422),
        "bad value": ({"files": {"image": portrait}, "data": {"fit": "sideways"}}, 422),
        "bad look": ({"files": {"image": portrait}, "data": {"look": "sepia"}}, 400),
        "file of the server": ({"files": {"image": portrait}, "data": {"look": "image:/etc/hostname"}}, 400),
        "blend without background": ({"files": {"image": portrait}, "data": {"blend": "seamless"}}, 400),
        "transparent jpeg": ({"files": {"image": portrait}, "data": {"format": "jpeg"}}, 400),
        "json": ({"json": {"image": "x"}}, 415),
        "no type": ({"content": portrait}, 415),
        "broken form": ({"content": b"--y\r\n", "headers": {"content-type": form}}, 400),
        "no boundary": ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400),
        "many fields": ({"files": [("image", portrait)], "data": {f"f{k}": "1" for k in range(40)}}, 400),
    }


@pytest.mark.parametrize("name", _cases(b""))
def test_bad_bodies_get_a_clear_refusal(client: httpx.Client, portrait: bytes, name: str) -> None:
    arguments, status = _cases(portrait)[name]
    answer = client.post("/v1/cutout", **arguments)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert client.get("/healthz").json()["status"] == "ok"


def test_upload_without_length_is_bounded(client: httpx.Client) -> None:
    def endless():
        for _ in range(40):
            yield bytes(2**16)

    answer = client.post("/v1/cutout", content=endless(), headers={"content-type": "image/png"})
    assert answer.status_code == 413


def test_flood_is_told_to_come_back(serving, portrait: bytes) -> None:
    with serving(queue=1) as client:
        statuses: list[int] = []

        def ask() -> None:
            answer = client.post("/v1/cutout", files={"image": portrait}, data={"look": "bokeh"})
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 429}
        assert client.post("/v1/cutout", files={"image": portrait}).status_code == 200


def test_too_slow_work_is_given_up(serving) -> None:
    rng = np.random.default_rng(1)
    large = png(rng.integers(0, 255, (2000, 2000, 3), np.uint8))
    with serving(work_timeout=0.02) as client:
        answer = client.post("/v1/cutout", files={"image": large})
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "too_slow"
        assert int(answer.headers["retry-after"]) >= 1


def test_slow_sender_is_cut_off(serving) -> None:
    with serving(read_timeout=0.3) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.sendall(
                b"POST /v1/cutout HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
            )
            assert b"408" in connection.recv(100)
        assert client.get("/healthz").status_code == 200


def test_stop_signal_finishes_what_is_under_way() -> None:
    large = png(np.random.default_rng(2).integers(0, 255, (1500, 1500, 3), np.uint8))
    command = [sys.executable, "-m", "pocketmatte", "serve", "--port", "0", "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, ThreadPoolExecutor(1) as pool:
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        form: dict[str, Any] = {"files": {"image": large}, "data": {"look": "bokeh:0.1"}, "timeout": 120}
        asked = pool.submit(httpx.post, f"{address}v1/cutout", **form)
        while "admitted 1.0" not in httpx.get(f"{address}metrics", timeout=60).text and not asked.done():
            time.sleep(0.01)
        assert not asked.done(), asked.result()
        process.send_signal(signal.SIGTERM)
        assert asked.result().status_code == 200
        process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)


def test_nothing_is_written_to_disk(tmp_path: Path) -> None:
    """Also not a request larger than what form parsers usually keep in memory: a read-only disk is enough."""
    probe = """
import os, sys
import numpy as np
from fastapi.testclient import TestClient
from pocketmatte.apps.server.app import create_app
from pocketmatte.apps.server.settings import ServerSettings
from pocketmatte.io.images import encode_image
big = encode_image(np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8), ".png")
assert len(big) > 2**20
with TestClient(create_app(ServerSettings(threads=1))) as client:
    client.post("/v1/matte", files={"image": big[:1000]})
    written = []
    def watch(event, args):
        if event == "open" and args[2] is not None and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(args[0])
    sys.addaudithook(watch)
    assert client.post("/v1/matte", files={"image": big}).status_code == 200
    assert not written, written
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_occupied_port_and_bad_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "pocketmatte", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run([*command[:4], "--max-mb", "0"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "--max-mb must be above 0" in done.stderr
