"""What a live run says, and sinks completed so that one that fails does not take the others along."""

from __future__ import annotations

import sys

from pocketmatte.apps.wording import for_command_line
from pocketmatte.core import PocketmatteError
from pocketmatte.io.live import Sink

IDLE = 0.1  # seconds between two looks whether somebody wants pictures


class Speaker:
    """Remarks on stderr; ``failures`` collects those that make the run end with exit code 1."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._terminal = sys.stderr.isatty()

    def _finish(self, sink: Sink) -> None:
        """Complete what a sink wrote and pass on its notes."""
        try:
            sink.close()
        except PocketmatteError as error:
            self._fail(str(error))
        for note in sink.notes:
            self._say(note)

    def _fail(self, message: str) -> None:
        message = for_command_line(message)
        self.failures.append(message)
        self._say(message)

    def _say(self, text: str) -> None:
        start = "\r" if self._terminal else ""  # over the status line
        print(f"{start}pocketmatte live: {text}", file=sys.stderr, flush=True)
