"""A window on the screen through SDL (pygame-ce): the picture, lines of text over it, sliders and keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import SinkRequest
from pocketmatte.io.window_bar import BAR, Bar, Slider
from pocketmatte.ops.resize import resize

if TYPE_CHECKING:
    import pygame

_INSTALL = "pip install 'pocketmatte[window]'"
_UNSEEN = ("dummy", "offscreen")
_TEXT = 18
_SMALL = 15
_ARROWS = {"left": (0, -1), "right": (0, 1), "down": (1, -1), "up": (1, 1)}  # key -> slider, direction


@dataclass(frozen=True)
class Event:
    """What the user did: ``kind`` is ``key`` (``name``: ``c``, ``space``...), ``slide`` (``name`` of the slider, new
    ``value``) or ``quit``."""

    kind: str
    name: str = ""
    value: float = 0.0


class Window:
    """See :class:`pocketmatte.io.live.Sink`. All calls from one thread, on macOS the main one.

    ``status`` lines are drawn over the picture, ``help`` below the sliders' labels. :meth:`events` must be called again
    and again, or the system takes the window for dead. A picture larger than the screen is shown smaller.
    """

    def __init__(self, size: Size, title: str = "pocketmatte", sliders: list[Slider] | None = None) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise PocketmatteError(f"a window needs pygame-ce, which is not installed: {_INSTALL}") from error
        self._pygame = pygame
        self.notes: list[str] = []
        self.status: list[str] = []
        self.help = ""
        try:
            pygame.display.init()
            driver = pygame.display.get_driver()
            if driver in _UNSEEN and os.environ.get("SDL_VIDEODRIVER") != driver:  # SDL's choice without a screen
                pygame.display.quit()
                raise PocketmatteError("cannot open a window: there is no screen (is $DISPLAY set?)")
            pygame.font.init()
            desktop = pygame.display.get_desktop_sizes()[0]
            scale = min(1.0, 0.9 * desktop[0] / size.width, 0.9 * (desktop[1] - BAR) / size.height)
            self.shown = Size(max(1, round(size.height * scale)), max(1, round(size.width * scale)))
            pygame.display.set_caption(title)
            bar = BAR if sliders else 0
            self._screen = pygame.display.set_mode((self.shown.width, self.shown.height + bar))
        except pygame.error as error:
            raise PocketmatteError(f"cannot open a window: {error}; is there a screen (is $DISPLAY set?)") from error
        self._font, self._small = (pygame.font.Font(None, height) for height in (_TEXT, _SMALL))
        self._bar = Bar(sliders, self.shown.width, self.shown.height) if sliders else None
        self._open = True

    def write(self, frame: Frame) -> None:
        """Show one picture. Raises :class:`PocketmatteError` after :meth:`close`."""
        if not self._open:
            raise PocketmatteError("the window was closed")
        pygame = self._pygame
        shown = np.ascontiguousarray(resize(frame.image, self.shown))
        self._screen.blit(pygame.image.frombuffer(shown, (self.shown.width, self.shown.height), "RGB"), (0, 0))
        for number, line in enumerate(self.status):
            self._label(line, 8, 8 + number * _TEXT, self._font)
        self._draw_bar()
        pygame.display.flip()

    def _label(self, text: str, x: int, y: int, font: pygame.font.Font) -> None:
        self._screen.blit(font.render(text, True, (0, 0, 0)), (x + 1, y + 1))
        self._screen.blit(font.render(text, True, (255, 255, 255)), (x, y))

    def _draw_bar(self) -> None:
        if self._bar is None:
            return
        pygame = self._pygame
        pygame.draw.rect(self._screen, (32, 32, 36), (0, self._bar.top, self._bar.width, BAR))
        for number, slider in enumerate(self._bar.sliders):
            left, right, y = self._bar.track(number)
            self._label(f"{slider.label}: {slider.text}", left, self._bar.top + 4, self._small)
            pygame.draw.line(self._screen, (110, 110, 120), (left, y), (right, y), 3)
            pygame.draw.circle(self._screen, (90, 170, 255), self._bar.knob(number), 7)
        self._label(self.help, 8, self._bar.top - _SMALL - 2, self._small)

    def events(self) -> list[Event]:
        """What the user did since the last call. Arrow keys move the sliders: left and right the first, down and up
        the second."""
        pygame = self._pygame
        found: list[Event] = []
        if not self._open:
            return found

        def moved(slider: Slider | None) -> None:
            if slider is not None:
                found.append(Event("slide", slider.name, slider.value))

        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                found.append(Event("quit"))
            elif event.type == pygame.KEYDOWN:
                name = pygame.key.name(event.key)
                arrow = _ARROWS.get(name)
                if arrow is None:
                    found.append(Event("key", name))
                elif self._bar is not None and arrow[0] < len(self._bar.sliders):
                    slider = self._bar.sliders[arrow[0]]
                    moved(slider if slider.move(slider.value + arrow[1] * slider.step) else None)
            elif self._bar is None:
                continue
            elif event.type == pygame.MOUSEBUTTONDOWN:
                moved(self._bar.press(*event.pos))
            elif event.type == pygame.MOUSEMOTION and event.buttons[0]:
                moved(self._bar.drag(event.pos[0]))
            elif event.type == pygame.MOUSEBUTTONUP:
                self._bar.release()
        return found

    def wanted(self) -> bool:
        """Always: also a hidden window must answer its user."""
        return True

    def close(self) -> None:
        """Take the window off the screen."""
        if self._open:
            self._open = False
            self._pygame.display.quit()


def open_window(address: str, request: SinkRequest) -> Window:
    """``window:`` or ``window:TITLE``. Raises :class:`PocketmatteError` without pygame-ce or a screen."""
    return Window(request.size, address.partition(":")[2] or "pocketmatte", list(request.sliders))
