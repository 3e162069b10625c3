"""The training sets: where they lie, how they are labelled, under which terms, and how much each is trusted.

``POCKETMATTE_DATA`` names the folder that holds ``train/`` and ``backgrounds/``.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

IMAGE_SUFFIXES = (".webp", ".png", ".jpg", ".jpeg")
VALIDATION_SHARE = 16  # one picture in this many is held out for model selection


@dataclass(frozen=True)
class PeopleSet:
    """One folder ``train/NAME`` of ``images/`` and ``alphas/``.

    ``weight`` scales how often its pictures are drawn, ``full_body`` says that half-body crops make sense, and
    ``cut_out`` that its labels are clean enough to paste the person onto other backgrounds.
    """

    name: str
    label: str  # "human" | "teacher"
    licence: str
    link: str
    weight: float = 1.0
    full_body: bool = False
    cut_out: bool = True


PEOPLE = (
    PeopleSet("ccp", "human", "research (repository Apache-2.0, photos from fashion sites)",
              "https://github.com/bearpaw/clothing-co-parsing", 1.3, full_body=True),
    PeopleSet("ccp_unlabelled", "teacher", "research (repository Apache-2.0, photos from fashion sites)",
              "https://github.com/bearpaw/clothing-co-parsing", 1.0, full_body=True),
    PeopleSet("celebamask", "human", "non-commercial research",
              "https://github.com/switchablenorms/CelebAMask-HQ", 0.4, cut_out=False),
    PeopleSet("figaro", "teacher", "research", "http://projects.i-ctm.eu/it/progetto/figaro-1k", 1.2),
    PeopleSet("talkinghead", "teacher", "research (repository MIT, YouTube-Faces frames)",
              "https://github.com/udacity/P1_Facial_Keypoints", 1.0),
    PeopleSet("facemask", "teacher", "research (repository MIT, web images)",
              "https://github.com/chandrikadeb7/Face-Mask-Detection", 1.2),
)
BACKGROUNDS = ("houses_bg", "imagenet_samples", "grocery_bg", "bsds500")


def data_root(path: str | Path | None = None) -> Path:
    """The data folder: ``path``, else ``$POCKETMATTE_DATA``. Raises ``FileNotFoundError`` with what to set."""
    chosen = path or os.environ.get("POCKETMATTE_DATA")
    if not chosen or not (Path(chosen) / "train").is_dir():
        raise FileNotFoundError(
            f"no training data at {chosen!r}: set POCKETMATTE_DATA to a folder that holds train/ and backgrounds/"
        )
    return Path(chosen)


def is_validation(name: str, stem: str) -> bool:
    """Whether a picture belongs to the fixed validation split: a hash of its name, so it never moves."""
    return int(hashlib.sha1(f"{name}/{stem}".encode()).hexdigest()[:8], 16) % VALIDATION_SHARE == 0


def list_pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """``(stem, image, alpha)`` of every picture in ``folder/images`` with a partner in ``folder/alphas`` or ``masks``."""
    labels = folder / "alphas"
    if not labels.is_dir():
        labels = folder / "masks"
    by_stem = {p.stem: p for p in labels.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES}
    images = sorted(p for p in (folder / "images").iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    return [(p.stem, p, by_stem[p.stem]) for p in images if p.stem in by_stem]


def list_images(folder: Path) -> list[Path]:
    """Every image in ``folder``, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
