"""A file that appears under its name complete or not at all, and never in place of another by accident."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pocketmatte.core import PocketmatteError


@contextmanager
def atomic_path(final: Path, force: bool = False) -> Iterator[Path]:
    """Lend a hidden temporary name beside ``final``, with its suffix; on a clean exit that file becomes ``final``.

    The folder is created. With an exception, or a kill, ``final`` stays as it was; the temporary file is removed
    (a kill may leave it, hidden). Raises :class:`PocketmatteError` for everything :func:`check_destination` says, and
    when ``final`` came into being in the meantime and ``force`` is off. ``OSError`` of the body passes through.
    """
    check_destination(final, force)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(final, error) from error
    # The stem stays out of the name, or a long one would exceed what the file system takes.
    temporary = final.with_name(f".pocketmatte-{secrets.token_hex(6)}{final.suffix}")
    try:
        yield temporary
        try:
            _publish(temporary, final, force)
        except OSError as error:
            raise _cannot_write(final, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_destination(final: Path, force: bool) -> None:
    """Raise :class:`PocketmatteError` when a file cannot be put at ``final``; changes nothing.

    That is: something is there and ``force`` is off, a folder is there, or its folder can be neither written nor made.
    """
    try:
        exists = final.exists() or final.is_symlink()
        is_folder = final.is_dir()
        home = final.absolute().parent
        while not home.exists() and home != home.parent:
            home = home.parent
    except OSError as error:
        raise _cannot_write(final, error) from error
    if is_folder:
        raise PocketmatteError(f"{final} is a folder: expected a file name to write to")
    if exists and not force:
        raise already_there(final)
    if not home.is_dir():
        raise PocketmatteError(f"cannot write {final}: {home} is a file, expected a folder")
    if not os.access(home, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PocketmatteError(f"cannot write {final}: no permission to write in {home}; choose another output")


def already_there(final: Path) -> PocketmatteError:
    """The refusal to replace a file unasked."""
    return PocketmatteError(f"{final} exists already: choose another name, or replace it with force=True")


def _publish(temporary: Path, final: Path, force: bool) -> None:
    if force:
        temporary.replace(final)
        return
    try:
        os.link(temporary, final)  # unlike a rename, fails when the name is taken
    except FileExistsError as error:
        raise already_there(final) from error
    except OSError:  # no hard links on this file system: reserve the name, then rename over the reservation
        _reserve(final)
        try:
            temporary.replace(final)
        except OSError:
            final.unlink()
            raise


def _reserve(final: Path) -> None:
    try:
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError as error:
        raise already_there(final) from error


def _cannot_write(final: Path, error: OSError) -> PocketmatteError:
    return PocketmatteError(f"cannot write {final}: {error.strerror or error}")
