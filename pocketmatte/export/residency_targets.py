"""What each accelerator accepts: operators, with the conditions that a .tflite file alone can show.

Lists were read on 2026-11-22 from the sources that each target names. A condition is one of the keys that
:func:`pocketmatte.export.residency_rules.problem` knows; ``maybe`` marks what the source leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Rules = dict[str, dict[str, Any]]
READ = "2026-11-22"


@dataclass(frozen=True)
class Target:
    """An accelerator: ``precision`` it computes in, ``operators`` it takes, ``sources`` that say so."""

    name: str
    title: str
    precision: Literal["float", "int8"]
    sources: tuple[str, ...]
    operators: Rules = field(repr=False)
    note: str = ""
    takes_int8: bool = False  # for a target that computes in float


def _rules(plain: str, **special: dict[str, Any]) -> Rules:
    return {**{name: {} for name in plain.split()}, **special}


_FUSED = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
_CONV = {"fused": _FUSED, "static": [1, 2]}
_TFLITE = "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite"

GPU = Target(
    "gpu",
    "LiteRT GPU delegate",
    "float",
    (
        f"{_TFLITE}/tools/versioning/gpu_compatibility.cc",
        "https://ai.google.dev/edge/litert/performance/gpu",
    ),
    _rules(
        "ABS ADD_N CAST CONCATENATION COS CUMSUM DEPTH_TO_SPACE DEQUANTIZE ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG"
        " LOGISTIC MAXIMUM MINIMUM MIRROR_PAD NEG PRELU QUANTIZE RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE"
        " RESIZE_NEAREST_NEIGHBOR RSQRT SIN SLICE SPACE_TO_DEPTH SPLIT SQRT SQUARE SQUARED_DIFFERENCE SUB TANH TILE",
        ADD={"inputs": 2},
        AVERAGE_POOL_2D={"fused": _FUSED},
        MAX_POOL_2D={"fused": _FUSED},
        CONV_2D={"fused": [*_FUSED, "TANH"]},
        DEPTHWISE_CONV_2D={"fused": [*_FUSED, "TANH"], "max_version": 2},
        DIV={"inputs": 2},
        FULLY_CONNECTED={"fused": _FUSED},
        MEAN={"static": [1]},
        MUL={"inputs": 2},
        PAD={"static": [1], "pad_rank": 4},
        RESIZE_BILINEAR={"max_version": 3},
        SOFTMAX={"beta": 1.0},
        STRIDED_SLICE={"static": [1, 2, 3]},
        TRANSPOSE={"static": [1]},
        TRANSPOSE_CONV={"max_version": 3, "static": [0]},
    ),
    "8-bit files run too, but are computed in float.",
    takes_int8=True,
)

XNNPACK_FP32 = Target(
    "xnnpack-fp32",
    "XNNPACK, fp32",
    "float",
    (f"{_TFLITE}/delegates/xnnpack/README.md",),
    _rules(
        "ABS CEIL CONCATENATION DEPTH_TO_SPACE DEQUANTIZE ELU EXPAND_DIMS FLOOR HARD_SWISH LEAKY_RELU LOGISTIC MAXIMUM"
        " MINIMUM NEG PRELU RELU RELU6 RELU_N1_TO_1 RESHAPE ROUND RSQRT SPLIT SQRT SQUARE SQUARED_DIFFERENCE TANH",
        ADD={"inputs": 2, "fused": _FUSED},
        AVERAGE_POOL_2D={"fused": _FUSED},
        CONV_2D=_CONV,
        DEPTHWISE_CONV_2D=_CONV,
        DIV={"fused": _FUSED},
        FULLY_CONNECTED={"fused": _FUSED},
        MAX_POOL_2D={"fused": _FUSED},
        MEAN={"static": [1], "spatial": True, "keep_dims": True},
        MUL={"fused": _FUSED},
        PAD={"static": [1]},
        RESIZE_BILINEAR={"static": [1]},
        SLICE={"static": [1, 2]},
        SOFTMAX={"beta": 1.0},
        SPACE_TO_DEPTH={},
        STRIDED_SLICE={"static": [1, 2, 3]},
        SUB={"fused": _FUSED},
        TRANSPOSE={"static": [1]},
        TRANSPOSE_CONV={"static": [0, 1]},
    ),
)

XNNPACK_INT8 = Target(
    "xnnpack-int8",
    "XNNPACK, int8",
    "int8",
    (f"{_TFLITE}/delegates/xnnpack/README.md",),
    _rules(
        "CONCATENATION DEPTH_TO_SPACE DEQUANTIZE ELU EXPAND_DIMS LEAKY_RELU LOGISTIC QUANTIZE RESHAPE SPLIT TANH",
        ADD={"inputs": 2, "fused": _FUSED},
        CONV_2D=_CONV,
        DEPTHWISE_CONV_2D=_CONV,
        FULLY_CONNECTED={"fused": _FUSED},
        MAX_POOL_2D={"fused": _FUSED},
        MEAN={"static": [1], "spatial": True, "keep_dims": True},
        MUL={"fused": _FUSED},
        PAD={"static": [1]},
        RESIZE_BILINEAR={"static": [1]},
        SLICE={"static": [1, 2]},
        STRIDED_SLICE={"static": [1, 2, 3]},
        SUB={"fused": _FUSED},
        TRANSPOSE={"static": [1]},
        TRANSPOSE_CONV={"static": [0, 1]},
    ),
)

NNAPI = Target(
    "nnapi-int8",
    "NNAPI and phone NPUs, int8",
    "int8",
    (
        "https://developer.android.com/ndk/reference/group/neural-networks",
        f"{_TFLITE}/delegates/nnapi/nnapi_delegate.cc",
    ),
    _rules(
        "ABS ARG_MAX ARG_MIN BATCH_TO_SPACE_ND CONCATENATION DEPTH_TO_SPACE DEQUANTIZE ELU EXPAND_DIMS GATHER"
        " HARD_SWISH LOGISTIC MAXIMUM MINIMUM PACK PRELU QUANTIZE RELU RELU6 RELU_N1_TO_1 RESHAPE"
        " RESIZE_NEAREST_NEIGHBOR SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SQUEEZE STRIDED_SLICE TANH",
        ADD={"inputs": 2, "fused": _FUSED},
        AVERAGE_POOL_2D={"fused": _FUSED},
        CONV_2D=_CONV,
        DEPTHWISE_CONV_2D=_CONV,
        FULLY_CONNECTED={"fused": _FUSED},
        MAX_POOL_2D={"fused": _FUSED},
        MEAN={"static": [1]},
        MUL={"fused": _FUSED},
        PAD={"static": [1]},
        PADV2={"static": [1]},
        RESIZE_BILINEAR={"half_pixel": "needs NNAPI feature level 4 (Android 11)"},
        SUB={"fused": _FUSED},
        TRANSPOSE={"static": [1]},
        TRANSPOSE_CONV={"static": [0, 1]},
    ),
    "Signed 8-bit needs feature level 4 (Android 11); NNAPI itself is deprecated since Android 15. "
    "Makers' own delegates take about the same operators.",
)

EDGE_TPU = Target(
    "edgetpu",
    "Coral Edge TPU",
    "int8",
    ("https://coral.ai/docs/edgetpu/models-intro/#supported-operations",),
    _rules(
        "EXPAND_DIMS L2_NORMALIZATION LOGISTIC MAXIMUM MINIMUM PACK PRELU REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1"
        " RESHAPE RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE TANH TRANSPOSE",
        ADD={"inputs": 2},
        AVERAGE_POOL_2D={"fused": ["NONE"]},
        CONCATENATION={"fused": ["NONE"]},
        CONV_2D={"same_dilation": True, "static": [1, 2]},
        DEPTHWISE_CONV_2D={"same_dilation": True, "static": [1, 2]},
        FULLY_CONNECTED={"static": [1, 2]},
        MAX_POOL_2D={"fused": ["NONE"]},
        MEAN={"spatial": True, "static": [1]},
        MUL={"inputs": 2},
        PAD={"spatial_pad": True, "static": [1]},
        QUANTIZE={"int8_only": "runs on the host: float inputs are coded there"},
        DEQUANTIZE={"maybe": "runs on the host"},
        RESIZE_BILINEAR={"maybe": "the compiler may leave large ones to the host, to keep their precision"},
        SOFTMAX={"maybe": "at most 16000 elements"},
        STRIDED_SLICE={"unit_strides": True},
        SUB={"inputs": 2},
        SUM={"spatial": True},
        TRANSPOSE_CONV={"static": [0, 1]},
    ),
    "After the first operator that is not accepted everything runs on the host. Batch 1, static shapes.",
)

ANE = Target(
    "ane",
    "Core ML, Apple Neural Engine",
    "float",
    (
        "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
        "https://machinelearning.apple.com/research/neural-engine-transformers",
    ),
    _rules(
        "ADD AVERAGE_POOL_2D CONCATENATION DEPTH_TO_SPACE DEQUANTIZE ELU LEAKY_RELU LOGISTIC MAX_POOL_2D MEAN MUL PAD"
        " RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SOFTMAX SPACE_TO_DEPTH SUB TANH"
        " TRANSPOSE_CONV FULLY_CONNECTED",
        CONV_2D={"no_dilation": True},
        DEPTHWISE_CONV_2D={"no_dilation": True},
        PRELU={"maybe": "not documented"},
        HARD_SWISH={"maybe": "not documented"},
        SLICE={"maybe": "not documented"},
        SPLIT={"maybe": "not documented"},
        STRIDED_SLICE={"maybe": "not documented"},
        TRANSPOSE={"maybe": "copies memory; slow even where it runs"},
    ),
    "Apple publishes no list: this one is what developers have observed. The Core ML file has the same operators as "
    "the .tflite that is read here.",
)

TARGETS = {target.name: target for target in (GPU, XNNPACK_FP32, XNNPACK_INT8, NNAPI, EDGE_TPU, ANE)}
