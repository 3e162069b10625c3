"""Arguments and options that several verbs of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Inputs = Annotated[list[Path], typer.Argument(metavar="IN...", help="Photos, folders or video files.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Output file, or folder for several inputs.")]
Model = Annotated[str | None, typer.Option("--model", help="Zoo name, spec.json, .tflite or .onnx file.")]
Runtime = Annotated[
    Literal["auto", "litert", "onnxruntime", "openvino", "tensorrt", "coral"], typer.Option(help="What runs the model.")
]
Device = Annotated[Literal["auto", "cpu", "gpu", "npu"], typer.Option(help="A device named and not there is an error.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of one model.")]
Subject = Annotated[
    Literal["all", "main"], typer.Option(help="Who is foreground: all people in front, or the main one only.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
# What `run` explains, `live` and `subtract` offer too.
SameBlend = Annotated[str, typer.Option(help="As in run.")]
SameFit = Annotated[Literal["cover", "contain", "stretch", "tile"], typer.Option(help="As in run.")]
SameForeground = Annotated[Literal["fast", "ml", "none"], typer.Option(help="As in run.")]
