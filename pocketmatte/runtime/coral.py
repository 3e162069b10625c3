"""Coral Edge TPU: LiteRT with the libedgetpu delegate, no further package.

Written to the documentation of libedgetpu and **not run on the hardware by this project**. libedgetpu is kept up by
its community (github.com/feranick/libedgetpu builds it for today's systems).
"""

from __future__ import annotations

import ctypes.util
from pathlib import Path

from ai_edge_litert.interpreter import load_delegate

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import Placement
from pocketmatte.runtime.litert import LitertSession

LIBRARY = "edgetpu"


def open_file(path: Path, device: str, threads: int) -> CoralSession:
    """See :func:`pocketmatte.runtime.base.open_session`."""
    if device not in ("auto", "npu"):
        raise PocketmatteError(f"an Edge TPU is an npu, found --device {device}; use npu or auto")
    found = ctypes.util.find_library(LIBRARY)
    if found is None:
        raise PocketmatteError(
            "there is no libedgetpu on this machine; install it (apt-get install libedgetpu1-std, or a build from "
            "github.com/feranick/libedgetpu)"
        )
    try:
        delegate = load_delegate(found)
    except ValueError as error:
        raise PocketmatteError(f"libedgetpu finds no Edge TPU: {error or 'is it plugged in?'}") from error
    return CoralSession(path, threads, delegate)


class CoralSession(LitertSession):
    """An interpreter whose compiled part runs on the Edge TPU."""

    def __init__(self, path: Path, threads: int, delegate: object) -> None:
        super().__init__(path, threads, delegate)

    def describe(self) -> Placement:
        """A file made by edgetpu_compiler holds one ``edgetpu-custom-op``; every other operator runs on the CPU."""
        names = [o["op_name"] for o in self._interpreter._get_ops_details()] if self._interpreter is not None else []
        compiled = sum(name == "edgetpu-custom-op" for name in names)
        nodes = {"Edge TPU partitions": compiled, "operators on the CPU": len(names) - compiled}
        base = super().describe()
        return Placement("coral", base.version, "npu" if compiled else "cpu", self._threads, nodes)
