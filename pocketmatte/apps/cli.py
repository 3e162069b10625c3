"""The command line: its verbs and how it ends. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from pocketmatte.apps.cli_build import export, train
from pocketmatte.apps.cli_cut import live, run, subtract
from pocketmatte.apps.cli_data import data_app
from pocketmatte.apps.cli_measure import bench, doctor, evaluate, residency
from pocketmatte.apps.cli_models import models_app
from pocketmatte.apps.cli_serve import serve

app = typer.Typer(
    name="pocketmatte",
    help="Cut people out of photos, folders and videos with models small enough for a phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (run, live, subtract, evaluate, bench, doctor, train, export, residency, serve):
    app.command()(verb)
app.add_typer(data_app)
app.add_typer(models_app)


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
        from pocketmatte.apps.wording import for_command_line

        message = for_command_line(str(error))
        if "--json" in sys.argv:  # whoever parses stdout gets a document in any case
            import json

            print(json.dumps({"error": message}))
        print(f"pocketmatte: {message}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
