"""Tensor names: from the converter's paths of Python classes to the module paths that a developer knows."""

from __future__ import annotations

import re

from pocketmatte.export.flatbuffer import Model, tensor_name

_COMPONENT = re.compile(r"^(?:\w+\.)+[A-Za-z0-9]+(?:_(\w+))?$")  # package.module.Class_attribute
_SHORT = re.compile(r"^[a-z_]\w*(?:\.\w+)*(?:;\w+)*$")
_WRAPPER = ("network",)  # attribute under which the exported graph holds the network


def module_of(name: str) -> str:
    """Module path in a tensor's name, ``encoder.stages.0.project``; empty when it tells none.

    litert-torch writes ``package.Class/package.Class_encoder/...;1``: the class and the attribute of every level, then
    a number. Names that :func:`shorten_names` has written already come back without their number.
    """
    plain = re.sub(r"(;\d*)+$", "", name.split(";")[0])
    parts = plain.split("/")
    matches = [_COMPONENT.match(part) for part in parts]
    if all(matches) and "." in parts[0] and len(parts) > 1:
        kept = [match[1] for match in matches if match and match[1]]
    elif re.fullmatch(r"[a-z_]\w*(\.\w+)*", plain) and not plain.startswith(("serving_default", "arith")):
        kept = plain.split(".")
    else:
        return ""
    return ".".join(kept[1:] if kept[:1] == [*_WRAPPER] else kept)


def shorten_names(model: Model) -> bool:
    """Replace the converter's names by module paths, ``encoder.stem.0;1``; returns whether any changed.

    In a small int8 model the long ones are a quarter of the file. Names of inputs and outputs, which clients may ask
    for, stay; all names stay unique.
    """
    changed = False
    for graph in model.subgraphs:
        fixed = {int(i) for i in (*graph.inputs, *graph.outputs)}
        taken = {tensor_name(graph, i) for i in fixed}
        for index in range(len(graph.tensors)):  # what is short stays, so that a second time changes nothing
            name = tensor_name(graph, index)
            if _SHORT.match(name) and name not in taken:
                fixed.add(index)
                taken.add(name)
        for index, tensor in enumerate(graph.tensors):
            old = tensor_name(graph, index)
            short = module_of(old) or ("t" if len(old) > 24 else old)
            if index in fixed:
                continue
            new, number = short, 0
            while new in taken:
                number += 1
                new = f"{short};{number}"
            taken.add(new)
            changed |= new != old
            tensor.name = new.encode()
    return changed
