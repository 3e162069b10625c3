"""Write the model cards ``docs/models/NAME.md`` from ``spec.json`` and ``results/``: no figure is typed by hand.

Run:  python -m benchmarks.cards [NAME...] [--check] [--from RUNS]
Without names: every model of the zoo. ``--from runs`` first copies ``RUNS/NAME/log.csv`` and ``config.json`` of the
training run to ``results/NAME/``. ``--check`` writes nothing and fails when a card is not what the results say. The
pictures of a card are drawn by ``benchmarks/failures.py``, what a model is bad at in words stands in
``results/NAME/notes.md``, and why a picture is hard, seen by eye, in ``results/failures.csv``.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.command import launch
from benchmarks.curve import curve
from benchmarks.pages import RESULTS, ROOT, Row, grid, rows
from benchmarks.tables_scores import NAMES, accuracy, slices, video

CARDS = ROOT / "docs" / "models"
PICTURES = ROOT / "docs" / "images" / "models"
ZOO = ROOT / "pocketmatte" / "zoo"
WORST = {"real": 6, "street": 6, "closeup": 4, "empty": 5}
Spec = dict[str, Any]


def zoo() -> list[str]:
    """Names of the models that ship."""
    return list(json.loads((ZOO / "registry.json").read_text()))


def read_spec(name: str) -> tuple[Spec, Path]:
    """The description of a model and its folder: in the zoo, else in ``weights/``."""
    for folder in (ZOO / "weights" / name, ROOT / "weights" / name):
        if (folder / "spec.json").is_file():
            return json.loads((folder / "spec.json").read_text()), folder
    raise SystemExit(f"no spec.json of {name} in the zoo or in weights/: export it first")


def head(spec: Spec, folder: Path) -> str:
    """What it is, in a table."""
    source = spec["input"]
    height, width = source["size"]
    how = {"squash": "squashed", "letterbox": "fitted with borders"}[source["resize"]]
    mean, std = source["mean"], source["std"]
    same = len(set(mean)) == len(set(std)) == 1
    norm = f"(x / 255 - {mean[0]:g}) / {std[0]:g}" if same else f"(x / 255 - {mean}) / {std} per channel"
    states = "; ".join(f"`{s['input']}` {s['shape']}, fed from `{s['output']}`" for s in spec["states"])
    files = [
        f"`{f['file']}` {f['precision']}, {(folder / f['file']).stat().st_size / 1e6:.2f} MB" for f in spec["files"]
    ]
    kind = {"alpha": "0..1", "logits": "before the sigmoid", "two-logits": "two channels before the softmax"}
    body = [
        ["task", "alpha matte of all people in front of the scene"],
        ["network", f"`{spec['architecture']}`, see `pocketmatte/models/`"],
        [
            "input",
            f"`{source['name']}`: the whole picture {how} to {width}x{height}, {source['color'].upper()}, `{norm}`",
        ],
        ["memory", f"{states}; zeros for a first frame" if states else "none: every picture is taken alone"],
        [
            "output",
            f"`{spec['output']['name']}`: alpha, {kind[spec['output']['kind']]}, {width}x{height}; "
            "refined to the picture's size",
        ],
        ["cost", f"{spec['parameters'] / 1e6:.2f} M parameters, {spec['macs'] / 1e6:.0f} M multiply-accumulates"],
        ["files", "; ".join(files)],
        ["version", spec["version"]],
    ]
    return grid(["", ""], body).replace("| ---: |", "| --- |", 1)


def latency(name: str) -> str:
    """Time of the network alone beside the peers of the same runs."""
    body = []
    for row in rows("latency.csv"):
        if row["model"] == name or row["model"] in NAMES:
            void = " (void: spread over 15 %)" if row["void"] else ""
            who = NAMES.get(row["model"], f"`{row['model']}`") + f", {row['runtime']}"
            body.append([who, row["threads"], row["min_ms"], row["median_ms"] + void, row["ratio"]])
    return grid(["network alone", "threads", "min ms", "median ms", "ratio of minima"], body)


def worst(name: str) -> str:
    """The worst test pictures by name with what is hard about them. The pictures themselves may not be shown."""
    seen = rows("failures.csv")
    others = {(row["set"], row["stem"]): row for row in seen}
    own = {(row["set"], row["stem"]): row for row in seen if row["model"] == name}
    taken: dict[str, list[Row]] = {}
    for row in rows("pictures.csv"):
        if row["model"] == name and row["runtime"] == "litert" and row["refine"] == "guided":
            taken.setdefault(row["set"], []).append(row)
    body = []
    for part, pictures in taken.items():
        for row in pictures[: WORST[part]]:
            found = own.get((part, row["stem"])) or others.get((part, row["stem"]), {})
            score = f"alpha {float(row['empty_alpha']):.3f}" if part == "empty" else f"{float(row['miou']):.3f}"
            with_other = f" (seen with `{found['model']}`)" if found and found["model"] != name else ""
            why = found.get("reason", "not looked at") + with_other
            body.append([f"{part} `{row['stem']}`", score, found.get("fault", "-"), why])
    return grid(["picture", "mIoU", "fault of", "seen by eye"], body).replace(
        "---: | ---: | ---: |", "---: | --- | --- |"
    )


def terms(spec: Spec) -> str:
    """Licences of code, weights and every data set."""
    licences = spec["licences"]
    body = [[f"[{d['name']}]({d['link']})", d["licence"], d["date"]] for d in licences["data"]]
    may = (
        "Code, weights and all data allow commercial use; `pocketmatte models --licence permissive` lists it."
        if licences["permissive"]
        else "**Not for products**: weights made from research-only pictures are for research too. "
        "`pocketmatte models --licence permissive` hides this model."
    )
    first = f"Code {licences['code']}. Weights: {licences['weights']}. {may}"
    return first + "\n\n" + grid(["training data", "terms as stated", "looked up"], body).replace("---:", "---")


def training(spec: Spec, name: str) -> str:
    """Command, time and curve of the run that made the weights."""
    made, folder = spec["training"], RESULTS / name
    devices = {"cpu": "a CPU", "cuda": "a GPU"}
    text = [
        f"{made['samples']:,} composed samples in {made['minutes']:.0f} minutes on "
        f"{devices.get(made['device'], made['device'])}."
    ]
    if found := made.get("validation"):
        text.append("Best validation: " + ", ".join(f"{key} {float(value):.4g}" for key, value in found.items()) + ".")
    if (folder / "config.json").is_file():
        config = json.loads((folder / "config.json").read_text())
        stages = ", ".join(f"{s['samples']:,} samples at {s['size']} pixels" for s in config["stages"])
        starts = [f"starts from `{config['init']}`"] if config.get("init") else []
        starts += [f"taught by `{config['teacher']}`"] if config.get("teacher") else []
        text.append(
            f"Stages: {stages}"
            + "".join(f"; {start}" for start in starts)
            + f". Settings: `results/{name}/config.json`."
        )
    short = name.removeprefix("matte-")
    config_file = next((f for f in (f"configs/{name}.yaml", f"configs/{short}.yaml") if (ROOT / f).is_file()), None)
    block = ["```", "export POCKETMATTE_DATA=FOLDER        # with train/ and backgrounds/"]
    block.append(f"pocketmatte train {config_file or 'CONFIG'} --out runs/{short}")
    block.append(f"pocketmatte export runs/{short}/best.pt --to litert,onnx -o models/{name}")
    block.append(f"python -m benchmarks.accuracy models/{name}/{name}.tflite --out scores/accuracy.csv")
    block.append("```")
    text.append("")
    if (PICTURES / f"{name}-curve.svg").is_file():
        text.append(f"![mIoU on the validation split over samples](../images/models/{name}-curve.svg)\n")
    return "\n".join([*text, *block])


def card(name: str) -> str:
    """The whole page."""
    spec, folder = read_spec(name)
    for file in ("accuracy.csv", "slice_scores.csv", "pictures.csv", "video.csv"):
        if name not in {row["model"] for row in rows(file)}:
            raise SystemExit(f"results/{file} has no row of {name}: python -m benchmarks.tiers {name} --peers FOLDER")
    note, gallery = RESULTS / name / "notes.md", PICTURES / f"{name}-gallery.jpg"
    parts = [
        f"<!-- written by benchmarks/cards.py: edit that, or results/ -->\n# {name}\n\n{spec['summary']}",
        head(spec, folder),
        "Who is foreground: everybody in front, with what they wear and hold "
        "([the rule](../evaluate.md#who-is-foreground)).",
        "## How good\n\nThe exported files, run by `pocketmatte evaluate` with the steps that ship "
        "([definitions](../evaluate.md)). Test pictures took no part in training or in any choice; the weights were "
        "selected on a fixed sixteenth of the training sets.",
        accuracy(name),
        "On two clips of a keyed webcam recording with exact truth. *Frame before* says whether the network sees its "
        "last matte again, is reset before every frame, or, as a control, its first matte is held for ever.",
        video(name),
        "By kind of picture, over all test sets together ([what the words mean](../evaluate.md#slices)): mIoU / "
        "boundary IoU, and the mean alpha found where nobody is.",
        slices(name),
        "## How fast\n\nModels of one run are interleaved; compare ratios, not milliseconds of different runs.",
        latency(name),
    ]
    parts.append("## Where it fails")
    if note.is_file():
        parts.append(note.read_text().strip())
    parts.append(
        "The worst test pictures. They are for research and not shown; `label` means that the truth is wrong there, "
        "not the matte."
    )
    parts.append(worst(name))
    if gallery.is_file():
        parts.append(
            "On material that may be shown: the sample portrait before new scenes, drawn people, and drawn things "
            "where nobody is. Left the picture, right the matte."
        )
        parts.append(f"![Pictures and their mattes](../images/models/{name}-gallery.jpg)")
    parts += ["## Training", training(spec, name), "## Terms", terms(spec)]
    return "\n\n".join(parts) + "\n"


def copy_run(name: str, runs: Path) -> None:
    """Keep the log and settings of the training run, and draw its curve."""
    for folder in (runs / name, runs / name.removeprefix("matte-")):
        if (folder / "log.csv").is_file():
            (RESULTS / name).mkdir(parents=True, exist_ok=True)
            for file in ("log.csv", "config.json"):
                shutil.copyfile(folder / file, RESULTS / name / file)
            return
    raise SystemExit(f"no run of {name} in {runs}: expected {name}/log.csv")


def main() -> int:
    """Write or check the cards; 1 when a check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--from", dest="runs", type=Path, help="folder of training runs")
    options = parser.parse_args()
    stale = []
    for name in options.names or zoo():
        log = RESULTS / name / "log.csv"
        if options.runs:
            copy_run(name, options.runs)
        if log.is_file() and not options.check:
            with log.open(newline="") as file:
                PICTURES.mkdir(parents=True, exist_ok=True)
                (PICTURES / f"{name}-curve.svg").write_text(curve(list(csv.DictReader(file))))
        page, text = CARDS / f"{name}.md", card(name)
        if not page.is_file() or page.read_text() != text:
            stale.append(page)
            if not options.check:
                page.write_text(text)
    if options.check:
        for page in stale:
            print(f"{page.relative_to(ROOT)} is not what results/ says: python -m benchmarks.cards")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    launch(main)
