"""A folder of numbered PNG files as a video: every pixel and every time stamp kept exactly."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size, UInt8Image
from pocketmatte.io.atomic import already_there
from pocketmatte.io.video_formats import SEQUENCE_SUFFIX

TIMES = "timestamps.json"
DEFAULT_RATE = Fraction(30)
DEFAULT_NAME = "%06d.png"
_SCHEMA = 1
_NUMBER = re.compile(r"(\d+)\D*$")
_PATTERN = re.compile(r"^[^%/\\]*%0?\d*d[^%/\\]*\.png$", re.IGNORECASE)
# How OpenCV's picture becomes ours, by its channels; 2 stands for a plain grey plane.
_TO_RGB = {2: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
_TO_RGBA = {2: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}


@dataclass(frozen=True)
class FolderName:
    """Where numbered files go: ``folder``, and ``pattern`` such as ``%06d.png`` for the names in it."""

    folder: Path
    pattern: str


def folder_name(path: Path) -> FolderName | None:
    """What ``path`` means as a PNG sequence, or ``None`` when it names something else.

    A sequence is a name without suffix or with ``.png-seq`` (the folder itself), or ``folder/name_%05d.png``.
    """
    if _PATTERN.match(path.name):
        return FolderName(path.parent, path.name)
    if path.suffix.lower() in ("", SEQUENCE_SUFFIX):
        return FolderName(path, DEFAULT_NAME)
    return None


class FramesSource:
    """Reads a folder of PNG files in the order of their numbers; the counterpart of ``VideoSource``.

    Times come from ``timestamps.json`` when the folder has one, else frame n is at n / ``rate``. All frames must have
    the size of the first. One frame is in memory at a time. Raises :class:`PocketmatteError` on a folder without
    numbered PNG files, a broken file or a time table that does not fit.
    """

    def __init__(self, path: str | Path, *, rate: Fraction = DEFAULT_RATE) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise PocketmatteError(f"{path} is not a folder, expected one with numbered PNG files")
        table = self.path / TIMES
        self.last_duration: Fraction
        if table.exists():
            self._entries, self.last_duration = _read_table(table)
        else:
            self._entries = [(name, index / rate) for index, name in enumerate(_numbered(self.path))]
            self.last_duration = 1 / rate
        if not self._entries:
            raise PocketmatteError(f"{path}: expected numbered PNG files such as 000001.png, found none")
        first, last = self._entries[0][1], self._entries[-1][1]
        self.duration = last + self.last_duration - first
        self.rate = len(self._entries) / self.duration
        self.frame_estimate = len(self._entries)
        self.size = Size(*self._image(self._entries[0][0], _TO_RGB).shape[:2])

    def __iter__(self) -> Iterator[Frame]:
        for index, (name, pts) in enumerate(self._entries):
            yield Frame(self._image(name, _TO_RGB), pts, index)

    def rgba(self) -> Iterator[tuple[UInt8Image, Fraction]]:
        """The frames as straight ``uint8 [H,W,4]`` RGBA and their times; alpha is 255 in files without it."""
        for name, pts in self._entries:
            yield self._image(name, _TO_RGBA), pts

    def _image(self, name: str, codes: dict[int, int]) -> UInt8Image:
        path = self.path / name
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise PocketmatteError(f"cannot read the frame {path}: {error.strerror}") from error
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise PocketmatteError(f"{path} is not a readable PNG file")
        if image.dtype == np.uint16:
            image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
        channels = image.shape[2] if image.ndim == 3 else 2
        picture = np.asarray(cv2.cvtColor(image, codes[channels]), np.uint8)
        size = Size(*picture.shape[:2])
        if getattr(self, "size", size) != size:
            raise PocketmatteError(
                f"{path} is {size.width}x{size.height}, but the sequence began with {self.size.width}x"
                f"{self.size.height}; all frames must have one size"
            )
        return picture


class FramesSink:
    """Writes numbered PNG files and ``timestamps.json`` into a folder that appears, complete, on :meth:`finish`.

    Until then all lies in a hidden folder beside it. An existing folder is replaced only with ``force``, and only if
    it is a sequence written by this class: foreign files are never lost. ``OSError`` passes through from
    :meth:`put` and :meth:`finish`.
    """

    def __init__(self, name: FolderName, *, force: bool = False) -> None:
        self._name = name
        self._entries: list[tuple[str, Fraction]] = []
        folder = name.folder
        if not folder.name:
            raise PocketmatteError(f"{name.pattern} needs a folder of its own: expected FOLDER/{name.pattern}")
        if folder.exists():
            _check_replaceable(folder, force=force)
        self._temporary = folder.absolute().with_name(f".pocketmatte-{secrets.token_hex(6)}")
        self._temporary.mkdir(parents=True)

    def put(self, image: UInt8Image, pts: Fraction) -> None:
        """Write ``uint8 [H,W,3]`` RGB or ``[H,W,4]`` straight RGBA under the next number, from 0."""
        file = self._name.pattern % len(self._entries)
        code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        _, data = cv2.imencode(".png", cv2.cvtColor(image, code))
        (self._temporary / file).write_bytes(data.tobytes())
        self._entries.append((file, pts))

    def finish(self, last_duration: Fraction) -> None:
        """Write the time table and move the folder to its name."""
        table = {
            "schema": _SCHEMA,
            "unit": "seconds",
            "last_duration": str(last_duration),
            "frames": [{"file": file, "pts": str(pts)} for file, pts in self._entries],
        }
        (self._temporary / TIMES).write_text(json.dumps(table, indent=1) + "\n")
        folder = self._name.folder
        if folder.exists():
            old = self._temporary.with_suffix(".old")
            folder.rename(old)
            self._temporary.rename(folder)
            shutil.rmtree(old)
        else:
            self._temporary.rename(folder)

    def discard(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self._temporary, ignore_errors=True)


def _numbered(folder: Path) -> list[str]:
    found = []
    for path in folder.iterdir():
        number = _NUMBER.search(path.stem)
        if path.suffix.lower() == ".png" and number and path.is_file():
            found.append((int(number[1]), path.name))
    return [name for _, name in sorted(found)]


def _read_table(path: Path) -> tuple[list[tuple[str, Fraction]], Fraction]:
    try:
        table = json.loads(path.read_text())
        if table["schema"] != _SCHEMA:
            raise ValueError(f"expected schema {_SCHEMA}")
        entries = [(str(entry["file"]), Fraction(entry["pts"])) for entry in table["frames"]]
        if any(Path(name).name != name for name, _ in entries):
            raise ValueError("a file name leads out of the folder")
        if any(a[1] >= b[1] for a, b in pairwise(entries)):
            raise ValueError("times do not rise")
        last = Fraction(table["last_duration"])
        if last <= 0:
            raise ValueError("last_duration must be positive")
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise PocketmatteError(f"{path} is not a valid time table: {error}") from error
    return entries, last


def _check_replaceable(folder: Path, *, force: bool) -> None:
    if not folder.is_dir():
        raise PocketmatteError(f"{folder} exists and is a file, expected a new folder for numbered PNG files")
    if not force:
        raise already_there(folder)
    if not any(folder.iterdir()):
        return
    known = {TIMES}
    if (folder / TIMES).exists():
        known |= {name for name, _ in _read_table(folder / TIMES)[0]}
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in known)
    if foreign:
        raise PocketmatteError(
            f"{folder} is not replaced because it holds {foreign[0]}, which belongs to no sequence; choose a new folder"
        )
