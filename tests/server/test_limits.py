"""What a server must survive: bad bodies, floods, slow clients, stop signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.server.bombs import BOMBS
from tests.server.conftest import png


def _cases(portrait: bytes) -> dict[str, tuple[dict[str, Any], int]]:
    form = "multipart/form-data; boundary=x"
    return {
        "empty file": ({"files": {"image": b""}}, 400),
        "text": ({"files": {"image": b"hello"}}, 400),
        "truncated": ({"files": {"image": portrait[:5000]}}, 400),
        "bomb": ({"files": {"image": BOMBS["header"][0]()}}, 413),
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
        "curl's own type": (
            {"content": portrait, "headers": {"content-type": "application/x-www-form-urlencoded"}},
            415,
        ),
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


def test_a_picture_sent_as_a_form_it_is_not_is_told_its_type(client: httpx.Client, portrait: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    message = client.post("/v1/matte", content=portrait, headers=headers).json()["error"]["message"]
    assert "send Content-Type: image/jpeg" in message
    assert "curl -F image=@" in message


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


def test_time_out_is_for_the_whole_batch(serving) -> None:
    files = [("images", png(np.random.default_rng(k).integers(0, 255, (700, 700, 3), np.uint8))) for k in range(12)]
    with serving() as client:
        one = min(client.post("/v1/batch", files=files[:1]).elapsed.total_seconds() for _ in range(4))
    with serving(work_timeout=4 * one) as client:
        client.post("/v1/batch", files=files[:1])
        answer = client.post("/v1/batch", files=files)
        assert answer.status_code == 503, answer.elapsed
        assert answer.json()["error"]["code"] == "too_slow"


def test_pictures_of_a_batch_share_the_pixels(client: httpx.Client) -> None:
    half, third = (png(np.full((side, 1000, 3), 90, np.uint8)) for side in (500, 333))

    def states(*pictures: bytes) -> list[str]:
        answer = client.post("/v1/batch", files=[("images", picture) for picture in pictures])
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            return [row["state"] for row in json.loads(archive.read("results.json"))]

    assert states(half, half) == ["done", "done"]
    assert states(third, half, third) == ["done", "failed", "done"]
    refused = client.post("/v1/batch", files=[("images", half)] * 3)
    assert refused.status_code == 413
    assert "at most 0.333 million" in refused.json()["error"]["message"]


def test_number_of_pictures_in_a_batch(client: httpx.Client) -> None:
    tiny = png(np.zeros((8, 8, 3), np.uint8))
    assert client.post("/v1/batch", files=[("images", tiny)] * 3).status_code == 200
    four = client.post("/v1/batch", files=[("images", tiny)] * 4)
    assert four.status_code == 422
    assert "expected 1 to 3 files, found 4" in four.json()["error"]["message"]
    none = client.post("/v1/batch", files={"background": tiny})
    assert none.status_code == 422


def _closed_after(connection: socket.socket, *parts: bytes) -> bytes:
    """What comes until the server closes, while ``parts`` are sent a little apart."""
    connection.settimeout(30)
    for part in parts:
        try:
            connection.sendall(part)
        except OSError:
            break
        time.sleep(0.05)
    received = b""
    try:
        while data := connection.recv(2**16):
            received += data
    except ConnectionResetError:
        pass
    return received


def test_a_request_without_an_end_to_its_head_is_cut_off(serving) -> None:
    """A new connection that says nothing, one that drips, and one that drips after a good request."""
    good = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/cutout HTTP/1.1\r\n"
    drip = [b"X-%d: y\r\n" % k for k in range(100)]
    with serving(read_timeout=0.5) as client:
        address = client.base_url.host, client.base_url.port
        with socket.create_connection(address) as connection:
            assert _closed_after(connection) == b""
        with socket.create_connection(address) as connection:
            assert _closed_after(connection, head, *drip) == b""
        with socket.create_connection(address) as connection:
            answer = _closed_after(connection, good, head, *drip)
            assert answer.count(b"200 OK") == 1
            assert b'"status":"ok"' in answer
        assert client.get("/healthz").status_code == 200


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
