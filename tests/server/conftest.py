"""A real server on a loopback port, one per set of settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

import pocketmatte
from pocketmatte.apps.serve import configure
from pocketmatte.apps.server.settings import ServerSettings

PORTRAIT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"
Serving = Callable[..., Any]


@contextmanager
def _running(**settings: Any) -> Iterator[httpx.Client]:
    config = configure(ServerSettings(threads=1, **settings))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def serving() -> Serving:
    """``with serving(queue=0) as client``."""
    return _running


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with _running(max_bytes=2**20, max_pixels=1_000_000, batch=3) as opened:
        yield opened


@pytest.fixture(scope="session")
def portrait() -> bytes:
    return PORTRAIT.read_bytes()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


def png(array: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()
