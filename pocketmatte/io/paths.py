"""Which file becomes which: inputs given by the user -> pairs of source and destination."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from pocketmatte.core import PocketmatteError
from pocketmatte.io.image_formats import IMAGE_SUFFIXES, is_image, is_video
from pocketmatte.io.video_formats import SEQUENCE_SUFFIX, VIDEO_SUFFIXES
from pocketmatte.io.walk import walk

__all__ = ["Job", "Jobs", "expand_inputs", "is_image", "is_video"]

_MEDIA = IMAGE_SUFFIXES | VIDEO_SUFFIXES


@dataclass(frozen=True)
class Job:
    """One file to be worked on and where the result goes."""

    source: Path
    destination: Path


class Jobs(list[Job]):
    """The jobs in the order of the inputs; ``skipped`` files in folders were hidden or neither picture nor video."""

    def __init__(self, jobs: list[Job], skipped: int) -> None:
        super().__init__(jobs)
        self.skipped = skipped


@dataclass(frozen=True)
class _Draft:
    """A destination still to be named: ``folder / (name + tail + suffix)``, or ``fixed``."""

    source: Path
    folder: Path
    tail: str
    suffix: str
    whole: bool = False  # keep the suffix of the source in the name
    fixed: Path | None = None

    @property
    def destination(self) -> Path:
        name = self.source.name if self.whole else self.source.stem
        return self.fixed or self.folder / f"{name}{self.tail}{self.suffix}"


def expand_inputs(inputs: list[Path], output: Path | None, suffix: str, look_name: str) -> Jobs:
    """Every file named by ``inputs`` (files and folders, these with all below) and its destination.

    ``suffix`` is that of the results (``.png``), ``look_name`` a look as given (``rgba``, ``blur``,
    ``color:#FFFFFF``...); its word marks default names.

    * a file without ``output``: ``photo-cutout.png`` beside it;
    * one file and an ``output`` with a suffix that is no folder: that file;
    * else ``output`` is a folder: files go straight into it, of a folder the tree below it; of one folder among
      several inputs the tree goes into a folder of its name;
    * a folder without ``output``: ``photos-cutout/`` beside it.

    Destinations that would coincide (``x.jpg`` and ``x.png``; case is ignored) keep the suffix: ``x.jpg.png``. In
    folders, hidden entries and other files are passed over, links to folders followed once, and the output folder is
    never read. Raises :class:`PocketmatteError` for inputs that do not exist or hold nothing to do, a destination that
    is an input, and one that two inputs share whatever they are called.
    """
    try:
        return _expand(inputs, output, suffix, look_word(look_name))
    except OSError as error:
        raise PocketmatteError(f"cannot look at {error.filename}: {error.strerror}") from error


def look_word(look_name: str) -> str:
    """The word for a look in file names: ``rgba`` is a ``cutout``, ``color:#FFFFFF`` is ``color``, and so on."""
    word = look_name.partition(":")[0]
    return "cutout" if word == "rgba" else word


def _expand(inputs: list[Path], output: Path | None, suffix: str, word: str) -> Jobs:
    if missing := [str(path) for path in inputs if not path.exists()]:
        raise PocketmatteError(f"no such file or folder: {', '.join(missing)}")
    folders = [path for path in inputs if path.is_dir()]
    as_file = output is not None and len(inputs) == 1 and not folders and bool(output.suffix)
    if output is not None and output.suffix.lower() != SEQUENCE_SUFFIX:  # that of a folder which is one result
        as_file = as_file and not output.is_dir()
    if output is not None and not as_file:
        _check_folder(output, folders)
    homes = {path: _home(path, output, word, alone=len(inputs) == 1) for path in folders}
    avoid = [*homes.values(), *([output] if output else [])]
    drafts: dict[str, _Draft] = {}
    skipped = 0
    for path in inputs:
        if path not in homes:
            folder = path.parent if output is None else output
            tail = f"-{word}" if output is None else ""
            draft = _Draft(path, folder, tail, suffix, fixed=output if as_file else None)
            drafts.setdefault(_plain(path), draft)
            continue
        found, others = walk(path, avoid, _MEDIA)
        skipped += others
        if not found:
            raise PocketmatteError(f"no photo or video in {path} ({others} other or hidden files)")
        for file in found:
            folder = homes[path] / file.relative_to(path).parent
            drafts.setdefault(_plain(file), _Draft(file, folder, "", suffix))
    named = _distinct(list(drafts.values()))
    _check_no_input(named)
    return Jobs([Job(draft.source, draft.destination) for draft in named], skipped)


def _home(folder: Path, output: Path | None, word: str, *, alone: bool) -> Path:
    """Where the tree below ``folder`` goes."""
    named = folder if folder.name not in ("", "..") else folder.resolve()  # "." is known by its real name
    if output is not None:
        return output if alone else output / named.name
    if not named.name:
        raise PocketmatteError(f"nothing can be put beside {folder}: name an output folder with -o")
    return named.with_name(f"{named.name}-{word}")


def _check_folder(output: Path, inputs: list[Path]) -> None:
    if output.exists() and not output.is_dir():
        raise PocketmatteError(f"{output} is a file: for several inputs or a folder, -o names a folder")
    if output.suffix.lower() in _MEDIA and not output.is_dir():
        raise PocketmatteError(f"{output} names one file: for several inputs or a folder, -o names a folder")
    for folder in inputs:
        if output.exists() and output.samefile(folder):
            raise PocketmatteError(f"{output} is the input folder: results would mix with inputs; name another folder")


def _distinct(drafts: list[_Draft]) -> list[_Draft]:
    """Give every draft a destination of its own, independent of their order."""
    while True:
        keys = [_plain(draft.destination).casefold() for draft in drafts]
        taken = Counter(keys)
        longer = [
            replace(draft, whole=True) if taken[key] > 1 and not draft.fixed else draft
            for draft, key in zip(drafts, keys, strict=True)
        ]
        if longer == drafts:
            break
        drafts = longer
    # Whole names that differ in case only come from a disk that tells them apart.
    exact = Counter(_plain(draft.destination) for draft in drafts)
    for draft in drafts:
        if exact[_plain(draft.destination)] > 1:
            raise PocketmatteError(
                f"several inputs would become {draft.destination}: run them apart, with different -o"
            )
    return drafts


def _check_no_input(drafts: list[_Draft]) -> None:
    """Refuse destinations that are inputs, under any name: even ``--force`` must not replace what is being read."""
    sources = {_identity(draft.source) for draft in drafts} - {None}
    for draft in drafts:
        targets = [draft.destination]
        if is_video(draft.source) and not draft.fixed:  # its result may take the suffix of the source instead
            targets.append(draft.destination.with_suffix(draft.source.suffix))
        for target in targets:
            if _identity(target) in sources:
                raise PocketmatteError(f"{target} is itself an input and would be lost: choose another output")


def _plain(path: Path) -> str:
    """One spelling of a name, however it was given; links are not followed, they are files of their own."""
    return os.path.normpath(path.absolute())


def _identity(path: Path) -> tuple[int, int] | None:
    """What is the same for all names of one file; ``None`` when there is none, as behind a dead link."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
