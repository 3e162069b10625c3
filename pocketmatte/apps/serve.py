"""The ``serve`` verb."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    import uvicorn

    from pocketmatte.apps.server.settings import ServerSettings

_GRACE = 20  # seconds that requests under way have after SIGTERM


def serve(host: str, port: int, settings: ServerSettings) -> None:
    """Answer until SIGTERM or Ctrl-C, then finish what is under way.

    Raises :class:`PocketmatteError` when a package, the model or the address cannot be had.
    """
    import socket

    try:
        import uvicorn

        config = configure(settings)
    except ImportError as error:
        raise PocketmatteError(
            f"the server needs one more package ({error.name}): pip install 'pocketmatte[server]'"
        ) from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PocketmatteError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --host or --port"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        print(f"http://{shown}:{listener.getsockname()[1]}/  (API: /docs; Ctrl-C ends)", file=sys.stderr, flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def configure(settings: ServerSettings) -> uvicorn.Config:
    """The application with uvicorn's limits. Raises as :func:`serve` does, ``ImportError`` for a missing package."""
    import uvicorn

    from pocketmatte.apps.server.app import create_app
    from pocketmatte.apps.server.protocol import head_within

    return uvicorn.Config(
        create_app(settings), http=head_within(settings.read_timeout), log_level="warning", access_log=False,
        timeout_graceful_shutdown=_GRACE, timeout_keep_alive=10, server_header=False, backlog=128,
    )  # fmt: skip
