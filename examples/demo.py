"""The tour: a photo and a clip go in, cut-outs and new backgrounds come out. Run: python examples/demo.py [FOLDER]"""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from make_clip import make_clip
from PIL import Image

import pocketmatte

PHOTO, ROOM = (Path(pocketmatte.__file__).parent / "assets" / name for name in ("astronaut.jpg", "background.jpg"))


def run(*arguments: str | Path) -> None:
    """Show a command as one would type it, and run it."""
    words = ["run", *map(str, arguments), "--force"]
    print("$ pocketmatte", shlex.join(words), flush=True)
    if code := subprocess.call([sys.executable, "-m", "pocketmatte.apps.cli", *words]):
        sys.exit(code)


def main(out: Path) -> None:
    """Fill the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    run(PHOTO, "-o", out / "astronaut-cutout.png")
    run(PHOTO, "--look", "blur", "-o", out / "astronaut-blur.jpg")
    run(PHOTO, "--look", f"image:{ROOM}", "-o", out / "astronaut-room.jpg")
    with Image.open(out / "astronaut-cutout.png") as cutout, Image.open(ROOM) as background:
        make_clip(np.asarray(cutout), np.asarray(background), out / "clip.mp4")
    run(out / "clip.mp4", "--look", "color:#1f7a4d", "-o", out / "clip-green.mp4")
    print("\nLook at:", *sorted(str(path) for path in out.iterdir()), sep="\n  ")


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["demo-out"]))
