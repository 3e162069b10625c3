"""The ``serve`` verb."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    from pocketmatte.apps.server.settings import ServerSettings

_GRACE = 20  # seconds that requests under way have after SIGTERM


def serve(host: str, port: int, settings: ServerSettings) -> None:
    """Answer until SIGTERM or Ctrl-C, then finish what is under way.

    Raises :class:`PocketmatteError` when a package, the model or the address cannot be had.
    """
    import socket

    try:
        import uvicorn

        from pocketmatte.apps.server.app import create_app
    except ImportError as error:
        raise PocketmatteError(
            f"the server needs one more package ({error.name}): pip install 'pocketmatte[server]'"
        ) from error
    app = create_app(settings)
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
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE, timeout_keep_alive=10,
            server_header=False, backlog=128,
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listener])
