"""Static int8 for the other runtimes: ONNX with QuantizeLinear/DequantizeLinear pairs, and OpenVINO IR by NNCF."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.export.quantize_ranges import Samples

Inputs = dict[str, npt.NDArray[np.float32]]


class _Reader:
    """Hands samples to onnxruntime one by one, as its calibration asks for them."""

    def __init__(self, samples: list[Inputs]) -> None:
        self._samples: Iterator[Inputs] = iter(samples)

    def get_next(self) -> Inputs | None:
        """The next sample, ``None`` at the end."""
        return next(self._samples, None)


def quantize_onnx(onnx_fp32: Path, out: Path, samples: Samples) -> None:
    """Write the .onnx ``onnx_fp32`` to ``out`` in int8: weights per channel, activations per tensor, float in and out.

    ``samples`` map the graph's input names to arrays of their shape (``[1,C,H,W]``). Raises
    :class:`PocketmatteError` without samples or when one lacks an input.
    """
    from onnxruntime import quantization as tools
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = _checked(onnx_fp32, samples)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        ready, raw = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(onnx_fp32), str(ready), skip_symbolic_shape=True)
        tools.quantize_static(
            str(ready),
            str(raw),
            _Reader(given),
            quant_format=tools.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tools.QuantType.QInt8,
            weight_type=tools.QuantType.QInt8,
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        part = out.with_name(f".{out.name}.part")
        part.write_bytes(raw.read_bytes())
        part.replace(out)


def quantize_openvino(onnx_fp32: Path, out: Path, samples: Samples) -> None:
    """Write ``out`` (.xml, with its .bin) in int8 by NNCF from the .onnx ``onnx_fp32``; mixed preset: activations
    asymmetric, weights symmetric.

    Raises :class:`PocketmatteError` when NNCF is not installed, without samples, or when one lacks an input.
    """
    try:
        import nncf
    except ImportError as error:
        raise PocketmatteError(
            'int8 for OpenVINO needs NNCF, which is not installed; run: pip install "pocketmatte[openvino-int8]"'
        ) from error
    import openvino as ov

    given = _checked(onnx_fp32, samples)
    with _quiet():
        quantised = nncf.quantize(
            ov.convert_model(str(onnx_fp32)),
            nncf.Dataset(given),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(given),
        )
        ov.save_model(quantised, str(out), compress_to_fp16=False)


def _checked(onnx_file: Path, samples: Samples) -> list[Inputs]:
    import onnx

    names = [entry.name for entry in onnx.load(str(onnx_file), load_external_data=False).graph.input]
    found = []
    for sample in samples:
        if missing := set(names) - set(sample):
            raise PocketmatteError(
                f"a calibration sample lacks {', '.join(sorted(missing))}; {onnx_file.name} reads {', '.join(names)}"
            )
        found.append({name: np.asarray(sample[name], np.float32) for name in names})
    if not found:
        raise PocketmatteError("static quantisation needs calibration samples, found none; name a folder of pictures")
    return found


def nchw(sample: Mapping[str, npt.NDArray[Any]]) -> Inputs:
    """A sample in LiteRT's layout, ``[1,H,W,C]`` -> ONNX's, ``[1,C,H,W]``."""
    return {name: np.ascontiguousarray(np.moveaxis(values, -1, 1), np.float32) for name, values in sample.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and advice of both tools off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)
