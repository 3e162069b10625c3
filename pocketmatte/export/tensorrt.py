"""TensorRT: an .onnx that ``trtexec`` takes, and the scripts that build the engine where TensorRT is installed."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from pocketmatte.export.onnx import to_plain_onnx

_SCRIPT = """#!/bin/sh
# Builds {engine} for {where}. An engine runs only on the kind of GPU, and with the version of
# TensorRT, that it was built with: run this on the machine that will use it.
# Written to TensorRT's documentation; not run by this project, which had no such machine.
set -eu
cd "$(dirname "$0")"
TRTEXEC=${{TRTEXEC:-{trtexec}}}
command -v "$TRTEXEC" >/dev/null || {{
  echo "no trtexec at $TRTEXEC: {hint}, or name it: TRTEXEC=/path/to/trtexec $0" >&2
  exit 1
}}
# Inputs and outputs stay float32; {flag_remark}.
"$TRTEXEC" --onnx={onnx} --saveEngine={engine} {flags} --skipInference
"$TRTEXEC" --loadEngine={engine} --iterations=200 --avgRuns=50 --noDataTransfers
echo "pocketmatte run photo.jpg --runtime tensorrt --model $(pwd)/{engine}"
"""
_MACHINES = {
    "desktop": (
        "a desktop or server GPU",
        "trtexec",
        "install TensorRT 10 (pip's wheel lacks trtexec; the .deb has it)",
    ),
    "jetson": ("a Jetson (JetPack 5 or 6)", "/usr/src/tensorrt/bin/trtexec", "apt-get install tensorrt"),
}


def to_tensorrt(
    network: nn.Module, size: tuple[int, int], path: Path, precision: str = "fp16", *, batch: int = 1
) -> list[Path]:
    """Write ``path`` (.onnx, fixed shapes) and a build script for each kind of machine beside it; returns the scripts.

    ``precision`` is what the engine may compute in: ``fp16`` (TensorRT chooses layer by layer) or ``fp32``.
    """
    to_plain_onnx(network, size, path, batch=batch)
    scripts = []
    for machine, (where, trtexec, hint) in _MACHINES.items():
        half = precision == "fp16"
        flags = "--fp16" if half else "--noTF32"
        if machine == "jetson":
            flags += " --memPoolSize=workspace:512"
        script = path.with_name(f"build-{path.stem}-{machine}.sh")
        script.write_text(
            _SCRIPT.format(
                engine=f"{path.stem}.engine",
                onnx=path.name,
                where=where,
                trtexec=trtexec,
                hint=hint,
                flags=flags,
                flag_remark="inside, layers may compute in half precision" if half else "all layers in full precision",
            )
        )
        script.chmod(0o755)
        scripts.append(script)
    return scripts
