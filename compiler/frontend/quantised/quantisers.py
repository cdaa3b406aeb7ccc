"""What a QuantizeLinear or a DequantizeLinear says, and what it makes of constants."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ....ir.errors import BadInput
from .quantisation import Quantisation, limits
from .rewriting import Rewriting, attribute, input_of

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"


def quantisation_of(
    node: onnx.NodeProto, graph: Rewriting, integers: np.dtype[Any] | None = None
) -> Quantisation | None:
    """How a node quantises or dequantises; None where that is computed at run time. `integers`: their type,
    where it is known. Raises BadInput.
    """
    scale, zero = graph.numbers(node, 1), graph.constant_input(node, 2)
    if scale is None or (input_of(node, 2) and zero is None):
        return None
    if zero is None:
        zero = np.zeros(scale.shape, dtype=_stated_type(node, integers))
    rule, hint = "", "export the model again"
    if limits(zero.dtype) is None:
        rule = f"its zero point is of type {zero.dtype}, which is no integer"
        hint = "quantise to int8 or uint8"
    elif zero.size != scale.size and 1 not in (zero.size, scale.size):
        rule = f"it has {scale.size} scales and {zero.size} zero points"
    elif not zero.size:
        rule = "it has no zero point"
    elif node.op_type == QUANTISE and not (scale > 0).all():
        rule = "one of its scales is no positive number"
    if rule:
        raise BadInput(graph.origin(node), rule, hint=hint)
    if zero.size > scale.size:
        scale = np.broadcast_to(scale.reshape(()), zero.shape)
    axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    spread = scale.ndim > 1 and not block
    return Quantisation(scale, zero.astype(np.float32), zero.dtype, axis, block, spread)


def fold(node: onnx.NodeProto, graph: Rewriting) -> bool:
    """Computes a quantisation of constants; False where a node is none. Raises BadInput."""
    value = graph.constant_input(node, 0)
    if node.op_type not in (QUANTISE, DEQUANTISE) or value is None:
        return False
    how = quantisation_of(node, graph, value.dtype)
    if how is None:
        return False
    try:
        made: NDArray[Any] = how.dequantised(value) if node.op_type == DEQUANTISE else how.quantised(value)
    except (ValueError, IndexError):  # they do not broadcast
        made = np.zeros(0)
    if made.shape != value.shape:
        rule = f"its scales {list(how.scale.shape)} do not fit the constant {list(value.shape)}"
        raise BadInput(graph.origin(node), rule, hint="export the model again")
    graph.hold(node.output[0], made)
    return True


def _stated_type(node: onnx.NodeProto, integers: np.dtype[Any] | None) -> np.dtype[Any]:
    """The type of a node's integers where it has no zero point."""
    stated = attribute(node, "output_dtype", 0)
    if node.op_type != QUANTISE:
        return integers if integers is not None else np.dtype(np.int32)
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(stated)) if stated else np.dtype(np.uint8)
