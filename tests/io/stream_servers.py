"""Stream servers on this machine: PyAV that takes one publisher, nginx (RTMP), GStreamer (RTSP), a web server."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

WAIT = 60.0  # seconds for a busy machine
_LISTEN = {"listen": "1", "analyzeduration": "200000", "fpsprobesize": "2"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = WAIT) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Listener:
    """Takes publishers at an RTMP address, one after the other; hangs up on the first after ``hang_up`` pictures.
    A session has the times of the packets, ``keys`` of the pictures, and the bytes of the ``sound``."""

    def __init__(self, hang_up: int | None = None) -> None:
        self.address = f"rtmp://127.0.0.1:{free_port()}/live/key"
        self.hang_up = hang_up
        self.sessions: list[dict[str, list[Any]]] = []
        self.open = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for _ in range(2 if self.hang_up else 1):
            session: dict[str, list[Any]] = {"video": [], "audio": [], "keys": [], "sound": []}
            with contextlib.suppress(OSError), av.open(self.address, options=_LISTEN) as container:
                self.sessions.append(session)
                for packet in container.demux():
                    if packet.pts is not None and packet.size:
                        session[packet.stream.type].append(float(packet.pts * packet.time_base))
                        if packet.stream.type == "video":
                            session["keys"].append(packet.is_keyframe)
                        else:
                            session["sound"].append(bytes(packet))
                    if self.hang_up and len(self.sessions) == 1 and len(session["video"]) >= self.hang_up:
                        break

    def join(self) -> None:
        self._thread.join(WAIT)
        assert not self._thread.is_alive()


class Program:
    """A server program; ``with`` ends it."""

    def __init__(self, command: list[str], port: int) -> None:
        self.command, self.port = command, port
        self.start()

    def start(self) -> None:
        self._program = subprocess.Popen(self.command, start_new_session=True)
        wait_for(lambda: answers(self.port) or self._program.poll() is not None)
        assert self._program.poll() is None

    def kill(self) -> None:
        os.killpg(self._program.pid, signal.SIGKILL)
        self._program.wait()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.poll() is None:
            self.kill()


def nginx(folder: Path) -> Program:
    """An RTMP relay, application ``live``, which records what is published to ``folder`` as FLV."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n"
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on;\n"
        f"record all; record_path {folder}; record_unique on; }} }} }}\n"
    )
    return Program(["/usr/sbin/nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")], port)


_RTSP = Path(__file__).with_name("rtsp_server.py")


def rtsp(folder: Path, clip: Path | None = None) -> Program:
    """GStreamer's RTSP server: ``/play`` plays ``clip`` (Matroska, H.264) to every client, ``/record`` writes what is
    published to ``folder/recorded-N.mkv``."""
    port = free_port()
    return Program(["/usr/bin/python3", str(_RTSP), str(port), str(folder), str(clip or "")], port)


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    """The address of a web server for the files of ``folder``."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def probe(path: Path | str, *options: str, live: bool = False) -> dict[str, str]:
    """What ffprobe says of pictures and sound; unless ``live`` also how many packets there are until the end."""
    command = ["ffprobe", "-v", "error", *options, *([] if live else ["-count_packets"]), "-show_entries"]
    command += ["stream=codec_type,codec_name,width,height,nb_read_packets", "-of", "csv=p=0", str(path)]
    rows = subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT).stdout.split()
    found: dict[str, str] = {}
    for row in rows:
        name, kind, *rest = row.split(",")
        found[kind] = name
        found[f"{kind} packets"] = rest[-1]
        if kind == "video":
            found["size"] = f"{rest[0]}x{rest[1]}"
    return found
