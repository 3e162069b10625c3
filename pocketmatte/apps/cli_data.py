"""The ``data`` verbs of the command line; nothing heavy is imported before one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data_app = typer.Typer(
    name="data",
    help="Look at training data, shrink it to carry it, improve its labels (needs the train extra).",
    no_args_is_help=True,
)

Data = Annotated[Path | None, typer.Option(help="Data folder (default: $POCKETMATTE_DATA).")]


@data_app.command()
def pack(
    out: Annotated[Path, typer.Option(help="New folder for the copy.")],
    data: Data = None,
    side: Annotated[int, typer.Option(min=32, help="Shorter side of the copied pictures, pixels.")] = 288,
    max_mb: Annotated[float, typer.Option(help="The copy is made to fit into so many megabytes.")] = 60,
) -> None:
    """Write a compact copy of train/ and backgrounds/ in the same form, for a machine elsewhere."""
    from pocketmatte.apps import data as verbs

    verbs.pack(out, data, side, max_mb)


@data_app.command()
def inspect(data: Data = None) -> None:
    """One line per set: pictures, held-out pictures, trust in the labels, how much of a picture is person."""
    from pocketmatte.apps import data as verbs

    verbs.inspect(data)


@data_app.command()
def compose(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The training configuration to draw for.")],
    out: Annotated[Path, typer.Argument(metavar="SHEET", help="Picture file to write.")],
    data: Data = None,
    count: Annotated[int, typer.Option(min=1, help="Samples on the sheet.")] = 32,
    seed: Annotated[int, typer.Option(help="Another seed draws other samples.")] = 1,
) -> None:
    """Draw a sheet of training samples with their mattes, as a run would see them."""
    from pocketmatte.apps import data as verbs

    verbs.compose(config, out, data, count, seed)


@data_app.command()
def draw(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="New folder.")],
    people: Annotated[int, typer.Option(min=1, help="Drawn people per set.")] = 60,
    backgrounds: Annotated[int, typer.Option(min=1, help="Drawn backgrounds.")] = 40,
    side: Annotated[int, typer.Option(min=64, help="Shorter side, pixels.")] = 288,
) -> None:
    """Write drawn people and backgrounds, to try the training commands without data."""
    from pocketmatte.apps import data as verbs

    verbs.draw(out, people, backgrounds, side)


@data_app.command()
def label(
    teacher: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="Trained weights (.pt) of the teacher.")],
    data: Data = None,
    size: Annotated[int, typer.Option(min=64, help="Size at which the teacher looks, pixels.")] = 256,
) -> None:
    """Improve the labels by a trained network: soft edges and trust maps beside the labels of every set."""
    from pocketmatte.apps import data as verbs

    verbs.label(teacher, data, size)
