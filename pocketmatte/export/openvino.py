"""ONNX -> OpenVINO IR (.xml and .bin)."""

from __future__ import annotations

from pathlib import Path


def to_openvino(onnx: Path, path: Path, precision: str = "fp32") -> None:
    """Write ``path`` (.xml) and its .bin with the names and shapes of ``onnx``, which must hold single precision.

    ``fp16`` stores the weights in half precision; the runtime computes in single all the same. Raises ``ValueError``
    for another precision.
    """
    import openvino as ov

    if precision not in ("fp32", "fp16"):
        raise ValueError(f"precision {precision!r}: expected fp32 or fp16")
    ov.save_model(ov.convert_model(str(onnx)), str(path), compress_to_fp16=precision == "fp16")
