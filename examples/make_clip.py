"""Make a short video with sound from a cut-out: the person sways before a background, so the true matte is known.

Run: python examples/make_clip.py cutout.png background.jpg clip.mp4
"""

import sys
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

RATE = 48_000  # samples of sound per second


def make_clip(
    cutout_rgba: npt.NDArray[np.uint8], background: npt.NDArray[np.uint8], path: Path, seconds: int = 3, fps: int = 25
) -> None:
    """Write H.264 and AAC. ``cutout_rgba`` is straight RGBA uint8 ``[h,w,4]``, ``background`` RGB uint8 ``[H,W,3]``."""
    height, width = (side // 2 * 2 for side in background.shape[:2])  # H.264 stores colour for 2x2 pixels
    room = background[:height, :width].astype(np.float32)
    person = cutout_rgba.astype(np.float32)
    person[..., :3] *= person[..., 3:] / 255  # colours are moved and mixed weighted by how much of them there is
    scale = 0.9 * height / person.shape[0]
    with av.open(path, "w") as file:
        picture = file.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = file.add_stream("aac", rate=RATE, layout="mono")
        for index in range(seconds * fps):
            sway = np.sin(2 * np.pi * index / (seconds * fps))
            left = (width - scale * person.shape[1]) / 2 + 0.15 * width * sway
            move = np.array([[scale, 0, left], [0, scale, 0.1 * height]], np.float32)
            here = cv2.warpAffine(person, move, (width, height), flags=cv2.INTER_LINEAR)
            image = here[..., :3] + room * (1 - here[..., 3:] / 255)
            frame = av.VideoFrame.from_ndarray(image.round().clip(0, 255).astype(np.uint8), "rgb24")
            frame.pts = index
            file.mux(picture.encode(frame))
        time = np.arange(seconds * RATE) / RATE
        tone = (0.1 * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * time) ** 2).astype(
            np.float32
        )  # one swell a second
        samples = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        samples.sample_rate, samples.pts = RATE, 0
        file.mux(sound.encode(samples))
        streams: list[Any] = [picture, sound]
        for stream in streams:
            file.mux(stream.encode(None))


if __name__ == "__main__":
    cutout, background, target = (Path(name) for name in sys.argv[1:])
    make_clip(np.asarray(Image.open(cutout).convert("RGBA")), np.asarray(Image.open(background).convert("RGB")), target)
