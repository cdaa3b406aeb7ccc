"""Operators that ONNX itself defines by others, and that have no lowering of their own, are written so."""

from collections.abc import Callable
from typing import Any

import onnx

from ...ir.errors import Origin
from ...passes.support import mappable
from .opset import opset_of
from .sizes import RANDOM

DOMAIN = "snc.bodies"  # of the functions while they are put in place
NESTED_MAX = 8  # bodies within bodies
SINGLE = onnx.TensorProto.FLOAT


def with_bodies(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in which ONNX's own bodies stand for operators on floats that nothing else is known of. What
    has none, or none for this opset, stays for others to refuse.
    """
    known = mappable()
    for _ in range(NESTED_MAX):
        found = _once(model, lambda node: node.op_type not in known)
        if found is None:
            break
        model = found
    return model


def with_body_of(model: onnx.ModelProto, culprit: Origin) -> onnx.ModelProto | None:
    """The model in which ONNX's own body stands for the node that an error names; None where there is none.

    ONNX Runtime has no kernel for some operators that are made of others, or not for all that they may be.
    """

    def is_meant(node: onnx.NodeProto) -> bool:
        is_named = (node.op_type, node.name) == (culprit.operator, culprit.node)
        return is_named and culprit.output in node.output

    return _once(model, is_meant)


def _once(model: onnx.ModelProto, is_chosen: Callable[[onnx.NodeProto], bool]) -> onnx.ModelProto | None:
    """The model with one level of bodies put in place; None where there is nothing to be done."""
    import onnx.inliner

    opset = opset_of(model)
    candidates = [
        index
        for index, node in enumerate(model.graph.node)
        if not node.domain
        and is_chosen(node)
        and node.op_type not in RANDOM
        and _has_body(node.op_type, opset)
    ]
    if not candidates:
        return None
    types = _types(model)
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for index in candidates:
        node = found.graph.node[index]
        if not _is_of_floats(node, types):
            continue
        _with_defaults(node, opset)
        body = _body(node, opset, types)
        if body is None:
            continue
        body.domain, body.name = DOMAIN, f"{node.op_type}{index}"
        title = node.name or f"{node.op_type}_{next(filter(None, node.output), '')}"
        for number, inner in enumerate(body.node):
            inner.name = f"{title}/{inner.op_type}{number}"
        for entry in body.opset_import:
            entry.version = opset if entry.domain == "" else entry.version
        found.functions.append(body)
        node.domain, node.op_type = DOMAIN, body.name
    if not found.functions:
        return None
    found.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    try:
        return onnx.inliner.inline_local_functions(found)
    except Exception:  # the inliner's kinds of error are not a public API
        return None


def _has_body(operator: str, opset: int) -> bool:
    try:
        schema: Any = onnx.defs.get_schema(operator, opset, "")
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _types(model: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """The types of all tensors, as far as they are inferred."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # what is wrong with the model is reported when it is run
        return {}
    graph = inferred.graph
    types = {value.name: value.type for value in (*graph.value_info, *graph.output, *graph.input)}
    for tensor in graph.initializer:
        types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    return types


def _is_of_floats(node: onnx.NodeProto, types: dict[str, onnx.TypeProto]) -> bool:
    """Whether a node makes numbers of numbers: others say shapes, or what is true."""
    return all(
        any(types[name].tensor_type.elem_type == SINGLE for name in names if name in types)
        for names in (node.input, node.output[:1])
    )


def _with_defaults(node: onnx.NodeProto, opset: int) -> None:
    """Gives a node the attributes that it leaves out: a body refers to them by name."""
    stated = {attribute.name for attribute in node.attribute}
    for name, attribute in onnx.defs.get_schema(node.op_type, opset, "").attributes.items():
        if name not in stated and attribute.default_value.name:
            node.attribute.append(attribute.default_value)


def _body(node: onnx.NodeProto, opset: int, types: dict[str, onnx.TypeProto]) -> onnx.FunctionProto | None:
    """What ONNX says that a node is made of."""
    schema: Any = onnx.defs.get_schema(node.op_type, opset, "")
    made = onnx.FunctionProto()
    if schema.has_context_dependent_function:
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        given = [types.get(name, onnx.TypeProto()).SerializeToString() for name in node.input]
        if versions:
            text = schema.get_context_dependent_function_with_opset_version(
                max(versions), node.SerializeToString(), given
            )
            made.ParseFromString(text)
    elif versions := [v for v in schema.function_opset_versions if v <= opset]:
        made.ParseFromString(schema.get_function_with_opset_version(max(versions)))
    return made if made.node else None
