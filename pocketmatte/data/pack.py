"""A small copy of the training data in the same folder form, to carry to a machine that is lent for minutes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import background_sets, list_images, people_sets
from pocketmatte.data.store import SOFT, TRUST, read_gray, read_rgb, shrink

Array = npt.NDArray[Any]
# WebP quality of pictures, and levels kept of labels (stored without loss): both get worse together
_RUNGS = [
    (90, 256),
    (80, 256),
    (70, 64),
    (60, 64),
    (50, 32),
    (45, 32),
    (40, 32),
    (35, 32),
    (30, 32),
    (25, 16),
    (20, 16),
]
_SAMPLE = 20  # one file in this many is encoded to estimate the size of a rung
_MARGIN = 0.97
_LOSSLESS = 101
_LABELS = ("alphas", "masks", SOFT, TRUST)


@dataclass(frozen=True)
class Packed:
    """What was written: number of files, bytes, and the settings that made it fit."""

    files: int
    size: int
    quality: int
    levels: int


@dataclass(frozen=True)
class _Job:
    source: Path
    target: Path
    label: bool


def pack_data(
    root: Path, out: Path, side: int, max_mb: float, on_file: Callable[[int, int], None] | None = None, threads: int = 4
) -> Packed:
    """Write a WebP copy of ``root``'s train/ and backgrounds/ to ``out``, shorter sides at most ``side`` pixels.

    The best quality that keeps all of it within ``max_mb`` (10**6 bytes). Stems stay, so the validation split does too.
    ``on_file(done, all)`` hears the progress. Raises :class:`PocketmatteError` when ``out`` is not empty or nothing
    fits.
    """
    if out.exists() and any(out.iterdir()):
        raise PocketmatteError(f"{out} is not empty; choose another folder")
    jobs = list(_jobs(root, out))
    with ThreadPoolExecutor(threads) as pool:
        for quality, levels in _fitting(jobs, side, max_mb * 1e6, pool):
            written = 0

            def write(job: _Job, quality: int = quality, levels: int = levels) -> int:
                job.target.parent.mkdir(parents=True, exist_ok=True)
                return job.target.write_bytes(_encode(_picture(job, side), job.label, quality, levels))

            for done, size in enumerate(pool.map(write, jobs), 1):
                written += size
                if on_file:
                    on_file(done, len(jobs))
            if written <= max_mb * 1e6:
                table = root / "train" / "labels.csv"
                if table.is_file():
                    shutil.copyfile(table, out / "train" / "labels.csv")
                return Packed(len(jobs), written, quality, levels)
            shutil.rmtree(out)
    raise PocketmatteError(
        f"{len(jobs)} files do not fit into {max_mb:g} MB at {side} pixels; take a smaller --side or a larger --max-mb"
    )


def _jobs(root: Path, out: Path) -> Iterator[_Job]:
    folders = [root / "train" / recipe.name / part for recipe in people_sets(root) for part in ("images", *_LABELS)]
    for folder in [*(f for f in folders if f.is_dir()), *background_sets(root)]:
        for source in list_images(folder):
            yield _Job(source, (out / source.relative_to(root)).with_suffix(".webp"), folder.name in _LABELS)


def _fitting(jobs: list[_Job], side: int, limit: float, pool: Executor) -> list[tuple[int, int]]:
    """The rungs whose size, estimated from a sample, stays within ``limit`` bytes, best first."""
    sample = jobs[::_SAMPLE]

    def sizes(job: _Job) -> list[int]:
        """Of one file under each rung; its own bytes depend on the quality or on the levels alone."""
        picture = _picture(job, side)
        if job.label:
            by_level = {levels: len(_encode(picture, True, 0, levels)) for levels in {kept for _, kept in _RUNGS}}
            return [by_level[levels] for _, levels in _RUNGS]
        return [len(_encode(picture, False, quality, 0)) for quality, _ in _RUNGS]

    estimate = np.array(list(pool.map(sizes, sample))).sum(0) * (len(jobs) / len(sample))
    return [rung for rung, size in zip(_RUNGS, estimate, strict=True) if size <= _MARGIN * limit]


def _picture(job: _Job, side: int) -> Array:
    if job.label:
        return shrink(read_gray(job.source), side)
    return shrink(read_rgb(job.source), side)[..., ::-1]


def _encode(picture: Array, label: bool, quality: int, levels: int) -> bytes:
    if label:
        picture = (np.rint(picture / 255.0 * (levels - 1)) / (levels - 1) * 255 + 0.5).astype(np.uint8)
        quality = _LOSSLESS
    done, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise PocketmatteError("this OpenCV cannot write WebP; install opencv-python-headless")
    return bytes(data)
