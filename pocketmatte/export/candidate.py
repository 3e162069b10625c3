"""An exported file and the network it was made of, asked the same question in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.export.wrap import AlphaNet, example_inputs
from pocketmatte.pipeline.tensors import prepare, read_alpha
from pocketmatte.runtime.base import Placement, Session, Tensor, TensorInfo, check_inputs
from pocketmatte.spec import ModelSpec


class TorchSession:
    """The trained network behind the protocol of :class:`pocketmatte.runtime.base.Session`, in NHWC."""

    def __init__(self, network: nn.Module, size: tuple[int, int], batch: int = 1) -> None:
        self._network = AlphaNet(network, nhwc=True).eval()
        examples = example_inputs(network, size, nhwc=True, batch=batch)
        self.inputs = tuple(TensorInfo(n, tuple(t.shape), np.dtype(np.float32)) for n, t in examples.items())
        self.outputs: tuple[TensorInfo, ...] = (TensorInfo("alpha", (batch, *size, 1), np.dtype(np.float32)),)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        check_inputs(inputs, self.inputs)
        with torch.no_grad():
            answer = self._network(*(torch.from_numpy(np.ascontiguousarray(inputs[i.name])) for i in self.inputs))
        return {name: tensor.numpy() for name, tensor in answer.items()}

    def describe(self) -> Placement:
        """PyTorch on the CPU."""
        return Placement("torch", torch.__version__, "cpu", torch.get_num_threads())

    def close(self) -> None:
        """Nothing to free."""


class Candidate:
    """A session that is handed pictures and previous mattes, one or many, and gives mattes at network size."""

    def __init__(self, session: Session, spec: ModelSpec) -> None:
        self.session, self.spec = session, spec
        self._shapes = {info.name: info.shape for info in session.inputs}
        image, channels = self._shapes[spec.input.name], spec.input.channels
        self._layout: Literal["nhwc", "nchw"] = "nchw" if image[1] == channels != image[3] else "nhwc"
        self.batch = image[0]

    def answer(self, images: Sequence[UInt8Image], priors: Sequence[Alpha | None]) -> list[Alpha]:
        """The matte of each picture given its previous matte at network size (``None``: zeros)."""
        mattes: list[Alpha] = []
        for start in range(0, len(images), self.batch):
            part, before = (list(x[start : start + self.batch]) for x in (images, priors))
            short = self.batch - len(part)
            mattes += self._run([*part, *part[:1] * short], [*before, *before[:1] * short])[: len(part)]
        return mattes

    def _run(self, images: list[Any], priors: list[Any]) -> list[Alpha]:
        picture = np.concatenate([prepare(image, self.spec, self._layout).tensor for image in images])
        inputs: dict[str, Tensor] = {self.spec.input.name: picture}
        for state in self.spec.states:
            shape = self._shapes[state.input]
            inputs[state.input] = np.stack(
                [np.zeros(shape[1:], np.float32) if p is None else p.reshape(shape[1:]) for p in priors]
            )
        output = np.asarray(self.session.run(inputs)[self.spec.output.name])
        return [read_alpha(output[i : i + 1], self.spec, self._layout) for i in range(len(images))]

    def follow(self, frames: Iterable[UInt8Image]) -> Iterator[Alpha]:
        """The mattes of a clip, each handed to the next step as its previous one."""
        prior: Alpha | None = None
        for frame in frames:
            (prior,) = self.answer([frame], [prior])
            yield prior
