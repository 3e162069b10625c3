"""PyTorch -> LiteRT (.tflite) by litert-torch; quantised by :mod:`pocketmatte.export.quantize`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from torch import nn

from pocketmatte.export.wrap import AlphaNet, Variant, example_inputs, for_variant


def to_litert(
    network: nn.Module,
    size: tuple[int, int],
    path: Path,
    precision: str = "fp32",
    *,
    batch: int = 1,
    variant: Variant = "plain",
) -> None:
    """Write ``network`` as a .tflite with input ``image`` ``[N,H,W,3]`` and one alpha output ``[N,H,W,1]``.

    A video network also has the input ``prior`` ``[N,H,W,1]``, the alpha of the previous frame. ``variant``: see
    :class:`pocketmatte.export.wrap.AlphaNet`. ``precision`` is ``fp32`` or ``fp16`` (weights stored in half precision,
    computed in single). Raises ``ValueError`` for another one.
    """
    import litert_torch

    if precision not in ("fp32", "fp16"):
        raise ValueError(f"precision {precision!r}: expected fp32 or fp16")
    wrapped = AlphaNet(for_variant(network, variant), nhwc=True, variant=variant).eval()
    converted = litert_torch.convert(wrapped, sample_kwargs=example_inputs(network, size, True, batch, variant))
    if precision == "fp32":
        converted.export(str(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "fp32.tflite"
        converted.export(str(plain))
        halve_weights(plain, path)


def halve_weights(plain: Path, path: Path) -> None:
    """Copy a .tflite, its weights stored in half precision behind a DEQUANTIZE that runtimes fold when they load it."""
    from ai_edge_quantizer import quantizer, recipe

    caster = quantizer.Quantizer(str(plain))
    caster.add_weight_only_config(
        regex=".*",
        operation_name=recipe.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=recipe.AlgorithmName.FLOAT_CASTING,
    )
    caster.quantize().export_model(str(path), overwrite=True)
