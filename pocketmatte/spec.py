"""``spec.json``: an executable model card. All that a client must know to run a weight file stands here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pocketmatte.core import PocketmatteError, Size

SCHEMA = 1
Layout = Literal["nhwc", "nchw"]


@dataclass(frozen=True)
class WeightFile:
    """One exported form of the model. ``file`` is relative to the spec; ``format`` is ``litert``, ``onnx``...

    ``sha256`` is that of :func:`sha256_of`, which also knows formats that are more than one file.
    """

    file: str
    format: str
    sha256: str
    precision: str
    layout: Layout = "nhwc"


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the tensor ``name``: resize to ``size``, then ``(rgb / 255 - mean) / std`` per channel.

    ``resize`` is ``squash`` (aspect ignored) or ``letterbox`` (fit, centred, rest filled with ``pad`` 0..255).
    ``filter`` is ``area`` (averages when shrinking) or ``bilinear``; both with half-pixel centres. ``batch`` pictures
    go in at once. ``channels`` is 3, or 4 for files aligned to a GPU's texels: the last is ignored, and 0 here.
    """

    name: str
    size: Size
    color: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Literal["squash", "letterbox"] = "squash"
    filter: Literal["area", "bilinear"] = "area"
    pad: int = 128
    batch: int = 1
    channels: int = 3


@dataclass(frozen=True)
class StateSpec:
    """A tensor that one step hands to the next: read from ``output``, fed to ``input``, zeros after a reset.

    ``shape`` is the one in NHWC; a file whose layout is ``nchw`` has the channels before height and width.
    """

    input: str
    output: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class OutputSpec:
    """Tensor ``name`` and its meaning: ``alpha`` (0..1), ``logits`` (one channel), or ``two-logits`` (softmax).

    ``channel`` is the foreground channel. ``color-transform`` is the answer of a harmoniser, the 66 numbers that
    :mod:`pocketmatte.effects.color_transform` describes.
    """

    name: str
    kind: Literal["alpha", "logits", "two-logits", "color-transform"] = "alpha"
    channel: int = 0


@dataclass(frozen=True)
class DataSource:
    """A training set and its terms: where it was found (``link``) and when that was looked up (``date``)."""

    name: str
    licence: str
    link: str
    date: str


@dataclass(frozen=True)
class Licences:
    """Terms of the code, of the weights and of every data set behind them. ``permissive`` only when all of them are."""

    code: str
    weights: str
    permissive: bool
    data: tuple[DataSource, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """What ``spec.json`` says; see the field types. ``parameters`` count after batch-norm folding, ``macs`` per run.

    ``task`` is ``matting``, or ``harmonize`` for a network that recolours people: its input is a composite prepared as
    ``input`` says, with the matte (0..1, resized alike) as a fourth channel.
    """

    name: str
    version: str
    summary: str
    architecture: str
    files: tuple[WeightFile, ...]
    input: InputSpec
    output: OutputSpec
    parameters: int
    macs: int
    licences: Licences
    states: tuple[StateSpec, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    measured: tuple[dict[str, Any], ...] = ()
    golden: str | None = None
    task: Literal["matting", "harmonize"] = "matting"
    folder: Path | None = field(default=None, compare=False)

    def file_for(self, format: str) -> WeightFile:
        """The weight file of that format. Raises :class:`PocketmatteError` listing the formats there are."""
        for entry in self.files:
            if entry.format == format:
                return entry
        have = ", ".join(sorted({e.format for e in self.files}))
        raise PocketmatteError(
            f"model {self.name} has no {format} file here, it has: {have}; name such a file with --model instead"
        )

    def path_of(self, entry: WeightFile) -> Path:
        """Absolute path of a weight file of this spec."""
        return (self.folder or Path()) / entry.file

    def to_json(self) -> str:
        """The document, without the folder it was read from."""
        values = asdict(self)
        values.pop("folder")
        values["input"]["size"] = list(self.input.size)
        return json.dumps({"schema": SCHEMA, **values}, indent=1) + "\n"


def parts_of(path: Path) -> list[Path]:
    """The files that a weight file consists of: all in a folder (.mlpackage), an OpenVINO .xml and its .bin, or one."""
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file())
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file; of the contents of :func:`parts_of` one after the other when there are several."""
    digest = hashlib.sha256()
    for part in parts_of(path):
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_spec(path: str | Path) -> ModelSpec:
    """Read a ``spec.json``. Raises :class:`PocketmatteError` on a missing, broken or newer document."""
    path = Path(path)
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PocketmatteError(f"cannot read the model description {path}: {error}") from error
    try:
        if values.pop("schema", None) != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}")
        return _parse(values, path.parent)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PocketmatteError(f"{path} is not a valid model description: {error}") from error


def _parse(values: dict[str, Any], folder: Path) -> ModelSpec:
    known = {f.name for f in fields(ModelSpec)}
    if unknown := set(values) - known:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    source = dict(values["input"])
    licences = dict(values["licences"])
    values = {
        **values,
        "files": tuple(WeightFile(**f) for f in values["files"]),
        "input": InputSpec(
            **{**source, "size": Size(*source["size"]), "mean": tuple(source["mean"]), "std": tuple(source["std"])}
        ),
        "output": OutputSpec(**values["output"]),
        "states": tuple(StateSpec(s["input"], s["output"], tuple(s["shape"])) for s in values.get("states", ())),
        "licences": Licences(**{**licences, "data": tuple(DataSource(**d) for d in licences.get("data", ()))}),
        "measured": tuple(values.get("measured", ())),
        "folder": folder,
    }
    return ModelSpec(**values)
