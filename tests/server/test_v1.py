from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import pocketmatte
from tests.server.conftest import PORTRAIT, pixels, png


def test_cutout_is_what_the_library_gives(client: httpx.Client, portrait: bytes) -> None:
    answer = client.post("/v1/cutout", files={"image": portrait})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-pocketmatte-model"] == client.get("/healthz").json()["model"]
    expected = pocketmatte.cut_out(np.asarray(Image.open(PORTRAIT)))
    np.testing.assert_array_equal(pixels(answer.content), expected)


def test_raw_body_and_options_in_the_address(client: httpx.Client, portrait: bytes) -> None:
    form = client.post("/v1/cutout", files={"image": portrait}, data={"look": "color:#00FF00", "format": "webp"})
    raw = client.post(
        "/v1/cutout?format=webp",
        params={"look": "color:#00FF00", "format": "webp"},
        content=portrait,
        headers={"content-type": "image/jpeg"},
    )
    assert form.headers["content-type"] == raw.headers["content-type"] == "image/webp"
    assert form.content == raw.content
    assert (pixels(raw.content)[5, 5] == (0, 255, 0)).all() or pixels(raw.content)[5, 5][1] > 240


def test_server_timing_names_the_steps(client: httpx.Client, portrait: bytes) -> None:
    timing = client.post("/v1/matte", files={"image": portrait}).headers["server-timing"]
    assert [part.split(";")[0] for part in timing.split(", ")] == ["decode", "cut", "encode"]


def test_background_file_is_the_look(client: httpx.Client, portrait: bytes) -> None:
    plate = np.full((40, 60, 3), (10, 200, 30), np.uint8)
    answer = client.post("/v1/cutout", files={"image": portrait, "background": png(plate)})
    shown = pixels(answer.content)
    alpha = pixels(client.post("/v1/matte", files={"image": portrait}).content)
    assert (shown[alpha == 0] == (10, 200, 30)).all()
    assert shown[alpha == 255].std() > 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "contain"}, "fit has no effect here: it goes with a `background` file"),
        (
            {"look": "alpha", "foreground": "none"},
            "foreground has no effect here: it goes with a look that shows colours",
        ),
        ({"look": "alpha", "preset": "sepia"}, "preset sepia changes colours, of which look alpha has none"),
    ],
)
def test_options_without_effect_are_refused(client: httpx.Client, portrait: bytes, options, message: str) -> None:
    answer = client.post("/v1/cutout", files={"image": portrait}, data=options)
    assert answer.status_code == 400
    assert answer.json()["error"] == {"code": "unusable", "message": message}


def test_defaults_spelled_out_and_fit_with_a_background_are_no_mistake(client: httpx.Client, portrait: bytes) -> None:
    spelled = client.post("/v1/cutout", files={"image": portrait}, data={"look": "alpha", "fit": "cover"})
    assert spelled.status_code == 200
    plate = png(np.zeros((40, 60, 3), np.uint8))
    fitted = client.post("/v1/cutout", files={"image": portrait, "background": plate}, data={"fit": "tile"})
    assert fitted.status_code == 200


def test_matte_as_picture_and_as_array(client: httpx.Client, portrait: bytes) -> None:
    picture = pixels(client.post("/v1/matte", files={"image": portrait}).content)
    array = np.load(io.BytesIO(client.post("/v1/matte", files={"image": portrait}, data={"format": "npy"}).content))
    assert array.dtype == np.float32
    assert array.min() >= 0
    assert array.max() <= 1
    np.testing.assert_allclose(picture / 255, array, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(client: httpx.Client, portrait: bytes, orientation: int) -> None:
    upright = Image.open(io.BytesIO(portrait)).crop((0, 0, 512, 400))
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions that store it so
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(turns[orientation]))
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    answer = client.post("/v1/matte", files={"image": file.getvalue()})
    plain = io.BytesIO()
    upright.save(plain, "PNG")
    assert answer.content == client.post("/v1/matte", files={"image": plain.getvalue()}).content


def test_batch_reports_each_picture(client: httpx.Client, portrait: bytes) -> None:
    files = [("images", ("../../me.jpg", portrait)), ("images", ("text.txt", b"no picture"))]
    answer = client.post("/v1/batch", files=files, data={"look": "alpha"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    rows = json.loads(archive.read("results.json"))
    assert [row["state"] for row in rows] == ["done", "failed"]
    assert rows[0]["file"] == "01-me.png"
    assert all(Path(name).name == name for name in archive.namelist())
    assert pixels(archive.read("01-me.png")).shape == (512, 512)
    assert "holds text" in rows[1]["message"]


def test_key_guards_the_work_and_nothing_else(serving, portrait: bytes) -> None:
    with serving(api_key="wonderland") as client:
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/matte", files={"image": portrait}).status_code == 401
        assert client.post("/v1/matte", files={"image": portrait}, headers={"X-Api-Key": "alice"}).status_code == 401
        for headers in ({"X-Api-Key": "wonderland"}, {"Authorization": "Bearer wonderland"}):
            assert client.post("/v1/matte", files={"image": portrait}, headers=headers).status_code == 200


def test_figures_count_answers(serving, portrait: bytes) -> None:
    with serving() as client:
        client.post("/v1/matte", files={"image": portrait})
        client.post("/v1/matte", files={"image": b"x"})
        client.get("/nowhere")
        text = client.get("/metrics").text
    assert 'pocketmatte_requests_total{route="/v1/matte",status="200"} 1.0' in text
    assert 'pocketmatte_requests_total{route="/v1/matte",status="400"} 1.0' in text
    assert 'status="404"' in text
    assert 'pocketmatte_step_seconds_count{step="cut"} 1.0' in text


def test_pages(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert "POST /v1/cutout" in page.text
    assert "//" not in page.text.replace("http://HOST", "")  # nothing is loaded from elsewhere
    assert client.get("/").status_code == 200
    assert client.get("/").headers["x-content-type-options"] == "nosniff"


def test_other_pages_may_call_only_when_named(serving) -> None:
    with serving(origins=("https://app.example",)) as client:
        named = client.get("/healthz", headers={"Origin": "https://app.example"})
        other = client.get("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert named.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers
