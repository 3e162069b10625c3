"""All or nothing: exceptions, kills, races and full disks leave no half file and replace none unasked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.io.atomic import atomic_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


@pytest.mark.parametrize("failure", [ValueError, OSError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("force", [False, True])
def test_an_exception_in_the_middle_leaves_everything_as_it_was(
    tmp_path: Path, failure: type[BaseException], force: bool
) -> None:
    final = tmp_path / "cut.png"
    if force:
        final.write_bytes(b"old")

    def write() -> None:
        with atomic_path(final, force) as temporary:
            temporary.write_bytes(b"half")
            assert temporary.parent == final.parent
            assert temporary.suffix == ".png"
            raise failure

    with pytest.raises(failure):
        write()
    assert leftovers(tmp_path) == []
    assert names(tmp_path) == (["cut.png"] if force else [])
    assert not force or final.read_bytes() == b"old"


def test_a_kill_leaves_no_half_file_under_the_name(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from pocketmatte.io.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1]), True) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    final = tmp_path / "cut.png"
    final.write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", code, str(final)], check=False).returncode == -9
    assert final.read_bytes() == b"old"
    assert set(names(tmp_path)) - {"cut.png"} == set(leftovers(tmp_path))  # hidden, so no later input


def test_a_file_that_came_into_being_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    final = tmp_path / "cut.png"

    def write() -> None:
        with atomic_path(final, False) as temporary:
            temporary.write_bytes(b"mine")
            final.write_bytes(b"theirs")

    with pytest.raises(PocketmatteError, match="exists already"):
        write()
    assert final.read_bytes() == b"theirs"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without, as on FAT"])
def test_of_many_writers_exactly_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    final = tmp_path / "cut.bin"
    start = threading.Barrier(8)
    won: list[int] = []
    lost: list[str] = []

    def work(number: int) -> None:
        try:
            with atomic_path(final, False) as temporary:
                temporary.write_bytes(bytes([number]) * 1000)
                start.wait()
            won.append(number)
        except PocketmatteError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 7
    assert all("exists already" in message for message in lost)
    assert final.read_bytes() == bytes(won) * 1000
    assert names(tmp_path) == ["cut.bin"]


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    for force in (False, True):
        with pytest.raises(PocketmatteError, match="No such file"), atomic_path(tmp_path / "cut.png", force):
            pass
    assert names(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the encoder meets a real failing write."""
    code = (
        "import resource, signal, sys; import numpy as np; from pocketmatte.core import PocketmatteError\n"
        "from pocketmatte.io.images import write_image\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: write_image(sys.argv[1], np.random.default_rng(0).integers(0, 256, (200, 200, 4), dtype=np.uint8))\n"
        "except PocketmatteError as error: print(error)"
    )
    for suffix in (".png", ".webp", ".tif"):
        result = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / f"cut{suffix}")], capture_output=True, text=True, check=True
        )
        assert result.stdout.startswith(f"cannot write {tmp_path / 'cut'}{suffix}: ")
        assert result.stdout.count("\n") == 1
        assert names(tmp_path) == []
