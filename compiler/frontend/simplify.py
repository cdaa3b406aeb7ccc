"""Nodes that need not be: constants are folded, what is not read goes, and nothing is computed twice.

Views are left as they are, for they cost nothing on the chip. Names stay the user's: what goes, goes whole.
"""

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
import onnx

from ...ir.layers import Array, Value
from .sizes import RANDOM, SMALL_ELEMENTS

Key = tuple[object, ...]


def of_output(name: str) -> str:
    """The name of the constant that an output of the network holds."""
    return f"{name}/value"


def simplified(
    model: onnx.ModelProto,
    folded: Collection[str],
    constants: Mapping[str, Array],
    values: Mapping[str, Value],
) -> tuple[list[onnx.NodeProto], dict[str, tuple[str, ...]]]:
    """The nodes that make what a model's outputs need, and for tensors the names of those that are the same.

    `folded`: the tensors that need no node any more. A constant that is an output is made by an Identity.
    """
    outputs = [value.name for value in model.graph.output]
    renamed = {name: of_output(name) for name in outputs if name in folded}
    constants = {**constants, **{new: constants[old] for old, new in renamed.items()}}
    known: dict[Key, list[str]] = {}
    rounded = rounded_products(model.graph)
    uses = Counter(name for node in model.graph.node for name in node.input)
    uses.update(outputs)
    nodes = []
    twins: dict[str, tuple[str, ...]] = {}
    for node in model.graph.node:
        results = [name for name in node.output if name]
        if results and all(name in folded for name in results):
            continue
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.input[:] = [renamed.get(name, name) for name in node.input]
        is_shown = any(name in outputs for name in results)
        if not is_shown and _does_nothing(made, constants, values, uses):
            renamed[made.output[0]] = made.input[0]
            continue
        # One activation function multiplies and rounds: it needs no product that others read.
        key = None if rounded.intersection(results) else _key(made, constants)
        if not is_shown and key is not None:
            twin = known.get(key)
            if twin is not None and all(a or not b for a, b in zip(twin, node.output, strict=True)):
                renamed.update(zip(node.output, twin, strict=True))
                for name, kept in zip(node.output, twin, strict=True):
                    twins[kept] = (*twins.get(kept, ()), *([name] if name else []))
                continue
        if key is not None:
            known.setdefault(key, list(node.output))
        nodes.append(made)
    makers = {name: node for node in model.graph.node for name in node.output}
    for name in dict.fromkeys(outputs):
        if name in folded:
            title = makers[name].name if name in makers else name
            nodes.append(onnx.helper.make_node("Identity", [of_output(name)], [name], name=title))
    return _alive(nodes, set(outputs)), twins


def _does_nothing(
    node: onnx.NodeProto,
    constants: Mapping[str, Array],
    values: Mapping[str, Value],
    uses: Mapping[str, int],
) -> bool:
    """Whether a node's result is what it reads."""
    if node.op_type == "Identity":
        return True
    if node.op_type == "Dropout":
        training = node.input[2] if len(node.input) > 2 else ""
        drops = training and (training not in constants or bool(constants[training].any()))
        return not drops and not any(uses[name] for name in node.output[1:] if name)
    if node.op_type == "Cast":
        return values[node.input[0]].dtype == values[node.output[0]].dtype
    return False


def _key(node: onnx.NodeProto, constants: Mapping[str, Array]) -> Key | None:
    """What two nodes that make the same have in common; None where no two do."""
    if node.op_type in RANDOM:
        return None
    attributes = sorted((a.name, a.SerializeToString(deterministic=True)) for a in node.attribute)
    inputs: list[object] = []
    for name in node.input:
        array = constants.get(name)
        if array is None or array.size > SMALL_ELEMENTS or array.dtype.kind not in "fiub":
            inputs.append(name)
        else:
            inputs.append((str(array.dtype), array.shape, np.ascontiguousarray(array).tobytes()))
    return node.domain, node.op_type, len(node.output), tuple(inputs), tuple(attributes)


def _alive(nodes: list[onnx.NodeProto], needed: set[str]) -> list[onnx.NodeProto]:
    """The nodes that an output depends on."""
    kept = []
    for node in reversed(nodes):
        if needed.intersection(filter(None, node.output)):
            kept.append(node)
            needed |= set(node.input)
    return kept[::-1]


def rounded_products(graph: onnx.GraphProto) -> set[str]:
    """Products and quotients that are rounded to whole numbers: their last bit may decide."""
    found: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type == "Round" or (node.op_type == "Div" and found.intersection(node.output)):
            found.add(node.input[0])
    made = {name: node.op_type for node in graph.node for name in node.output}
    return {name for name in found if made.get(name) in ("Mul", "Div")}
