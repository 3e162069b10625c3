"""The server without rights and without a place to write, and the container file that promises the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import pixels

NOBODY = 65534
ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "clients" / "server" / "Containerfile"


def _as_nobody() -> list[str]:
    """What to put before a command: root may not write everywhere as another user, others need nothing.

    The one capability left lets it read Python where that lies in root's own home.
    """
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root needs setpriv to start the server as another user")
    only = "-all,+dac_read_search"
    drop = [f"--{kind}={only}" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", *drop]


def _files_of_nobody() -> set[Path]:
    """In the folders that everybody may write to; deeper ones belong to somebody, whose they are to write."""
    found = set()
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
        if Path(folder).is_dir():
            found |= {Path(entry.path) for entry in os.scandir(folder) if _owner(entry) == NOBODY}
    return found


def _owner(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:  # other programs come and go
        return None


def test_runs_without_rights_and_makes_no_file(tmp_path: Path, portrait: bytes) -> None:
    command = _as_nobody()
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
    environment = {**inherited, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    run = {"cwd": home, "env": environment, "text": True}
    touch = subprocess.run([*command, "touch", "file"], **run, stderr=subprocess.PIPE)
    assert touch.returncode != 0, "the folder can be written: this would show nothing"
    before = _files_of_nobody()
    serve = [sys.executable, "-P", "-m", "pocketmatte", "serve", "--port", "0", "--threads", "1"]
    with subprocess.Popen([*command, *serve], **run, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        try:
            assert first.startswith("http://"), first + process.stderr.read()
            status = Path(f"/proc/{process.pid}/status")
            if status.is_file():
                assert re.search(r"^Uid:\s+(\d+)", status.read_text(), re.MULTILINE)[1] != "0"
            answer = httpx.post(f"{first.split()[0]}v1/cutout", files={"image": portrait}, timeout=120)
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert answer.status_code == 200
    assert pixels(answer.content).shape == (512, 512, 4)
    assert not list(home.iterdir())
    if not os.getuid():
        assert _files_of_nobody() == before


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0].upper(), line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_container_runs_as_nobody() -> None:
    found = _instructions()
    last = [word for word, _ in found].index("FROM", 1)  # of two stages
    assert "FROM" not in [word for word, _ in found[last + 1 :]]
    users = [rest for word, rest in found[last:] if word == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1])  # a number, so that it needs no entry in the image
    position = [word for word, _ in found]
    assert position.index("ENTRYPOINT") > position.index("USER")


def test_container_copies_what_there_is() -> None:
    """And all that the package is built from."""
    copied = [rest.split()[:-1] for word, rest in _instructions() if word == "COPY" and not rest.startswith("--from=")]
    sources = {source for line in copied for source in line}
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
    files = re.findall(r'(?:readme = |license-files = \[)"([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert len(files) == 2
    assert {"pyproject.toml", "pocketmatte", *files} <= sources
