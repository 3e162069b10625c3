"""Options that would do nothing, and how the command line puts messages of the library: in words of options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from pocketmatte.effects.looks import Look


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


def unused_by(look: Look, backdrop: str = "look image:PATH or video:PATH") -> dict[str, str]:
    """The options that ``look`` makes no use of, and what each goes with; the same rule wherever there are looks.

    ``backdrop`` says how a picture or clip is put behind the person."""
    unused: dict[str, str] = {}
    if look.path is None:
        unused["fit"] = backdrop
    if not look.needs_foreground:
        unused["foreground"] = "a look that shows colours"
    return unused


def refuse_addresses(inputs: list[Path]) -> None:
    """Raise :class:`PocketmatteError` when an input is an address (of which a path has lost a slash), not a file."""
    for path in inputs:
        address = re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]+):/+", r"\1://", path.as_posix())
        if "://" in address and not path.exists():
            raise PocketmatteError(
                f"{address} is an address, expected a file: download it first, "
                f"or `pocketmatte live --source {address}` if it is a stream"
            )


def for_command_line(message: str) -> str:
    """A message of the library, whose arguments are options here: ``force=True`` is ``--force``."""
    return re.sub(r"\b([a-z_]+)=True\b", lambda found: "--" + found[1].replace("_", "-"), message)
