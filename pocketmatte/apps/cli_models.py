"""``pocketmatte models``: the group that the listing of :mod:`pocketmatte.apps.cli` and its subcommands belong to."""

from __future__ import annotations

from typing import Annotated

import typer

models_app = typer.Typer(name="models", help="List the models; fetch weights that do not ship.", rich_markup_mode=None)


@models_app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models of the zoo, or `all`.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="Folder or http(s) address that holds NAME/FILE (default: $POCKETMATTE_MIRROR)."),
    ] = None,
) -> None:
    """Bring weights that do not ship into the cache, checked against the registry; an interrupted one goes on."""
    from pocketmatte.apps.fetch import fetch_models

    fetch_models(names, source)
