"""Several ways to look at frames, from good to cheap: smaller models, then fewer inferences. The governor picks one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pocketmatte.core import Frame
from pocketmatte.pipeline.pipeline import Observer, Pipeline, Seen

CADENCES = (2, 3)  # of the cheapest model, where a mask may serve several frames


@dataclass(frozen=True)
class Rung:
    """Pipeline number ``model``, asked for every ``cadence``-th frame; ``name`` for the user."""

    model: int
    cadence: int
    name: str


def rungs_of(names: Sequence[str], *, share: bool, every: int = 1) -> tuple[Rung, ...]:
    """The ladder for models ``names``, best first; with ``share`` a mask may serve several frames, and at the best
    serves ``every`` so many."""
    last = len(names) - 1
    models = [_rung(number, name, every if share else 1) for number, name in enumerate(names)]
    fewer = [_rung(last, names[last], cadence) for cadence in CADENCES if cadence > every]
    return (*models, *(fewer if share else ()))


def _rung(model: int, name: str, cadence: int) -> Rung:
    ordinal = {2: "2nd", 3: "3rd"}.get(cadence, f"{cadence}th")
    return Rung(model, cadence, name if cadence == 1 else f"{name}, every {ordinal} frame")


class Ladder:
    """Looks at frames the way the present rung says; ``choose`` tells it. For one thread, in order.

    ``skipped`` counts frames that were given the mask of an earlier one, because of the rung or because nothing moved.
    """

    def __init__(self, pipelines: Sequence[Pipeline], rungs: Sequence[Rung], choose: Callable[[], int]) -> None:
        self.pipelines, self.rungs = pipelines, rungs
        self._choose = choose
        self._model = 0
        self._last: Seen | None = None
        self.skipped = 0

    @property
    def rung(self) -> Rung:
        """The present way."""
        return self.rungs[self._choose()]

    def look(self, frame: Frame, observe: Observer | None = None) -> Seen:
        """See :meth:`Pipeline.look`; the answer may be that of an earlier frame."""
        rung, last = self.rung, self._last
        if rung.model != self._model:
            self.pipelines[rung.model].reset()  # it has not seen the frames since it was last used
            self._model = rung.model
        elif last is not None and 0 < frame.index - last.index < rung.cadence:
            self.skipped += 1
            return last
        seen = self.pipelines[rung.model].look(frame, observe)
        if last is not None and seen.index == last.index:
            self.skipped += 1
        self._last = seen
        return seen
