"""The training sets: where they lie, how they are labelled, under which terms, and how much each is trusted.

``POCKETMATTE_DATA`` names the folder that holds ``train/`` and ``backgrounds/``.
"""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.core import PocketmatteError

IMAGE_SUFFIXES = (".webp", ".png", ".jpg", ".jpeg")
VALIDATION_SHARE = 16  # one picture in this many is held out for model selection


@dataclass(frozen=True)
class PeopleSet:
    """One folder ``train/NAME`` of ``images/`` and ``alphas/``.

    ``weight`` scales how often its pictures are drawn, ``full_body`` says that half-body crops make sense, and
    ``cut_out`` that its labels are clean enough to paste the person onto other backgrounds. ``trust`` in 0..1 is how
    far its labels may be believed; for teacher labels ``labels.csv`` lowers it picture by picture.
    """

    name: str
    label: str  # "human" | "teacher"
    licence: str
    link: str
    weight: float = 1.0
    full_body: bool = False
    cut_out: bool = True
    trust: float = 1.0


PEOPLE = (
    PeopleSet(
        "ccp",
        "human",
        "research (repository Apache-2.0, photos from fashion sites)",
        "https://github.com/bearpaw/clothing-co-parsing",
        weight=1.3,
        full_body=True,
    ),
    PeopleSet(
        "ccp_unlabelled",
        "teacher",
        "research (repository Apache-2.0, photos from fashion sites)",
        "https://github.com/bearpaw/clothing-co-parsing",
        full_body=True,
        trust=0.95,
    ),
    PeopleSet(
        "celebamask",
        "human",
        "non-commercial research",
        "https://github.com/switchablenorms/CelebAMask-HQ",
        weight=0.4,
        cut_out=False,
        trust=0.6,
    ),
    PeopleSet(
        "figaro", "teacher", "research", "http://projects.i-ctm.eu/it/progetto/figaro-1k", weight=1.2, trust=0.95
    ),
    PeopleSet(
        "talkinghead",
        "teacher",
        "research (repository MIT, YouTube-Faces frames)",
        "https://github.com/udacity/P1_Facial_Keypoints",
        trust=0.95,
    ),
    PeopleSet(
        "facemask",
        "teacher",
        "research (repository MIT, web images)",
        "https://github.com/chandrikadeb7/Face-Mask-Detection",
        weight=1.2,
        trust=0.95,
    ),
)


def data_root(path: str | Path | None = None) -> Path:
    """The data folder: ``path``, else ``$POCKETMATTE_DATA``. Raises :class:`PocketmatteError` with what to set."""
    chosen = path or os.environ.get("POCKETMATTE_DATA")
    if not chosen or not (Path(chosen) / "train").is_dir():
        found = f"no training data at {chosen}" if chosen else "no data folder is named"
        raise PocketmatteError(
            f"{found}: set POCKETMATTE_DATA (or --data) to a folder that holds train/ and backgrounds/"
        )
    return Path(chosen)


def people_sets(root: Path) -> list[PeopleSet]:
    """The recipes of the folders in ``root/train``. Raises :class:`PocketmatteError` for one without a recipe."""
    known = {recipe.name: recipe for recipe in PEOPLE}
    found = sorted(p.name for p in (root / "train").iterdir() if (p / "images").is_dir())
    if unknown := [name for name in found if name not in known]:
        raise PocketmatteError(
            f"{root / 'train'} holds {', '.join(unknown)}, of which nothing is known; add an entry to data/recipes.py"
        )
    if not found:
        raise PocketmatteError(f"{root / 'train'} holds no set: expected folders with images/ and alphas/")
    return [known[name] for name in found]


# Each picture shows one large animal or thing: what networks take for a person first.
SINGLES = frozenset({"imagenet_samples"})


def background_sets(root: Path) -> list[Path]:
    """The folders of people-free pictures in ``root/backgrounds``, sorted."""
    folder = root / "backgrounds"
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def is_validation(name: str, stem: str) -> bool:
    """Whether a picture belongs to the fixed validation split: a hash of its name, so it never moves."""
    return int(hashlib.sha1(f"{name}/{stem}".encode()).hexdigest()[:8], 16) % VALIDATION_SHARE == 0


def list_pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """``(stem, image, alpha)`` of every picture in ``folder/images`` with a partner in ``alphas/`` or ``masks/``."""
    labels = folder / "alphas"
    if not labels.is_dir():
        labels = folder / "masks"
    if not labels.is_dir():
        raise PocketmatteError(f"{folder} has no labels: expected alphas/ or masks/ beside images/")
    by_stem = {p.stem: p for p in list_images(labels)}
    return [(p.stem, p, by_stem[p.stem]) for p in list_images(folder / "images") if p.stem in by_stem]


def list_images(folder: Path) -> list[Path]:
    """Every image in ``folder``, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


def read_trust(root: Path) -> dict[tuple[str, str], float]:
    """``(set, stem)`` -> trust in 0..1 from ``train/labels.csv``; empty when there is no such file.

    A teacher label is worth the less, the less a second model agreed with it and the less sure its own model was.
    """
    table = root / "train" / "labels.csv"
    if not table.is_file():
        return {}
    base = {recipe.name: recipe.trust for recipe in PEOPLE}
    trust = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            value = base.get(row["set"], 1.0)
            if row["label"] == "teacher" and row["agreement"]:
                value *= min(1.0, max(0.3, (float(row["agreement"]) - 0.6) / 0.35))
            if row["label"] == "teacher" and row["uncertainty"]:
                value *= min(1.0, max(0.6, 1.1 - 4 * float(row["uncertainty"])))
            trust[row["set"], row["stem"]] = value
    return trust
