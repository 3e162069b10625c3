from __future__ import annotations

import base64
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.server.conftest import pixels, png

ROUTE = "/v1.0/removebg"


def test_plain_request_gives_a_png_and_where_the_person_is(client: httpx.Client, portrait: bytes) -> None:
    answer = client.post(ROUTE, files={"image_file": portrait}, data={"size": "auto"})
    shown = pixels(answer.content)
    assert shown.shape == (512, 512, 4)
    headers = answer.headers
    assert headers["x-type"] == "person"
    assert (headers["x-width"], headers["x-height"], headers["x-credits-charged"]) == ("512", "512", "0")
    rows = np.flatnonzero((shown[..., 3] > 127).any(1))
    assert int(headers["x-foreground-top"]) == rows[0]
    assert int(headers["x-foreground-height"]) == rows[-1] + 1 - rows[0]


@pytest.mark.parametrize("left", [0, 330])  # the portrait, and the things on its right alone
def test_the_matte_is_that_of_our_own_route(client: httpx.Client, portrait: bytes, left: int) -> None:
    picture = png(pixels(portrait)[:, left:])
    theirs = pixels(client.post(ROUTE, files={"image_file": picture}).content)
    assert np.array_equal(theirs, pixels(client.post("/v1/cutout", files={"image": picture}).content))


def test_the_matte_is_cleaned(client: httpx.Client, portrait: bytes) -> None:
    picture = png(pixels(portrait)[:, 330:])  # where the network is nowhere sure of a person
    theirs = pixels(client.post(ROUTE, files={"image_file": picture}).content)
    as_it_is = pixels(client.post("/v1/cutout", files={"image": picture}, data={"clean": "off"}).content)
    assert np.abs(as_it_is[..., 3].astype(int) - theirs[..., 3]).max() > 40


def test_base64_in_and_json_out(client: httpx.Client, portrait: bytes) -> None:
    form = {"image_file_b64": base64.b64encode(portrait).decode(), "channels": "alpha"}
    answer = client.post(ROUTE, data=form, headers={"accept": "application/json"}).json()["data"]
    assert pixels(base64.b64decode(answer["result_b64"])).shape == (512, 512)
    assert answer["foreground_width"] > 200


def test_size_background_and_crop(client: httpx.Client, portrait: bytes) -> None:
    wide = Image.open(BytesIO(portrait)).resize((900, 900))
    file = BytesIO()
    wide.save(file, "JPEG")
    small = client.post(ROUTE, files={"image_file": file.getvalue()}, data={"size": "preview", "bg_color": "81d4fa"})
    shown = pixels(small.content)
    assert shown.shape[2] == 3
    assert 200_000 < shown.shape[0] * shown.shape[1] <= 250_000
    assert np.abs(shown[3, 3].astype(int) - (0x81, 0xD4, 0xFA)).max() <= 3  # JPEG
    tight = client.post(ROUTE, files={"image_file": portrait}, data={"crop": "true"})
    assert tight.headers["x-foreground-top"] == tight.headers["x-foreground-left"] == "0"
    assert pixels(tight.content).shape[0] == int(tight.headers["x-foreground-height"])


def test_transparent_colours_do_not_bleed_when_made_small(client: httpx.Client, portrait: bytes) -> None:
    large = Image.open(BytesIO(portrait)).resize((990, 990))
    file = BytesIO()
    large.save(file, "JPEG", quality=95)
    shown = pixels(client.post(ROUTE, files={"image_file": file.getvalue()}, data={"size": "small"}).content)
    full = np.asarray(large.resize(shown.shape[1::-1]))
    inside = shown[..., 3] == 255
    assert np.abs(shown[..., :3][inside].astype(int) - full[inside]).mean() < 6


def test_nobody_there(client: httpx.Client) -> None:
    sky = png(np.full((64, 64, 3), (120, 170, 230), np.uint8))
    answer = client.post(ROUTE, files={"image_file": sky}, data={"crop": "true"})
    assert answer.headers["x-type"] == "other"
    assert pixels(answer.content).shape[:2] == (64, 64)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"image_url": "http://example.org/x.jpg"}, "unsupported_parameter"),
        ({"roi": "0% 0% 50% 50%"}, "unsupported_parameter"),
        ({"scale": "80%"}, "unsupported_parameter"),
        ({"size": "huge"}, "invalid_size"),
        ({"format": "zip"}, "invalid_format"),
        ({"channels": "rgb"}, "invalid_channels"),
        ({"bg_color": "blurple"}, "invalid_bg_color"),
        ({"crop": "tight"}, "invalid_crop"),
        ({"crop_margin": "90%"}, "invalid_crop_margin"),
        ({"image_file_b64": "AAAA"}, "multiple_sources"),
        ({"frobnicate": "1"}, "unknown_parameter"),
    ],
)
def test_what_is_not_understood_is_named(client: httpx.Client, portrait: bytes, fields, code: str) -> None:
    answer = client.post(ROUTE, files={"image_file": portrait}, data=fields)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


def test_missing_picture_and_bad_base64(client: httpx.Client) -> None:
    assert client.post(ROUTE, data={"size": "auto"}).json()["errors"][0]["code"] == "missing_source"
    assert client.post(ROUTE, data={"image_file_b64": "%%%"}).json()["errors"][0]["code"] == "invalid_file"
    defaults = {"scale": "original", "position": "original", "add_shadow": "false", "type": "person", "roi": ""}
    sky = png(np.full((32, 32, 3), 200, np.uint8))
    assert client.post(ROUTE, files={"image_file": sky}, data=defaults).status_code == 200


def test_every_refusal_has_the_form_of_the_service(serving, portrait: bytes) -> None:
    with serving(api_key="wonderland") as client:
        key = {"X-Api-Key": "wonderland"}
        answers = {
            "no_key": client.post(ROUTE, files={"image_file": portrait}),
            "missing_source": client.post(ROUTE, headers=key, data={"size": "auto"}),
            "wrong_method": client.post("/v1.0/account", headers=key),
            "unusable": client.post(ROUTE, headers=key, files={"image_file": b"no picture"}),
        }
    assert [answer.status_code for answer in answers.values()] == [401, 400, 405, 400]
    for code, answer in answers.items():
        (error,) = answer.json()["errors"]
        assert error["code"] == code
        assert error["title"]
