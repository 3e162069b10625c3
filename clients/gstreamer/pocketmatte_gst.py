"""Many sources through GStreamer: decoded by its elements, cut out in one batch, tiled, and out again.

    python pocketmatte_gst.py --source a.mp4 --source rtsp://camera/1 --sink out.mp4
    python pocketmatte_gst.py --source a.mp4 --source b.mp4 --sink rtsp://0.0.0.0:8554/out

The graph is built from ``spec.json``: a model exported with ``--batch N`` looks at N sources at once. Every source
comes as RGB at one size and one rate, one frame of each makes a round. ``rtsp:`` serves the result: while nobody
watches, nothing is computed.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from pocketmatte.apps.jobs import Settings, open_renderer
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.tile import make_grid, tile
from pocketmatte.pipeline.lanes import load_lanes

try:
    import gi
except ImportError:  # the bindings come with the system's Python; one of the same version can load them too
    sys.path.append("/usr/lib/python3/dist-packages")
    import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

WAIT = 10 * 10**9  # nanoseconds without a frame after which a source counts as gone
ENCODER = "videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max={gop}"


def uri(source: str) -> str:
    """A file name or an address as the address that GStreamer takes."""
    return source if "://" in source else Path(source).absolute().as_uri()


def source_graph(sources: list[str], size: Size, rate: int, *, live: bool) -> str:
    """The reading side; ``in0``, ``in1``... give RGB frames. A live reader takes the newest, a file every frame."""
    caps = f"video/x-raw,format=RGB,width={size.width},height={size.height},framerate={rate}/1,pixel-aspect-ratio=1/1"
    pace = "sync=true drop=true max-buffers=1" if live else "sync=false max-buffers=4"
    return "\n".join(
        f'uridecodebin uri="{uri(source)}" ! queue ! videoconvert ! videoscale add-borders=true ! videorate ! {caps} ! '
        f"appsink name=in{number} {pace}"
        for number, source in enumerate(sources)
    )


def entry(size: Size, rate: int) -> str:
    """Where finished pictures go in."""
    caps = f"video/x-raw,format=RGB,width={size.width},height={size.height},framerate={rate}/1"
    return f'appsrc name=out format=time caps="{caps}"'


def file_graph(path: str, size: Size, rate: int) -> str:
    """The writing side for a file."""
    encoder = ENCODER.format(gop=2 * rate)
    return f'{entry(size, rate)} ! {encoder} ! h264parse ! mp4mux ! filesink location="{path}"'


def served_graph(size: Size, rate: int) -> str:
    """The writing side for clients of the RTSP server."""
    encoder = ENCODER.format(gop=2 * rate)
    return f"( {entry(size, rate)} is-live=true do-timestamp=true ! {encoder} ! rtph264pay name=pay0 pt=96 )"


class FileSink:
    """A file; complete after :meth:`close`."""

    def __init__(self, path: str, size: Size, rate: int) -> None:
        self._graph = Gst.parse_launch(file_graph(path, size, rate))
        self._source, self._rate, self._count = self._graph.get_by_name("out"), rate, 0
        self._graph.set_state(Gst.State.PLAYING)

    def wanted(self) -> bool:
        """A file always is."""
        return True

    def write(self, picture: np.ndarray) -> None:
        """Add one picture, uint8 RGB."""
        buffer = Gst.Buffer.new_wrapped(picture.tobytes())
        buffer.pts = self._count * Gst.SECOND // self._rate
        buffer.duration = Gst.SECOND // self._rate
        self._count += 1
        self._source.emit("push-buffer", buffer)

    def close(self) -> None:
        """Complete the file. Raises :class:`PocketmatteError` when that fails."""
        self._source.emit("end-of-stream")
        ends = Gst.MessageType.EOS | Gst.MessageType.ERROR
        message = self._graph.get_bus().timed_pop_filtered(30 * Gst.SECOND, ends)
        self._graph.set_state(Gst.State.NULL)
        if message is None or message.type == Gst.MessageType.ERROR:
            raise PocketmatteError(f"cannot complete the file: {message.parse_error()[0] if message else 'no answer'}")


class ServedSink:
    """An RTSP server; all clients share one encoder, which exists while there are any."""

    def __init__(self, address: str, size: Size, rate: int) -> None:
        parts = urlsplit(address)
        self._server = GstRtspServer.RTSPServer.new()
        self._server.set_address(parts.hostname or "127.0.0.1")
        self._server.set_service(str(parts.port or 8554))
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(served_graph(size, rate))
        factory.set_shared(True)
        factory.connect("media-configure", self._configure)
        self._server.get_mount_points().add_factory(parts.path or "/", factory)
        self._sources: list[Gst.Element] = []
        self._loop = GLib.MainLoop()
        if not self._server.attach(None):
            raise PocketmatteError(f"cannot listen on {address}: is the port taken?")
        threading.Thread(target=self._loop.run, daemon=True).start()

    def _configure(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        source = media.get_element().get_by_name("out")
        self._sources.append(source)
        media.connect("unprepared", lambda _media: self._sources.remove(source))

    def wanted(self) -> bool:
        """Whether a client watches."""
        return bool(self._sources)

    def write(self, picture: np.ndarray) -> None:
        """Send one picture, uint8 RGB."""
        for source in [*self._sources]:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(picture.tobytes()))

    def close(self) -> None:
        """Say goodbye to the clients."""
        for source in [*self._sources]:
            source.emit("end-of-stream")
        self._loop.quit()


def pull(sink: Gst.Element, size: Size) -> np.ndarray | None:
    """The next frame uint8 RGB ``[H,W,3]`` of an appsink; ``None`` after the end."""
    sample = sink.emit("try-pull-sample", WAIT)
    if sample is None:
        return None
    found, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
    if not found:
        return None
    try:
        return np.frombuffer(mapped.data, np.uint8).reshape(*size, 3).copy()
    finally:
        sample.get_buffer().unmap(mapped)


def run(options: argparse.Namespace) -> int:
    """Until all sources have ended. How many rounds were computed."""
    height, width = (int(side) for side in options.size.split("x"))
    size = Size(height - height % 2, width - width % 4)  # GStreamer fills rows up to four bytes
    served = options.sink.startswith("rtsp://")
    count = len(options.source)
    settings = Settings(parse_look(options.look), options.model)
    grid = make_grid(count, size)
    grid_size = Size(grid.size.height, grid.size.width - grid.size.width % 4)
    reading = Gst.parse_launch(source_graph(options.source, size, options.rate, live=served))
    sinks = [reading.get_by_name(f"in{number}") for number in range(count)]
    renderers = [open_renderer(settings) for _ in range(count)]
    kind = ServedSink if served else FileSink
    rounds = 0
    foreground = settings.foreground if settings.look.needs_foreground else "none"
    with load_lanes(options.model, count, threads=options.threads, temporal="auto", foreground=foreground) as lanes:
        out = kind(options.sink, grid_size, options.rate)
        reading.set_state(Gst.State.PLAYING)
        try:
            index = 0
            while True:
                pulled = {n: pull(sink, size) for n, sink in enumerate(sinks)}
                frames = {n: Frame(image, None, index) for n, image in pulled.items() if image is not None}
                index += 1
                if not frames:
                    break
                if not out.wanted():
                    continue
                mattes = lanes.step(frames)
                drawn = [renderers[n].draw(frames[n].image, mattes[n]) if n in frames else None for n in range(count)]
                out.write(np.ascontiguousarray(tile(drawn, grid)[:, : grid_size.width]))
                rounds += 1
        finally:
            reading.set_state(Gst.State.NULL)
        out.close()
        runs, batch = lanes.meeting.runs, lanes.meeting.batch
    print(f"{rounds} rounds of {count} sources, {runs} inferences of {batch} pictures", file=sys.stderr)
    if index == 1:
        raise PocketmatteError("no source gave a picture; are the files or addresses right?")
    return rounds


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", action="append", required=True, help="file or address; repeatable")
    parser.add_argument("--sink", required=True, help="FILE.mp4, or rtsp://ADDRESS:PORT/PATH to serve")
    parser.add_argument("--model", help="zoo name or spec.json (exported with --batch N for N sources at once)")
    parser.add_argument("--look", default="blur", help="as in `pocketmatte run`, but not rgba")
    parser.add_argument("--size", default="360x640", help="HEIGHTxWIDTH of every source")
    parser.add_argument("--rate", type=int, default=25, help="rounds per second")
    parser.add_argument("--threads", type=int, default=2)
    Gst.init(None)
    try:
        run(parser.parse_args())
    except PocketmatteError as error:
        print(f"pocketmatte_gst: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
