"""Embedded colour profiles: everything becomes sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

# Colour space of a profile (ICC.1, 7.2.6) -> the Pillow mode its pixels have.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_UNTOLD = "CMYK without a usable colour profile: colours are approximate"


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture in mode L, RGB, CMYK or LAB -> mode RGB in sRGB, and notes for the user.

    ``profile`` is the ICC profile of its pixels; without one they count as sRGB (Lab as D50). A profile that is
    damaged or belongs to other pixels is left out with a note. Intent: perceptual, which for a profile without tables
    is relative colorimetric.
    """
    notes: tuple[str, ...] = ()
    if profile:
        try:
            return _apply(image, ImageCms.ImageCmsProfile(io.BytesIO(profile))), ()
        except (OSError, ValueError, ImageCms.PyCMSError) as error:
            notes = (f"colour profile left out ({_reason(error)})",)
    if image.mode == "LAB":
        return _apply(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), notes
    if image.mode == "CMYK":
        notes += (_UNTOLD,)
    return image.convert("RGB"), notes


def _apply(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    space = profile.profile.xcolor_space.strip()
    mode = _MODES.get(space)
    if (image.mode, mode) == ("L", "RGB"):
        image = image.convert("RGB")
    if mode is None or image.mode != mode:
        raise ValueError(f"it is for {space} pixels, these are {image.mode}")
    # The library's short cut for grey is off by up to ten levels near black; all 256 levels one by one are exact.
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(profile, srgb, mode, "RGB", ImageCms.Intent.PERCEPTUAL, flags)
    if mode == "RGB" and _changes_nothing(transform):
        return image
    if mode == "L":
        levels = _run(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), transform)
        return Image.fromarray(np.asarray(levels)[0][np.asarray(image)])
    return _run(image, transform)


def _run(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only when asked to work in place
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a grid of colours comes back within rounding. Most profiles are sRGB and need no pass over the pixels."""
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(64, 64, 3)
    after = np.asarray(_run(Image.fromarray(grid), transform), np.int16)
    return bool(np.abs(after - grid).max() <= 1)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else "damaged"
