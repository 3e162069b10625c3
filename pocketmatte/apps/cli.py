"""The command line: verbs and options. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer

from pocketmatte.apps.cli_data import data_app
from pocketmatte.apps.cli_models import models_app

app = typer.Typer(
    name="pocketmatte",
    help="Cut people out of photos, folders and videos with models small enough for a phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app)
app.add_typer(models_app)

Inputs = Annotated[list[Path], typer.Argument(metavar="IN...", help="Photos, folders or video files.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Output file, or folder for several inputs.")]
Model = Annotated[str | None, typer.Option("--model", help="Zoo name, spec.json, .tflite or .onnx file.")]
Runtime = Annotated[Literal["auto", "litert", "onnxruntime"], typer.Option(help="What runs the model.")]
Device = Annotated[Literal["auto", "cpu", "gpu", "npu"], typer.Option(help="A device named and not there is an error.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of one model.")]
Subject = Annotated[
    Literal["all", "main"], typer.Option(help="Who is foreground: all people in front, or the main one only.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


@app.command()
def run(
    inputs: Inputs,
    output: Output = None,
    model: Model = None,
    look: Annotated[
        str,
        typer.Option(
            help="rgba (transparent), alpha, blur, bokeh, depth, pixelate, color:#RRGGBB, image:PATH or video:PATH; "
            "blur, bokeh and depth take :STRENGTH (share of the longer side), pixelate :CELLS."
        ),
    ] = "rgba",
    blend: Annotated[
        str,
        typer.Option(
            help="How the person is put on the background: alpha, smoothstep, color-transfer, seamless, multiply, "
            "screen, overlay, soft-light or harmonize, with options as NAME:KEY=VALUE,..."
        ),
    ] = "alpha",
    fit: Annotated[
        Literal["cover", "contain", "stretch", "tile"], typer.Option(help="How a backdrop fills the frame.")
    ] = "cover",
    preset: Annotated[
        str, typer.Option(help="Finish: none, sepia[:AMOUNT], curve[:X Y X Y ...] or kuwahara[:RADIUS].")
    ] = "none",
    depth: Annotated[Path | None, typer.Option(help="Picture of the depth (near is bright) for --look depth.")] = None,
    clean: Annotated[
        Literal["off", "holes", "islands", "both"],
        typer.Option(help="Fill small holes in people, remove small islands beside them."),
    ] = "off",
    subject: Subject = "all",
    foreground: Annotated[
        Literal["fast", "ml", "none"], typer.Option(help="How the person's own colours are estimated at soft edges.")
    ] = "fast",
    refine: Annotated[
        Literal["guided", "bilinear"], typer.Option(help="How the small matte reaches full size.")
    ] = "guided",
    temporal: Annotated[
        Literal["off", "cuts", "auto"],
        typer.Option(help="Video: steady what stands still and start afresh at cuts, only the latter, or neither."),
    ] = "auto",
    layout: Annotated[
        Literal["plain", "side-by-side"], typer.Option(help="Video: colour and matte next to each other.")
    ] = "plain",
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    workers: Annotated[int, typer.Option(min=1, help="Photos worked on at once.")] = 1,
    resume: Annotated[bool, typer.Option(help="Skip inputs whose output is already there.")] = False,
    force: Annotated[bool, typer.Option(help="Overwrite existing outputs (never an input).")] = False,
    json: AsJson = False,
) -> None:
    """Cut people out: photo.jpg becomes photo-cutout.png, a folder becomes FOLDER-cutout/, a video a video."""
    from pocketmatte.apps.jobs import Settings
    from pocketmatte.apps.run import run as run_all
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look
    from pocketmatte.effects.presets import parse_preset

    settings = Settings(
        parse_look(look),
        model,
        refine,
        foreground,
        runtime,
        device,
        threads,
        blend=parse_blend(blend),
        fit=fit,
        preset=parse_preset(preset),
        depth=depth,
        clean=clean,
        subject=subject,
        temporal=temporal,
    )
    raise typer.Exit(run_all(inputs, output, settings, layout, workers, resume, force, json))


@app.command()
def live(
    source: Annotated[
        str, typer.Option(help="camera:N, camera:N?1280x720@30, clip:FILE (at camera pace) or FILE.")
    ] = "camera:0",
    sink: Annotated[
        list[str] | None, typer.Option(help="window:, virtual:[DEVICE] or FILE.mp4; several are allowed.")
    ] = None,
    mode: Annotated[
        Literal["auto", "live", "synced", "exact"],
        typer.Option(
            help="live: newest frame, mask may lag; synced: picture waits for its mask; exact: every frame."
        ),
    ] = "auto",
    model: Model = None,
    lower: Annotated[
        list[str] | None, typer.Option(help="Model to fall back to when the time per frame is not kept; repeatable.")
    ] = None,
    look: Annotated[str, typer.Option(help="As in run, but not rgba.")] = "blur",
    background: Annotated[
        list[Path] | None, typer.Option(help="Pictures, or folders of them, for the window's slider.")
    ] = None,
    blend: Annotated[str, typer.Option(help="As in run.")] = "alpha",
    fit: Annotated[Literal["cover", "contain", "stretch", "tile"], typer.Option(help="As in run.")] = "cover",
    foreground: Annotated[Literal["fast", "ml", "none"], typer.Option(help="As in run.")] = "fast",
    refine: Annotated[Literal["guided", "bilinear"], typer.Option(help="As in run.")] = "guided",
    temporal: Annotated[Literal["off", "cuts", "auto"], typer.Option(help="As in run.")] = "auto",
    folder: Annotated[Path, typer.Option(help="Where snapshots and recordings of the window go.")] = Path(),
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    force: Annotated[bool, typer.Option(help="Overwrite an existing recording.")] = False,
    json: AsJson = False,
) -> None:
    """Cut people out of a camera, live: to a window, a virtual camera or a file. Ctrl-C ends it and keeps the file."""
    from pocketmatte.apps.jobs import Settings
    from pocketmatte.apps.live import Wishes
    from pocketmatte.apps.live import live as run_live
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look

    settings = Settings(
        parse_look(look),
        model,
        refine,
        foreground,
        runtime,
        device,
        threads,
        blend=parse_blend(blend),
        fit=fit,
        temporal=temporal,
    )
    wishes = Wishes(
        source,
        tuple(sink or ("window:",)),
        None if mode == "auto" else mode,
        tuple(lower or ()),
        tuple(background or ()),
        folder,
        frames,
        force,
        json,
    )
    raise typer.Exit(run_live(wishes, settings))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, spec.json, .tflite or .onnx file.")],
    data: Annotated[Path, typer.Option(help="Folder with images/ and masks/ or alphas/.")],
    empty: Annotated[bool, typer.Option(help="Pictures without people: report what is found anyway.")] = False,
    sequence: Annotated[bool, typer.Option(help="Numbered frames of one clip: adds dtSSD and lag.")] = False,
    slices: Annotated[Path | None, typer.Option(help="CSV of set, stem, tags: adds a score for every tag.")] = None,
    subject: Subject = "all",
    refine: Annotated[Literal["guided", "bilinear"], typer.Option(help="As in run.")] = "guided",
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst pictures to list.")] = 10,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    json: AsJson = False,
) -> None:
    """Score a model on labelled pictures, through the same steps that ship."""
    from pocketmatte.apps.evaluate import evaluate as evaluate_model

    evaluate_model(model, data, empty, sequence, refine, worst, runtime, device, threads, json, slices, subject)


@models_app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    licence: Annotated[Literal["any", "permissive"], typer.Option(help="Hide models whose weights are not.")] = "any",
    json: AsJson = False,
) -> None:
    """List the models, their size and their licences."""
    if context.invoked_subcommand:
        return
    from pocketmatte.apps.models import show_models

    show_models(licence, json)


@app.command()
def bench(
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
    refine: Annotated[Literal["guided", "bilinear"], typer.Option(help="As in run.")] = "guided",
    out: Annotated[Path | None, typer.Option(help="CSV file that rows are added to.")] = None,
    json: AsJson = False,
) -> None:
    """Measure time, memory and size: the network alone and the whole chain, models in turn. Void rows say so."""
    from pocketmatte.apps.bench import Wishes
    from pocketmatte.apps.bench import bench as measure

    measure(
        models,
        Wishes(runtime, threads, frame, rounds, device, delegate, tool, refine, minutes, profile, out, json),
    )


@app.command()
def doctor(json: AsJson = False) -> None:
    """Check this installation: runtimes, codecs, models; say what to do about what is missing."""
    from pocketmatte.apps.doctor import examine

    raise typer.Exit(examine(json))


@app.command()
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


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="best.pt of a run folder.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Folder for the weight files and spec.json.")],
    to: Annotated[str, typer.Option(help="Formats, separated by commas: litert, onnx.")] = "litert,onnx",
    precision: Annotated[Literal["fp32", "fp16"], typer.Option(help="How weights are stored.")] = "fp16",
    force: Annotated[bool, typer.Option(help="Overwrite existing files.")] = False,
) -> None:
    """Write .tflite and .onnx with spec.json and golden vectors, and check them (needs the export extra)."""
    from pocketmatte.apps.build import export_model

    export_model(weights, out, to, precision, force)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from pocketmatte import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: user errors become one line on stderr and exit code 1, wrong usage exit code 2."""
    warnings.filterwarnings("ignore", module="PIL")  # remarks on odd files; what matters is said as a note
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        from pocketmatte.core import PocketmatteError  # here, because it brings NumPy, which --help can do without

        if not isinstance(error, PocketmatteError):
            raise
        if "--json" in sys.argv:  # whoever parses stdout gets a document in any case
            import json

            print(json.dumps({"error": str(error)}))
        print(f"pocketmatte: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
