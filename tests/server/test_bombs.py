"""Bombs and broken bodies on every route: refused, with little memory, by a server that lives on."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.server.bombs import BOMBS, message, ways
from tests.server.claims import CLAIMS
from tests.server.conftest import png

GROWTH = 160 * 2**20  # bytes; each bomb inflates to a gigabyte, or to 90 MB in many small texts
SOON = 10  # seconds, on a busy machine; without their checks some claims take minutes
LIMITS = ("--max-mb", "4", "--max-mpx", "1", "--batch", "3")
WAYS = ways()


class Watched:
    """A server process and its memory."""

    def __init__(self, address: str, pid: int) -> None:
        self.client = httpx.Client(base_url=address, timeout=120)
        self._files = Path(f"/proc/{pid}")

    def forget_peak(self) -> None:
        (self._files / "clear_refs").write_text("5")

    def memory(self, name: str) -> int:
        """``VmRSS``, what is resident now, or ``VmHWM``, the most since :meth:`forget_peak`; in bytes."""
        found = re.search(rf"{name}:\s+(\d+) kB", (self._files / "status").read_text())
        assert found is not None
        return 1024 * int(found[1])


@pytest.fixture(scope="module")
def server(portrait: bytes) -> Iterator[Watched]:
    command = [sys.executable, "-m", "pocketmatte", "serve", "--port", "0", "--threads", "1", *LIMITS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        watched = Watched(process.stderr.readline().split()[0], process.pid)
        try:
            for send in WAYS.values():  # what a good picture needs is no growth
                assert send(watched.client, portrait).status_code == 200
            yield watched
        finally:
            watched.client.close()
            process.terminate()
            process.communicate(timeout=60)


@cache
def _bomb(name: str) -> bytes:
    return BOMBS[name][0]()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BOMBS)
def test_bombs(server: Watched, name: str, way: str) -> None:
    data, status = _bomb(name), BOMBS[name][1]
    assert len(data) < 1.2 * 2**20
    server.forget_peak()
    before = server.memory("VmRSS")
    answer = WAYS[way](server.client, data)
    assert answer.status_code == status, answer.text[:500]
    if status != 200:
        assert re.search("pixels|damaged", message(answer))
    assert server.memory("VmHWM") - before < GROWTH
    assert server.client.get("/healthz").json()["status"] == "ok"


@cache
def _claim(name: str) -> bytes:
    return CLAIMS[name][0]()


@pytest.mark.parametrize("way", ["cutout raw", "matte", "batch background", "removebg"])
@pytest.mark.parametrize("name", CLAIMS)
def test_claims(server: Watched, name: str, way: str) -> None:
    data, status = _claim(name), CLAIMS[name][1]
    server.forget_peak()
    before = server.memory("VmRSS")
    started = time.monotonic()
    answer = WAYS[way](server.client, data)
    assert time.monotonic() - started < SOON
    assert answer.status_code == status, answer.text[:500]
    assert status == 200 or message(answer)
    assert server.memory("VmHWM") - before < GROWTH
    assert server.client.get("/healthz").json()["status"] == "ok"


def test_a_body_that_is_compressed_on_the_way_is_not_inflated(server: Watched, portrait: bytes) -> None:
    headers = {"content-type": "image/jpeg", "content-encoding": "gzip"}
    answer = server.client.post("/v1/cutout", content=gzip.compress(portrait), headers=headers)
    assert answer.status_code in (400, 415), answer.text


def test_a_bomb_beside_good_pictures(server: Watched, portrait: bytes) -> None:
    files = [("images", portrait), ("images", _bomb("text")), ("images", _bomb("deep pixels"))]
    answer = server.client.post("/v1/batch", files=files)
    assert answer.status_code == 200
    assert b'"state": "failed"' in answer.content


BROKEN: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "text": (b"hello", 400),
    "truncated": (b"", 400),  # filled in below
    "noise": (np.random.default_rng(1).bytes(2000), 400),
    "over the limit": (png(np.zeros((1001, 1000, 3), np.uint8)), 413),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(server: Watched, portrait: bytes, name: str, way: str) -> None:
    data, status = BROKEN[name]
    answer = WAYS[way](server.client, portrait[:5000] if name == "truncated" else data)
    if (name, way) == ("empty", "removebg base64"):  # an empty field is none
        assert answer.json()["errors"][0]["code"] == "missing_source"
    assert answer.status_code == status, answer.text
    assert message(answer)
    assert server.client.get("/healthz").json()["status"] == "ok"


def _bodies(portrait: bytes) -> dict[str, tuple[dict[str, Any], tuple[int, ...]]]:
    """Wrong before any picture is looked at; a route that takes raw bodies still takes no such."""
    form = {"content-type": "multipart/form-data; boundary=x"}
    whole = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + portrait + b"\r\n--x--\r\n"
    address = {"content-type": "application/x-www-form-urlencoded"}
    return {
        "json": ({"json": {"image": "x"}}, (415,)),
        "no type": ({"content": portrait}, (415,)),
        "no boundary": ({"content": whole, "headers": {"content-type": "multipart/form-data"}}, (400,)),
        "other boundary": ({"content": b"--y\r\n" + whole, "headers": form}, (400,)),
        "cut form": ({"content": whole[:3000], "headers": form}, (400, 422)),
        "no file": ({"content": b"--x--\r\n", "headers": form}, (400, 422)),
        "wrong field": ({"files": {"picture": portrait}}, (400, 422)),
        "many files": ({"files": [("image", portrait)] * 6}, (400,)),
        "many fields": ({"content": b"a=&" * 100_000, "headers": address}, (400, 415)),
        "picture as address": ({"content": portrait, "headers": address}, (415,)),
        "large body": ({"content": bytes(4 * 2**20 + 1), "headers": form}, (413,)),
    }


@pytest.mark.parametrize("route", ["/v1/cutout", "/v1/matte", "/v1/batch", "/v1.0/removebg"])
@pytest.mark.parametrize("name", _bodies(b""))
def test_malformed_bodies(server: Watched, portrait: bytes, name: str, route: str) -> None:
    arguments, statuses = _bodies(portrait)[name]
    answer = server.client.post(route, **arguments)
    assert answer.status_code in statuses, answer.text
    assert message(answer)
    assert server.client.get("/healthz").json()["status"] == "ok"
