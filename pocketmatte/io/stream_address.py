"""Addresses of streams, and how each kind is written and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from pocketmatte.core import PocketmatteError

TIMEOUT = 10.0  # seconds without an answer after which a server is given up
_TCP = {"rtsp_transport": "tcp"}  # over UDP single packets get lost, which smears pictures for seconds


@dataclass(frozen=True)
class StreamFormat:
    """How a stream is sent: FFmpeg's name of the ``container``, and the sound it takes as it is."""

    container: str
    copied_audio: frozenset[str]
    options: dict[str, str] = field(default_factory=dict)


_RTMP = StreamFormat("flv", frozenset({"aac", "mp3"}), {"flvflags": "no_duration_filesize"})
_RTSP = StreamFormat("rtsp", frozenset({"aac", "mp3", "opus", "pcm_alaw", "pcm_mulaw"}), _TCP)
FORMATS = {"rtmp": _RTMP, "rtmps": _RTMP, "rtsp": _RTSP}

# What a server answers may name other addresses (redirects, play lists); a file of this machine must not be one.
_NETWORK = "crypto,http,httpproxy,https,rtmp,rtmps,rtp,rtsp,srtp,tcp,tls,udp"
# Not "nobuffer": it throws away what was read to learn of the stream, with it the first key picture.
_QUICK = {"flags": "low_delay", "analyzeduration": "2000000", "fpsprobesize": "4"}
_NO_ANSWER = "Immediate exit requested"  # what FFmpeg says when :data:`TIMEOUT` has passed


def options_for(scheme: str) -> dict[str, str]:
    """FFmpeg's options for reading an address of this scheme with little delay."""
    return {"protocol_whitelist": _NETWORK, **_QUICK, **(_TCP if scheme.startswith("rtsp") else {})}


def shown(address: str) -> str:
    """The address for messages: without password, query and, for RTMP, the stream key, all of which are secrets."""
    parts = urlsplit(address)
    path = parts.path
    if parts.scheme.startswith("rtmp") and path.count("/") > 1:
        path = path.rpartition("/")[0] + "/***"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def reason_of(error: Exception) -> str:
    """What FFmpeg says, in a few words."""
    text = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return f"nothing came for {TIMEOUT:.0f} s" if text == _NO_ANSWER else text.lower()


def unreachable(address: str, verb: str, error: Exception) -> PocketmatteError:
    """The message for a server that is not there or refuses."""
    return PocketmatteError(
        f"cannot {verb} {shown(address)}: {reason_of(error)}; is the server there, the address right, and may you?"
    )
