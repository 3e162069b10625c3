"""The verbs of the command line that measure and check; nothing heavy is imported before one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pocketmatte.apps.cli_options import AsJson, Device, Runtime, Subject, Threads


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, spec.json, .tflite or .onnx file.")],
    data: Annotated[Path, typer.Option(help="Folder with images/ and masks/ or alphas/.")],
    empty: Annotated[bool, typer.Option(help="Pictures without people: report what is found anyway.")] = False,
    sequence: Annotated[bool, typer.Option(help="Numbered frames of one clip: adds dtSSD and lag.")] = False,
    slices: Annotated[Path | None, typer.Option(help="CSV of set, stem, tags: adds a score for every tag.")] = None,
    subject: Subject = "all",
    refine: Annotated[
        Literal["guided", "bilinear"],
        typer.Option(help="As in run; with bilinear what the file alone can do."),
    ] = "guided",
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst pictures to list.")] = 10,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    json: AsJson = False,
) -> None:
    """Score a model on labelled pictures, through the same steps that ship."""
    from pocketmatte.apps.evaluate import evaluate as evaluate_model

    evaluate_model(model, data, empty, sequence, refine, worst, runtime, device, threads, json, slices, subject)


def bench(
    context: typer.Context,
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Zoo names, specs or weight files; ratios are to the first.")
    ],
    runtime: Annotated[
        str, typer.Option(help="auto, all (every installed one), or names separated by commas: litert,onnxruntime,...")
    ] = "auto",
    threads: Annotated[str, typer.Option(help="Numbers of threads, separated by commas.")] = "1,2",
    frame: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the frames that go through the chain.")] = "720x1280",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each model, in turn, after the warm-up.")] = 60,
    profile: Annotated[bool, typer.Option(help="Instead: time per operator, first number of threads.")] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.001, help="Instead: frames without a pause for so long, a row per minute.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, gpu, npu, or adb:[SERIAL]: benchmark_model on a connected Android phone.")
    ] = "auto",
    delegate: Annotated[str, typer.Option(help="On a phone: cpu, gpu, nnapi, separated by commas.")] = "cpu",
    tool: Annotated[
        Path | None, typer.Option(help="On a phone: the benchmark_model to push, if it is not there already.")
    ] = None,
    refine: Annotated[
        Literal["guided", "bilinear"],
        typer.Option(help="As in run; with bilinear what the file alone can do."),
    ] = "guided",
    temporal: Annotated[Literal["off", "cuts", "auto"], typer.Option(help="As in run.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="CSV file that rows are added to.")] = None,
    json: AsJson = False,
) -> None:
    """Measure time, memory and size: the network alone and the whole chain, models in turn. Void rows say so."""
    from pocketmatte.apps.bench import Wishes
    from pocketmatte.apps.bench import bench as measure
    from pocketmatte.apps.wording import only_for

    if device.startswith("adb:"):
        only_for(context, "the whole chain, which a phone does not run", "frame", "refine", "temporal")
    else:
        only_for(context, "--device adb:", "delegate", "tool")
    if profile:
        only_for(context, "whole runs, not --profile", "frame", "refine", "temporal", "minutes", "out")
    elif minutes:
        only_for(context, "a number of runs, not --minutes", "rounds")
    measure(
        models,
        Wishes(runtime, threads, frame, rounds, device, delegate, tool, refine, temporal, minutes, profile, out, json),
    )


def doctor(json: AsJson = False) -> None:
    """Check this installation: runtimes, codecs, models; say what to do about what is missing."""
    from pocketmatte.apps.doctor import examine

    raise typer.Exit(examine(json))


def residency(
    file: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name or .tflite file.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="gpu, xnnpack-fp32, xnnpack-int8, nnapi-int8, edgetpu or ane; may be given more than once."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every operator, not only those in question.")] = False,
    json: AsJson = False,
) -> None:
    """Which operators of a .tflite file phones' accelerators take. Exit code 1 when one named with --target does not
    take all."""
    from pocketmatte.apps.residency import show_residency

    fits = show_residency(file, target or (), everything, json)
    raise typer.Exit(0 if fits or not target else 1)
