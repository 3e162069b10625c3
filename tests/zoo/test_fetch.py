"""Weights fetched from a folder and from a server: checked, resumed, found by name; nothing wrong is ever kept."""

import http.server
import json
import shutil
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from pocketmatte.apps.fetch import fetch_models
from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.pipeline import load
from pocketmatte.spec import read_spec, sha256_of
from pocketmatte.zoo import fetch as module
from pocketmatte.zoo.cards import find_card, list_cards
from pocketmatte.zoo.catalogue import bare_spec, list_all
from pocketmatte.zoo.fetch import CACHE_VARIABLE, MIRROR_VARIABLE, cache_folder, fetch, fetchable
from pocketmatte.zoo.find import find_model, list_models

ROOT = Path(__file__).parents[2]
NAME = "prisma-net"


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder with the files of a fetchable model, which is in truth the shipped one under another name."""
    source = list_models()[0]
    folder = tmp_path / "mirror" / NAME
    folder.mkdir(parents=True)
    for entry in source.files:
        shutil.copyfile(source.path_of(entry), folder / entry.file)
    shutil.copyfile(source.folder / source.golden, folder / source.golden)
    document = json.loads(source.to_json())
    (folder / "spec.json").write_text(json.dumps({**document, "name": NAME}))
    items = [{"name": p.name, "sha256": sha256_of(p), "bytes": p.stat().st_size} for p in folder.iterdir()]
    registry = tmp_path / "registry" / "zoo"
    registry.mkdir(parents=True)
    (registry / "fetchable.json").write_text(json.dumps({NAME: items}))
    monkeypatch.setattr(module, "_HERE", registry)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    fetchable.cache_clear()
    yield folder.parent
    fetchable.cache_clear()


class Partial(http.server.SimpleHTTPRequestHandler):
    """Serves ranges, as real servers do, and remembers what was asked for."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self):
        asked = self.headers.get("Range")
        self.asked.append(asked)
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(mirror):
    Partial.asked = []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Partial(*a, directory=str(mirror)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_from_a_folder_then_found_by_name_and_run(mirror):
    with pytest.raises(PocketmatteError, match=f"no weights for {NAME} on this computer: `pocketmatte models fetch"):
        find_model(NAME)
    folder = fetch(NAME, str(mirror))
    assert folder == cache_folder() / NAME
    assert sorted(p.name for p in folder.iterdir()) == sorted(item.name for item in fetchable()[NAME])
    spec, _ = find_model(NAME)
    assert spec.name == NAME
    with load(NAME) as pipeline:
        assert pipeline.spec.folder == folder
    assert next(s for s in list_all() if s.name == NAME).files
    assert fetch(NAME) == folder  # everything is there: no source needed


def test_the_verb_says_what_was_here_already(mirror, capsys):
    fetch_models([NAME], str(mirror))
    assert capsys.readouterr() == (f"{NAME}: {cache_folder() / NAME}\n", "")
    fetch_models([NAME], "nowhere")
    out, err = capsys.readouterr()
    assert out == f"{NAME}: {cache_folder() / NAME}\n"
    assert err == f"{NAME}: already here, every file as registered; nothing was fetched from nowhere\n"


def test_from_a_flat_folder_and_from_the_mirror_variable(mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror / NAME))
    assert (fetch(NAME) / "spec.json").is_file()


def test_from_a_server_and_on_after_an_interruption(mirror, server):
    weights = next(item for item in fetchable()[NAME] if item.name.endswith(".tflite"))
    whole = (mirror / NAME / weights.name).read_bytes()
    part = cache_folder() / NAME / f"{weights.name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(whole[:1000])
    heard = []
    folder = fetch(NAME, server, lambda file, done, total: heard.append((file, done, total)))
    assert "bytes=1000-" in Partial.asked
    assert (folder / weights.name).read_bytes() == whole
    assert (weights.name, len(whole), len(whole)) in heard
    assert not list(folder.glob("*.part"))


def test_a_wrong_file_is_not_kept(mirror, server):
    (mirror / NAME / "spec.json").write_text("{}")
    for source in (str(mirror), server):
        with pytest.raises(PocketmatteError, match=r"spec\.json from .* is not the registered file: found 2 bytes"):
            fetch(NAME, source)
        assert not (cache_folder() / NAME / "spec.json").exists()
        assert not list((cache_folder() / NAME).glob("*.part"))


def test_a_damaged_cache_is_mended(mirror):
    folder = fetch(NAME, str(mirror))
    weights = next(folder.glob("*.tflite"))
    weights.write_bytes(b"cut off")
    assert sha256_of(fetch(NAME, str(mirror)) / weights.name) == sha256_of(mirror / NAME / weights.name)


def test_what_is_missing_is_said(mirror, server, tmp_path, monkeypatch):
    with pytest.raises(PocketmatteError, match="no weights to fetch for 'nothing'; there are weights for: prisma-net"):
        fetch("nothing")
    with pytest.raises(PocketmatteError, match="say where to fetch them: --from DIR"):
        fetch(NAME)
    with pytest.raises(PocketmatteError, match="expected .*prisma-net"):
        fetch(NAME, str(tmp_path / "empty"))
    with pytest.raises(PocketmatteError, match=r"cannot fetch .*404"):
        fetch(NAME, f"{server}/elsewhere")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(PocketmatteError, match=f"choose a folder with {CACHE_VARIABLE}"):
        fetch(NAME, str(mirror))


def test_registered_weights_lie_in_the_tree():
    """What fetchable.json promises is what weights/ holds, and small enough together."""
    fetchable.cache_clear()
    total = 0
    for name, items in fetchable().items():
        for item in items:
            path = ROOT / "weights" / name / item.name
            assert (path.stat().st_size, sha256_of(path)) == (item.bytes, item.sha256)
            total += item.bytes
        assert read_spec(ROOT / "weights" / name / "spec.json").name == name
    assert total <= 50 * 2**20


def test_bare_architectures_are_listed_without_weights():
    names = [spec.name for spec in list_all()]
    assert len(names) == len(set(names))
    assert names[: len(list_models())] == [spec.name for spec in list_models()]
    assert {card.name for card in list_cards()} <= set(names)
    video = bare_spec(find_card("portrait-net-video"))
    assert video.states[0].shape == (1, 256, 256, 1)
    assert (video.files, video.parameters > 2e6) == ((), True)
    assert find_card("no-such-net") is None


def test_weights_that_are_missing_come_with_the_command_that_brings_them(mirror):
    """Where they can be fetched, that; else the commands that train and export."""
    with pytest.raises(PocketmatteError) as caught:
        find_model("mobile-unet-deconv")
    assert "`pocketmatte train configs/mobile-unet-deconv.yaml --out runs/mobile-unet-deconv`" in str(caught.value)
    assert "`pocketmatte export runs/mobile-unet-deconv/best.pt -o mobile-unet-deconv/`" in str(caught.value)
    summary = bare_spec(find_card(NAME)).summary
    assert f"`pocketmatte models fetch {NAME} --from DIR|URL` or train it with configs/{NAME}.yaml" in summary
    assert "fetch" not in bare_spec(find_card("mobile-unet-deconv")).summary
