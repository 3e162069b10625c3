"""Clips for the video tests, made with numpy and PyAV: flashes with clicks, swatches, moving pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Size
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource

SIZE = Size(96, 128)
FLASH_EVERY = 12  # frames
CLICK = 0.005  # seconds
Picture = Callable[[int], npt.NDArray[np.uint8]]


def moving(index: int, size: Size = SIZE) -> npt.NDArray[np.uint8]:
    """A gradient with a bright block that moves: no two frames and no two corners are alike."""
    y, x = np.mgrid[: size.height, : size.width]
    image = np.stack([x * 255 // size.width, y * 255 // size.height, np.full_like(x, 60)], axis=2).astype(np.uint8)
    left = 4 * index % (size.width - 16)
    image[8:24, left : left + 16] = (250, 250, 240)
    return image


def flash(index: int) -> npt.NDArray[np.uint8]:
    """White every :data:`FLASH_EVERY` frames, else dark grey."""
    return np.full((*SIZE, 3), 250 if index % FLASH_EVERY == 0 else 20, np.uint8)


def vfr_times(tick: Fraction, seconds: int = 6) -> list[int]:
    """Ticks of a clip that changes between 24 and 60 frames per second every second."""
    times, at, second = [], Fraction(0), 0
    while second < seconds:
        times.append(round(at / tick))
        at += Fraction(1, 60 if second % 2 else 24)
        second = int(at)
    return times


def clicks(seconds: Sequence[float], length: float, rate: int) -> npt.NDArray[np.float32]:
    """Silence with a short loud tone at each time."""
    sound = np.zeros(round(length * rate), np.float32)
    tone = 0.9 * np.sin(np.arange(round(CLICK * rate)) * 2 * np.pi * 2000 / rate).astype(np.float32)
    for second in seconds:
        start = round(second * rate)
        part = sound[start : start + len(tone)]
        part[:] = tone[: len(part)]
    return sound


def write_clip(
    path: Path,
    times: Sequence[int],
    tick: Fraction,
    picture: Picture,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    rate: Fraction = Fraction(30),
    audio: str | None = None,
    sample_rate: int = 48_000,
    picture_delay: Fraction = Fraction(0),
    sound_delay: Fraction = Fraction(0),
) -> None:
    """Encode frames at ``times`` ticks; with ``audio``, a click begins with every frame that ``flash`` makes white.

    H.264 gets B-frames, so that reading has to cope with reordering and edit lists.
    """
    default = {"preset": "veryfast", "crf": "10", "bf": "2"} if codec == "libx264" else {}
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=rate, options={**default, **(options or {})})
        first = picture(0)
        video.height, video.width, video.pix_fmt = *first.shape[:2], "yuv420p"
        video.codec_context.time_base = video.time_base = tick
        sound = None
        if audio is not None:
            sound = output.add_stream(audio, rate=sample_rate)
            sound.codec_context.layout = "mono"
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), "rgb24")
            frame.pts, frame.time_base = time + round(picture_delay / tick), tick
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound is not None:
            length = float(times[-1] * tick) + 0.1
            at = [float(time * tick) for time in times[::FLASH_EVERY]]
            _write_sound(output, sound, clicks(at, length, sample_rate), sample_rate, sound_delay)


def _write_sound(
    output: av.container.OutputContainer,
    stream: av.AudioStream,
    sound: npt.NDArray[np.float32],
    rate: int,
    delay: Fraction,
) -> None:
    resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=rate)
    for start in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "fltp", "mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = start + round(delay * rate)
        for piece in resampler.resample(frame):
            output.mux(stream.encode(piece))
    output.mux(stream.encode(None))


def identity(source: Path, target: Path, **options: object) -> list[Fraction]:
    """Copy a video through VideoSource and VideoSink, as the command line does; the times of its frames."""
    times = []
    with VideoSource(source) as frames, VideoSink(target, frames.size, frames, **options) as sink:
        for frame in frames:
            assert frame.pts is not None
            times.append(frame.pts)
            sink.write(frame.image, frame.pts)
    return times


def flash_times(path: Path) -> list[Fraction]:
    """When the white frames are shown."""
    with VideoSource(path) as source:
        return [frame.pts for frame in source if frame.pts is not None and frame.image.mean() > 128]


def click_times(path: Path) -> list[float]:
    """When the clicks begin to be heard, on the clock of ``flash_times``."""
    found: list[float] = []
    with VideoSource(path) as source:
        origin = source.origin
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            samples = frame.to_ndarray().astype(np.float32)
            samples = samples[0] if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels))[:, 0]
            scale = np.iinfo(frame.to_ndarray().dtype).max if frame.to_ndarray().dtype.kind == "i" else 1.0
            begin = float(frame.pts * frame.time_base - origin)
            for loud in np.flatnonzero(np.abs(samples) > 0.3 * scale):
                at = begin + float(loud) / frame.sample_rate
                if not found or at > found[-1] + 2 * CLICK:
                    found.append(at)
    return found


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of every packet of the first sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


SWATCHES = np.array(
    [[255, 255, 255], [0, 0, 0], [128, 128, 128], [200, 30, 40], [40, 180, 60], [30, 60, 200], [222, 180, 150]], float
)
WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
MATRIX_TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}


def to_yuv(rgb: npt.NDArray[np.float64], matrix: str, *, full: bool) -> npt.NDArray[np.uint8]:
    """8-bit Y'CbCr by the book (ITU-T H.273, 8.3)."""
    red, blue = WEIGHTS[matrix]
    luma = rgb @ np.array([red, 1 - red - blue, blue]) / 255
    cb = (rgb[:, 2] / 255 - luma) / (2 * (1 - blue))
    cr = (rgb[:, 0] / 255 - luma) / (2 * (1 - red))
    if full:
        values = np.stack([255 * luma, 255 * cb + 128, 255 * cr + 128], axis=1)
    else:
        values = np.stack([219 * luma + 16, 224 * cb + 128, 224 * cr + 128], axis=1)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def swatch_planes(yuv: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """One column per swatch in the layout of yuv420p that PyAV takes."""
    column = np.minimum(np.arange(size.width) * len(yuv) // size.width, len(yuv) - 1)
    luma = np.tile(yuv[column, 0], (size.height, 1))
    chroma = [np.tile(yuv[column[::2], plane], (size.height // 2, 1)) for plane in (1, 2)]
    return np.concatenate([luma.ravel(), *(plane.ravel() for plane in chroma)]).reshape(-1, size.width)


def swatch_colors(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    width = image.shape[1] / len(SWATCHES)
    return np.stack([image[image.shape[0] // 2, int((i + 0.5) * width)] for i in range(len(SWATCHES))]).astype(np.int64)
