"""Floats of other widths: a model in half, bfloat16 or double precision is computed in single precision."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from .onnx_file import graphs, tensors

SINGLE = onnx.TensorProto.FLOAT
NAMES: dict[int, str] = {
    onnx.TensorProto.FLOAT16: "half precision",
    onnx.TensorProto.BFLOAT16: "bfloat16",
    onnx.TensorProto.DOUBLE: "double precision",
}
TYPED = ("to", "dtype")  # attributes that name a type of elements


def widen(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose floats are all singles; the same model when they are."""
    if not _other(model):
        return model
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for tensor in tensors(wide.graph):
        if tensor.data_type in NAMES:
            name = tensor.name
            with np.errstate(over="ignore"):  # what becomes infinite is refused where it is used
                array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, name))
    for attribute in _typed(wide):
        attribute.i = SINGLE
    for value in _declared(wide):
        if value.type.tensor_type.elem_type in NAMES:
            value.type.tensor_type.elem_type = SINGLE
    return wide


def precision_notes(model: onnx.ModelProto) -> tuple[str, ...]:
    """What a user must know of a model whose floats are not singles."""
    found = sorted({NAMES[kind] for kind in _other(model)})
    if not found:
        return ()
    return (f"the model has floats in {', '.join(found)} and was compiled in single precision",)


def _other(model: onnx.ModelProto) -> set[int]:
    """The types of floats in a model that are not singles."""
    kinds = {tensor.data_type for tensor in tensors(model.graph)}
    kinds |= {value.type.tensor_type.elem_type for value in _declared(model)}
    kinds |= {attribute.i for attribute in _typed(model)}
    return kinds & NAMES.keys()


def _typed(model: onnx.ModelProto) -> Iterator[onnx.AttributeProto]:
    for graph in graphs(model.graph):
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name in TYPED and attribute.i in NAMES:
                    yield attribute


def _declared(model: onnx.ModelProto) -> Iterator[onnx.ValueInfoProto]:
    for graph in graphs(model.graph):
        yield from (*graph.input, *graph.output, *graph.value_info)
