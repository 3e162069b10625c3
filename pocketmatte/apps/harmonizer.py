"""Training and export of the harmoniser, the one network of the project that is no matting model.

Run:  python -m pocketmatte.apps.harmonizer train CONFIG OUT [--data FOLDER] [--minutes N] [--threads N] [--resume]
      python -m pocketmatte.apps.harmonizer export WEIGHTS OUT [--force]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pocketmatte.core import PocketmatteError


def train(options: argparse.Namespace) -> None:
    """Start or take up a run."""
    from pocketmatte.data.recipes import data_root
    from pocketmatte.train.harmonize import Trainer, read_config, use_threads

    if (options.out / "last.ckpt").exists() and not options.resume:
        raise PocketmatteError(f"{options.out} holds a run already: go on with --resume, or choose another folder")
    use_threads(options.threads)
    trainer = Trainer(read_config(options.config), options.out, data_root(options.data))
    if options.resume:
        trainer.resume()
    trainer.run(options.minutes and options.minutes * 60)


def export(options: argparse.Namespace) -> None:
    """Write and check the weight file."""
    from pocketmatte.export.harmonizer import write_harmonizer

    print(write_harmonizer(options.weights, options.out, force=options.force))


def main() -> None:
    """Read the options and do what they ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    training = verbs.add_parser("train")
    training.add_argument("config", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--data", type=Path)
    training.add_argument("--minutes", type=float)
    training.add_argument("--threads", type=int, default=2)
    training.add_argument("--resume", action="store_true")
    training.set_defaults(verb=train)
    exporting = verbs.add_parser("export")
    exporting.add_argument("weights", type=Path)
    exporting.add_argument("out", type=Path)
    exporting.add_argument("--force", action="store_true")
    exporting.set_defaults(verb=export)
    options = parser.parse_args()
    try:
        options.verb(options)
    except PocketmatteError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
