"""What an evaluation found: rows, their means, a dictionary for JSON and a table for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class ImageScore:
    """One picture with truth; see ``mask_metrics`` and ``matte_metrics`` for the meaning and scale of each figure."""

    stem: str
    miou: float
    iou: float
    biou: float
    acc: float
    mad: float
    mse: float
    grad: float
    conn: float


@dataclass(frozen=True)
class EmptyScore:
    """One picture without people: ``alpha`` is the mean alpha found in it, all of it wrong."""

    stem: str
    alpha: float


@dataclass(frozen=True)
class FrameScore:
    """One frame of a sequence."""

    stem: str
    mad: float
    mse: float
    grad: float


Row = ImageScore | EmptyScore | FrameScore


def plain(value: float | None) -> float | None:
    """Six significant digits; ``None`` for what is undefined or not finite, so that JSON stays JSON."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def mean(values: Iterable[float]) -> float | None:
    """Plain mean; ``None`` of nothing."""
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else None


def _columns(row: type[Row]) -> list[str]:
    return [field.name for field in fields(row) if field.name != "stem"]


def _means(kind: type[Row], rows: Sequence[Row]) -> dict[str, float | None]:
    return {name: plain(mean(getattr(row, name) for row in rows)) for name in _columns(kind)}


def _listed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{k: v if isinstance(v, str) else plain(v) for k, v in asdict(row).items()} for row in rows]


@dataclass(frozen=True)
class Report:
    """Scores over pictures with truth, worst ``miou`` first. ``notes``: files left out and other doubts."""

    row: ClassVar[type[Row]] = ImageScore
    images: tuple[ImageScore, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.images, key=lambda row: (row.miou, -row.mad, row.stem))
        object.__setattr__(self, "images", tuple(ordered))

    def to_dict(self) -> dict[str, Any]:
        """``{n, miou, iou, biou, acc, mad, mse, grad, conn, images: [{stem, miou, ...}]}``; means over pictures."""
        return {"n": len(self.images), **_means(self.row, self.images), "images": _listed(self.images)}


@dataclass(frozen=True)
class EmptyReport:
    """False positives over pictures without people, worst first. ``limit``: a mean alpha above it is a find."""

    row: ClassVar[type[Row]] = EmptyScore
    images: tuple[EmptyScore, ...]
    limit: float = 0.01

    def __post_init__(self) -> None:
        ordered = sorted(self.images, key=lambda row: (-row.alpha, row.stem))
        object.__setattr__(self, "images", tuple(ordered))

    def to_dict(self) -> dict[str, Any]:
        """``{n, alpha, over, limit, images: [{stem, alpha}]}``; ``over`` is the share of pictures above ``limit``."""
        over = mean(float(row.alpha > self.limit) for row in self.images)
        values = _means(self.row, self.images)
        return {
            "n": len(self.images),
            **values,
            "over": plain(over),
            "limit": self.limit,
            "images": _listed(self.images),
        }


@dataclass(frozen=True)
class SequenceReport:
    """A video with truth, frames in order. ``control`` has the same frames with the first matte held for ever."""

    row: ClassVar[type[Row]] = FrameScore
    frames: tuple[FrameScore, ...]
    dtssd: float | None
    lag: float | None
    control: tuple[FrameScore, ...]
    control_dtssd: float | None

    def to_dict(self) -> dict[str, Any]:
        """``{n, mad, mse, grad, dtssd, lag, frozen: {mad, mse, grad, dtssd}, images: [...]}``, worst frames first."""
        worst = sorted(self.frames, key=lambda row: (-row.mad, row.stem))
        return {
            "n": len(self.frames),
            **_means(self.row, self.frames),
            "dtssd": plain(self.dtssd),
            "lag": plain(self.lag),
            "frozen": {**_means(self.row, self.control), "dtssd": plain(self.control_dtssd)},
            "images": _listed(worst),
        }


def table(report: Report | EmptyReport | SequenceReport, worst: int = 10) -> str:
    """Plain text, no line break at the end: the ``worst`` pictures, the means, and what else the report says."""
    values = report.to_dict()
    rows: list[dict[str, Any]] = values["images"][:worst]
    names = _columns(report.row)
    total = {"stem": f"mean of {values['n']}", **{name: values[name] for name in names}}
    lines = [*rows, total]
    if "frozen" in values:
        lines.append({"stem": "first frame held", **{name: values["frozen"][name] for name in names}})
    wide = max(len(str(line["stem"])) for line in lines)
    text = [" " * wide + "".join(f"{name:>9}" for name in names)]
    text += [f"{line['stem']:<{wide}}" + "".join(f"{_cell(line[name]):>9}" for name in names) for line in lines]
    if "over" in values:
        text.append(f"mean alpha above {values['limit']:g}: {_percent(values['over'])} of the pictures")
    if "frozen" in values:
        held = values["frozen"]["dtssd"]
        text.append(
            f"dtSSD {_cell(values['dtssd'])} (first frame held {_cell(held)}), lag {_cell(values['lag'])} frames"
        )
    if isinstance(report, Report):
        text += [f"note: {note}" for note in report.notes]
    return "\n".join(text)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
