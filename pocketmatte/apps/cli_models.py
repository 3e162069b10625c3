"""The ``models`` verb and those below it; nothing heavy is imported before one runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pocketmatte.apps.cli_options import AsJson

models_app = typer.Typer(name="models", help="List the models; fetch weights that do not ship.", rich_markup_mode=None)


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
    """List the models, their size, their licences, and which keep to a budget by measured rows (code 1: none does)."""
    if context.invoked_subcommand:
        return
    from pocketmatte.apps.models import Wanted, parse_budget, show_models
    from pocketmatte.apps.wording import only_for

    if budget is None:
        only_for(context, "--budget", "part")

    if not show_models(Wanted(parse_budget(budget) if budget else None, max_mb, licence, part), json):
        raise typer.Exit(1)


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
