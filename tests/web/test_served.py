"""The web app as `pocketmatte serve` offers it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Playwright

from pocketmatte.apps.site import HEADERS, site_files
from tests.web.page import CHROMIUM, PATIENCE

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pocketmatte", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


def test_every_file_of_the_site(served: str) -> None:
    for name, content in site_files().items():
        with urllib.request.urlopen(served + name) as answer:
            assert answer.read() == (content if isinstance(content, bytes) else content.read_bytes()), name
            assert all(answer.headers[key] == value for key, value in HEADERS.items()), name


def test_models_run_with_threads(served: str, playwright: Playwright) -> None:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(served + "check.html")
    page.wait_for_function("window.finished")
    assert page.inner_text("[role=status]") == "All models passed."
    assert page.evaluate("self.crossOriginIsolated")
    listed = {model["name"] for model in json.loads(site_files()["models.json"])["models"]}
    assert {result["name"] for result in page.evaluate("results.map(r => ({name: r.name}))")} == listed
    browser.close()
