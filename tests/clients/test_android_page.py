"""docs/mobile.md: its Java compiles and works, its table is what the files say; the packaged page computes right."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from pocketmatte.export.residency import residency
from pocketmatte.export.residency_targets import TARGETS
from pocketmatte.pipeline.pipeline import load
from pocketmatte.zoo.find import list_models
from tests.clients.java import compile_client, run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mobile.md").read_text()
CHROMIUM = "/usr/bin/chromium"


def portrait_file() -> Path:
    spec = next(s for s in list_models() if s.name == "base")
    return spec.path_of(spec.file_for("litert"))


def test_table_of_accelerators() -> None:
    """`benchmarks.quantization_tables` writes it, and a test of that page compares; this is about who stands in it."""
    shown = re.search(r"<!-- mobile-residency -->\n(.*)<!-- /mobile-residency -->", PAGE, re.DOTALL)
    assert shown is not None
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.group(1).splitlines()]
    assert head[1:] == [f"`{spec.name}`" for spec in list_models()]
    assert len(rows) == len(TARGETS)
    for row, target in zip(rows, TARGETS.values(), strict=True):
        assert row[0].startswith(target.title)
        (report,) = residency(portrait_file(), (target.name,))
        assert ("not:" in row[1]) == bool(report.offenders)
        assert ("open:" in row[1]) == bool(report.doubtful)


def test_names_and_order_of_inputs() -> None:
    """As the Kotlin on the page relies on them."""
    for spec in list_models():
        assert spec.folder is not None
        with load(spec.folder / "spec.json", runtime="litert") as pipeline:
            names = [tensor.name for tensor in pipeline.session.inputs]
            assert names == [spec.input.name, *(state.input for state in spec.states)]
            assert [tensor.name for tensor in pipeline.session.outputs] == ["alpha"]


MAIN = """
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.pocketmatte.*;

final class Main {
    public static void main(String[] arguments) throws java.io.IOException {
        Path model = Path.of(arguments[0]);
        GoldenTest.check(model);
        String spec = Files.readString(model.resolve("spec.json"), StandardCharsets.UTF_8);
        Cutter cutter = new Cutter(spec, inputs -> Map.of("alpha", new float[256 * 256]));
        Picture picture = new Picture(300, 200, new byte[300 * 200 * 3]);
        for (int pixel : cutter.cutOut(picture)) {
            if (pixel != 0) {
                throw new AssertionError("alpha 0 must give transparent black");
            }
        }
        cutter.restart();
    }
}
"""


@pytest.mark.system
def test_java_on_the_page(tmp_path: Path) -> None:
    classes = tmp_path / "classes"
    compile_client(classes)
    blocks = re.findall(r"```java\n(.*?)```", PAGE, re.DOTALL)
    files = []
    for block in (*blocks, MAIN):
        name = re.search(r"final class (\w+)", block)
        assert name is not None
        files.append(tmp_path / f"{name.group(1)}.java")
        files[-1].write_text(block)
    run("javac", "--release", "11", "-cp", str(classes), "-d", str(classes), *map(str, files))
    run("java", "-cp", str(classes), "Main", str(portrait_file().parent))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.system
def test_packaged_page_passes_the_golden_vectors(tmp_path: Path) -> None:
    """The app's files in desktop Chromium, without the headers for threads: as in a web view."""
    spec = importlib.util.spec_from_file_location("generate_android", ROOT / "clients" / "android" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    generate.write_www(tmp_path / "www")
    handler = functools.partial(Quiet, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/check.html")
        page.wait_for_function("window.finished", timeout=120_000)
        assert page.inner_text("[role=status]") == "All models passed."
        assert not page.evaluate("self.crossOriginIsolated")
        browser.close()
        server.shutdown()
