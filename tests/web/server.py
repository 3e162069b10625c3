"""A web server for the tests: the site of the package, and whatever a test adds."""

from __future__ import annotations

import mimetypes
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

TYPES = {".wasm.gz": "application/octet-stream", ".webmanifest": "application/manifest+json", ".js": "text/javascript"}


@contextmanager
def serving(files: dict[str, Path | bytes], headers: dict[str, str]) -> Iterator[str]:
    """The address of a server that answers ``files`` with ``headers``; reads ``files`` anew at each request.

    At the end it is gone altogether: a connection that the browser still had open would go on being answered.
    """
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.append(self.connection)

        def do_GET(self) -> None:
            name = urlsplit(self.path).path.lstrip("/") or "index.html"
            content = files.get(name)
            body = content.read_bytes() if isinstance(content, Path) else content
            self.send_response(200 if body is not None else 404)
            known = next((kind for end, kind in TYPES.items() if name.endswith(end)), None)
            self.send_header("Content-Type", known or mimetypes.guess_type(name)[0] or "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Cache-Control", "no-cache")
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
