"""Makes the files of a request: each expensive conversion once, the other forms from its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.export.candidate import Candidate, TorchSession
from pocketmatte.export.coreml import to_coreml
from pocketmatte.export.flatbuffer_names import module_of
from pocketmatte.export.litert import to_litert
from pocketmatte.export.onnx import halve_onnx, to_onnx
from pocketmatte.export.openvino import to_openvino
from pocketmatte.export.pictures import PictureSet, load_pictures, read_folder
from pocketmatte.export.quantize import quantize_litert
from pocketmatte.export.request import Job, Request
from pocketmatte.export.rewrites import apply_rewrites, rewrite_file
from pocketmatte.export.sensitivity import matte_difference, mixed_precision, probing
from pocketmatte.export.tensorrt import to_tensorrt
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.spec import ModelSpec

MIXING = 16  # pictures on which layers are tried in float
# What --rewrite adds: known cures of what delegates refuse (see pocketmatte.export.residency).
NETWORK_REWRITES = ("true-dilation", "prelu-to-relu", "head-before-resize")
FILE_REWRITES = ("merge-pad", "remove-transposes", "pool-to-convolution", "split-prior")
# What every .tflite gets: the same answers in fewer passes over memory, of operators that every delegate has
ALWAYS = ("merge-affine", "prelu-to-max", "short-names")
Sample = dict[str, npt.NDArray[np.float32]]


@dataclass
class Workshop:
    """One network in one size; ``folder`` takes the files. ``draft`` is its spec without files, ``tell`` hears what is
    being done."""

    network: nn.Module
    size: Size
    request: Request
    draft: ModelSpec
    folder: Path
    tell: Callable[[str], None]

    def make(self, job: Job) -> list[Path]:
        """Write the file of ``job``; returns all files and folders that belong to it, the main one first."""
        self.tell(f"{job.format} {job.precision}")
        path, batch = self.folder / job.file, self.request.batch
        if job.format in ("litert", "edgetpu"):
            self._litert(job, path)
        elif job.format == "onnx":
            if job.precision == "fp32":
                path.write_bytes(self._onnx.read_bytes())
            else:
                halve_onnx(self._onnx, path)
        elif job.format == "openvino":
            to_openvino(self._onnx, path, job.precision)
            return [path, path.with_suffix(".bin")]
        elif job.format == "coreml":
            to_coreml(self.network, self.size, path, job.precision, batch=batch, text=self.draft.summary)
        else:
            return [path, *to_tensorrt(self.network, self.size, path, job.precision, batch=batch)]
        return [path]

    def _litert(self, job: Job, path: Path) -> None:
        if job.precision == "fp32":
            path.write_bytes(self._plain.read_bytes())
        elif job.precision in ("fp16", "dynamic"):
            quantize_litert(self._plain, path, "fp16" if job.precision == "fp16" else "dynamic")
        else:
            quantize_litert(self._plain, path, "int8-io" if job.format == "edgetpu" else "int8", self.samples())

    def mix(self, job: Job, share: float) -> list[str]:
        """Write the int8 file of ``job`` again with those layers in float that bring its error down to ``share``.

        The error is the mean difference from the float file on some of the calibration pictures, so that nothing is
        fitted to the pictures of the certificate. Returns the modules whose layers stay in float.
        """
        self.tell(f"{job.file}: mixed precision, {share:.0%} of the error")
        few = [sample for sample, _ in zip(self.samples(), range(MIXING), strict=False)]
        with probing(self._plain, self.samples(), matte_difference(self._plain, few)) as prober:
            found = mixed_precision(prober, share * prober.loss())
            kept = found.keep_float
            if kept:
                path, seen = self.folder / job.file, prober.statistics
                quantize_litert(prober.plain, path, "mixed", None, kept, statistics=seen)
        return sorted({module_of(name) or name for name in kept})

    @cached_property
    def _plain(self) -> Path:
        """The single-precision .tflite that all others are made of."""
        path, request = self.folder / ".plain.tflite", self.request
        network = rewritten(self.network) if request.rewrite else self.network
        to_litert(network, self.size, path, batch=request.batch, variant=request.variant)
        rewrite_file(path, path, [*(FILE_REWRITES if request.rewrite else ()), *ALWAYS])
        return path

    @cached_property
    def _onnx(self) -> Path:
        path = self.folder / ".plain.onnx"
        to_onnx(self.network, self.size, path, batch=self.request.batch)
        return path

    @cached_property
    def calibration(self) -> PictureSet:
        """The pictures that int8 learns its ranges from."""
        folder = self.request.calibrate
        return load_pictures("calibration") if folder is None else read_folder(folder)

    def samples(self) -> Iterator[Sample]:
        """The calibration pictures as inputs of the .tflite; with every other one a previous matte, the network's."""
        source = Candidate(TorchSession(self.network, self.size), source_spec(self.draft))
        for number, picture in enumerate(self.calibration.pictures):
            tensor = prepare(picture.image, self.draft, "nhwc").tensor
            sample = {self.draft.input.name: np.repeat(tensor, self.request.batch, 0)}
            for state in self.draft.states:
                prior = np.zeros(state.shape, np.float32)
                if number % 2:
                    (matte,) = source.answer([picture.image], [None])
                    prior += matte.reshape(1, *state.shape[1:])
                sample[state.input] = prior
            yield sample


def rewritten(network: nn.Module) -> nn.Module:
    """A copy of the network with the rewrites for delegates; it still says what its inputs and its size are."""
    changed, _ = apply_rewrites(network, NETWORK_REWRITES)
    for name in ("inputs", "mean", "std", "stride", "size"):
        if hasattr(network, name) and not hasattr(changed, name):
            setattr(changed, name, getattr(network, name))
    result: nn.Module = changed.eval()
    return result


def source_spec(spec: ModelSpec) -> ModelSpec:
    """The spec of the trained network behind an exported file: one picture of three channels, plain output."""
    states = tuple(replace(s, shape=(1, *spec.input.size, 1)) for s in spec.states)
    return replace(spec, input=replace(spec.input, batch=1, channels=3), states=states)


def resolve(model: str | Path) -> Path:
    """The .pt file of a run, or of a name for which ``weights/NAME/NAME.pt`` exists here or beside the package.

    Raises :class:`PocketmatteError` when there is none.
    """
    path = Path(model)
    if path.suffix == ".pt" or path.is_file():
        return path
    if path.is_dir() and (path / "best.pt").is_file():
        return path / "best.pt"
    for folder in (Path("weights"), Path(__file__).parents[2] / "weights"):
        if (found := folder / str(model) / f"{model}.pt").is_file():
            return found
    raise PocketmatteError(
        f"no trained weights called {str(model)!r}: expected a .pt file, a run folder with best.pt, or a name with "
        "weights/NAME/NAME.pt"
    )
