"""The verbs of the command line that make models; nothing heavy is imported before one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pocketmatte.apps.cli_options import AsJson


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file such as those in configs/.")],
    out: Annotated[Path, typer.Option(help="Run folder: checkpoints, log, weights.")],
    data: Annotated[Path | None, typer.Option(help="Data folder (default: $POCKETMATTE_DATA).")] = None,
    budget: Annotated[float | None, typer.Option(help="Stop with a checkpoint after so many seconds.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where the run folder was left.")] = False,
    init: Annotated[Path | None, typer.Option(help="Weights whose matching tensors start the network.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. optim.lr=0.001.")
    ] = None,
) -> None:
    """Train a model (needs the train extra). Exit code 3: the budget ended before the run did; go on with --resume."""
    from pocketmatte.apps.build import train_model

    raise typer.Exit(0 if train_model(config, out, data, budget, resume, init, settings or ()) else 3)


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="best.pt of a run, or NAME of weights/NAME/NAME.pt.")],
    out: Annotated[Path | None, typer.Option("-o", "--output", help="Folder (default: exported/NAME).")] = None,
    to: Annotated[
        str, typer.Option(help="Formats, separated by commas: litert, onnx, openvino, coreml, tensorrt, edgetpu.")
    ] = "litert,onnx",
    precision: Annotated[str, typer.Option(help="fp32, fp16, dynamic, int8, separated by commas.")] = "fp16",
    size: Annotated[str | None, typer.Option(metavar="HxW", help="Input size (default: the network's own).")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures per inference.")] = 1,
    calibrate: Annotated[Path | None, typer.Option(help="Pictures that int8 learns its ranges from.")] = None,
    rewrite: Annotated[bool, typer.Option(help="Mend what delegates are known to refuse (see residency).")] = False,
    variant: Annotated[
        Literal["plain", "flat", "aligned4"], typer.Option(help="Input and output of a .tflite for GPU delegates.")
    ] = "plain",
    allow_drop: Annotated[
        float | None, typer.Option(help="Mean IoU that dynamic and int8 may lose, e.g. 0.01, instead of 0.005.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite existing files.")] = False,
    json: AsJson = False,
) -> None:
    """Write weight files with spec.json, golden vectors and a certificate of what each lost (needs the export extra).

    Exit code 4: a file missed its bounds and was not kept; the reason is printed and stands in certificate.json.
    """
    from pocketmatte.apps.build import export_model

    more = {"batch": batch, "calibrate": calibrate, "rewrite": rewrite, "variant": variant, "allow_drop": allow_drop}
    raise typer.Exit(export_model(model, out, to, precision, size, as_json=json, force=force, **more))
