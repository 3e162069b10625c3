"""The bilinear resize of a one-channel map, such as the logits before the last sigmoid, in a form CPUs are quick at.

XNNPACK works through a resize pixel by pixel, with vectors only along the channels: for one channel it is slower than
the layers around it. Bilinear interpolation is separable, so rows and columns can take turns to play the channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pocketmatte.export.flatbuffer import (
    Graph,
    Model,
    Operator,
    add_constant,
    add_tensor,
    make_operator,
    operator_name,
    schema,
    shape_of,
    tensor_name,
)
from pocketmatte.export.rewrites_flatbuffer import sweep

Shape = tuple[int, int, int, int]


def split_resize(model: Model) -> int:
    """RESIZE_BILINEAR ``[1,h,w,1] -> [1,H,W,1]`` -> one over rows (columns as channels), a transposition, one over
    columns (rows as channels), and back. The same sums in another order."""
    done = 0
    for graph in model.subgraphs:
        for resize in list(graph.operators):
            if operator_name(model, resize) != "RESIZE_BILINEAR":
                continue
            before, after = (shape_of(graph, int(i)) for i in (resize.inputs[0], resize.outputs[0]))
            both_ways = before[1] < after[1] and before[2] < after[2]
            if before[0] == 1 == before[3] and both_ways and 1 not in before[1:3]:
                _split(model, graph, resize, before, after)
                done += 1
    if done:
        sweep(model)
    return done


def _split(model: Model, graph: Graph, resize: Operator, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    (h, w), (tall, wide) = before[1:3], after[1:3]
    name = tensor_name(graph, int(resize.outputs[0]))
    version = int(model.operatorCodes[resize.opcodeIndex].version)
    made: list[Operator] = []

    def step(kind: str, source: int, argument: list[int], shape: Shape, options: Any, result: int | None = None) -> int:
        number = len(made)
        given = add_constant(model, graph, f"{name};arg{number}", np.array(argument, np.int32))
        out = add_tensor(graph, f"{name};step{number}", shape) if result is None else result
        made.append(make_operator(model, kind, [source, given], [out], options, version if "SIZE" in kind else 1))
        return out

    def reshape(source: int, shape: Shape, result: int | None = None) -> int:
        options = schema().ReshapeOptionsT()
        options.newShape = list(shape)
        return step("RESHAPE", source, list(shape), shape, options, result)

    swap = [0, 3, 2, 1]
    x = reshape(int(resize.inputs[0]), (1, h, 1, w))
    x = step("RESIZE_BILINEAR", x, [tall, 1], (1, tall, 1, w), resize.builtinOptions)
    x = step("TRANSPOSE", x, swap, (1, w, 1, tall), schema().TransposeOptionsT())
    x = step("RESIZE_BILINEAR", x, [wide, 1], (1, wide, 1, tall), resize.builtinOptions)
    x = step("TRANSPOSE", x, swap, (1, tall, 1, wide), schema().TransposeOptionsT())
    reshape(x, (1, tall, wide, 1), int(resize.outputs[0]))
    place = graph.operators.index(resize)
    graph.operators[place : place + 1] = made
