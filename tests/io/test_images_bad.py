"""Whatever is given instead of a picture: one line that names it, and nothing else happens."""

from __future__ import annotations

import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.images import read_image
from tests.io.pictures import asymmetric, chunk, public_folder, rgb_profile, tiff, without_privileges

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "JPEG2000", "PPM", "QOI"]


def encoded(name: str) -> bytes:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    buffer = io.BytesIO()
    Image.fromarray(asymmetric()).save(buffer, name)
    return buffer.getvalue()


def complaint(path: Path) -> str:
    with pytest.raises(PocketmatteError) as error:
        read_image(path)
    text = str(error.value)
    assert str(path) in text
    assert text.count("\n") <= 1
    return text


def huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def huge_bmp() -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0)


def huge_tiff() -> bytes:
    data = tiff(asymmetric())
    return data.replace(struct.pack("<HHII", 256, 4, 1, 48), struct.pack("<HHII", 256, 4, 1, 60_000)).replace(
        struct.pack("<HHII", 257, 4, 1, 32), struct.pack("<HHII", 257, 4, 1, 60_000)
    )


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.jpg", b"", "an empty file (0 bytes)"),
        ("zeros.png", bytes(5000), "nothing but zero bytes"),
        ("text.jpg", b"This is not a picture.\n", "text"),
        ("umlaut.jpg", "ä".encode() * 4000, "text"),
        ("drawing.svg", b'<?xml version="1.0"?><svg/>', "an SVG drawing"),
        ("page.jpg", b"%PDF-1.7\n", "a PDF document"),
        ("layers.psd", b"8BPS\0\1", "a Photoshop document"),
        ("clip.jpg", b"\0\0\0\x20ftypisom" + bytes(20), "a video or sound file (MP4 or MOV)"),
        ("clip.webp", b"RIFF\0\0\0\0AVI LIST", "a video or sound file (AVI or WAV)"),
        ("noise.jpg", bytes(range(128, 256)) * 3, "no picture format that is known here"),
        ("huge.png", huge_png(), "50000x50000 pixels: expected at most 200 million"),
        ("huge.bmp", huge_bmp(), "50000x50000 pixels: expected at most 200 million"),
        ("huge.tif", huge_tiff(), "60000x60000 pixels: expected at most 200 million"),
        ("raw.NEF", tiff(asymmetric()), "a camera raw file: develop it"),
        ("raw.tif", tiff(asymmetric(), more=((50706, 1, [1, 4, 0, 0]),)), "a camera raw file: develop it"),
    ],
)
def test_the_message_says_what_was_found(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert found in complaint(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content


def test_missing_folder_pipe_and_a_file_for_a_folder(tmp_path: Path) -> None:
    assert "does not exist" in complaint(tmp_path / "missing.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert "is a folder" in complaint(tmp_path / "folder.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for ever
    assert "pipe or device" in complaint(tmp_path / "pipe.jpg")
    (tmp_path / "file").write_bytes(b"x")
    assert "Not a directory" in complaint(tmp_path / "file" / "photo.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert "cannot open" in complaint(tmp_path / "loop.jpg")


def test_a_file_that_may_not_be_read() -> None:
    with public_folder() as folder:
        path = folder / "secret.png"
        path.write_bytes(encoded("PNG"))
        path.chmod(0)
        with without_privileges():
            assert "no permission to read" in complaint(path)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("moving.gif", "animated GIF", {}),
        ("moving.webp", "animated WebP", {"lossless": True}),
        ("moving.png", "animated PNG", {}),
        ("moving.avif", "animated AVIF", {}),
    ],
)
def test_animations_are_refused_with_the_way_out(
    tmp_path: Path, name: str, kind: str, options: dict[str, bool]
) -> None:
    frames = [Image.fromarray(np.roll(asymmetric(), 16 * i, 1)) for i in range(3)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100, **options)
    text = complaint(tmp_path / name)
    assert f"{kind} (3 frames)" in text
    assert "save one frame" in text
    assert "video" in text


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_picture_cut_off_is_never_half_a_picture(tmp_path: Path, name: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    from pillow_heif import register_heif_opener

    register_heif_opener()
    path = tmp_path / "cut"
    Image.fromarray(noise).save(path, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "damaged" in complaint(path)


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_bytes_are_a_picture_or_one_line(tmp_path: Path, name: str) -> None:
    random = np.random.default_rng(3)
    whole = np.frombuffer(encoded(name), np.uint8)
    path = tmp_path / "damaged"
    refused = 0
    for _ in range(60):
        data = whole.copy()
        data[random.integers(0, min(len(data), 400), 6)] = random.integers(0, 256, 6)
        path.write_bytes(data.tobytes())
        message = ""
        try:
            image = read_image(path).image
        except PocketmatteError as error:
            message = str(error)
        if message:
            assert str(path) in message
            assert message.count("\n") <= 1
            refused += 1
        else:
            assert (image.dtype, image.shape[2]) == (np.uint8, 3)
    assert refused > 0


def test_reading_from_several_threads(tmp_path: Path) -> None:
    """Decoders and profile transforms share nothing that another thread could spoil."""
    picture = np.random.default_rng(5).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png", icc_profile=rgb_profile(np.eye(3) * [0.9642, 1, 0.8249]))
    expected = read_image(tmp_path / "photo.png").image
    different: list[bool] = []

    def work() -> None:
        different.extend(not np.array_equal(read_image(tmp_path / "photo.png").image, expected) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == [False] * 20
