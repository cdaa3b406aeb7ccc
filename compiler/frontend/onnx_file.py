"""ONNX files: read with every doubt checked before anything large is made of them."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.errors import BadInput, Origin, SncError, Unsupported, raise_all
from ...ir.layers import ARRANGEMENTS, OPEN_ENDED
from .foreign import AS_ONNX, BEGINNING, no_model
from .inline import inlined_functions, named_apart, without_constant_inputs
from .opset import opset_of, unknown_operators

FILE_BYTES_MAX = 2**30  # thirty times the memory of a chip; larger models keep their weights beside them
NODES_MAX = 2**14
CHECKED_BYTES = 2**12  # of larger tensors, the checker sees the first number
TENSOR_ELEMENTS_MAX = 2**28  # the largest tensor of any network we know has 2^27
POSITIVE = ("group", "num_outputs", "kernel_shape", "strides", "dilations")
SIZE_SHOWN = 224  # in the example of a shape that a user has to give
EXAMPLE = "1,3,224,224"
OPSET_MIN = 6
MASK_OF_ATTENTION = "Attention", 3
MASKED = (*OPEN_ENDED, *ARRANGEMENTS, "CastLike")  # operators whose constants may be infinite

M = TypeVar("M", onnx.ModelProto, onnx.GraphProto, onnx.TensorProto)


def load_model(path: Path) -> onnx.ModelProto:
    """The model of a file, with its external data, checked. Raises BadInput or Unsupported."""
    given = Origin(file=str(path))  # what is wrong with a file is said of the path that was given
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= FILE_BYTES_MAX else b""
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
        raise BadInput(given, rule, hint="give the path of an .onnx file") from None
    if path.is_file() and not size:
        raise BadInput(given, "is no ONNX model: it is empty", hint=AS_ONNX)
    if size > FILE_BYTES_MAX:
        rule = f"has {size} bytes, at most {FILE_BYTES_MAX} are read"
        raise BadInput(given, rule, hint="use external data")
    beginning = data[:BEGINNING]
    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # protobuf's own kinds of error are not a public API, and say nothing of the file
        raise no_model(given, path, beginning, "is no ONNX model, or only a part of one") from None
    del data  # the model has a copy of all of it
    if not model.graph.node and not model.graph.output:
        raise no_model(given, path, beginning, "is no ONNX model: it has no graph")
    origin = Origin(file=path.name or str(path))
    _load_external_data(model, path)
    if not _is_text(model):
        raise BadInput(origin, "is no valid ONNX model (a name is no UTF-8)", hint="export it again")
    model = inlined_functions(model, origin.file, NODES_MAX)
    check_model(model, origin)
    return without_constant_inputs(named_apart(model))


def check_model(model: onnx.ModelProto, origin: Origin) -> None:
    """Raises when a model is not well-formed, too old, or holds a tensor that is broken."""
    opset = opset_of(model)
    newest = onnx.defs.onnx_opset_version()
    if not OPSET_MIN <= opset <= newest:
        raise Unsupported(
            origin,
            f"opset {opset} is outside {OPSET_MIN}..{newest}",
            hint="export the model at another opset",
        )
    nodes = sum(1 for _ in _nodes(model.graph))
    if nodes > NODES_MAX:
        rule = f"has {nodes} nodes, at most {NODES_MAX} are read"
        raise BadInput(origin, rule, hint="is the file damaged?")
    if any(graph.sparse_initializer for graph in graphs(model.graph)) or any(
        attribute.name == "sparse_value" for node in _nodes(model.graph) for attribute in node.attribute
    ):
        raise Unsupported(origin, "stores sparse tensors", hint="store them dense")
    raise_all(unknown_operators(model, opset, origin.file))
    raise_all(_impossible_numbers(model, origin.file))
    known = _finite(model)
    for name, tensor in _named(model.graph):
        _check_tensor(tensor, origin, is_mask=name not in known)
    try:
        onnx.checker.check_model(without_weights(_declared_whole(model)))
    except (
        Exception
    ) as error:  # ValidationError, UnicodeDecodeError, InferenceError: any of them is the file's fault
        raise BadInput(
            origin, f"is no valid ONNX model ({first_line(error)})", hint="check it with onnx.checker"
        ) from None


def _declared_whole(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with some shape for each input and output, and some type for each output: the checker asks
    for both, ONNX Runtime for neither.
    """
    silent = [value for value in (*model.graph.input, *model.graph.output) if not _says_all(value)]
    if not silent:
        return model
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    for value in (*whole.graph.input, *whole.graph.output):
        if not _says_all(value):
            value.type.tensor_type.shape.SetInParent()
    for value in whole.graph.output:
        value.type.tensor_type.elem_type = value.type.tensor_type.elem_type or onnx.TensorProto.FLOAT
    return whole


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a single number in place of those of large tensors: the checker copies all that it is
    given, twice, and what tensors hold was looked at before.
    """
    light = _all_but(model, "graph")
    light.graph.CopyFrom(_all_but(model.graph, "initializer"))
    for tensor in model.graph.initializer:
        held = len(tensor.raw_data)
        if held > CHECKED_BYTES:
            one = _all_but(tensor, "raw_data")
            one.dims[:], one.raw_data = [1], bytes(max(1, held // math.prod(tensor.dims)))
            light.graph.initializer.append(one)
        else:
            light.graph.initializer.append(tensor)
    return light


def _all_but(message: M, name: str) -> M:
    """A copy of a message without one of its fields."""
    copy = type(message)()
    for field, value in message.ListFields():
        if field.name == name:
            continue
        if hasattr(value, "MergeFrom"):  # of many values, or a message
            getattr(copy, field.name).MergeFrom(value)
        else:
            setattr(copy, field.name, value)
    return copy


def _says_all(value: onnx.ValueInfoProto) -> bool:
    kind = value.type.WhichOneof("value")
    if kind not in ("tensor_type", None):
        return True
    return bool(value.type.tensor_type.HasField("shape") and value.type.tensor_type.elem_type)


def _impossible_numbers(model: onnx.ModelProto, file: str) -> Iterator[SncError]:
    """Attributes that ONNX Runtime divides by, or counts to, without a look at them."""
    for node in _nodes(model.graph):
        for attribute in node.attribute:
            numbers = [
                *attribute.ints,
                *([attribute.i] if attribute.name in ("group", "num_outputs") else []),
            ]
            outputs = len(node.output)
            least, most = (outputs, outputs) if attribute.name == "num_outputs" else (1, FILE_BYTES_MAX)
            if attribute.name in POSITIVE and not all(least <= number <= most for number in numbers):
                yield BadInput(
                    Origin(file=file, node=node.name, operator=node.op_type),
                    f"its {attribute.name} is {', '.join(map(str, numbers))}",
                    hint="export it again",
                )


def first_line(error: Exception) -> str:
    """The first line of an error's text, for errors that print a page."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and those nested in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for nested in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from graphs(nested)


def _is_text(model: onnx.ModelProto) -> bool:
    """Whether all names are text: protobuf hands on as bytes what is none."""
    names: list[str | bytes] = [value.name for value in (*model.graph.input, *model.graph.output)]
    for graph in graphs(model.graph):
        names += [tensor.name for tensor in graph.initializer]
    for function in model.functions:
        names += [function.name, function.domain, *function.input, *function.output]
    for node in (*_nodes(model.graph), *(node for function in model.functions for node in function.node)):
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    return not any(isinstance(name, bytes) for name in names)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for each in graphs(graph):
        yield from each.node


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a graph stores: initializers and attributes, those of nested graphs included."""
    return (tensor for _, tensor in _named(graph))


def _named(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """The same, with the name of an initializer, or of what a node with attributes makes."""
    for each in graphs(graph):
        yield from ((tensor.name, tensor) for tensor in each.initializer)
        for node in each.node:
            name = next(iter(node.output), "")
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield name, attribute.t
                yield from ((name, tensor) for tensor in attribute.tensors)


def _finite(model: onnx.ModelProto) -> set[str]:
    """Tensors that an operator reads whose constants are numbers."""
    return {
        name
        for node in _nodes(model.graph)
        for index, name in enumerate(node.input)
        if node.op_type not in MASKED and (node.op_type, index) != MASK_OF_ATTENTION
    }


def _check_tensor(tensor: onnx.TensorProto, origin: Origin, is_mask: bool) -> None:
    """Raises BadInput for what cannot be read, or used: only a mask may be infinite."""
    where = Origin(file=origin.file, node=tensor.name, operator="constant")
    if any(size < 0 for size in tensor.dims):
        raise BadInput(where, f"has a negative size in {list(tensor.dims)}", hint="export the model again")
    elements = int(np.prod(tensor.dims, dtype=object)) if tensor.dims else 1
    if elements > TENSOR_ELEMENTS_MAX:
        raise BadInput(
            where,
            f"claims {elements} elements, at most {TENSOR_ELEMENTS_MAX} are read",
            hint="is the file damaged?",
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:
        raise BadInput(
            where, f"cannot be read ({first_line(error)})", hint="export the model again"
        ) from None
    is_bad = np.isnan if is_mask else lambda numbers: ~np.isfinite(numbers)
    if array.dtype.kind == "f" and array.size > 1 and is_bad(array).any():
        raise BadInput(where, "holds NaN or infinity", hint="train or export the model again")


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    folder = path.resolve().parent
    for tensor in tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        where = Origin(file=path.name, node=tensor.name, operator="constant")
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        data = (folder / location).resolve()
        if not location or os.path.isabs(location) or not data.is_relative_to(folder):
            raise BadInput(
                where,
                f"its data lies outside the model's folder: {location!r}",
                hint="move it beside the model",
            )
        if not data.is_file():
            raise BadInput(where, f"its data file {location!r} is missing", hint="copy it beside the model")
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:
            raise BadInput(
                where, f"its data cannot be read ({first_line(error)})", hint="copy it again"
            ) from None
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def fix_shapes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], file: str) -> onnx.ModelProto:
    """A model whose inputs have static shapes: the given ones, and a free batch size is 1. Raises
    BadInput.
    """
    if not shapes and all(map(_is_fixed, (*model.graph.input, *model.graph.output))):
        return model  # a copy would be one of all weights
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    constants = {tensor.name for tensor in fixed.graph.initializer}
    inputs = [value for value in fixed.graph.input if value.name not in constants]
    for name in shapes:
        if name not in {value.name for value in inputs}:
            known = ", ".join(value.name for value in inputs)
            raise BadInput(Origin(file=file), f"has no input {name!r}", hint=f"its inputs are {known}")
    problems: list[SncError] = []
    for value in inputs:
        origin = Origin(file=file, node=value.name, operator="input")
        tensor = value.type.tensor_type
        if tensor.elem_type == onnx.TensorProto.UNDEFINED:  # inferring shapes without it, libraries never end
            problems.append(BadInput(origin, "has no element type", hint="export the model again"))
            continue
        given = shapes.get(value.name)
        dims = [
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
            for dim in tensor.shape.dim
        ]
        if given is not None:
            clash = (len(given) != len(dims) and dims) or any(
                d is not None and d != g for d, g in zip(dims[1:], given[1:], strict=False)
            )
            if clash:
                shown = "x".join("?" if d is None else str(d) for d in dims)
                problems.append(
                    BadInput(
                        origin, f"is {shown}, not {'x'.join(map(str, given))}", hint="change --input-shape"
                    )
                )
                continue
            dims = list(given)
        elif dims and dims[0] is None:
            dims[0] = 1
        is_silent = not tensor.HasField("shape") and given is None
        if is_silent or any(d is None for d in dims):
            shown = "?" if is_silent else "x".join("?" if d is None else str(d) for d in dims)
            example = EXAMPLE if is_silent else ",".join(str(d or SIZE_SHOWN) for d in dims)
            hint = f"give its sizes, as in --input-shape {value.name}:{example}"
            problems.append(BadInput(origin, f"has no fixed shape ({shown})", hint=hint))
            continue
        del tensor.shape.dim[:]
        tensor.shape.SetInParent()
        for d in dims:
            tensor.shape.dim.add().dim_value = int(d or 0)
    if problems:
        raise problems[0]
    if shapes or any(
        not dim.HasField("dim_value")
        for value in fixed.graph.output
        for dim in value.type.tensor_type.shape.dim
    ):
        for value in fixed.graph.output:
            for dim in value.type.tensor_type.shape.dim:
                dim.ClearField("value")
        del fixed.graph.value_info[:]
    return fixed


def _is_fixed(value: onnx.ValueInfoProto) -> bool:
    """Whether a tensor's type and all its sizes are stated."""
    tensor = value.type.tensor_type
    return _says_all(value) and all(dim.dim_value > 0 for dim in tensor.shape.dim) and tensor.elem_type > 0
