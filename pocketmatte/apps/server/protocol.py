"""HTTP/1.1 as uvicorn speaks it, but a connection that does not send the head of a request is closed."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def head_within(seconds: float) -> type[H11Protocol]:
    """A protocol for ``uvicorn.Config(http=...)``: a request's head has ``seconds`` to arrive.

    uvicorn itself waits for ever, and each connection that sends a byte now and then holds a file descriptor. Between
    requests its keep-alive time-out holds; from a request's first byte on, and on a new connection, this one does.
    """

    class TimedHead(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()

        def _watch(self) -> None:
            if self.conn.their_state is not h11.IDLE:  # the head is complete
                self._stop()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self.transport.abort)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return TimedHead
