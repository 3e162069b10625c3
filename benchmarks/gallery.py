"""The pictures of docs/effects.md: one portrait, all filters, three backgrounds; looks, presets and fits.

Run:  python -m benchmarks.gallery [--out docs/images]
Needs no data: the portrait and one background ship with the package, the other backgrounds are drawn here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import launch
from benchmarks.effects import harmonizer
from pocketmatte.core import Frame, PocketmatteError, Size, UInt8Image
from pocketmatte.effects.backdrop import FITS, PictureBackdrop, fit_picture
from pocketmatte.effects.blend import FILTERS, parse_blend
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.presets import PRESETS, parse_preset
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import read_image
from pocketmatte.ops.band import to_levels
from pocketmatte.pipeline.pipeline import load

ASSETS = Path(__file__).parent.parent / "pocketmatte" / "assets"
CELL = 288  # side of one picture of a sheet
ACROSS = 5
QUALITY = 84
LIMIT = 300_000  # bytes of one sheet
LOOKS = ("color:#c8dcd0", "blur", "bokeh", "depth", "pixelate")


def meadow() -> UInt8Image:
    """A hazy sky with a low sun over grass: bright, warm, out of focus."""
    y, x = np.mgrid[:512, :512].astype(np.float32) / 512
    sky = np.stack([150 + 70 * y, 190 + 30 * y, 240 - 20 * y], axis=2)
    grass = np.stack([110 + 50 * y, 150 + 20 * y, 50 + 20 * y], axis=2)
    share = np.clip((y - 0.55 - 0.03 * np.sin(9 * x)) * 30, 0, 1)[..., None]
    picture = sky * (1 - share) + grass * share
    rng = np.random.default_rng(4)
    for _ in range(260):  # flowers and tufts
        at = (int(rng.integers(0, 512)), int(300 + 212 * rng.random() ** 0.7))
        colour = [(235, 225, 120), (120, 165, 60), (70, 120, 40)][int(rng.integers(3))]
        cv2.circle(picture, at, max(1, (at[1] - 280) // 18), colour, -1, cv2.LINE_AA)
    glow = np.exp(-(((x - 0.8) / 0.3) ** 2) - ((y - 0.3) / 0.3) ** 2)[..., None]
    lit = picture + glow * np.array([70, 50, 10], np.float32)
    return np.asarray(cv2.GaussianBlur(np.clip(lit, 0, 255).astype(np.uint8), (0, 0), 2.5), np.uint8)


def street() -> UInt8Image:
    """A street at night: dark blue, with coloured lamps out of focus."""
    y, x = np.mgrid[:512, :512].astype(np.float32) / 512
    picture = np.stack([14 + 22 * y, 16 + 12 * y, 38 + 20 * (1 - y)], axis=2)
    rng = np.random.default_rng(11)
    lamps = [(255, 70, 140), (60, 200, 255), (255, 170, 60), (150, 90, 255)]
    for _ in range(46):
        disc = np.zeros_like(picture)
        at = (int(rng.integers(0, 512)), int(rng.integers(30, 420)))
        cv2.circle(disc, at, int(rng.integers(8, 26)), lamps[int(rng.integers(4))], -1, cv2.LINE_AA)
        picture += disc * float(rng.uniform(0.25, 0.8))
    wet = np.exp(-(((y - 1) / 0.25) ** 2))[..., None] * (0.6 + 0.4 * np.sin(40 * x))[..., None]
    lit = picture + wet * np.array([50, 20, 60], np.float32)
    return np.asarray(cv2.GaussianBlur(np.clip(lit, 0, 255).astype(np.uint8), (0, 0), 1.5), np.uint8)


def cell(title: str, picture: UInt8Image) -> UInt8Image:
    """One labelled picture of a sheet."""
    small = cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA)
    label = np.full((24, CELL, 3), 255, np.uint8)
    cv2.putText(label, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return np.concatenate([label, small])


def sheet(path: Path, cells: list[UInt8Image]) -> None:
    """Write the cells in rows; raises :class:`PocketmatteError` when the file becomes too large for a repository."""
    cells = cells + [np.full_like(cells[0], 255)] * (-len(cells) % ACROSS)
    rows = [np.concatenate(cells[i : i + ACROSS], axis=1) for i in range(0, len(cells), ACROSS)]
    encoded = cv2.imencode(".jpg", np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    if len(encoded) > LIMIT:
        raise PocketmatteError(f"{path} would have {len(encoded)} bytes, more than {LIMIT}: lower CELL or QUALITY")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded)
    print(f"{path}: {len(cells)} pictures, {len(encoded) // 1000} kB")


def main() -> None:
    """Draw all sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out: Path = parser.parse_args().out
    portrait = read_image(ASSETS / "astronaut.jpg").image
    size = Size(*portrait.shape[:2])
    room = read_image(ASSETS / "background.jpg").image
    backgrounds = {"room": fit_picture(room, size), "meadow": meadow(), "street": street()}
    recolour = harmonizer()
    with load(clean="both") as pipeline:
        matte = pipeline.step(Frame(portrait))
    names = [n for n in FILTERS if recolour is not None or not parse_blend(n).needs_harmonizer]
    for place, backdrop in backgrounds.items():
        cells = []
        for name in names:
            renderer = Renderer(parse_look("image:x"), backdrop, blend=parse_blend(name), harmonizer=recolour)
            renderer.reset()
            cells.append(cell(name, renderer.draw(portrait, matte)))
        sheet(out / f"effects-{place}.jpg", cells)
    cells = [cell("the photo", portrait), cell("alpha", np.repeat(to_levels(matte.alpha)[..., None], 3, axis=2))]
    cells += [cell(look, Renderer(parse_look(look)).draw(portrait, matte)) for look in LOOKS]
    for name in PRESETS:
        renderer = Renderer(parse_look("image:x"), backgrounds["meadow"], preset=parse_preset(name))
        cells.append(cell(f"preset {name}", renderer.draw(portrait, matte)))
    sheet(out / "effects-looks.jpg", cells)
    wide = np.ascontiguousarray(room[room.shape[0] // 3 : 2 * room.shape[0] // 3])
    narrow = fit_picture(wide, Size(160, wide.shape[1] * 160 // wide.shape[0]))
    fitted = [Renderer(parse_look("image:x"), PictureBackdrop(narrow, fit)).draw(portrait, matte) for fit in FITS]
    sheet(out / "effects-fits.jpg", [cell(f"fit {fit}", picture) for fit, picture in zip(FITS, fitted, strict=True)])


if __name__ == "__main__":
    launch(main)
