"""Operator sets: old models, and very new ones, are brought to one that ONNX Runtime knows."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.errors import Origin, SncError, Unsupported

RUNTIME_OPSETS = range(7, 27)  # what every ONNX Runtime that may be installed runs; others are converted
IR_VERSION = 10  # of converted models: before 4, initializers had to be inputs too
# Operators that ONNX Runtime has not from an opset on, though they mean the same before.
LACKING = {"RoiAlign": 22}
# The integers that ONNX Runtime has no exponents of.
NARROW = {
    onnx.TensorProto.DataType.Value(name) for name in ("INT8", "INT16", "UINT8", "UINT16", "UINT32", "UINT64")
}
NUMPY_SINCE = 7  # the first opset whose operators broadcast as numpy does


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a model uses."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return int(max(versions, default=1))


def unknown_operators(model: onnx.ModelProto, opset: int, file: str) -> Iterator[SncError]:
    """The checker names the operator, but not the node."""
    for node in model.graph.node:
        if node.domain in ("", "ai.onnx") and not onnx.defs.has(node.op_type, opset):
            output = node.output[0] if node.output else ""
            yield Unsupported(
                Origin(file=file, node=node.name, operator=node.op_type, output=output),
                f"ONNX has no such operator at opset {opset}",
                hint="express it with ONNX's operators",
            )


def converted(model: onnx.ModelProto, file: str) -> onnx.ModelProto:
    """The model at an opset that every ONNX Runtime knows, or at its own where newer operators need that.
    Raises Unsupported for older ones that cannot be brought there.
    """
    model = _known_exponents(model)
    opset = opset_of(model)
    operators = {node.op_type for node in model.graph.node if not node.domain}
    newest = min((RUNTIME_OPSETS[-1], *(LACKING[name] - 1 for name in operators if name in LACKING)))
    if RUNTIME_OPSETS[0] <= opset <= newest:
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    found.ir_version = IR_VERSION
    if opset < NUMPY_SINCE:
        _slopes_along_channels(found)
    try:
        return onnx.version_converter.convert_version(found, min(max(opset, RUNTIME_OPSETS[0]), newest))
    except Exception:  # ConvertError and RuntimeError
        if opset > newest:
            return model  # with an operator that is new there: ONNX Runtime is asked when the model is read
        raise Unsupported(
            Origin(file=file),
            f"cannot be brought from opset {opset} to {RUNTIME_OPSETS[0]}..{RUNTIME_OPSETS[-1]}",
            hint="export the model at another opset",
        ) from None


def _known_exponents(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with constant exponents of a type that ONNX Runtime knows."""
    held = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type in NARROW}
    powers = [node for node in model.graph.node if node.op_type == "Pow" and node.input[1:2]]
    names = {node.input[1] for node in powers if node.input[1] in held}
    if not names:
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for name in sorted(names):
        array = numpy_helper.to_array(held[name]).astype(np.int64)
        found.graph.initializer.append(numpy_helper.from_array(array, f"{name}/exponent"))
    for node in found.graph.node:
        if node.op_type == "Pow" and node.input[1] in names:
            node.input[1] = f"{node.input[1]}/exponent"
    return found


def _slopes_along_channels(model: onnx.ModelProto) -> None:
    """Gives the slopes of PRelu, one for each channel, the axes behind it: the converter does not."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:  # what is wrong with the model is reported when it is run
        return
    values = (*inferred.graph.input, *inferred.graph.value_info)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in values}
    slopes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "PRelu" or len(node.input) < 2 or node.input[1] not in slopes:
            continue
        slope, rank = slopes[node.input[1]], ranks.get(node.input[0], 0)
        if slope.ndim == 1 and slope.size > 1 and rank > 2:
            name = f"{node.output[0]}/slope"
            shaped = slope.reshape(-1, *[1] * (rank - 2))
            model.graph.initializer.append(numpy_helper.from_array(shaped, name))
            node.input[1] = name
