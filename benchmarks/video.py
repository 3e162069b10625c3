"""Score models on the clips with exact truth, with and without the memory of the frame before.

Run:  python -m benchmarks.video MODEL... [--data FOLDER] [--out results/video.csv]
FOLDER holds the clips (images/ and alphas/); the default is ``$POCKETMATTE_DATA/test/video``. Each model gets three
rows a clip: ``prior`` ``on`` (the last alpha goes in again; only networks with such an input), ``off`` (every frame is
a first frame) and ``frozen`` (the control: its own first matte held for ever). Nothing else steadies the frames. Lag is
the k in -3..3 that minimises the mean of |p(t) - g(t-k)|, refined by a parabola. ``first-truth`` is a further control:
the true matte of the first frame held for ever. Rows of the same model, runtime and refinement are replaced.
``FILE:bilinear`` measures a model without guided refinement, as peers are published.
"""

from __future__ import annotations

import argparse
import os
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.accuracy import HEAD, KEY, RESULTS, commit, replace
from benchmarks.command import launch
from pocketmatte.core import Alpha, Frame, UInt8Image
from pocketmatte.evaluate.folders import list_frames
from pocketmatte.evaluate.report import SequenceReport
from pocketmatte.evaluate.runner import evaluate_sequence
from pocketmatte.evaluate.truth import read_truth, stored_as_ones
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.pipeline.pipeline import Pipeline, Refine, load

COLUMNS = (*HEAD, "prior", "clip", "n", "mad", "mse", "grad", "dtssd", "lag", "date", "commit")


def score(pipeline: Pipeline, clip: Path, prior: bool) -> SequenceReport:
    """Measure one clip; without ``prior`` the memory is emptied before every frame."""

    def step(image: UInt8Image) -> Alpha:
        if not prior:
            pipeline.reset()
        return pipeline.step(Frame(image)).alpha

    return evaluate_sequence(step, clip, reset=pipeline.reset)


def rows_of(pipeline: Pipeline, clips: list[Path]) -> list[dict[str, Any]]:
    """The rows of one model."""
    rows = []
    for clip in clips:
        values: dict[str, Any] = {}
        for prior in (True, False) if pipeline.spec.states else (False,):
            values = score(pipeline, clip, prior).to_dict()
            rows.append({"prior": "on" if prior else "off", "clip": clip.name, **values})
        rows.append({"prior": "frozen", "clip": clip.name, "n": values["n"], **values["frozen"]})
    return rows


def _same(held: Alpha, _: UInt8Image) -> Alpha:
    return held


def control_rows(clips: list[Path]) -> list[dict[str, Any]]:
    """The control that knows the first frame: nothing moves and nothing flickers, and that is what it scores."""
    found = []
    for clip in clips:
        pairs = list_frames(clip)
        ones = stored_as_ones(pair.truth for pair in pairs)
        held = read_truth(pairs[0].truth, ones)
        values = evaluate_sequence(partial(_same, held), clip).to_dict()
        found.append({"prior": "frozen", "clip": clip.name, **values, "lag": None})
    return found


def main() -> None:
    """Parse options, measure, rewrite the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")) / "test" / "video"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "video.csv")
    options = parser.parse_args()
    clips = sorted(path for path in options.data.iterdir() if path.is_dir())
    control = {"model": "first-truth", "version": "", "runtime": "", "refine": ""}
    foot = {"date": date.today().isoformat(), "commit": commit()}
    replace(options.out, COLUMNS, KEY, [{**control, **row, **foot} for row in control_rows(clips)])
    for model in options.models:
        file, _, how = model.partition(":")
        refine: Refine = "bilinear" if how == "bilinear" else "guided"
        clean: Clean = "off" if how == "bilinear" else DEFAULT_CLEAN
        with load(file, refine=refine, clean=clean, foreground="none") as pipeline:
            spec, runtime = pipeline.spec, pipeline.session.describe().runtime
            found = rows_of(pipeline, clips)
        head = {"model": spec.name, "version": spec.version, "runtime": runtime, "refine": refine}
        replace(options.out, COLUMNS, KEY, [{**head, **row, **foot} for row in found])
        for row in found:
            print({**head, **{k: v for k, v in row.items() if k not in ("images", "frozen")}})


if __name__ == "__main__":
    launch(main)
