"""What a live run says, and sinks completed so that one that fails does not take the others along."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.apps.jobs import Settings, check_destination
from pocketmatte.apps.wording import for_command_line
from pocketmatte.core import PocketmatteError
from pocketmatte.io.live import Sink, path_of

IDLE = 0.1  # seconds between two looks whether somebody wants pictures
_NOTICE = 6.0  # seconds for which a window shows what went wrong


def check_files(sources: Sequence[str], sinks: Sequence[str], backgrounds: Sequence[Path], settings: Settings) -> None:
    """Raise :class:`PocketmatteError` when a file would be written over another that is read, or written twice."""
    inputs = [*map(path_of, sources), *backgrounds]
    outputs = [path for sink in sinks if (path := path_of(sink)) is not None]
    for number, output in enumerate(outputs):
        check_destination(output, settings, inputs)
        if output.absolute() in (other.absolute() for other in outputs[:number]):
            raise PocketmatteError(f"{output} is named by --sink twice: one file cannot take two recordings")


class Speaker:
    """Remarks on stderr, those about trouble also for a window; ``failures`` collects the ones that make the run end
    with exit code 1."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._warnings: list[str] = []
        self._notice, self._noticed = "", 0.0
        self._terminal = sys.stderr.isatty()

    def _finish(self, sink: Sink) -> bool:
        """Complete what a sink wrote and pass on its notes; whether that worked."""
        done = True
        try:
            sink.close()
        except PocketmatteError as error:
            self._fail(str(error))
            done = False
        for note in sink.notes:
            self._say(note)
        return done

    def _fail(self, message: str) -> None:
        message = for_command_line(message)
        self.failures.append(message)
        self._show_notice(message)
        self._say(message)

    def _warn(self, message: str) -> None:
        """Something does not work, but the run is as good without it: said once, shown in a window every time."""
        self._show_notice(message)
        if message not in self._warnings:
            self._warnings.append(message)
            self._say(message)

    def _show_notice(self, message: str) -> None:
        self._notice, self._noticed = message, time.monotonic()

    def _notices(self) -> list[str]:
        """Lines for a window, whose user does not look at stderr: what went wrong just now."""
        return self._notice.splitlines() if time.monotonic() - self._noticed < _NOTICE else []

    def _say(self, text: str) -> None:
        start = "\r" if self._terminal else ""  # over the status line
        print(f"{start}pocketmatte live: {text}", file=sys.stderr, flush=True)
