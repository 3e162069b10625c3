"""The Android shell: what it is generated from, what comes out, and what its script does in a browser."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import sync_playwright

from pocketmatte.apps.site import site_files

CLIENT = Path(__file__).parents[2] / "clients" / "android"
ANDROID = "{http://schemas.android.com/apk/res/android}"
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_android", CLIENT / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_configuration(generate: ModuleType) -> None:
    config = json.loads((CLIENT / "capacitor.config.json").read_text())
    assert config["appId"] == generate.PACKAGE
    # Cameras need a secure origin.
    assert config["server"]["androidScheme"] == "https"
    assert not config["android"]["webContentsDebuggingEnabled"]
    for source in (CLIENT / "native").glob("*.java"):
        assert f"package {generate.PACKAGE};" in source.read_text()


def test_packages_are_locked_to_one_release() -> None:
    wanted = json.loads((CLIENT / "package.json").read_text())["devDependencies"]
    lock = json.loads((CLIENT / "package-lock.json").read_text())["packages"]
    assert lock[""]["devDependencies"] == wanted
    assert len(set(wanted.values())) == 1
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["license"] == "MIT"


def test_page_in_the_package(generate: ModuleType, tmp_path: Path) -> None:
    """Packaging for Android unpacks .gz files and takes the ending off, so none may be there or be asked for."""
    www = tmp_path / "www"
    generate.write_www(www)
    written = {path.relative_to(www).as_posix() for path in www.rglob("*") if path.is_file()}
    expected = {name.removesuffix(".gz") for name in site_files() if "threaded" not in name} | {"save.js"}
    assert written == expected
    for name in written:
        if name.endswith((".js", ".html")):
            assert ".wasm.gz" not in (www / name).read_text()
        if name.endswith(".wasm"):
            assert (www / name).read_bytes()[:4] == b"\0asm"
    page = (www / "index.html").read_text()
    assert page.index("save.js") < page.index("index.js")


def test_a_changed_generator_is_noticed(generate: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("one two")
    with pytest.raises(SystemExit, match="expected one place like three, found 0"):
        generate.edit(file, {"three": "3"})
    assert file.read_text() == "one two"


@pytest.mark.system
def test_generated_project(generate: ModuleType, tmp_path: Path) -> None:
    """With the locked Capacitor, as npm brings it; nothing of Google's SDK is needed or run."""
    done = subprocess.run(["npm", "ci"], cwd=CLIENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    generate.main(tmp_path)
    app = tmp_path / "android" / "app"
    manifest = ElementTree.parse(app / "src/main/AndroidManifest.xml").getroot()
    assert {p.get(f"{ANDROID}name") for p in manifest.iter("uses-permission")} == {"android.permission.CAMERA"}
    for feature in manifest.iter("uses-feature"):
        assert feature.get(f"{ANDROID}required") == "false"
    application = manifest.find("application")
    assert application is not None
    assert application.get(f"{ANDROID}allowBackup") == "false"
    assert re.search(r'applicationId "org\.pocketmatte\.app"', (app / "build.gradle").read_text())
    assert f"minSdkVersion = {generate.OLDEST}\n" in (tmp_path / "android/variables.gradle").read_text()
    assets = app / "src/main/assets"
    assert json.loads((assets / "capacitor.config.json").read_text())["appId"] == generate.PACKAGE
    assert json.loads((assets / "public/models.json").read_text())["models"]
    assert not list(assets.rglob("*.gz"))
    classes = app / "src/main/java/org/pocketmatte/app"
    assert {path.name for path in classes.iterdir()} == {"MainActivity.java", "SavePlugin.java"}
    # The bridge that the app's script calls is in this Capacitor.
    bridge = CLIENT / "node_modules/@capacitor/android/capacitor/src/main/assets/native-bridge.js"
    for name in ("nativePromise", "isNativePlatform"):
        assert f"cap.{name} = " in bridge.read_text()


@pytest.mark.system
def test_native_classes_are_java(tmp_path: Path) -> None:
    """Android's classes are not here: javac must complain about those and about nothing else."""
    sources = sorted(map(str, (CLIENT / "native").glob("*.java")))
    command = ["javac", "--release", "11", "-Xmaxerrs", "1000", "-d", str(tmp_path), *sources]
    done = subprocess.run(command, capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    absent = ("does not exist", "cannot find symbol", "does not override or implement")
    assert errors
    assert not [line for line in errors if not any(words in line for words in absent)]


BRIDGE = """
window.calls = [];
window.Capacitor = {
  isNativePlatform: () => NATIVE,
  nativePromise: async (plugin, method, values) => {
    if (method === FAILS) throw new Error("could not save: the gallery is full");
    window.calls.push([plugin, method, values]);
  },
};
"""
SAVE = """async (size) => {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "video/webm;codecs=vp9" }));
  link.download = "clip.webm";
  link.click();
}"""


def page_with(script: str) -> str:
    return f'<p id="status"></p><script>{script}</script><script>{(CLIENT / "native/save.js").read_text()}</script>'


@pytest.mark.system
def test_saving_goes_to_the_gallery_in_pieces() -> None:
    """In a real browser, with Android's side of the bridge written down instead."""
    size = 2_000_000
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(page_with(BRIDGE.replace("NATIVE", "true").replace("FAILS", "null")))
        page.evaluate(SAVE, size)
        page.wait_for_function("document.getElementById('status').textContent.startsWith('Saved clip.webm')")
        calls = page.evaluate("calls")
        assert [c[:2] for c in calls] == [["Save", "open"], *[["Save", "append"]] * 3, ["Save", "close"]]
        assert calls[0][2] == {"name": "clip.webm", "type": "video/webm"}
        data = b"".join(base64.b64decode(c[2]["data"]) for c in calls if c[1] == "append")
        assert data == bytes((i * 7 + (i >> 8)) & 255 for i in range(size))

        page.set_content(page_with(BRIDGE.replace("NATIVE", "true").replace("FAILS", '"append"')))
        page.evaluate(SAVE, 100)
        page.wait_for_function("document.getElementById('status').textContent.includes('the gallery is full')")

        page.set_content(page_with(BRIDGE.replace("NATIVE", "false").replace("FAILS", "null")))
        with page.expect_download() as download:  # outside the app: an ordinary download
            page.evaluate(SAVE, 100)
        assert download.value.suggested_filename == "clip.webm"
        assert page.evaluate("calls") == []
        browser.close()
