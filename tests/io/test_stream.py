"""Publishing and reading streams over the loopback, with servers inside this process."""

from __future__ import annotations

import itertools
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import Sink, SinkRequest, Source, open_sink, open_source
from pocketmatte.io.stream_address import shown
from pocketmatte.io.stream_sink import StreamSink
from tests.io.stream_servers import Listener, free_port, wait_for, web
from tests.io.video_clips import SIZE, flash, moving, sound_packets, write_clip

RATE = Fraction(15)


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.mkv"  # can be read without jumping back, which the small web server cannot do
    write_clip(path, range(24), 1 / RATE, flash, rate=RATE, audio="aac")
    return path


def open_soon(address: str, request: SinkRequest, **more: float) -> StreamSink:
    """The sink, as soon as the listener has come up."""
    until = time.monotonic() + 30
    while True:
        try:
            return StreamSink(address, request, **more)
        except PocketmatteError:
            assert time.monotonic() < until
            time.sleep(0.05)


def frames(count: int, first: int = 0):
    return [Frame(moving(n), (5 + n) / RATE, n) for n in range(first, first + count)]


def test_a_published_clip_arrives_with_its_sound_and_its_times(clip):
    listener = Listener()
    source = open_source(str(clip))  # waits for its reader, so the sink paces it and nothing is dropped
    sink = open_soon(listener.address, SinkRequest(source.size, source.rate, source))
    assert isinstance(sink, Sink)
    assert sink.wanted()
    for frame in source:
        sink.write(frame)
    sink.close()
    sink.close()
    listener.join()
    session = listener.sessions[0]
    expected = [n / 15 for n in range(24)]
    # Both sides may lose what was in flight when the stream ended, no more.
    assert 23 <= len(session["video"]) <= 24
    assert np.allclose(session["video"], expected[: len(session["video"])], atol=0.0011)  # FLV counts milliseconds
    assert session["keys"][0]
    assert session["audio"][0] < 0.05
    assert session["audio"][-1] > 1.4
    # The file's own sound, packet for packet, up to the last picture.
    whole = [sound for _, sound in sound_packets(clip)]
    assert session["sound"] == whole[: len(session["sound"])]
    assert len(session["sound"]) >= len(whole) - 8
    status = sink.status
    assert (status.sent, status.dropped, status.reconnects, status.state) == (24, 0, 0, "closed")
    assert 0 < status.latency <= status.worst_latency
    assert "24 frames sent, 0 dropped" in sink.notes[-1]
    source.close()
    with pytest.raises(PocketmatteError, match="closed"):
        sink.write(frames(1)[0])


def test_sound_that_rtmp_does_not_take_is_converted(tmp_path):
    path = tmp_path / "clip.mkv"
    write_clip(path, range(12), 1 / RATE, flash, rate=RATE, audio="libopus")
    listener = Listener()
    source = open_source(str(path))
    sink = open_soon(listener.address, SinkRequest(source.size, source.rate, source))
    for frame in source:
        sink.write(frame)
    sink.close()
    listener.join()
    source.close()
    assert len(listener.sessions[0]["audio"]) > 20
    assert any("opus sound was converted to aac" in note for note in sink.notes)


def test_a_stream_comes_back_by_itself_and_begins_with_a_whole_picture():
    listener = Listener(hang_up=5)
    said: list[str] = []
    request = SinkRequest(SIZE, RATE, say=said.append)
    sink = open_soon(listener.address, request, wait=0.05)
    sent = 0
    while len(listener.sessions) < 2 or len(listener.sessions[1]["video"]) < 5:
        sink.write(frames(1, sent)[0])
        sent += 1
        time.sleep(0.02)
        assert sent < 1500
    sink.close()
    listener.join()
    assert sink.status.reconnects >= 1
    assert sink.status.sent + sink.status.dropped == sent
    assert listener.sessions[1]["keys"][0]
    assert listener.sessions[1]["video"][0] == 0  # time begins anew
    assert any("connection lost" in line for line in said)
    assert said[-1].endswith("connected again")


def test_without_a_server_writing_never_waits_and_old_pictures_go():
    listener = Listener(hang_up=1)
    sink = open_soon(listener.address, SinkRequest(SIZE, RATE), wait=60.0)
    numbers = itertools.count()
    wait_for(lambda: sink.write(frames(1, next(numbers))[0]) or sink.status.state == "waiting")
    before = sink.status
    for frame in frames(200):  # far more than the queue holds: this would hang for ever if it waited
        sink.write(frame)
    assert sink.status.dropped - before.dropped >= 200 - 8
    sink.close()
    assert sink.status.sent == before.sent


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_no_server_is_said_at_once_without_the_key(scheme):
    with pytest.raises(PocketmatteError, match=f"cannot publish to {scheme}://127.0.0.1") as caught:
        open_sink(f"{scheme}://user:secret@127.0.0.1:{free_port()}/live/hidden?token=no", SinkRequest(SIZE))
    text = str(caught.value)
    assert "secret" not in text
    assert "token" not in text
    assert scheme == "rtsp" or "hidden" not in text


def test_addresses_are_shown_without_secrets():
    assert shown("rtmp://a:b@host/app/key?x=1") == "rtmp://host/app/***"
    assert shown("rtsp://a:b@host:554/cam/1") == "rtsp://host:554/cam/1"


def test_a_frame_of_another_size_is_refused():
    listener = Listener()
    sink = open_soon(listener.address, SinkRequest(SIZE, RATE))
    with pytest.raises(PocketmatteError, match="expected Size"):
        sink.write(Frame(np.zeros((8, 8, 3), np.uint8), Fraction(0)))
    sink.close()


def test_odd_sides_are_made_even():
    listener = Listener()
    sink = open_soon(listener.address, SinkRequest(Size(95, 127), RATE))
    for number in range(5):
        sink.write(Frame(moving(number)[:95, :127], number / RATE, number))
    wait_for(lambda: sink.status.sent == 5)
    sink.close()
    listener.join()
    assert len(listener.sessions[0]["video"]) >= 4


def test_a_file_on_a_web_server_plays_at_its_own_pace(clip):
    with web(clip.parent) as root:
        source = open_source(f"{root}/clip.mkv")
        assert isinstance(source, Source)
        assert (source.size, source.rate, source.paced) == (SIZE, RATE, True)
        assert source.media is not None
        sound = source.listen()
        started = time.monotonic()
        seen = list(source)
        assert time.monotonic() - started >= 22 / 15
    assert [frame.index for frame in seen] == list(range(24))
    assert np.allclose([float(frame.pts) for frame in seen], [n / 15 for n in range(24)], atol=0.0011)  # milliseconds
    bright = [frame.index for frame in seen if frame.image.mean() > 128]
    assert bright == [0, 12]
    heard = [float(p.pts * p.time_base) for p in sound.packets(Fraction(100))]
    assert len(heard) > 50
    assert heard == sorted(heard)


def test_reading_where_nothing_is_published_any_more_is_said():
    listener = Listener()
    sink = open_soon(listener.address, SinkRequest(SIZE, RATE))
    sink.close()
    with pytest.raises(PocketmatteError, match="cannot read rtmp://127.0.0.1"):
        open_source(listener.address)


@pytest.mark.parametrize("what", ["missing.mp4", "page.html"])
def test_what_is_no_stream_is_said_in_a_line(tmp_path, what):
    (tmp_path / "page.html").write_text("<html>nothing</html>")
    with web(tmp_path) as root, pytest.raises(PocketmatteError, match="cannot read http://") as caught:
        open_source(f"{root}/{what}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_play_list_on_a_server_opens_no_file_of_this_machine(clip, tmp_path):
    (tmp_path / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\nfile://{clip}\n#EXT-X-ENDLIST\n"
    )
    with web(tmp_path) as root, pytest.raises(PocketmatteError):
        open_source(f"{root}/list.m3u8")


def test_closing_from_another_thread_ends_the_frames(clip):
    with web(clip.parent) as root:
        source = open_source(f"{root}/clip.mkv")
        threading.Timer(0.3, source.close).start()
        assert len(list(source)) < 24
        source.close()
