"""The committed page is the one that the sources make. Needs neither Node nor a browser."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from pocketmatte.apps.site import ENGINES, PAGE, site_files, write_site
from pocketmatte.core import PocketmatteError

WEB = Path(__file__).parents[2] / "clients" / "web"
SINGLE = ("package.json", "package-lock.json", "index.html", "check.html", "vite.config.ts", "tsconfig.json")
BUILD = json.loads((PAGE / "build.json").read_text())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_page_was_built_from_these_sources() -> None:
    """After a change in clients/web: `npm ci && npm run build` there, and commit pocketmatte/apps/web."""
    folders = [p for name in ("src", "public", "scripts") for p in (WEB / name).rglob("*") if p.is_file()]
    names = sorted([*SINGLE, *(path.relative_to(WEB).as_posix() for path in folders)])
    digest = hashlib.sha256("".join(f"{name}\n{sha256(WEB / name)}\n" for name in names).encode())
    assert digest.hexdigest() == BUILD["sources"]


def test_page_is_as_built() -> None:
    found = {p.relative_to(PAGE).as_posix(): sha256(p) for p in PAGE.rglob("*") if p.is_file()}
    assert {name: value for name, value in found.items() if name not in ("sw.js", "build.json")} == BUILD["files"]


def test_page_is_small() -> None:
    """Two builds of the network engine, packed together, are nearly all of it."""
    sizes = {path: path.stat().st_size for path in PAGE.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 3.3e6
    assert sum(size for path, size in sizes.items() if path.parent.name != "litert") < 150e3


def test_lock_file_names_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert set(re.findall(r'"integrity": "(\w+)-', lock)) == {"sha512"}


def test_page_asks_nobody_else() -> None:
    """Neither fonts nor scripts nor models from other sites."""
    for path in PAGE.rglob("*"):
        if path.suffix in (".html", ".css", ".webmanifest"):
            assert "://" not in path.read_text()


def test_site_lists_models_with_all_their_files() -> None:
    files = site_files()
    site = json.loads(files["models.json"])
    assert site["models"]
    for address in [*(model["spec"] for model in site["models"]), site["harmonizer"]]:
        spec = json.loads(files[address])
        (weights,) = [entry for entry in spec["files"] if entry["format"] == "litert"]
        folder = address.rpartition("/")[0]
        assert sha256(Path(str(files[f"{folder}/{weights['file']}"]))) == weights["sha256"]
        assert f"{folder}/{spec['golden']}" in files


def test_site_offers_each_engine_alone() -> None:
    files = site_files()
    assert ENGINES not in files
    for build in ("compat", "threaded"):
        packed = files[f"litert/litert_wasm_{build}_internal.wasm.gz"]
        assert isinstance(packed, bytes)
        assert gzip.decompress(packed).startswith(b"\0asm")
        assert f"litert/litert_wasm_{build}_internal.js" in files


def test_site_is_written_into_a_new_folder_only(tmp_path: Path) -> None:
    count = write_site(tmp_path / "site")
    assert count == sum(p.is_file() for p in (tmp_path / "site").rglob("*"))
    assert (tmp_path / "site" / "models.json").read_bytes() == site_files()["models.json"]
    with pytest.raises(PocketmatteError, match="not empty"):
        write_site(tmp_path / "site")
