"""A model run as it is: the shape and type of every tensor, and the values of those that never change.

ONNX Runtime has the last word on both. A model runs piece by piece, so that its tensors are never held all at
once. What is too large to be tried has its constants computed alone.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.deadline import in_time
from ...ir.errors import BadInput, Origin, SncError
from ...ir.layers import Array, Value
from .inline import read_by
from .runtime import Arrays, fed_beside, session
from .sizes import Scope

ELEMENTS_MAX = 2**27  # of all tensors together
PIECE_BYTES = 2**25  # of the tensors that a piece of a model makes, and of its weights
MACS_MAX = 2**36  # about a second
SEED = 0
CULPRITS = (
    re.compile(r"running (?P<op>\w+) node\. Name:'(?P<name>[^']*)'"),
    re.compile(r"Node \((?P<name>[^)]*)\) Op \((?P<op>\w+)\)"),
    re.compile(r"operator \((?P<op>\w+)\) in node \((?P<name>[^)]*)\)"),
    re.compile(r"(?P<op>\w+)\(\d+\) node with name '(?P<name>[^']*)'"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a model's tensors hold for one frame, piece by piece. `names`: the tensors of each piece.

    `run` runs the model anew, unless it is a single piece.
    """

    names: tuple[frozenset[str], ...]
    run: Callable[[], Iterable[Mapping[str, Array]]]

    @classmethod
    def whole(cls, arrays: Mapping[str, Array]) -> "Seen":
        """All tensors in one piece, which are held."""
        return cls((frozenset(arrays),), lambda: (arrays,))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen of a model's tensors: their shapes and types, and those that are constant. `seen`: how to
    see them all again, None where the model is too large to be tried.
    """

    values: Mapping[str, Value]
    constants: Mapping[str, Array]
    seen: Seen | None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive nodes of a model. `kept`: what later pieces read of all that is known behind them."""

    nodes: tuple[onnx.NodeProto, ...]
    kept: frozenset[str]


def observe(model: onnx.ModelProto, scope: Scope, file: str, constants: Mapping[str, Array]) -> Observed:
    """The tensors of a model for inputs drawn at random; `constants`: what its initializers hold. Raises
    BadInput where it cannot be run.
    """
    names = wanted(model, scope)
    if _elements(model, scope) > ELEMENTS_MAX or _macs(model, scope) > MACS_MAX:
        held = [name for name in names if name in scope.constants]
        arrays = run_tensors(constant_part(model, scope), held, {}, file) if held else {}
        return Observed(_values(arrays), arrays, None)
    frame = random_inputs([declared(value) for value in model.graph.input], file)
    parts = pieces(model, scope, constants)
    # What is constant is computed from constants, as ever.
    fixed = {
        name
        for node in model.graph.node
        if scope.constants.issuperset(filter(None, node.output))
        for name in read_by(node)
    }
    weights = fed_beside({name: array for name, array in constants.items() if name not in fixed})
    run: Callable[[], Iterable[Arrays]] = partial(_run_pieces, model, parts, names, frame, weights, file)
    if len(parts) == 1:
        run = partial(tuple, tuple(run()))
    seen: list[frozenset[str]] = []
    values: dict[str, Value] = {}
    found: Arrays = {}
    for arrays in run():
        seen.append(frozenset(arrays))
        values |= _values(arrays)
        found |= {name: array for name, array in arrays.items() if name in scope.constants}
        del arrays  # before the next piece runs
    return Observed(values, found, Seen(tuple(seen), run))


def pieces(model: onnx.ModelProto, scope: Scope, constants: Mapping[str, Array]) -> tuple[Piece, ...]:
    """The nodes of a model in pieces of PIECE_BYTES, or of one node."""
    nodes = model.graph.node
    reads = [read_by(node) for node in nodes]
    last = {name: index for index, names in enumerate(reads) for name in names}
    weights = {name: array.nbytes for name, array in constants.items()}
    starts, bytes_ = [0], 0
    for index, node in enumerate(nodes):
        size = sum(_bytes(name, scope) for name in node.output if name)
        size += sum(weights.pop(name) for name in sorted(reads[index] & weights.keys()))
        if bytes_ and bytes_ + size > PIECE_BYTES:
            starts.append(index)
            bytes_ = 0
        bytes_ += size
    ends = [*starts[1:], len(nodes)]
    return tuple(
        Piece(tuple(nodes[start:end]), frozenset(name for name, index in last.items() if index >= end))
        for start, end in zip(starts, ends, strict=True)
    )


def _run_pieces(
    model: onnx.ModelProto,
    parts: Sequence[Piece],
    names: Sequence[str],
    frame: Arrays,
    weights: Arrays,
    file: str,
) -> Iterator[Arrays]:
    """What these tensors hold, and in the first piece the inputs."""
    shown, known, wanted_ = frame, dict(frame), frozenset(names)
    for part in parts:
        made = [name for node in part.nodes for name in node.output if name]
        asked = [name for name in made if name in wanted_ or name in part.kept]
        if len(parts) == 1:
            found = run_tensors(model, asked, known, file)
        else:
            found = run_tensors(model, asked, known | weights, file, part.nodes)
        known = {name: array for name, array in (known | found).items() if name in part.kept}
        shown = shown | {name: array for name, array in found.items() if name in wanted_}
        del found
        yield shown
        shown = {}


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
    return _opened(model.SerializeToString(), model, file)


def _opened(data: bytes, model: onnx.ModelProto, file: str) -> Any:
    """The session of a model's bytes, or of those of a part of it. Raises BadInput as `accepted` does."""
    try:
        return session(data, optimised=False, keeps_buffers=False)
    except SncError as error:
        raise BadInput(_culprit(error.message, model, file), error.message, error.hint) from None


def run_tensors(
    model: onnx.ModelProto,
    names: Iterable[str],
    frame: Mapping[str, np.ndarray],
    file: str,
    nodes: Sequence[onnx.NodeProto] | None = None,
) -> Arrays:
    """What these tensors hold in ONNX Runtime, nothing optimised. `nodes`: those that run, all by default;
    they may read anything of the frame. Raises BadInput.
    """
    asked = _whole(model) if nodes is None else _part(model, nodes, frame)
    stated = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    for name in names:
        asked.graph.output.add().name = name
        if stated.get(name):
            asked.graph.output[-1].type.tensor_type.elem_type = stated[name]
    fed = dict(frame) if nodes is None else {value.name: frame[value.name] for value in asked.graph.input}
    data = asked.SerializeToString()
    del asked  # weights may be most of it
    runtime = _opened(data, model, file)
    del data
    in_time("the model was run")
    found = [value.name for value in runtime.get_outputs()]
    try:
        made = zip(found, runtime.run(found, fed), strict=True)
        return {name: array for name, array in made if isinstance(array, np.ndarray)}  # no lists of tensors
    except Exception as error:  # onnxruntime raises a dozen kinds of its own
        said = str(error).strip().splitlines()
        rule = f"ONNX Runtime cannot run it: {_reason(said[0] if said else type(error).__name__)}"
        hint = "mend the model so that ONNX Runtime runs it"
        raise BadInput(_culprit(str(error), model, file), rule, hint=hint) from None


def _whole(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model without outputs, and without what it says of its tensors."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.value_info[:], found.graph.output[:]
    return found


def _part(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], frame: Mapping[str, np.ndarray]
) -> onnx.ModelProto:
    """Some nodes of a model, without outputs: what they read of the frame are inputs."""
    read = {name for node in nodes for name in read_by(node)}
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in frame.items()
        if name in read
    ]
    found = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    found.graph.name = model.graph.name
    found.graph.node.extend(nodes)
    found.graph.input.extend(inputs)
    held = (each for each in model.graph.initializer if each.name in read and each.name not in frame)
    found.graph.initializer.extend(held)
    return found


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


def _values(arrays: Mapping[str, Array]) -> dict[str, Value]:
    return {name: Value(name, array.shape, str(array.dtype)) for name, array in arrays.items()}


def _bytes(name: str, scope: Scope) -> int:
    """How much memory a tensor takes, as far as that is known."""
    shape = scope.shape(name)
    if shape is None:
        return 0
    kind = scope.types[name].tensor_type.elem_type or onnx.TensorProto.FLOAT
    return math.prod(shape) * np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize


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
