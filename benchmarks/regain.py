"""Weights to train on from, out of a published ``.tflite`` of the zoo: ``weights/`` keeps no others of these networks.

Run:  python -m benchmarks.regain NAME -o runs/NAME-start.pt [--data FOLDER]
      pocketmatte train configs/NAME.yaml --out runs/NAME --set init=runs/NAME-start.pt
The exporter folds batch norms away. Kernels and biases go back into the network in the order in which both use them,
and the folder's own example (``golden.npz``) has to come out again. Then every batch norm takes the spread and mean
that its input has over the held-out pictures as its statistics, and the gain and bias that undo them: the same network
in evaluation mode, and one that batch statistics leave as it is when training goes on.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict, deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from benchmarks.command import launch
from benchmarks.zoo import OUT as RESULTS
from benchmarks.zoo import read_rows
from pocketmatte.core import PocketmatteError
from pocketmatte.data.held_out import hold_out
from pocketmatte.data.recipes import data_root
from pocketmatte.data.store import load_store
from pocketmatte.models import create_model, list_architectures
from pocketmatte.models.checkpoint import save_weights
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.train.folding import CONVOLUTIONS, blank_input, find_norms

ROOT = Path(__file__).parent.parent
# axes of a kernel in the file -> out, in, height, width (transposed convolutions: in, out, height, width)
AXES = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "TRANSPOSE_CONV": (3, 0, 1, 2)}
PICTURES = 256
CLOSE = 0.02


@dataclass
class Constants:
    """What a file holds, each in the order in which it runs them: ``kernels`` in PyTorch's layout with their biases,
    ``slopes`` of PReLUs, and gain and shift ``[C]`` of the ``norms`` that no convolution could take in."""

    kernels: list[tuple[Tensor, Tensor | None]]
    slopes: list[Tensor]
    norms: list[tuple[Tensor, Tensor]]


def read_constants(path: Path) -> Constants:
    """Read a float ``.tflite``."""
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    halves = {int(op["outputs"][0]): int(op["inputs"][0]) for op in operators if op["op_name"] == "DEQUANTIZE"}
    computed = {int(i) for op in operators for i in op["outputs"]} - set(halves)
    computed |= {int(details["index"]) for details in interpreter.get_input_details()}
    readers: dict[int, list[str]] = defaultdict(list)
    for op in operators:
        both = sum(int(i) in computed for i in op["inputs"]) == 2
        for i in op["inputs"]:
            readers[int(i)].append(op["op_name"] + " of two" * both)

    def constant(index: int) -> Tensor:
        return torch.from_numpy(np.array(interpreter.get_tensor(halves.get(index, index)))).float()

    found = Constants([], [], [])
    affine: dict[int, tuple[Tensor, Tensor]] = {}  # tensors that are a multiple of another, shifted
    for op in operators:
        name, inputs, result = op["op_name"], [int(i) for i in op["inputs"]], int(op["outputs"][0])
        if name in AXES:
            weight, *rest = (
                constant(i) for i in (inputs[1], *inputs[3 if name == "TRANSPOSE_CONV" else 2 :]) if i >= 0
            )
            bias = rest[0].flatten() if rest else None
            found.kernels.append((weight.permute(AXES[name]).contiguous(), bias))
        elif name in ("ADD", "SUB", "MUL") and inputs[0] in computed and inputs[1] not in computed:
            value = constant(inputs[1]).flatten()
            gain, shift = affine.get(inputs[0], (torch.ones(1), torch.zeros(1)))
            if name == "MUL":
                gain, shift = gain * value, shift * value
            else:
                shift = shift + (value if name == "ADD" else -value)
            affine[result] = gain, shift
            if name == "ADD":
                found.norms.append((gain, shift))
            elif readers[result] == ["SUB of two"]:
                found.slopes.append(value)  # relu(x) - slope * relu(-x)
            elif readers[result] == ["MAXIMUM of two"]:
                found.slopes.append(value)  # max(x, slope * x)
    return found


@torch.no_grad()
def fill(network: nn.Module, constants: Constants) -> list[nn.BatchNorm2d]:
    """Give every convolution, PReLU and batch norm the next of the file's constants that has its shape.

    A batch norm behind a convolution adds the bias and does nothing else; those are returned. Raises
    :class:`PocketmatteError` when modules and constants do not pair off.
    """
    behind = dict(find_norms(network))
    alone = {norm for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)} - set(behind.values())
    order: list[nn.Module] = []
    hooks = [
        module.register_forward_pre_hook(lambda m, _: order.append(m))
        for module in network.modules()
        if isinstance(module, (*CONVOLUTIONS, nn.PReLU)) or module in alone
    ]
    network(blank_input(network))
    for hook in hooks:
        hook.remove()
    waiting: dict[tuple[object, ...], deque[tuple[Tensor, Tensor | None]]] = defaultdict(deque)
    for kernel, bias in constants.kernels:
        waiting["kernel", *kernel.shape].append((kernel, bias))
    for slope in constants.slopes:
        waiting["slope", *slope.shape].append((slope, None))
    for gain, shift in constants.norms:
        waiting["norm", *gain.shape].append((gain, shift))

    def following(kind: str, like: Tensor) -> tuple[Tensor, Tensor | None]:
        if not waiting[kind, *like.shape]:
            raise PocketmatteError(f"the file has no {kind} of shape {list(like.shape)} left")
        return waiting[kind, *like.shape].popleft()

    for module in order:
        if isinstance(module, nn.PReLU):
            module.weight.copy_(following("slope", module.weight)[0])
        elif isinstance(module, nn.BatchNorm2d):
            _set_norm(module, *following("norm", module.weight))
        elif isinstance(module, CONVOLUTIONS):
            kernel, bias = following("kernel", module.weight)
            module.weight.copy_(kernel)
            if module in behind:
                _set_norm(behind[module], torch.ones(module.out_channels), bias)
            if module.bias is not None:
                module.bias.zero_()
                if module not in behind and bias is not None:
                    module.bias.copy_(bias)
    if left := sum(len(constants) for constants in waiting.values()):
        raise PocketmatteError(f"{left} constants of the file have no place in the network")
    return list({*alone, *behind.values()})


def _set_norm(norm: nn.BatchNorm2d, gain: Tensor, shift: Tensor | None) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.copy_(gain)
    norm.bias.copy_(torch.zeros_like(norm.bias) if shift is None else shift)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)


@torch.no_grad()
def find_statistics(network: nn.Module, norms: list[nn.BatchNorm2d], pictures: Tensor) -> None:
    """Batch norms that :func:`fill` made take mean and variance of what reaches them; the answers stay the same."""

    def take(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_((variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    hooks = [norm.register_forward_pre_hook(take) for norm in norms]
    network(pictures)
    for hook in hooks:
        hook.remove()


def with_prior(network: PortraitModel, images: Tensor) -> Tensor:
    """``images`` with an empty prior as fourth channel, if the network takes one."""
    return torch.cat([images, torch.zeros_like(images[:, :1])], 1) if "prior" in network.inputs else images


def difference(network: PortraitModel, folder: Path) -> float:
    """Largest difference of alpha to the example in ``folder``."""
    golden = np.load(folder / "golden.npz")
    tensor = torch.from_numpy(golden["tensor"].astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        alpha = network(with_prior(network, tensor)).sigmoid()[0, 0].numpy()
    return float(np.abs(alpha - golden["alpha"].astype(np.float32)).max())


def main() -> None:
    """Parse options, read, prove, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list_architectures(), metavar="NAME")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    folder = ROOT / "weights" / options.name
    network = create_model(options.name).eval()
    if not isinstance(network, PortraitModel):
        raise SystemExit(f"{options.name} is not of the zoo")
    norms = fill(network, read_constants(folder / f"{options.name}.tflite"))
    before = difference(network, folder)
    images = hold_out(load_store(data_root(options.data), network.size, validation=True), network.size).images
    images = images[torch.linspace(0, len(images) - 1, PICTURES).long()] / 255
    find_statistics(network, norms, with_prior(network, (images - network.mean) / network.std))
    after = difference(network, folder)
    print(f"{options.name}: largest difference to the example {before:.5f}, {after:.5f} with batch norms")
    if max(before, after) > CLOSE:
        raise SystemExit(f"expected at most {CLOSE}: kernels are not where they were")
    training = json.loads((folder / "spec.json").read_text())["training"]
    training |= {"name": options.name, "samples": int(read_rows(RESULTS)[options.name]["samples"])}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(options.out, network.state_dict(), options.name, {}, training)


if __name__ == "__main__":
    launch(main)
