"""Streams through real servers on this machine: nginx with its RTMP module, GStreamer's RTSP server; ffprobe looks."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.io.live import SinkRequest, open_sink, open_source
from pocketmatte.io.stream_source import StreamSource
from pocketmatte.io.video_source import VideoSource
from tests.io.stream_servers import free_port, nginx, probe, rtsp, wait_for
from tests.io.video_clips import SIZE, flash, moving, write_clip

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
RATE = Fraction(15)


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, range(60), 1 / RATE, flash, rate=RATE, audio="aac")
    return path


def publish(clip: Path, address: str):
    source = open_source(str(clip))
    sink = open_sink(address, SinkRequest(source.size, source.rate, source))
    for frame in source:
        sink.write(frame)
    sink.close()
    source.close()
    return sink


def test_nginx_relays_what_is_published_to_ffprobe_and_to_our_own_reader(tmp_path):
    clip = tmp_path / "clip.mp4"
    write_clip(clip, range(200), 1 / RATE, flash, rate=RATE, audio="aac")  # long enough for a busy machine
    with nginx(tmp_path) as server:
        address = f"rtmp://127.0.0.1:{server.port}/live/show"
        seen: dict[str, str] = {}
        watcher = threading.Thread(target=lambda: seen.update(probe(address, live=True)))
        sent = []
        publisher = threading.Thread(target=lambda: sent.append(publish(clip, address)))
        publisher.start()
        wait_for(lambda: list(tmp_path.glob("show*.flv")))
        watcher.start()
        source = open_source(address)
        frames = []
        for frame in source:
            frames.append(frame)
            if len(frames) == 15:
                break
        source.close()
        publisher.join()
        watcher.join()
        (recorded,) = tmp_path.glob("show*.flv")
        found = probe(recorded)
    assert (found["video"], found["size"], found["audio"]) == ("h264", "128x96", "aac")
    assert int(found["video packets"]) >= sent[0].status.sent - 1
    assert seen["video"] == "h264"
    assert sent[0].status.sent + sent[0].status.dropped == 200
    assert source.size == SIZE
    assert [frame.index for frame in frames] == list(range(15))
    assert frames[-1].pts == pytest.approx(14 / 15, abs=0.01)
    bright = [frame.index for frame in frames if frame.image.mean() > 128]
    assert bright
    assert all((second - first) % 12 == 0 for first, second in itertools.pairwise(bright))


def test_a_server_that_dies_and_comes_back_gets_the_stream_again_and_the_copy_is_complete(tmp_path):
    clip, copy = tmp_path / "long.mp4", tmp_path / "copy.mp4"
    write_clip(clip, range(100), Fraction(1, 10), moving, rate=Fraction(10), audio="aac")
    with nginx(tmp_path) as server:
        address = f"rtmp://127.0.0.1:{server.port}/live/show"
        command = [sys.executable, "-m", "pocketmatte", "live", "--source", str(clip), "--mode", "exact", "--json"]
        command += ["--look", "color:#00FF00", "--threads", "1", "--sink", str(copy), "--sink", address]
        program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: any(f.stat().st_size > 3000 for f in tmp_path.glob("show*.flv")))
        server.kill()
        before = set(tmp_path.glob("show*.flv"))
        time.sleep(1)
        server.start()
        out, said = program.communicate(timeout=120)
        later = set(tmp_path.glob("show*.flv")) - before
        assert program.returncode == 0, said
        figures = json.loads(out)
        (stream,) = figures["streams"]
        assert (figures["state"], figures["frames"]) == ("ended", 100)
        assert stream["reconnects"] == 1
        assert stream["sent"] + stream["dropped"] == 100
        assert "connection lost" in said
        assert "connected again" in said
        assert "show" not in said  # the stream key
        assert len(later) == 1
        resumed = probe(later.pop())
        assert int(resumed["video packets"]) >= 5
        assert resumed["audio"] == "aac"
    whole = probe(copy)
    assert (whole["video packets"], whole["audio"]) == ("100", "aac")


def test_gstreamer_records_what_is_published_over_rtsp(clip, tmp_path):
    with rtsp(tmp_path) as server:
        sink = publish(clip, f"rtsp://127.0.0.1:{server.port}/record")
        assert sink.status.sent == 60
        wait_for(lambda: (tmp_path / "recorded-0.mkv").exists())
        time.sleep(0.5)
    found = probe(tmp_path / "recorded-0.mkv")
    assert (found["video"], found["size"], found["audio"]) == ("h264", "128x96", "aac")
    assert int(found["video packets"]) >= 50


def several(sources: list[Path], sinks: list[str], layout: str) -> dict:
    """The figures of ``pocketmatte live`` with several sources."""
    command = [sys.executable, "-m", "pocketmatte", "live", "--layout", layout, "--look", "blur:0", "--threads", "1"]
    command += [word for source in sources for word in ("--source", str(source))]
    command += [word for sink in sinks for word in ("--sink", sink)]
    mode = ["--mode", "exact", "--json"]
    done = subprocess.run([*command, *mode], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def means(path: Path, columns: slice) -> list[float]:
    with VideoSource(path) as source:
        return [float(frame.image[:, columns].mean()) for frame in source]


@pytest.fixture
def bright(tmp_path) -> Path:
    path = tmp_path / "bright.mp4"
    write_clip(path, range(30), 2 / RATE, lambda n: np.full((*SIZE, 3), 130, np.uint8), rate=RATE / 2, audio="aac")
    return path


def test_several_sources_side_by_side_are_published_over_rtsp(clip, bright, tmp_path):
    with rtsp(tmp_path) as server:
        figures = several([clip, bright], [f"rtsp://127.0.0.1:{server.port}/record"], "tile")
        time.sleep(0.5)
    assert (figures["frames"], figures["sources"]) == (60, [60, 30])
    (stream,) = figures["streams"]
    assert stream["sent"] + stream["dropped"] == 60
    found = probe(tmp_path / "recorded-0.mkv")
    assert (found["video"], found["size"], found["audio"]) == ("h264", "256x96", "aac")
    left, right = (means(tmp_path / "recorded-0.mkv", columns) for columns in (slice(8, 120), slice(136, 248)))
    assert len(left) == len(right) >= 40
    assert sum(mean < 60 for mean in left) > sum(mean > 200 for mean in left) > 0  # it flashes
    assert all(abs(mean - 130) < 12 for mean in right[:-4])


def test_several_sources_are_published_over_rtsp_each_to_its_own(clip, bright, tmp_path):
    with rtsp(tmp_path) as server:
        address = f"rtsp://127.0.0.1:{server.port}/record"
        figures = several([clip, bright], [address, address], "separate")
        time.sleep(0.5)
    assert figures["sources"] == [60, 30]
    assert [stream["sent"] + stream["dropped"] for stream in figures["streams"]] == [60, 30]
    flashing, even = (means(tmp_path / f"recorded-{number}.mkv", slice(8, 120)) for number in range(2))
    assert sum(mean < 60 for mean in flashing) > sum(mean > 200 for mean in flashing) > 0
    assert all(abs(mean - 130) < 12 for mean in even)
    assert len(flashing) >= 40
    assert len(even) >= 20


def test_ffprobe_takes_what_is_published_over_rtsp(clip):
    """ffprobe is the server, so it sees the stream itself: nothing in between has put its packets in order."""
    address = f"rtsp://127.0.0.1:{free_port()}/show"
    seen: dict[str, str] = {}
    receiver = threading.Thread(target=lambda: seen.update(probe(address, "-rtsp_flags", "listen")))
    receiver.start()
    sent = []

    def connected() -> bool:
        try:
            sent.append(publish(clip, address))
        except PocketmatteError:  # it does not listen yet
            return False
        return True

    wait_for(connected)
    receiver.join()
    assert (seen["video"], seen["size"], seen["audio"]) == ("h264", "128x96", "aac")
    assert sent[0].status.sent == 60
    assert int(seen["video packets"]) >= 59
    assert int(seen["audio packets"]) > 150


def test_an_rtsp_server_that_dies_gets_the_stream_again(tmp_path):
    with rtsp(tmp_path) as server:
        said: list[str] = []
        clip = tmp_path / "long.mp4"
        write_clip(clip, range(120), Fraction(1, 10), moving, rate=Fraction(10), audio="aac")
        source = open_source(str(clip))
        request = SinkRequest(source.size, source.rate, source, say=said.append)
        sink = open_sink(f"rtsp://127.0.0.1:{server.port}/record", request)
        for frame in source:
            sink.write(frame)
            if frame.index == 20:
                server.kill()
                server.start()
            if sink.status.reconnects and sink.status.sent > 40:
                break
        sink.close()
        source.close()
        assert sink.status.reconnects >= 1, said


def test_our_reader_takes_an_rtsp_stream_and_survives_a_restart(tmp_path):
    clip = tmp_path / "play.mkv"
    write_clip(clip, range(300), 1 / RATE, moving, rate=RATE, options={"g": "15", "bf": "0"})
    with rtsp(tmp_path, clip) as server:
        source = StreamSource(f"rtsp://127.0.0.1:{server.port}/play", patience=30)
        frames = []
        for frame in source:
            frames.append(frame)
            if len(frames) == 10:
                server.kill()
                server.start()
            if any("made again" in note for note in source.notes) and len(frames) > 20:
                break
        source.close()
    assert source.size == SIZE
    times = [frame.pts for frame in frames]
    assert all(a < b for a, b in itertools.pairwise(times))
    indices = [frame.index for frame in frames]
    assert all(a < b for a, b in itertools.pairwise(indices))


def test_a_server_that_is_gone_for_good_ends_the_frames_with_a_line(tmp_path):
    clip = tmp_path / "play.mkv"
    write_clip(clip, range(300), 1 / RATE, moving, rate=RATE, options={"g": "15", "bf": "0"})
    with rtsp(tmp_path, clip) as server:
        source = StreamSource(f"rtsp://127.0.0.1:{server.port}/play", patience=0.5)
        frames = iter(source)
        next(frames)
        server.kill()
        list(frames)  # the server's goodbye is a proper end
    assert any("ended" in note for note in source.notes)


def test_a_server_that_hangs_up_in_the_middle_is_said(clip, tmp_path):
    with nginx(tmp_path) as server:
        address = f"rtmp://127.0.0.1:{server.port}/live/show"
        publisher = threading.Thread(target=lambda: publish(clip, address))
        publisher.start()
        wait_for(lambda: list(tmp_path.glob("show*.flv")))
        source = StreamSource(address, patience=0.5)
        frames = iter(source)
        next(frames)
        server.kill()
        with pytest.raises(PocketmatteError, match="did not come back"):
            list(frames)
        publisher.join()
