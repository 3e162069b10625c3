"""Labels improved by a trained network and kept as files, for data of one's own or a packed copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import data_root, is_validation, list_pairs, people_sets, read_trust
from pocketmatte.data.soften import soften
from pocketmatte.data.store import SOFT, TRUST, read_gray, read_rgb
from pocketmatte.train.teacher import load_teacher, opinion_of


def improve_labels(teacher: str | Path, data: str | Path | None, size: int) -> dict[str, int]:
    """Write ``soft/STEM.webp`` and ``trust/STEM.webp`` for every training picture; returns the number per set.

    ``teacher`` sees the pictures squashed to ``size``. Pictures of the validation split keep their labels. Raises
    :class:`PocketmatteError` when a set has such folders already.
    """
    root = data_root(data)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    opinion = opinion_of(load_teacher(teacher, device), device)
    trusts, written = read_trust(root), {}
    for recipe in people_sets(root):
        folder = root / "train" / recipe.name
        for part in (SOFT, TRUST):
            if (folder / part).exists():
                raise PocketmatteError(f"{folder / part} exists already; remove it first")
            (folder / part).mkdir()
        pairs = [pair for pair in list_pairs(folder) if not is_validation(recipe.name, pair[0])]
        for stem, image_path, alpha_path in pairs:
            image, alpha = read_rgb(image_path), read_gray(alpha_path)
            small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
            seen = cv2.resize(opinion(small[None])[0], alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
            level = round(255 * trusts.get((recipe.name, stem), recipe.trust))
            better, trust = soften(alpha, (alpha * 0 + level).astype(alpha.dtype), seen, recipe)
            for part, picture in ((SOFT, better), (TRUST, trust)):
                encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 101])[1]
                (folder / part / f"{stem}.webp").write_bytes(encoded.tobytes())
        written[recipe.name] = len(pairs)
    return written
