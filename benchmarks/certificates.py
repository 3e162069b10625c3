"""Export models in every format, certify each file, and keep the certificates: what the documentation's tables show.

Run:  python -m benchmarks.certificates MODEL... [--out results/certificates] [--keep FOLDER]
MODEL is a .pt file or a name with ``weights/NAME/NAME.pt``. Writes ``OUT/NAME.json``. ``--keep`` also keeps the files,
each model in a folder of its own. The pictures come from ``$POCKETMATTE_DATA``; without it drawn ones are used, and the
certificate says so. About three minutes and 3 GB of memory per model on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.command import launch
from pocketmatte.export.bundle import write_bundle
from pocketmatte.export.certificate import table
from pocketmatte.export.convert import resolve
from pocketmatte.export.request import PRECISIONS, TARGETS, Request


def commit() -> str:
    """The commit of the code that measures, or ``unknown`` outside a clone."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Parse options, export, write one certificate per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--out", type=Path, default=Path("results/certificates"))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--to", default=",".join(TARGETS))
    parser.add_argument("--precision", default=",".join(PRECISIONS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    request = Request(tuple(options.to.split(",")), tuple(options.precision.split(",")), force=True)
    for model in options.models:
        weights, started = resolve(model), time.monotonic()
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.keep / weights.stem if options.keep else Path(temporary)
            report = write_bundle(
                weights, folder, request, lambda step: print(f"  {step}", file=sys.stderr, flush=True)
            )
        certificate = {**report.certificate, "commit": commit(), "seconds": round(time.monotonic() - started)}
        (options.out / f"{report.name}.json").write_text(json.dumps(certificate, indent=1) + "\n")
        print(f"{report.name}\n{table(certificate)}\n", flush=True)


if __name__ == "__main__":
    launch(main)
