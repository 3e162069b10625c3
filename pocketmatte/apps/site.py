"""The web app as a set of files: the built page, the models beside it, and the list of them.

Everything is same-origin and static, so any web server can offer it. ``HEADERS`` give the page threads.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from functools import cache
from pathlib import Path

from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.harmonizer import SHIPPED
from pocketmatte.spec import ModelSpec, read_spec
from pocketmatte.zoo.find import list_models

PAGE = Path(__file__).parent / "web"
ENGINES = "litert/engines.tar.xz"
# Both together make a page cross-origin isolated; without that browsers hide SharedArrayBuffer, and with it threads.
HEADERS = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def site_files(extra: tuple[ModelSpec, ...] = ()) -> dict[str, Path | bytes]:
    """Every address of the site (relative, without query) with the file or the bytes to answer.

    The models are those of the zoo that have a ``.tflite``, default first, then ``extra``.
    """
    files: dict[str, Path | bytes] = {
        path.relative_to(PAGE).as_posix(): path for path in sorted(PAGE.rglob("*")) if path.is_file()
    }
    if files.pop(ENGINES, None):
        files |= _engines(PAGE / ENGINES)
    listed = []
    for spec in (*list_models(), *extra):
        if any(f.format == "litert" for f in spec.files):
            listed.append({"name": spec.name, "summary": spec.summary, "spec": _add(spec, files)})
    site = {"models": listed, "harmonizer": _add(read_spec(SHIPPED), files)}
    files["models.json"] = (json.dumps(site, indent=1) + "\n").encode()
    return files


@cache
def _engines(archive: Path) -> dict[str, bytes]:
    """The builds of the network engine one by one, as browsers ask for them: each with gzip.

    In the package they lie in one archive, where the second build takes next to no room.
    """
    with tarfile.open(archive) as tar:
        members = [(entry.name, tar.extractfile(entry)) for entry in tar if entry.isfile()]
        return {f"litert/{name}.gz": gzip.compress(f.read(), 6, mtime=0) for name, f in members if f}


def _add(spec: ModelSpec, files: dict[str, Path | bytes]) -> str:
    folder = f"models/{spec.name}"
    files[f"{folder}/spec.json"] = spec.to_json().encode()
    for entry in spec.files:
        if entry.format == "litert":
            files[f"{folder}/{entry.file}"] = spec.path_of(entry)
    if spec.golden:
        files[f"{folder}/{spec.golden}"] = (spec.folder or Path()) / spec.golden
    return f"{folder}/spec.json"


def write_site(folder: Path) -> int:
    """Copy the whole site into a new or empty ``folder`` for any static web server; returns the number of files.

    Raises :class:`PocketmatteError` when something is in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PocketmatteError(f"{folder} is not empty: expected a new or empty folder for the site, name another")
    files = site_files()
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)
    return len(files)
