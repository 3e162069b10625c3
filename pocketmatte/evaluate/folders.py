"""Which files of a data folder belong together: ``images/STEM.*`` with ``alphas/STEM.*`` or ``masks/STEM.*``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pocketmatte.core import PocketmatteError
from pocketmatte.io.image_formats import IMAGE_SUFFIXES

TRUTHS = ("alphas", "masks")
LOSSY = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})


@dataclass(frozen=True)
class Pair:
    """A picture and the file that says who is foreground."""

    stem: str
    image: Path
    truth: Path


@dataclass(frozen=True)
class Pairs:
    """The pairs of a folder in order of their stems, and one line for everything that was left out or is doubtful."""

    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def _natural(stem: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which frame 9 comes before frame 10."""
    parts = re.split(r"(\d+)", stem)
    return tuple((1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts)


def list_pictures(folder: Path) -> dict[str, Path]:
    """Stem -> picture of a folder, in natural order; hidden files and files of other types are passed over.

    Raises :class:`PocketmatteError` when the folder is missing, holds no picture, or holds two of one stem.
    """
    if not folder.is_dir():
        raise PocketmatteError(f"no folder {folder}: expected a folder of pictures")
    found: dict[str, Path] = {}
    paths = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != "." and p.is_file()]
    for path in sorted(paths, key=lambda p: (_natural(p.stem), p.name)):
        if path.stem in found:
            raise PocketmatteError(
                f"{folder} holds both {found[path.stem].name} and {path.name}: expected one file of each stem"
            )
        found[path.stem] = path
    if not found:
        raise PocketmatteError(f"no pictures in {folder}: expected files such as STEM.png or STEM.jpg")
    return found


def picture_folder(folder: Path) -> Path:
    """``folder/images`` where it exists, else the flat folder itself."""
    images = folder / "images"
    return images if images.is_dir() else folder


def list_pairs(folder: Path) -> Pairs:
    """Match ``images/`` with ``alphas/`` (preferred) or ``masks/`` by stem.

    Files without a partner are told in the notes. Raises :class:`PocketmatteError` when a folder is missing or
    nothing matches.
    """
    if not folder.is_dir():
        raise PocketmatteError(f"no folder {folder}: expected one with images/ and masks/ or alphas/")
    kinds = [name for name in TRUTHS if (folder / name).is_dir()]
    if not kinds or not (folder / "images").is_dir():
        raise PocketmatteError(
            f"{folder} is no data folder: expected images/ and masks/ or alphas/ inside it; "
            "pictures without people and without labels are measured with --empty"
        )
    images, truths = list_pictures(folder / "images"), list_pictures(folder / kinds[0])
    pairs = tuple(Pair(stem, path, truths[stem]) for stem, path in images.items() if stem in truths)
    if not pairs:
        raise PocketmatteError(
            f"no stem of {folder / 'images'} is in {kinds[0]}/: expected images/STEM.* with {kinds[0]}/STEM.*"
        )
    notes = [f"images/{path.name} has no partner in {kinds[0]}/" for stem, path in images.items() if stem not in truths]
    notes += [
        f"{kinds[0]}/{path.name} has no partner in images/" for stem, path in truths.items() if stem not in images
    ]
    if len(kinds) > 1:
        notes.append("both alphas/ and masks/ are there: alphas/ is the truth")
    if any(pair.truth.suffix.lower() in LOSSY for pair in pairs):
        notes.append(f"{kinds[0]}/ holds JPEG files, which are lossy: boundary and matte figures are approximate")
    return Pairs(pairs, tuple(notes))


def list_frames(folder: Path) -> tuple[Pair, ...]:
    """The pairs of a video: stems are frame numbers at one constant step, and every frame has its truth.

    Raises :class:`PocketmatteError` naming the frame that breaks the rule: a gap would falsify all times.
    """
    listed = list_pairs(folder)
    for note in listed.notes:
        if "partner" in note:
            raise PocketmatteError(f"{folder}: {note}; a sequence needs the truth of every frame")
    numbers = []
    for pair in listed.pairs:
        match = re.search(r"\d+$", pair.stem)
        if not match:
            raise PocketmatteError(f"{pair.image} has no frame number: expected stems such as 0001 or frame_0001")
        numbers.append(int(match.group()))
    for before, after in pairwise(numbers):
        if after - before != numbers[1] - numbers[0] or after == before:
            raise PocketmatteError(
                f"{folder} jumps from frame {before} to {after} after a step of {numbers[1] - numbers[0]}: "
                "expected consecutive frames"
            )
    return listed.pairs
