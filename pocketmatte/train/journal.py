"""What a run leaves to read: two CSV tables and, when TensorBoard is installed, its event files."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

Row = dict[str, float | int | str]


class Journal:
    """``loss.csv`` (mean loss terms per stretch) and ``log.csv`` (validations) in ``folder``."""

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        self.folder = folder
        self._board = None
        if tensorboard and find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))

    def rewind(self, seen: int) -> None:
        """Drop rows beyond ``seen`` samples: what was done after the checkpoint that is now taken up."""
        for name in ("loss.csv", "log.csv"):
            path = self.folder / name
            if path.exists():
                with path.open(newline="") as file:
                    kept = [row for row in csv.DictReader(file) if int(row["samples"]) <= seen]
                path.unlink()
                for row in kept:
                    self._append(name, dict(row))

    def losses(self, row: Row) -> None:
        """Add a row to ``loss.csv``; ``samples`` is its x."""
        self._append("loss.csv", row)
        self._scalars("loss", row)

    def scores(self, row: Row) -> None:
        """Add a row to ``log.csv``."""
        self._append("log.csv", row)
        self._scalars("validation", row)

    def panel(self, images: Tensor, alphas: Tensor, truths: Tensor, seen: int) -> None:
        """Pictures (uint8 ``[n,3,S,S]``), predictions and truths (0..1 ``[n,1,S,S]``) side by side on the board."""
        if self._board is None:
            return
        colour = images.float() / 255
        green = torch.tensor([0.1, 0.7, 0.3], device=colour.device).view(1, 3, 1, 1)
        pasted = torch.lerp(green.expand_as(colour), colour, alphas)
        rows = [colour, alphas.expand_as(colour), truths.expand_as(colour), pasted]
        sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
        self._board.add_image("held-out: picture, alpha, truth, on green", sheet.cpu(), seen)

    def close(self) -> None:
        """Flush the board."""
        if self._board is not None:
            self._board.close()

    def _scalars(self, group: str, row: Row) -> None:
        if self._board is not None:
            for name, value in row.items():
                if name != "samples" and not isinstance(value, str):
                    self._board.add_scalar(f"{group}/{name}", value, int(row["samples"]))

    def _append(self, name: str, row: Row) -> None:
        """Columns that appear later (another stage, another loss) are added to the header."""
        path = self.folder / name
        old: list[dict[str, str]] = []
        columns = list(row)
        if path.exists():
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                header = list(reader.fieldnames or [])
                if set(row) <= set(header):
                    columns = header
                else:
                    columns, old = [*header, *(c for c in row if c not in header)], list(reader)
                    path.unlink()
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, columns)
            if fresh:
                writer.writeheader()
                writer.writerows(old)
            writer.writerow(row)
