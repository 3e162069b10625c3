"""The verbs of the command line that cut people out; nothing heavy is imported before one runs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pocketmatte.apps.cli_options import (
    AsJson,
    Device,
    Inputs,
    Model,
    Output,
    Runtime,
    SameBlend,
    SameFit,
    SameForeground,
    Subject,
    Threads,
)

if TYPE_CHECKING:
    from pocketmatte.effects.looks import Look


def run(
    context: typer.Context,
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
        Literal["off", "unsure", "holes", "islands", "both"],
        typer.Option(
            help="Fade pieces that the network is nowhere sure of; also fill small holes in people, remove small "
            "islands beside them, or both."
        ),
    ] = "unsure",
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
    from pocketmatte.apps.wording import refuse_addresses
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look
    from pocketmatte.effects.presets import parse_preset

    refuse_addresses(inputs)
    _end_politely()
    wanted = parse_look(look)
    _check_look(context, wanted)
    settings = Settings(
        wanted,
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


def live(
    context: typer.Context,
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
    every: Annotated[
        int, typer.Option(min=1, max=10, help="The network looks at one of so many frames at most, to save power.")
    ] = 1,
    look: Annotated[str, typer.Option(help="As in run, but not rgba.")] = "blur",
    background: Annotated[
        list[Path] | None, typer.Option(help="Pictures, or folders of them, for the window's slider.")
    ] = None,
    blend: SameBlend = "alpha",
    fit: SameFit = "cover",
    foreground: SameForeground = "fast",
    clean: Annotated[Literal["off", "unsure", "holes", "islands", "both"], typer.Option(help="As in run.")] = "unsure",
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
    from pocketmatte.apps.live import Wishes, choose_mode
    from pocketmatte.apps.live import live as run_live
    from pocketmatte.apps.wording import only_for
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look
    from pocketmatte.io.live import SINKS, scheme_of

    _end_politely()
    wanted = parse_look(look)
    _check_look(context, wanted, *(["fit"] if background else []))
    settings = Settings(
        wanted,
        model,
        refine,
        foreground,
        runtime,
        device,
        threads,
        blend=parse_blend(blend),
        fit=fit,
        clean=clean,
        temporal=temporal,
    )
    sources, sinks, backgrounds = tuple(source or ("camera:0",)), tuple(sink or ("window:",)), tuple(background or ())
    if all(scheme_of(address, SINKS) != "window" for address in sinks):
        only_for(context, "--sink window:", "background", "folder")
    if len(sources) > 1:
        from pocketmatte.apps.live_many import ManyWishes, live_many

        alone = "one --source (several share one model, and a window takes no snapshots)"
        only_for(context, alone, "lower", "every", "folder")
        chosen = None if mode == "auto" else mode
        many = ManyWishes(sources, sinks, layout, chosen, backgrounds, frames, force, json)
        raise typer.Exit(live_many(many, settings))
    only_for(context, "several --source", "layout")
    wishes = Wishes(
        sources[0],
        sinks,
        None if mode == "auto" else mode,
        tuple(lower or ()),
        every,
        backgrounds,
        folder,
        frames,
        force,
        json,
    )
    if choose_mode(wishes) == "exact":
        only_for(context, "--mode live or synced (every frame is waited for here)", "lower", "every")
    raise typer.Exit(run_live(wishes, settings))


def subtract(
    context: typer.Context,
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
    blend: SameBlend = "alpha",
    fit: SameFit = "cover",
    preset: Annotated[str, typer.Option(help="As in run.")] = "none",
    foreground: SameForeground = "fast",
    layout: Annotated[Literal["plain", "side-by-side"], typer.Option(help="As in run.")] = "plain",
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
    force: Annotated[bool, typer.Option(help="Overwrite an existing output.")] = False,
    json: AsJson = False,
) -> None:
    """Cut out whoever was not in the empty scene before, with a camera that stands still."""
    from pocketmatte.apps.jobs import Settings
    from pocketmatte.apps.subtract import Wishes
    from pocketmatte.apps.subtract import subtract as subtract_scene
    from pocketmatte.background.difference import Tuning
    from pocketmatte.effects.blend import parse_blend
    from pocketmatte.effects.looks import parse_look
    from pocketmatte.effects.presets import parse_preset

    _end_politely()
    wanted = parse_look(look)
    _check_look(context, wanted)
    _check_method(context, method, plate is not None)
    settings = Settings(
        wanted,
        model,
        "guided",
        foreground,
        runtime,
        device,
        threads,
        blend=parse_blend(blend),
        fit=fit,
        preset=parse_preset(preset),
    )
    wishes = Wishes(source, output, method, learn, statistic, plate, faces, frames, show_plate, layout, force, json)
    raise typer.Exit(subtract_scene(wishes, settings, Tuning(threshold, gap, adapt, only_largest, shadows)))


def _end_politely() -> None:
    """Let SIGTERM do what Ctrl-C does: complete what can be completed, leave nothing half-written."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _check_look(context: typer.Context, look: Look, *exempt: str) -> None:
    """Refuse options that this look makes no use of, but for those ``exempt``."""
    from pocketmatte.apps.wording import only_for, unused_by

    for name, where in unused_by(look, "--look image:PATH or video:PATH").items():
        if name not in exempt:
            only_for(context, where, name)


def _check_method(context: typer.Context, method: str, plate: bool) -> None:
    """Refuse options that this method of ``subtract`` makes no use of."""
    from pocketmatte.apps.wording import only_for

    if method in ("hybrid", "original"):
        tuned = ("threshold", "gap", "adapt", "only_largest", "shadows", "faces")
        only_for(context, "--method difference, mog2, knn or grabcut", *tuned)
    if method != "hybrid":
        only_for(context, "--method hybrid", "model", "runtime", "device")
    if method not in ("difference", "grabcut"):
        only_for(context, "--method difference or grabcut", "statistic")
    if method not in ("difference", "grabcut", "hybrid"):
        only_for(context, "--method difference, grabcut or hybrid", "plate")
    if plate:
        only_for(context, "a scene that is learned instead of --plate", "learn", "statistic")
