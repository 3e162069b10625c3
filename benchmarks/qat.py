"""What quantisation-aware training gains: int8 files after the same fine-tuning with and without it.

Run:  python -m benchmarks.qat --init weights/base/base.pt [--size 96] [--samples 640]
      [--work runs/qat] [--out results/qat.csv] [--budget SECONDS]
Both runs start from the same weights and see the same samples; both are exported as float and, by static post-training
quantisation calibrated on 64 training samples, as int8 .tflite, and these files are scored on the held-out pictures of
train/. Finished trainings are never run again.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.command import launch
from benchmarks.proxy import Bench, Row, merge, with_data
from benchmarks.proxy_options import tuning_parser
from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import SceneMix
from pocketmatte.data.held_out import HeldOut
from pocketmatte.data.stream import Position, draw_batch
from pocketmatte.export.litert import to_litert
from pocketmatte.export.quantize import quantize_litert
from pocketmatte.export.wrap import input_names
from pocketmatte.models.checkpoint import load_weights, read_options
from pocketmatte.runtime.base import Session, open_session
from pocketmatte.train.config import Optim, Qat, Stage, TrainConfig
from pocketmatte.train.objective import normalise
from pocketmatte.train.setup import Pictures
from pocketmatte.train.validate import validate

KEYS = ("model", "qat", "size", "samples", "precision")
Array = npt.NDArray[np.float32]


def settings(qat: bool, options: argparse.Namespace) -> TrainConfig:
    """The fine-tuning, with or without rounding."""
    architecture, built = read_options(options.init)
    config = TrainConfig(
        name=f"{options.init.stem} {'with' if qat else 'without'}",
        architecture=architecture,
        options=built,
        stages=(Stage(options.size, options.samples, options.batch),),
        pretrained_encoder=False,
        init=str(options.init),
        qat=Qat(momentum=0.05, hold_after=options.samples // options.batch // 2) if qat else None,
        optim=Optim(lr=options.lr, encoder_lr=options.lr, warmup_samples=options.samples // 10, ema=0.98),
        precision="32-true",
        validate_every=options.samples,
        checkpoint_every=max(200, options.samples // 4),
        log_every=max(100, options.samples // 8),
        tensorboard=False,
    )
    config = with_data(config, options.side, options.only or None)
    return replace(config, data=replace(config.data, mix=SceneMix(degrade=0.8), workers=0))


class FileNet(nn.Module):
    """An exported still network as a torch module: normalised ``[N,3,S,S]`` -> logits ``[N,1,S,S]``."""

    def __init__(self, session: Session, mean: float, std: float) -> None:
        super().__init__()
        self.session, self.mean, self.std = session, mean, std

    def forward(self, x: Tensor) -> Tensor:
        """Every picture alone, as the file takes them."""
        pictures = x.permute(0, 2, 3, 1).contiguous().numpy()
        found = [self.session.run({"image": picture[None]})["alpha"] for picture in pictures]
        return torch.logit(torch.from_numpy(np.concatenate(found)).permute(0, 3, 1, 2), eps=1e-6)


def alphas(network: nn.Module, held: HeldOut) -> Array:
    """The mattes of all held-out pictures ``[N,S,S]``."""
    with torch.no_grad():
        found: Array = torch.sigmoid(network(normalise(held.images, network)))[:, 0].numpy()
    return found


def samples_for(network: nn.Module, pictures: Pictures, size: int) -> list[dict[str, Array]]:
    """64 training samples, as the file takes them."""
    batches = [draw_batch(pictures.bank, SceneMix(), size, 16, Position(99, 0, k)) for k in range(4)]
    inputs = torch.cat([normalise(batch.image.cpu(), network) for batch in batches])
    return [{"image": x[None]} for x in inputs.permute(0, 2, 3, 1).contiguous().numpy()]


def main() -> int:
    """Train, export, quantise, score, write; 3 when something is left to do."""
    parser = tuning_parser(__doc__, "runs/qat", "results/qat.csv", "trained weights of a still network")
    options = parser.parse_args()
    bench = Bench(options.data, time.monotonic() + options.budget, options.accelerator)
    for qat in (False, True):
        config = settings(qat, options)
        folder = options.work / f"{options.size}-{options.samples}-{options.only}" / ("with" if qat else "without")
        if bench.run(config, folder) is None:
            return 3
        network = load_weights(folder / "best.pt")[0]
        if input_names(network) != ("image",):
            raise PocketmatteError(f"{options.init} is a video network; this comparison takes still ones")
        pictures, size = bench.pictures(config, folder), (options.size, options.size)
        to_litert(network, size, folder / "float.tflite")
        samples = samples_for(network, pictures, options.size)
        quantize_litert(folder / "float.tflite", folder / "int8.tflite", "int8", samples)
        held = pictures.held_out(options.size).to(torch.device("cpu"))
        mean, std = (float(getattr(network, name)) for name in ("mean", "std"))
        rows: list[Row] = []
        whole: Array | None = None
        for precision in ("float", "int8"):
            session = open_session(folder / f"{precision}.tflite", "litert", threads=1)
            file = FileNet(session, mean, std).eval()
            row: Row = {"model": options.init.stem, "qat": "yes" if qat else "no", "precision": precision}
            row |= {name: round(value, 5) for name, value in validate(file, held).items()}
            answer = alphas(file, held)
            session.close()
            whole = answer if whole is None else whole
            away = np.abs(answer - whole).mean((1, 2))
            row |= {"from_float": round(float(away.mean()), 6), "worst": round(float(away.max()), 6)}
            rows.append({**row, "size": options.size, "samples": options.samples})
            print(rows[-1], flush=True)
        merge(options.out, rows, KEYS)
    return 0


if __name__ == "__main__":
    launch(main)
