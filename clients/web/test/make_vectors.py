"""Write `vectors.npz`: what Python makes of made-up pictures, for the tests of the web client to agree with.

python clients/web/test/make_vectors.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketmatte.effects.color_transform import ColorTransform, identity
from pocketmatte.ops.clean import clean_matte
from pocketmatte.ops.color import lab_to_rgb, rgb_to_lab
from pocketmatte.ops.poisson import membrane
from pocketmatte.ops.resize import fit, resize
from pocketmatte.ops.transfer import transfer_color
from pocketmatte.pipeline.temporal import make_temporal

OUT = Path(__file__).parent / "vectors.npz"
SIZES = ((40, 52), (31, 90), (70, 33), (24, 24))


def vectors() -> dict[str, np.ndarray]:
    """The arrays by name."""
    rng = np.random.default_rng(8)
    blurry = resize(rng.integers(0, 256, (9, 13, 3), np.uint8), (53, 71), "bilinear")
    image = np.clip(blurry + rng.integers(-20, 21, blurry.shape), 0, 255).astype(np.uint8)
    arrays: dict[str, np.ndarray] = {"image": image}
    for height, width in SIZES:
        for kind in ("area", "bilinear"):
            arrays[f"resize-{height}-{width}-{kind}"] = resize(image, (height, width), kind)
    arrays["letterbox"] = fit(image, (48, 48), "letterbox", "area", 128)[0]

    y, x = np.mgrid[:53, :71].astype(np.float32)
    alpha = np.clip((22 - np.hypot(y - 30, x - 36)) / 6 + 0.5, 0, 1).astype(np.float32)
    backdrop = np.ascontiguousarray(image[::-1, ::-1])
    arrays |= {"alpha": alpha, "backdrop": backdrop}
    arrays["transfer"] = transfer_color(image, alpha, backdrop, 0.5)
    change = membrane(image, (alpha * 255 + 0.5).astype(np.uint8), backdrop)
    assert change is not None
    arrays["membrane"] = change
    numbers = identity() + rng.normal(0, 0.05, 66).astype(np.float32)
    arrays |= {"numbers": numbers, "recoloured": ColorTransform(numbers).apply(image)}
    arrays["lab"] = rgb_to_lab(image)
    arrays["rgb"] = lab_to_rgb(arrays["lab"])

    temporal = make_temporal("auto")
    assert temporal is not None
    frames, mattes, steadied, cuts = [], [], [], []
    for index in range(5):
        frame = image if index < 3 else backdrop
        frame = np.clip(frame + rng.integers(-3, 4, frame.shape), 0, 255).astype(np.uint8)
        matte = np.clip(alpha + rng.normal(0, 0.1, alpha.shape), 0, 1).astype(np.float32)
        cuts.append(temporal.is_cut(frame))
        steadied.append(temporal.steady(matte, frame))
        frames.append(frame)
        mattes.append(matte)
    arrays |= {"frames": np.stack(frames), "mattes": np.stack(mattes), "steadied": np.stack(steadied)}
    arrays["cuts"] = np.array(cuts, np.uint8)

    pieces = doubtful_mattes(rng)
    arrays |= {"pieces": pieces, "faded": np.stack([clean_matte(matte, "unsure") for matte in pieces])}
    return arrays


def doubtful_mattes(rng: np.random.Generator) -> np.ndarray:
    """Float32 ``[5,60,80]``: a person with pieces of all degrees of doubt, doubt, a person, haze, nothing."""
    y, x = np.mgrid[:60, :80]

    def disc(row: int, column: int, radius: int, level: float) -> np.ndarray:
        return np.asarray(level * np.clip((radius - np.hypot(y - row, x - column)) / 4 + 0.5, 0, 1))

    person, thing = disc(36, 20, 15, 1), disc(14, 62, 11, 0.7)
    both = np.maximum(np.maximum(person, thing), disc(50, 70, 7, 0.6))
    both[12:17, 60:65] = 0.99  # a few certain cells: the thing fades to a part
    both[2:10, 2:10] = np.eye(8) * 0.5  # joined at the corners, and so to certain cells
    both[10:12, 10:12] = 1
    both[48:56, 40:56:3] = both[56, 40:56] = 0.4  # prongs that meet below only
    both[48, 40] = 1
    haze = rng.uniform(0, 0.045, (60, 80))
    mattes = np.stack([np.maximum(both, haze), np.maximum(thing, haze), person, haze, 0 * haze])
    return (np.rint(mattes * 255) / 255).astype(np.float32)


if __name__ == "__main__":
    np.savez_compressed(OUT, **vectors())  # type: ignore[arg-type]
