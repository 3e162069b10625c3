"""Blend filters: how the person is put on the new background. One function each; ``--blend NAME[:KEY=VALUE,...]``.

A filter takes straight foreground colours uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` in 0..1 and the background uint8
``[H,W,3]``, all of one size, changes none of them, remembers nothing and returns uint8 ``[H,W,3]``. Its options are
keyword arguments with a number or a truth value as default. Two more arguments are filled in by the renderer for
filters that have them: ``image``, the original picture, and ``harmonizer``, a model that recolours the person.

To add a filter, write the function here with ``@register``; options, help, checks and tests follow from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pocketmatte.core import Alpha, PocketmatteError, UInt8Image
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.composite import composite, composite_linear
from pocketmatte.ops.filters import gaussian
from pocketmatte.ops.modes import mix_mode
from pocketmatte.ops.poisson import membrane
from pocketmatte.ops.region import visible_region
from pocketmatte.ops.transfer import transfer_color

Filter = Callable[..., UInt8Image]
Value = float | bool
FILTERS: dict[str, Filter] = {}
_SUPPLIED = ("image", "harmonizer")
_HIGHEST = {"blur": 0.1}  # of a number; the others go up to 1, all begin at 0


class Recolour(Protocol):
    """Lights the person like the background; may remember earlier frames until :meth:`reset`."""

    def __call__(self, foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> UInt8Image:
        """New foreground colours uint8 ``[H,W,3]``."""
        ...

    def reset(self) -> None:
        """Forget earlier frames."""
        ...


def register(name: str) -> Callable[[Filter], Filter]:
    """Decorator: make a filter known by ``name``. Raises :class:`ValueError` when the name is taken."""

    def add(function: Filter) -> Filter:
        if name in FILTERS:
            raise ValueError(f"blend filter {name!r} is registered twice")
        FILTERS[name] = function
        return function

    return add


@dataclass(frozen=True)
class Blend:
    """A chosen filter with its options; hashable. Made by :func:`parse_blend`."""

    name: str = "alpha"
    options: tuple[tuple[str, Value], ...] = ()

    @property
    def needs_harmonizer(self) -> bool:
        """Whether the renderer must be given a harmonizer."""
        return "harmonizer" in inspect.signature(FILTERS[self.name]).parameters

    @property
    def plain(self) -> bool:
        """Whether this is the default filter without options."""
        return self == Blend()

    def __call__(
        self,
        foreground: UInt8Image,
        alpha: Alpha,
        background: UInt8Image,
        *,
        image: UInt8Image | None = None,
        harmonizer: Recolour | None = None,
    ) -> UInt8Image:
        """Apply the filter; ``image`` and ``harmonizer`` reach it only if it asks for them."""
        asked = inspect.signature(FILTERS[self.name]).parameters
        supplied = {k: v for k, v in (("image", image), ("harmonizer", harmonizer)) if k in asked}
        return FILTERS[self.name](foreground, alpha, background, **dict(self.options), **supplied)


def defaults(name: str) -> dict[str, Value]:
    """Options of a filter with their default values."""
    parameters = inspect.signature(FILTERS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _SUPPLIED}


def parse_blend(text: str) -> Blend:
    """Read ``NAME[:KEY=NUMBER,...]``, a truth value as ``KEY``, ``KEY=0`` or ``KEY=1``.

    Raises :class:`PocketmatteError` for an unknown name or option and for a value that makes no sense.
    """
    name, _, rest = text.partition(":")
    if name not in FILTERS:
        raise PocketmatteError(f"unknown blend filter {name!r}; known: {', '.join(FILTERS)}")
    known = defaults(name)
    options: dict[str, Value] = {}
    for part in filter(None, rest.split(",")):
        key, _, number = part.partition("=")
        if key not in known:
            raise PocketmatteError(f"blend filter {name} has no option {key!r}; it has: {', '.join(known)}")
        if key in options:
            raise PocketmatteError(f"blend {text!r}: {key} is given twice")
        options[key] = _flag(text, part) if isinstance(known[key], bool) else _number(text, key, number)
    low, high = ({**known, **options}.get(key, default) for key, default in (("e0", 0), ("e1", 1)))
    if low >= high:
        raise PocketmatteError(f"blend {text!r}: expected e0 below e1, found e0={low:g} and e1={high:g}")
    return Blend(name, tuple(sorted(options.items())))


def _flag(text: str, part: str) -> bool:
    key, _, digit = part.partition("=")
    if part not in (key, f"{key}=0", f"{key}=1"):
        raise PocketmatteError(f"blend {text!r}: expected {key}, {key}=1 or {key}=0, found {digit!r}")
    return digit != "0"


def _number(text: str, key: str, number: str) -> float:
    high = _HIGHEST.get(key, 1)
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= high:
        raise PocketmatteError(f"blend {text!r}: expected a number from 0 to {high:g} for {key}, found {number!r}")
    return value


def _put(foreground: UInt8Image, alpha: Alpha, background: UInt8Image, linear: bool) -> UInt8Image:
    return (composite_linear if linear else composite)(foreground, alpha, background)


@register("alpha")
def blend_alpha(
    foreground: UInt8Image, alpha: Alpha, background: UInt8Image, *, blur: float = 0.0, linear: bool = False
) -> UInt8Image:
    """Plain compositing. ``blur``: sigma of a blur of the matte as a share of the longer side; ``linear``: mix light,
    not sRGB numbers."""
    if blur > 0:
        alpha = np.clip(gaussian(alpha, blur * max(alpha.shape)), 0, 1)
    return _put(foreground, alpha, background, linear)


@register("smoothstep")
def blend_smoothstep(
    foreground: UInt8Image,
    alpha: Alpha,
    background: UInt8Image,
    *,
    e0: float = 0.3,
    e1: float = 0.7,
    linear: bool = False,
) -> UInt8Image:
    """Harder edge: alpha below ``e0`` is background, above ``e1`` person, between them ``t * t * (3 - 2 t)``.

    ``e0`` + ``e1`` below 1 widens the person, above 1 narrows it."""
    steepness = np.float32(1 / max(e1 - e0, 1e-3))
    t = np.clip((alpha - np.float32(e0)) * steepness, 0, 1)
    return _put(foreground, t * t * (3 - 2 * t), background, linear)


@register("color-transfer")
def blend_color_transfer(
    foreground: UInt8Image,
    alpha: Alpha,
    background: UInt8Image,
    *,
    strength: float = 0.5,
    linear: bool = False,
) -> UInt8Image:
    """The person in the colours of the background (Reinhard); ``strength`` 1 is the published formula."""
    return _put(transfer_color(foreground, alpha, background, strength), alpha, background, linear)


@register("seamless")
def blend_seamless(
    foreground: UInt8Image,
    alpha: Alpha,
    background: UInt8Image,
    *,
    strength: float = 0.5,
    linear: bool = False,
    image: UInt8Image | None = None,
) -> UInt8Image:
    """Poisson cloning: the person takes on the difference of the surroundings; ``strength`` 1 is the whole of it.

    With the original ``image`` the difference is that of the new to the old background, without it that of the
    background to the person's own rim."""
    levels = to_levels(alpha)
    box = visible_region(levels)
    change = membrane(foreground if image is None else image, levels, background)
    if box is None or change is None:
        return _put(foreground, alpha, background, linear)
    tinted = foreground.copy()
    tinted[box] = np.clip(foreground[box] + np.float32(strength) * change[box] + 0.5, 0, 255)
    return _put(tinted, alpha, background, linear)


def _mode(name: str) -> None:
    @register(name)
    def blend_mode(
        foreground: UInt8Image,
        alpha: Alpha,
        background: UInt8Image,
        *,
        strength: float = 1.0,
        linear: bool = False,
    ) -> UInt8Image:
        box = visible_region(to_levels(alpha))
        if box is None:
            return background.copy()
        laid = foreground.copy()
        mixed = mix_mode(name, foreground[box], background[box])
        share = np.full(mixed.shape[:2], strength, np.float32)
        laid[box] = composite(mixed, share, np.ascontiguousarray(foreground[box]))
        return _put(laid, alpha, background, linear)

    blend_mode.__doc__ = f"The person laid on the background by {name} (W3C), like a double exposure."


for _name in ("multiply", "screen", "overlay", "soft-light"):
    _mode(_name)


@register("harmonize")
def blend_harmonize(
    foreground: UInt8Image,
    alpha: Alpha,
    background: UInt8Image,
    *,
    linear: bool = False,
    harmonizer: Recolour,
) -> UInt8Image:
    """A small network lights the person like the background."""
    return _put(harmonizer(foreground, alpha, background), alpha, background, linear)


def describe(name: str) -> str:
    """First sentence of what a filter does, for help and documentation."""
    text: Any = inspect.getdoc(FILTERS[name]) or ""
    return " ".join(text.split()).partition(". ")[0].rstrip(".")
