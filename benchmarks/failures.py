"""Draw the picture gallery of a model card from material that may be published: what a model does where it is hard.

Run:  python -m benchmarks.failures [NAME...] [--out docs/images/models]
Without names: every model of the zoo. The sample portrait in new scenes and lights, on a poster, cut by the frame and
twice; people drawn like those of ``pocketmatte data draw``; drawn things and empty scenes, where anything is an error.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import launch
from benchmarks.gallery import meadow, street
from pocketmatte.core import Frame, UInt8Image
from pocketmatte.data.drawn import draw_person, draw_scene
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import read_image
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.zoo.find import default_model, list_models

ROOT = Path(__file__).parent.parent
ASSETS = ROOT / "pocketmatte" / "assets"
SIDE = 256
CELL = 150  # side of one picture of the sheet
ACROSS = 4
QUALITY = 85


def portrait(side: int = SIDE) -> UInt8Image:
    """The sample photo."""
    image = read_image(ASSETS / "astronaut.jpg").image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def scenes() -> dict[str, UInt8Image]:
    """Caption -> picture uint8 RGB ``[256,256,3]``."""
    photo = portrait()
    with load(default_model()) as pipeline:
        matte = pipeline.step(Frame(photo))
        drawn = {}
        for name, backdrop in (("meadow", meadow()), ("night street", street())):
            place = np.asarray(cv2.resize(backdrop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
            drawn[name] = _paste(place, matte.foreground if matte.foreground is not None else photo, matte.alpha)
    rng = np.random.default_rng(3)
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    noise = rng.normal(0, 9, photo.shape)
    dark = np.clip(photo * 0.16 + noise, 0, 255).astype(np.uint8)
    two = draw_scene(SIDE, SIDE, rng).astype(np.uint8)
    two[96:, 8:168], two[136:, 128:248] = portrait(160), portrait(120)
    poster = np.full_like(photo, 196)
    poster[200:], poster[24:144, 96:216] = (120, 96, 80), portrait(120)
    cv2.rectangle(poster, (92, 20), (219, 147), (40, 30, 24), 5)
    return {
        "as it is": photo,
        "before a meadow": drawn["meadow"],
        "night street": drawn["night street"],
        "low light, noise": dark,
        "black-and-white": grey,
        "cut by the frame": np.ascontiguousarray(portrait(448)[:SIDE, 190 : 190 + SIDE]),
        "two": two,
        "on a poster: nobody": poster,
        **{f"drawn {k}": draw_person(SIDE, SIDE, np.random.default_rng(k))[0].astype(np.uint8) for k in (1, 2, 5)},
        "drawn ball: nobody": ball(),
        "drawn chair: nobody": chair(),
        "drawn bottle: nobody": bottle(),
        "drawn scene: nobody": draw_scene(SIDE, SIDE, np.random.default_rng(8)).astype(np.uint8),
        "meadow: nobody": np.asarray(cv2.resize(meadow(), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8),
    }


def _paste(backdrop: UInt8Image, colours: UInt8Image, alpha: np.ndarray) -> UInt8Image:
    a = alpha[..., None]
    return np.asarray(colours * a + backdrop * (1 - a) + 0.5, np.uint8)


def _room() -> UInt8Image:
    y = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    wall = np.broadcast_to(np.array([206, 198, 184], np.float32) * (1 - 0.2 * y), (SIDE, SIDE, 3))
    room = np.ascontiguousarray(wall.astype(np.uint8))
    room[190:] = (122, 92, 66)
    return room


def ball() -> UInt8Image:
    """A striped ball as large as a head and shoulders."""
    picture = _room()
    cv2.circle(picture, (128, 140), 92, (196, 52, 44), -1, cv2.LINE_AA)
    for width in (24, 62):
        cv2.ellipse(picture, (128, 140), (width, 92), 0, 0, 360, (240, 236, 224), 8, cv2.LINE_AA)
    return picture


def chair() -> UInt8Image:
    """An empty chair in the middle, dark before a light wall."""
    picture, wood = _room(), (54, 40, 34)
    cv2.rectangle(picture, (84, 60), (172, 150), wood, 10)
    for x in (106, 128, 150):
        cv2.line(picture, (x, 62), (x, 150), wood, 6)
    cv2.rectangle(picture, (76, 150), (180, 172), (120, 40, 40), -1)
    for x in (82, 174):
        cv2.line(picture, (x, 172), (x, 244), wood, 10)
    return picture


def bottle() -> UInt8Image:
    """An upright bottle: a neck on shoulders."""
    picture = _room()
    body = np.array([[108, 30], [148, 30], [148, 92], [190, 130], [190, 250], [66, 250], [66, 130], [108, 92]])
    cv2.fillPoly(picture, [body], (36, 92, 60), cv2.LINE_AA)
    cv2.rectangle(picture, (70, 160), (186, 220), (232, 222, 190), -1)
    cv2.rectangle(picture, (104, 18), (152, 40), (150, 30, 36), -1)
    return picture


def sheet(pipeline: Pipeline, pictures: dict[str, UInt8Image]) -> UInt8Image:
    """Every picture beside its matte, with its caption below."""
    look = Renderer(parse_look("alpha"), None)
    cells = []
    for caption, image in pictures.items():
        pipeline.reset()
        matte = look.draw(image, pipeline.step(Frame(image)))
        pair = [cv2.resize(p, (CELL, CELL), interpolation=cv2.INTER_AREA) for p in (image, np.dstack([matte] * 3))]
        strip = np.full((22, 2 * CELL, 3), 255, np.uint8)
        cv2.putText(strip, caption, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
        cell = np.vstack([np.hstack(pair), strip])
        cells.append(cv2.copyMakeBorder(cell, 2, 2, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    lines = [np.hstack(cells[i : i + ACROSS]) for i in range(0, len(cells), ACROSS)]
    return np.asarray(np.vstack(lines), np.uint8)


def main() -> None:
    """Draw and write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "models")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = scenes()
    for name in options.names or [spec.name for spec in list_models()]:
        with load(name, foreground="none") as pipeline:
            drawn = sheet(pipeline, pictures)
            path = options.out / f"{pipeline.spec.name}-gallery.jpg"
        done, data = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert done
        path.write_bytes(data.tobytes())
        print(path, len(data))


if __name__ == "__main__":
    launch(main)
