"""What is to be exported, and the list of files that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.export.wrap import VARIANTS, Variant
from pocketmatte.spec import Layout

PRECISIONS = ("fp32", "fp16", "dynamic", "int8")


@dataclass(frozen=True)
class Target:
    """A format: file ending, layout of its tensors, the precisions it is written in, and what computes it here."""

    ending: str
    layout: Layout
    precisions: tuple[str, ...]
    checked_by: str


TARGETS = {
    "litert": Target(".tflite", "nhwc", PRECISIONS, "litert"),
    "onnx": Target(".onnx", "nchw", ("fp32", "fp16"), "onnxruntime"),
    "openvino": Target(".xml", "nchw", ("fp32", "fp16"), "openvino"),
    "coreml": Target(".mlpackage", "nchw", ("fp32", "fp16"), "coreml-check"),
    "tensorrt": Target("-tensorrt.onnx", "nchw", ("fp32", "fp16"), "onnxruntime"),
    "edgetpu": Target("-int8-io.tflite", "nhwc", ("int8",), "litert"),
}


@dataclass(frozen=True)
class Job:
    """One file to be written: its format, the precision of its numbers, and its name."""

    format: str
    precision: str
    file: str


@dataclass(frozen=True)
class Request:
    """``size`` ``None``: the one the network is made for. ``calibrate``: a folder of pictures for int8 instead of the
    project's list. ``rewrite``: mend what delegates refuse. ``allow_drop``: mean IoU that int8 may lose instead of its
    bound. ``steps``: length of the clip on which stateful models are followed.
    """

    formats: tuple[str, ...] = ("litert", "onnx")
    precisions: tuple[str, ...] = ("fp16",)
    size: Size | None = None
    batch: int = 1
    variant: Variant = "plain"
    calibrate: Path | None = None
    rewrite: bool = False
    allow_drop: float | None = None
    force: bool = False
    steps: int = 200

    def check(self) -> None:
        """Raise :class:`PocketmatteError` on an unknown or impossible wish."""
        for word, found, known in (("format", self.formats, TARGETS), ("precision", self.precisions, PRECISIONS)):
            if unknown := [name for name in found if name not in known]:
                raise PocketmatteError(f"unknown export {word} {', '.join(unknown)}; known: {', '.join(known)}")
        if self.variant not in VARIANTS:
            raise PocketmatteError(f"unknown variant {self.variant!r}; known: {', '.join(VARIANTS)}")
        if others := [f for f in self.formats if f not in ("litert", "edgetpu") and self.variant != "plain"]:
            raise PocketmatteError(f"--variant {self.variant} is for .tflite files; leave out --to {','.join(others)}")
        if self.batch < 1:
            raise PocketmatteError(f"--batch {self.batch}: expected 1 or more")
        if self.calibrate is not None and not ("int8" in self.precisions or "edgetpu" in self.formats):
            raise PocketmatteError("--calibrate is for int8; add int8 to --precision")
        inexact = {"dynamic", "int8"} & set(self.precisions)
        if self.allow_drop is not None and not (inexact or "edgetpu" in self.formats):
            raise PocketmatteError("--allow-drop is for dynamic and int8; add one to --precision")

    def jobs(self, name: str) -> tuple[list[Job], list[str]]:
        """The files for a model called ``name``, and a remark for every wish that a format cannot fulfil.

        A format with one precision gets a plain name, with several each file says its own. Edge TPU files are int8
        whatever was asked for. Raises :class:`PocketmatteError` when a format has none of the precisions.
        """
        jobs, notes = [], []
        for form in dict.fromkeys(self.formats):
            target = TARGETS[form]
            chosen = [p for p in dict.fromkeys(self.precisions) if p in target.precisions]
            if form == "edgetpu":
                chosen = ["int8"]
            if not chosen:
                raise PocketmatteError(
                    f"{form} is written in {' or '.join(target.precisions)} only; add one to --precision"
                )
            if form != "edgetpu" and (left := [p for p in dict.fromkeys(self.precisions) if p not in chosen]):
                notes.append(f"{form} is written in {', '.join(chosen)}; there is no {', '.join(left)} of it")
            for precision in chosen:
                mark = f"-{precision}" if len(chosen) > 1 else ""
                jobs.append(Job(form, precision, f"{name}{mark}{target.ending}"))
        return jobs, notes


def parse_size(words: str) -> Size:
    """``HxW`` or one number for a square. Raises :class:`PocketmatteError` on anything else."""
    parts = words.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(part.isdigit() and int(part) for part in parts):
        raise PocketmatteError(f"--size {words}: expected HxW, such as 256x256")
    return Size(int(parts[0]), int(parts[-1]))
