"""Colour, light and camera effects against slow or independent references."""

import cv2
import numpy as np
import pytest
import torch

from pocketmatte.data.camera import blur, degrade, jpeg, low_resolution, motion_blur
from pocketmatte.data.drawn import draw_scene
from pocketmatte.data.photo import jitter_colour, match_light, monochrome, uneven_light

pytestmark = pytest.mark.build


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    scenes = np.stack([draw_scene(64, 64, rng) for _ in range(6)])
    return torch.from_numpy(scenes.transpose(0, 3, 1, 2).astype(np.float32))


def test_colour_jitter_is_the_steps_it_claims(pictures):
    """Gain, contrast about the mean, saturation, one after the other, with the same random numbers."""
    out = jitter_colour(pictures, np.random.default_rng(5), gamma=False)
    rng, n = np.random.default_rng(5), len(pictures)
    gain = np.exp(rng.normal(0, 0.18, (n, 1)) + rng.normal(0, 0.06, (n, 3)))
    contrast = np.where(rng.random(n) < 0.7, np.exp(rng.normal(0, 0.2, n)), 1.0)
    saturation = np.exp(rng.normal(0, 0.3, n))
    for k in range(n):
        x = pictures[k].permute(1, 2, 0).numpy() * gain[k]
        x = (x - x.mean()) * contrast[k] + x.mean()
        grey = (x @ np.array([0.299, 0.587, 0.114]))[..., None]
        expected = grey + (x - grey) * saturation[k]
        np.testing.assert_allclose(out[k].permute(1, 2, 0).numpy(), expected, atol=0.05)


def test_gamma_bends_some_pictures_and_keeps_black_and_white():
    ends = torch.zeros(64, 3, 8, 8)
    ends[:, :, 4:] = 255
    ramp = torch.full((64, 3, 8, 8), 128.0)
    same = jitter_colour(ends, np.random.default_rng(0), strength=0.0)
    np.testing.assert_allclose(same.numpy(), ends.numpy(), atol=0.1)
    bent = jitter_colour(ramp, np.random.default_rng(0))
    assert bent.std() > 5


def test_monochrome_is_grey_or_sepia(pictures):
    out = monochrome(pictures.repeat(8, 1, 1, 1), np.random.default_rng(1))
    ratio = out[:, 2].mean((1, 2)) / out[:, 0].mean((1, 2))
    assert torch.isclose(ratio, torch.tensor(1.0), atol=1e-3).any()
    assert torch.isclose(ratio, torch.tensor(0.7), atol=1e-3).any()


def test_uneven_light_is_smooth_and_real(pictures):
    flat = torch.full_like(pictures, 100.0)
    out = uneven_light(flat, np.random.default_rng(2))
    assert out.std() > 2
    assert (out[:, :, 1:] - out[:, :, :-1]).abs().max() < 12


def test_light_matching_moves_the_person_towards_the_scene(pictures):
    person, scene = pictures * 0.3, pictures * 0.3 + 150
    alpha = torch.ones(len(person), 1, 64, 64)
    out = match_light(person, alpha, scene, np.random.default_rng(4))
    before, after = person.mean((1, 2, 3)), out.mean((1, 2, 3))
    target = scene.mean((1, 2, 3))
    assert (after >= before - 1e-3).all()
    assert (after <= target).all()
    assert (after - before).max() > 10
    nobody = match_light(person, alpha * 0, scene, np.random.default_rng(4))
    torch.testing.assert_close(nobody, person)


@pytest.mark.parametrize("sigma", [0.6, 1.5, 3.0])
def test_blur_is_gaussian(pictures, sigma):
    out = blur(pictures, np.full(len(pictures), sigma))
    for k, picture in enumerate(pictures):
        expected = cv2.GaussianBlur(picture.permute(1, 2, 0).numpy(), (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(out[k].permute(1, 2, 0).numpy()[12:-12, 12:-12], expected[12:-12, 12:-12], atol=1.5)


def test_each_picture_has_its_own_blur(pictures):
    out = blur(pictures[:2].clone(), np.array([1e-3, 3.0]))
    torch.testing.assert_close(out[0], pictures[0], atol=1e-2, rtol=0)
    assert (out[1] - pictures[1]).abs().mean() > 1


def test_motion_blur_keeps_brightness_and_smears(pictures):
    dots = torch.zeros(8, 3, 32, 32)
    dots[:, :, 16, 16] = 255
    out = motion_blur(dots, np.random.default_rng(6))
    np.testing.assert_allclose(out.sum((2, 3)).numpy(), 255, rtol=1e-4)
    lengths = (out[:, 0] > 5).sum((1, 2))
    assert (lengths >= 3).all()
    assert (lengths <= 13).all()


def test_low_resolution_loses_detail_not_brightness(pictures):
    noise = torch.rand(4, 3, 64, 64) * 255
    out = low_resolution(noise, np.random.default_rng(7))
    assert out.std() < 0.7 * noise.std()
    assert out.mean() == pytest.approx(float(noise.mean()), rel=0.02)


@pytest.mark.parametrize("quality", [25, 50, 85])
def test_jpeg_loss_is_that_of_a_real_encoder(pictures, quality):
    out = jpeg(pictures, np.full(len(pictures), float(quality))).clamp(0, 255)
    for k, picture in enumerate(pictures):
        image = picture.permute(1, 2, 0).numpy().astype(np.uint8)
        data = cv2.imencode(".jpg", image[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        real = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
        mine = out[k].permute(1, 2, 0).numpy()
        assert np.abs(mine - real).mean() < 0.5 * np.abs(real - image).mean() + 0.6


def test_degrade_stays_in_range_changes_and_repeats(pictures):
    def run(seed):
        rng, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        return degrade(pictures.repeat(8, 1, 1, 1), rng, noise)

    one, two = run(9), run(9)
    assert torch.equal(one, two)
    assert not torch.equal(one, run(10))
    assert one.min() >= 0
    assert one.max() <= 255
    changed = (one - pictures.repeat(8, 1, 1, 1)).abs().mean((1, 2, 3)) > 0.01
    assert 0.5 < changed.float().mean() < 1


def test_no_strength_changes_nothing(pictures):
    out = degrade(pictures, np.random.default_rng(1), torch.Generator().manual_seed(1), strength=0.0)
    torch.testing.assert_close(out, pictures)
