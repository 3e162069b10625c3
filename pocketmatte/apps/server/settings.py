"""What a server allows; the defaults suit a machine with two cores and 2 GiB of memory."""

from __future__ import annotations

from dataclasses import dataclass

from pocketmatte.core import PocketmatteError

# What must be above 0: the option that sets it, or what else it is called, and the option's unit.
_OPTIONS = {
    "threads": ("--threads", 1),
    "workers": ("--workers", 1),
    "max_bytes": ("--max-mb", 2**20),
    "max_pixels": ("--max-mpx", 1_000_000),
    "batch": ("--batch", 1),
    "read_timeout": ("the time to send a request", 1),
    "work_timeout": ("--timeout", 1),
}


@dataclass(frozen=True)
class ServerSettings:
    """``workers`` pictures are worked on at once, each with ``threads`` threads; ``queue`` more requests may wait.

    ``max_bytes`` bounds a request's body, ``max_pixels`` each picture and all pictures of a batch together, ``batch``
    their number. ``read_timeout``: seconds a client has for sending its request; ``work_timeout``: seconds from then to
    the answer. ``api_key``: what clients must send as ``X-Api-Key`` or bearer token. ``origins``: web pages of other
    hosts that may call (CORS). ``web``: also serve the web app.
    """

    model: str | None = None
    runtime: str = "auto"
    device: str = "auto"
    threads: int = 2
    workers: int = 1
    queue: int = 16
    max_bytes: int = 25 * 2**20
    max_pixels: int = 40_000_000
    batch: int = 16
    read_timeout: float = 30.0
    work_timeout: float = 60.0
    api_key: str | None = None
    origins: tuple[str, ...] = ()
    web: bool = True

    def __post_init__(self) -> None:
        for name, (option, unit) in _OPTIONS.items():
            value = getattr(self, name)
            if value <= 0:
                raise PocketmatteError(f"{option} must be above 0, found {value / unit:g}")
        if self.queue < 0:
            raise PocketmatteError(f"--queue must not be below 0, found {self.queue}")
        if self.api_key == "":
            raise PocketmatteError(
                "--api-key (or POCKETMATTE_API_KEY) is empty: leave it out to serve everybody, or set one"
            )
