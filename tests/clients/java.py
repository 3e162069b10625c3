"""Compile the Java client and let it work on files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.spec import ModelSpec

CLIENT = Path(__file__).parents[2] / "clients" / "java"


def compile_client(classes: Path) -> None:
    sources = sorted(map(str, (CLIENT / "src").rglob("*.java")))
    # Java 11 is what Android's tools take everywhere; a warning is an error.
    run("javac", "--release", "11", "-encoding", "UTF-8", "-Xlint:all", "-Werror", "-d", str(classes), *sources)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Cases:
    """Cases for ``org.pocketmatte.Cases``: arrays in, arrays out, one run of Java for all of them."""

    def __init__(self, classes: Path, folder: Path) -> None:
        self.classes, self.folder, self._cases, self._files = classes, folder, [], 0

    def file(self, array: np.ndarray | ModelSpec) -> str:
        self._files += 1
        name = f"{self._files}.in"
        if isinstance(array, ModelSpec):
            (self.folder / name).write_text(array.to_json())
        else:
            (self.folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
        return name

    def add(self, operation: str, **values: Any) -> str:
        """Note one case; arrays and specs become files. Returns the name of its result."""
        out = f"{len(self._cases)}.out"
        case = {"run": operation, "out": out}
        for key, value in values.items():
            if key == "image" and isinstance(value, np.ndarray):
                case |= {"height": value.shape[0], "width": value.shape[1]}
            case[key] = self.file(value) if isinstance(value, np.ndarray | ModelSpec) else value
        self._cases.append(case)
        return out

    def run(self) -> None:
        (self.folder / "cases.json").write_text(json.dumps(self._cases))
        # One thread each for compiling and collecting: the pictures are small.
        run("java", "-XX:+UseSerialGC", "-cp", str(self.classes), "org.pocketmatte.Cases", str(self.folder))

    def result(self, name: str, kind: Any, shape: Iterable[int]) -> np.ndarray:
        assert not (self.folder / f"{name}.error").exists(), (self.folder / f"{name}.error").read_text()
        return np.frombuffer((self.folder / name).read_bytes(), kind).reshape(tuple(shape))

    def error(self, name: str) -> str:
        return (self.folder / f"{name}.error").read_text()
