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
Runtime = Annotated[
    Literal["auto", "litert", "onnxruntime", "openvino", "tensorrt", "coral"], typer.Option(help="What runs the model.")
]
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
        temporal=temporal,
        subject=subject,
    )
    raise typer.Exit(run_all(inputs, output, settings, layout, workers, resume, force, json))


@app.command()
def live(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="camera:N (the default is camera:0), camera:N?1280x720@30, clip:FILE (at camera pace), FILE, or a "
            "stream: rtsp://, rtmp://, http://. Several share one model."
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="window:, virtual:[DEVICE], FILE.mp4, rtmp:// or rtsp://; several are allowed."),
    ] = None,
    layout: Annotated[
        Literal["tile", "separate"],
        typer.Option(help="Several sources: side by side in every sink, or one sink for each."),
    ] = "tile",
    mode: Annotated[
        Literal["auto", "live", "synced", "exact"],
        typer.Option(help="live: newest frame, mask may lag; synced: picture waits for its mask; exact: every frame."),
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
    sources = tuple(source or ("camera:0",))
    if len(sources) > 1:
        from pocketmatte.apps.live_many import ManyWishes, live_many
        from pocketmatte.core import PocketmatteError

        if lower:
            raise PocketmatteError("--lower goes with one --source; several share one model")
        sinks, backgrounds = tuple(sink or ("window:",)), tuple(background or ())
        chosen = None if mode == "auto" else mode
        many = ManyWishes(sources, sinks, layout, chosen, backgrounds, frames, force, json)
        raise typer.Exit(live_many(many, settings))
    wishes = Wishes(
        sources[0],
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
    budget: Annotated[
        str | None, typer.Option(help="Time per frame, such as 33ms or 30fps: models with a measured row below it.")
    ] = None,
    max_mb: Annotated[float | None, typer.Option(min=0, help="Largest weight file, in MB.")] = None,
    part: Annotated[
        Literal["chain", "network"], typer.Option(help="What the budget is for: the whole frame, or inference alone.")
    ] = "chain",
    licence: Annotated[Literal["any", "permissive"], typer.Option(help="Hide models whose weights are not.")] = "any",
    json: AsJson = False,
) -> None:
    """List the models, their size, their licences, and which keep to a budget according to measured rows."""
    if context.invoked_subcommand:
        return
    from pocketmatte.apps.models import Wanted, parse_budget, show_models

    show_models(Wanted(parse_budget(budget) if budget else None, max_mb, licence, part), json)


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
    temporal: Annotated[Literal["off", "cuts", "auto"], typer.Option(help="As in run.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="CSV file that rows are added to.")] = None,
    json: AsJson = False,
) -> None:
    """Measure time, memory and size: the network alone and the whole chain, models in turn. Void rows say so."""
    from pocketmatte.apps.bench import Wishes
    from pocketmatte.apps.bench import bench as measure

    measure(
        models,
        Wishes(runtime, threads, frame, rounds, device, delegate, tool, refine, temporal, minutes, profile, out, json),
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


@app.command()
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


@app.command()
def subtract(
    source: Annotated[str, typer.Option(help="Video file, camera:0, clip:FILE or a stream.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Video to write.")],
    method: Annotated[
        Literal["difference", "hybrid", "mog2", "knn", "grabcut", "original"],
        typer.Option(help="difference from the empty scene; hybrid: the network, mended by the scene."),
    ] = "difference",
    learn: Annotated[int, typer.Option(min=1, help="Frames to learn the empty scene from.")] = 100,
    statistic: Annotated[
        Literal["median", "mean"], typer.Option(help="median stands somebody walking through, mean does not.")
    ] = "median",
    plate: Annotated[Path | None, typer.Option(help="Photo of the empty scene, instead of learning it.")] = None,
    show_plate: Annotated[Path | None, typer.Option(help="Write the learned scene to this picture.")] = None,
    threshold: Annotated[float, typer.Option(help="Difference that counts, in units of the camera's noise.")] = 6.0,
    gap: Annotated[float, typer.Option(help="Widest gap that is closed, as a share of the shorter side.")] = 0.04,
    adapt: Annotated[float, typer.Option(help="How fast the scene is followed, per frame; 0: never.")] = 0.02,
    only_largest: Annotated[bool, typer.Option(help="Keep one person.")] = False,
    shadows: Annotated[bool, typer.Option(help="Take shadows for background.")] = True,
    faces: Annotated[
        Path | None, typer.Option(help="face_detection_short_range.tflite: keep only what can belong to a face.")
    ] = None,
    model: Model = None,
    look: Annotated[str, typer.Option(help="As in run.")] = "color:#00FF00",
    blend: Annotated[str, typer.Option(help="As in run.")] = "alpha",
    foreground: Annotated[Literal["fast", "ml", "none"], typer.Option(help="As in run.")] = "fast",
    layout: Annotated[Literal["plain", "side-by-side"], typer.Option(help="As in run.")] = "plain",
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    force: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
) -> None:
    """Cut out whoever was not in the empty scene before, with a camera that stands still."""
    from pocketmatte.apps.jobs import Settings
    from pocketmatte.apps.subtract import Wishes
    from pocketmatte.apps.subtract import subtract as subtract_scene
    from pocketmatte.background.difference import Tuning
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look

    settings = Settings(
        parse_look(look), model, "guided", foreground, runtime, device, threads, blend=parse_blend(blend)
    )
    wishes = Wishes(source, output, method, learn, statistic, plate, faces, frames, show_plate, layout, force)
    subtract_scene(wishes, settings, Tuning(threshold, gap, adapt, only_largest, shadows))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    model: Model = None,
    workers: Annotated[int, typer.Option(min=1, help="Pictures worked on at once.")] = 1,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are told to come back (429).")] = 16,
    max_mb: Annotated[float, typer.Option(help="Largest request body in MiB.")] = 25.0,
    max_mpx: Annotated[float, typer.Option(help="Largest picture in million pixels.")] = 40.0,
    batch: Annotated[int, typer.Option(min=1, help="Most pictures in one batch.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds from a complete request to its answer at most.")] = 60.0,
    api_key: Annotated[
        str | None, typer.Option(envvar="POCKETMATTE_API_KEY", help="Key that clients must send (X-Api-Key).")
    ] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Web page origin that may call (CORS); repeatable.")] = None,
    web: Annotated[bool, typer.Option(help="Serve the web app at /.")] = True,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
) -> None:
    """Answer HTTP requests: cut-outs, mattes, batches, a remove.bg compatible route, and the web app (server extra)."""
    from pocketmatte.apps.serve import serve as serve_app
    from pocketmatte.apps.server.settings import ServerSettings

    limits = {"max_bytes": int(max_mb * 2**20), "max_pixels": int(max_mpx * 1e6), "batch": batch, "queue": queue}
    settings = ServerSettings(
        model, runtime, device, threads, workers, **limits, work_timeout=timeout, api_key=api_key,
        origins=tuple(origin or ()), web=web,
    )  # fmt: skip
    serve_app(host, port, settings)


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
