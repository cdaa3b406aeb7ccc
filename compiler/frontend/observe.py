"""A model run once as it is: the shape and type of every tensor, and the values of those that never change.

ONNX Runtime has the last word on both. What is too large to be tried has its constants computed alone.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.deadline import in_time
from ...ir.errors import BadInput, Origin, SncError
from ...ir.layers import Value
from .runtime import Arrays, session
from .sizes import Scope

ELEMENTS_MAX = 2**27  # of all tensors together, that are kept at once
MACS_MAX = 2**36  # about a second
SEED = 0
CULPRITS = (
    re.compile(r"running (?P<op>\w+) node\. Name:'(?P<name>[^']*)'"),
    re.compile(r"Node \((?P<name>[^)]*)\) Op \((?P<op>\w+)\)"),
    re.compile(r"operator \((?P<op>\w+)\) in node \((?P<name>[^)]*)\)"),
    re.compile(r"(?P<op>\w+)\(\d+\) node with name '(?P<name>[^']*)'"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What a model's tensors hold for one frame. `is_whole`: all of them, not the constants alone."""

    arrays: Mapping[str, np.ndarray]
    is_whole: bool


def observe(model: onnx.ModelProto, scope: Scope, file: str) -> Observed:
    """The tensors of a model for inputs drawn at random. Raises BadInput where it cannot be run."""
    is_whole = _elements(model, scope) <= ELEMENTS_MAX and _macs(model, scope) <= MACS_MAX
    if is_whole:
        frame = random_inputs([declared(value) for value in model.graph.input], file)
        return Observed({**frame, **run_tensors(model, wanted(model, scope), frame, file)}, True)
    names = [name for name in wanted(model, scope) if name in scope.constants]
    return Observed(run_tensors(constant_part(model, scope), names, {}, file) if names else {}, False)


def wanted(model: onnx.ModelProto, scope: Scope) -> list[str]:
    """The tensors that a model's nodes make, of constants those alone that other tensors are made of."""
    outputs = {value.name for value in model.graph.output}
    made = [name for node in model.graph.node for name in node.output if name]
    kept = {
        name
        for node in model.graph.node
        if not scope.constants.issuperset(filter(None, node.output))
        for name in node.input
    }
    return [name for name in made if name not in scope.constants or name in kept or name in outputs]


def accepted(model: onnx.ModelProto, file: str) -> Any:
    """The session of a model, nothing optimised. Raises BadInput with the node that ONNX Runtime refuses."""
    try:
        return session(model.SerializeToString(), optimised=False)
    except SncError as error:
        raise BadInput(_culprit(error.message, model, file), error.message, error.hint) from None


def run_tensors(
    model: onnx.ModelProto, names: Iterable[str], frame: Mapping[str, np.ndarray], file: str
) -> Arrays:
    """What these tensors hold in ONNX Runtime, nothing optimised. Raises BadInput."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    stated = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    del wide.graph.value_info[:], wide.graph.output[:]
    for name in names:
        wide.graph.output.add().name = name
        if stated.get(name):
            wide.graph.output[-1].type.tensor_type.elem_type = stated[name]
    runtime = accepted(wide, file)
    in_time("the model was run")
    found = [value.name for value in runtime.get_outputs()]
    try:
        made = zip(found, runtime.run(found, dict(frame)), strict=True)
        return {name: array for name, array in made if isinstance(array, np.ndarray)}  # no lists of tensors
    except Exception as error:  # onnxruntime raises a dozen kinds of its own
        said = str(error).strip().splitlines()
        rule = f"ONNX Runtime cannot run it: {_reason(said[0] if said else type(error).__name__)}"
        hint = "mend the model so that ONNX Runtime runs it"
        raise BadInput(_culprit(str(error), model, file), rule, hint=hint) from None


def random_inputs(values: Sequence[Value], file: str) -> Arrays:
    """A frame drawn at random, always the same. Raises BadInput for types that no tensor of numbers has."""
    rng = np.random.default_rng(SEED)
    frame: Arrays = {}
    for value in values:
        kind = np.dtype(value.dtype)
        if kind.kind == "f":
            frame[value.name] = rng.standard_normal(value.shape).astype(kind)
        elif kind.kind in "iu" and kind.itemsize == 1:
            limits = np.iinfo(kind)
            frame[value.name] = rng.integers(limits.min, limits.max, value.shape, kind, endpoint=True)
        elif kind.kind in "iu":  # they may be positions, of what is at least two long
            frame[value.name] = rng.integers(0, 1, value.shape, kind, endpoint=True)
        elif kind.kind == "b":
            frame[value.name] = rng.integers(0, 1, value.shape, endpoint=True).astype(kind)
        else:
            origin = Origin(file=file, node=value.name, operator="input")
            raise BadInput(origin, f"is of type {kind}", hint="give numbers to the network")
    return frame


def declared(value: onnx.ValueInfoProto) -> Value:
    """An input with its type; its shape is static."""
    tensor = value.type.tensor_type
    kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return Value(value.name, tuple(dim.dim_value for dim in tensor.shape.dim), str(kind))


def constant_part(model: onnx.ModelProto, scope: Scope) -> onnx.ModelProto:
    """The nodes of a model whose results are constant, and none before them: shapes are held as they are."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:]
    del part.graph.input[:]
    for node in model.graph.node:
        if not scope.constants.issuperset(filter(None, node.output)):
            continue
        if scope.constants.issuperset(filter(None, node.input)):
            part.graph.node.add().CopyFrom(node)
        else:  # Shape or Size
            name = node.output[0]
            part.graph.node.append(
                onnx.helper.make_node(
                    "Constant", [], [name], value=numpy_helper.from_array(np.asarray(scope.values[name]))
                )
            )
    read = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in part.graph.initializer if tensor.name in read]
    del part.graph.initializer[:]
    part.graph.initializer.extend(kept)
    return part


def _elements(model: onnx.ModelProto, scope: Scope) -> int:
    """How many numbers are kept when a model runs."""
    names = [*wanted(model, scope), *(value.name for value in model.graph.input)]
    return sum(math.prod(scope.shape(name) or ()) for name in names)


def _macs(model: onnx.ModelProto, scope: Scope) -> int:
    """How many products a model takes, roughly."""
    total = 0
    for node in model.graph.node:
        results = [math.prod(scope.shape(name) or ()) for name in node.output if name]
        operands = [scope.shape(name) or () for name in node.input if name]
        each = 1
        if node.op_type in ("MatMul", "Gemm") and operands and operands[0]:
            each = max(operands[0][-2:])
        elif node.op_type == "Conv" and len(operands) > 1:
            each = math.prod(operands[1][1:])
        elif len(operands) > 1 and node.op_type in ("ConvTranspose", "LSTM", "GRU", "RNN"):
            results, each = [math.prod(operands[0])], math.prod(operands[1][1:])
        else:
            for attribute in node.attribute:
                if attribute.name in ("kernel_shape", "size"):
                    each = math.prod(attribute.ints) if attribute.ints else max(attribute.i, 1)
        total += sum(results) * each
    return total


def _culprit(message: str, model: onnx.ModelProto, file: str) -> Origin:
    """The node that ONNX Runtime names in an error."""
    for pattern in CULPRITS:
        for found in pattern.finditer(message):
            for node in model.graph.node:
                if node.op_type == found["op"] and node.name == found["name"]:
                    output = next(iter(node.output), "")
                    return Origin(file=file, node=node.name, operator=node.op_type, output=output)
    return Origin(file=file)


def _reason(line: str) -> str:
    """What an error says behind the places in ONNX Runtime's own source that it names."""
    _, found, rest = line.partition("Status Message: ")
    return (rest if found else line)[:200]
