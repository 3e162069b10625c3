"""The workers: one model each, a bounded queue before them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from pocketmatte.apps.server.errors import RefusedError
from pocketmatte.apps.server.settings import ServerSettings
from pocketmatte.effects.harmonize import Harmonizer
from pocketmatte.ops.clean import Clean
from pocketmatte.ops.subject import Subject
from pocketmatte.pipeline.harmonizer import load_harmonizer
from pocketmatte.pipeline.pipeline import Foreground, Pipeline, Refine, load

T = TypeVar("T")


class Models:
    """The networks of one worker thread; they stay loaded."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._first = load(
            settings.model,
            runtime=settings.runtime,
            device=settings.device,
            threads=settings.threads,
            foreground="none",
        )
        self._harmonizer: Harmonizer | None = None

    @property
    def name(self) -> str:
        """Name of the matting model."""
        return self._first.spec.name

    def pipeline(self, refine: Refine, foreground: Foreground, clean: Clean, subject: Subject) -> Pipeline:
        """A fresh pipeline on the loaded model."""
        session, spec = self._first.session, self._first.spec
        return Pipeline(session, spec, refine=refine, foreground=foreground, clean=clean, subject=subject)

    def harmonizer(self) -> Harmonizer:
        """The harmoniser, without memory of earlier pictures; loaded when first asked for."""
        if self._harmonizer is None:
            self._harmonizer = load_harmonizer(threads=self._settings.threads)
        self._harmonizer.reset()
        return self._harmonizer

    def close(self) -> None:
        """Free the model."""
        self._first.close()


class Engine:
    """Runs work on worker threads. Use :meth:`admit` around a whole request, :meth:`run` for each piece of work."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._local = threading.local()
        probe = Models(settings)  # a wrong model or device fails here, before the port opens
        self.model = probe.name
        probe.close()
        self._pool = ThreadPoolExecutor(settings.workers, "worker", self._open)
        self.admitted = 0

    def _open(self) -> None:
        self._local.models = Models(self._settings)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """One place among those worked on and those waiting. Raises :class:`RefusedError` (429) when all are taken.

        To be entered before a request's body is read, so that their number bounds memory. For the event loop only.
        """
        if self.admitted >= self._settings.workers + self._settings.queue:
            raise RefusedError(429, "busy", f"{self.admitted} requests are being worked on or waiting; try again", 1)
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    def deadline(self) -> float:
        """When a request that is complete now must be answered, in the event loop's time."""
        return asyncio.get_running_loop().time() + self._settings.work_timeout

    async def run(self, work: Callable[[Models], T], deadline: float | None = None) -> T:
        """``work`` on a worker's models. Raises :class:`RefusedError` (503) when it is not done by ``deadline``.

        A request of several pieces gives each the same :meth:`deadline`. Work not yet begun is dropped then; what runs
        ends unheard, for a thread cannot be stopped.
        """
        future = self._pool.submit(lambda: work(self._local.models))
        try:
            async with asyncio.timeout_at(self.deadline() if deadline is None else deadline):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            future.cancel()
            seconds = f"{self._settings.work_timeout:g} s"
            raise RefusedError(
                503, "too_slow", f"no answer within {seconds}: the server is busy or the request large", 5
            ) from error

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._pool.shutdown(cancel_futures=True)
