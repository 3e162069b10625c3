"""What is looked at before pixels are decoded lets every honest file pass."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.av1_size import coded_sizes
from pocketmatte.io.image_bombs import MOST_SCANS, coded_size, tiff_pages
from pocketmatte.io.images import decode_image


def stored(form: str, size: tuple[int, int] = (64, 48), **options) -> bytes:
    file = BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"quality": 100, "subsampling": "4:4:4"}, {"speed": 10}])
@pytest.mark.parametrize("size", [(1, 1), (64, 48), (1234, 7), (513, 1027)])
def test_the_coded_size_of_an_avif_is_read(size, options):
    assert coded_sizes(stored("AVIF", size, **options)) == [size]


def test_transparency_and_frames_of_an_avif_are_sequences_of_their_own():
    file = BytesIO()
    Image.new("RGBA", (40, 30), (9, 9, 9, 90)).save(file, "AVIF")
    assert coded_sizes(file.getvalue()) == [(40, 30)] * 2


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_what_is_cut_off_or_no_avif_has_no_size_and_no_exception(cut):
    data = stored("AVIF")
    assert coded_sizes(data[:cut]) in ([], [(64, 48)])
    assert coded_size(BytesIO(data[:cut] + b"\xff" * 200)) is not None


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_pages_are_counted(count, big):
    pages = [Image.new("L", (20, 10 + n)) for n in range(count)]
    file = BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    assert tiff_pages(file) == count
    loaded = decode_image(file.getvalue())
    assert loaded.image.shape == (10, 20, 3)
    assert any("pictures in one file" in note for note in loaded.notes) == (count > 1)


def test_a_ring_of_pages_ends():
    data = bytearray(stored("TIFF"))
    at = int.from_bytes(data[4:8], "little")
    link = at + 2 + 12 * int.from_bytes(data[at : at + 2], "little")
    data[link : link + 4] = data[4:8]
    assert tiff_pages(BytesIO(bytes(data))) == 1


@pytest.mark.parametrize("progressive", [False, True])
def test_honest_jpegs_pass_with_whatever_follows_them(progressive):
    data = stored("JPEG", (640, 480), progressive=progressive)
    video = b"\xff\xda\0\x08" * (MOST_SCANS + 1)  # as phones hang one on; bytes of it may look like scans
    assert decode_image(data + video).image.shape == (480, 640, 3)


def test_scans_cannot_hide_behind_a_marker_without_length():
    data = stored("JPEG", (64, 48), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    hidden = b"\xff\x01\xff\xfe\0\x02" + last
    with pytest.raises(PocketmatteError, match=f"more than {MOST_SCANS} scans"):
        decode_image(data[:-2] + hidden * (MOST_SCANS + 1) + data[-2:])
