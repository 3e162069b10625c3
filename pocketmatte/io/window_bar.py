"""The bar below the picture of a window: sliders as plain numbers, drawn and moved without knowing the window."""

from __future__ import annotations

from dataclasses import dataclass

BAR = 44  # height in pixels
_KNOB = 8
_MARGIN = 16


@dataclass
class Slider:
    """``name`` for the program, ``label`` for the user; ``value`` in 0..1, moved by keys in steps of ``step``.

    ``text`` is shown behind the label: what the value means.
    """

    name: str
    label: str
    value: float = 0.0
    step: float = 0.05
    text: str = ""

    def move(self, value: float) -> bool:
        """Set the value, kept within 0..1 and on whole steps; whether it changed."""
        steps = round(min(1.0, max(0.0, value)) / self.step)
        value = min(1.0, steps * self.step)
        changed, self.value = value != self.value, value
        return changed


class Bar:
    """Sliders side by side in a bar of ``width`` pixels whose top is at ``top``."""

    def __init__(self, sliders: list[Slider], width: int, top: int) -> None:
        self.sliders, self.width, self.top = sliders, width, top
        self._held: Slider | None = None

    def track(self, number: int) -> tuple[int, int, int]:
        """Left, right and height of the line that slider ``number`` moves on."""
        share = self.width / len(self.sliders)
        return round(number * share) + _MARGIN, round((number + 1) * share) - _MARGIN, self.top + BAR - 12

    def knob(self, number: int) -> tuple[int, int]:
        """Where the knob of slider ``number`` is."""
        left, right, y = self.track(number)
        return left + round((right - left) * self.sliders[number].value), y

    def press(self, x: int, y: int) -> Slider | None:
        """The mouse button went down: the slider that moved because of it."""
        self._held = None
        for number, slider in enumerate(self.sliders):
            left, right, height = self.track(number)
            if left - _KNOB <= x <= right + _KNOB and abs(y - height) <= 2 * _KNOB:
                self._held = slider
        return self.drag(x)

    def drag(self, x: int) -> Slider | None:
        """The mouse moved with its button down: the slider that moved because of it."""
        if self._held is None:
            return None
        left, right, _ = self.track(self.sliders.index(self._held))
        return self._held if self._held.move((x - left) / max(1, right - left)) else None

    def release(self) -> None:
        """The mouse button went up."""
        self._held = None
