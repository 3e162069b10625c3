"""Put the sample photo and its looks side by side: the picture at the top of the README.

Run: python examples/contact_sheet.py docs/images/looks.jpg
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import pocketmatte

ASSETS = Path(pocketmatte.__file__).parent / "assets"
SIDE = 400


def on_checkers(cutout: Image.Image) -> Image.Image:
    """The usual sign for transparency behind a cut-out."""
    y, x = np.mgrid[0 : cutout.height, 0 : cutout.width] // 16
    squares: npt.NDArray[np.uint8] = np.where((x + y) % 2, 205, 245).astype(np.uint8)
    sheet = Image.fromarray(squares).convert("RGB")
    sheet.paste(cutout, mask=cutout.getchannel("A"))
    return sheet


def main(target: Path) -> None:
    """Photo, cut-out, blur and another room in one row."""
    photo = Image.open(ASSETS / "astronaut.jpg")
    shown = [photo, on_checkers(pocketmatte.cut_out(photo))]
    shown += [pocketmatte.cut_out(photo, look=look) for look in ("blur", f"image:{ASSETS / 'background.jpg'}")]
    row = Image.new("RGB", (SIDE * len(shown), SIDE))
    for place, picture in enumerate(shown):
        row.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (SIDE * place, 0))
    row.save(target, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
