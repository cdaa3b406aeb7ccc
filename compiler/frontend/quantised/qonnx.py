"""qonnx's quantisers (Brevitas and FINN write them): Quant(x, scale, zero point, bit width)."""

import numpy as np
import onnx

from ....ir.errors import BadInput, Unsupported
from .quantisation import ROUNDINGS, Reals, rounded
from .rewriting import Rewriting, attribute

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
QUANT = ("Quant", "IntQuant")
OTHERS = ("BipolarQuant", "Trunc", "FloatQuant")
BITS_MAX = 32


def is_quantiser(node: onnx.NodeProto) -> bool:
    """Whether a node is one of qonnx's quantisers."""
    return node.domain in DOMAINS and node.op_type in (*QUANT, *OTHERS)


def fold(node: onnx.NodeProto, graph: Rewriting) -> bool:
    """Quantises a constant, exactly; False where a node does nothing like that. Raises SncError."""
    if not is_quantiser(node) or not all(graph.is_constant(name) for name in node.input):
        return False
    graph.check_inputs(node, 2 if node.op_type == "BipolarQuant" else 4)
    value, scale = (graph.numbers(node, index) for index in (0, 1))
    assert value is not None
    assert scale is not None
    try:
        if node.op_type == "BipolarQuant":
            made = np.where(value >= 0, scale, -scale).astype(np.float32)
        elif node.op_type in QUANT:
            zero, ends = _parameters(node, graph)
            made = rounded(value, scale, zero, ends, _rounding(node, graph))
        else:
            return False
    except ValueError:  # they do not broadcast
        made = np.zeros(0, dtype=np.float32)
    if made.shape != value.shape:
        rule = f"its scales {list(scale.shape)} do not fit the constant {list(value.shape)}"
        raise BadInput(graph.origin(node), rule, hint="export the model again")
    graph.hold(node.output[0], made)
    return True


def bounds(node: onnx.NodeProto, graph: Rewriting) -> tuple[Reals, Reals, float]:
    """The range of a quantised activation, and how large a step is. Raises SncError."""
    if node.op_type not in QUANT:
        raise Unsupported(
            graph.origin(node),
            "it makes other numbers than a clamp: it has no float form",
            hint="quantise activations with Quant, to two bits or more",
        )
    graph.check_inputs(node, 4)
    scale = graph.numbers(node, 1)
    if scale is None or not all(graph.is_constant(name) for name in node.input[1:]):
        rule = "its scale, zero point or bit width is computed at run time"
        raise Unsupported(graph.origin(node), rule, hint="export it with constant scales")
    zero, ends = _parameters(node, graph)
    if not (scale > 0).all() or (1 not in (zero.size, scale.size) and zero.shape != scale.shape):
        rule = "one of its scales is no positive number, or they do not fit its zero points"
        raise BadInput(graph.origin(node), rule, hint="export the model again")
    low, high = (((np.float32(end) - zero) * scale).astype(np.float32) for end in ends)
    return low, high, float(scale.max())


def _rounding(node: onnx.NodeProto, graph: Rewriting) -> str:
    rounding = str(attribute(node, "rounding_mode", "ROUND")).upper()
    if rounding not in ROUNDINGS:
        rule, hint = f"its rounding mode is {rounding}", f"known are {', '.join(ROUNDINGS)}"
        raise Unsupported(graph.origin(node), rule, hint=hint)
    return rounding


def _parameters(node: onnx.NodeProto, graph: Rewriting) -> tuple[Reals, tuple[float, float]]:
    """Zero point, and the least and the largest integer."""
    zero, width = (graph.numbers(node, index) for index in (2, 3))
    assert zero is not None
    assert width is not None
    if width.size != 1:
        rule = "its bit width differs from channel to channel"
        raise Unsupported(graph.origin(node), rule, hint="quantise all channels to as many bits")
    bits, narrow = float(width.ravel()[0]), attribute(node, "narrow", 0)
    if not 1 <= bits <= BITS_MAX:
        rule = f"its bit width is {bits:g}, it may be 1 to {BITS_MAX}"
        raise BadInput(graph.origin(node), rule, hint="export the model again")
    if attribute(node, "signed", 1):
        most = 2 ** (bits - 1) - 1
        return zero, (-most if narrow else -most - 1, most)
    return zero, (0.0, 2**bits - (2 if narrow else 1))
