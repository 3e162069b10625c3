"""How the command line puts things: options that would do nothing, and messages of the library in words of options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    import typer


def only_for(context: typer.Context, where: str, *names: str) -> None:
    """Raise :class:`PocketmatteError` when one of the parameters ``names`` was given although it has no effect here.

    ``where`` says what it goes with. The default, spelled out, is what happens anyway and no mistake.
    """
    for parameter in context.command.params:
        name = parameter.name
        if name is None or name not in names:
            continue
        origin, value = context.get_parameter_source(name), context.params[name]
        if origin is not None and origin.name == "COMMANDLINE" and value != parameter.get_default(context):
            options = parameter.secondary_opts if value is False and parameter.secondary_opts else parameter.opts
            raise without_effect(max(options, key=len), where)


def without_effect(option: str, where: str) -> PocketmatteError:
    """The refusal of an option that would be ignored."""
    return PocketmatteError(f"{option} has no effect here: it goes with {where}")


def for_command_line(message: str) -> str:
    """A message of the library, whose arguments are options here: ``force=True`` is ``--force``."""
    return re.sub(r"\b([a-z_]+)=True\b", lambda found: "--" + found[1].replace("_", "-"), message)
