"""qonnx's quantisers (Brevitas and FINN write them): Quant(x, scale, zero point, bit width)."""

import numpy as np
import onnx

from ...ir.errors import Unsupported
from .quantisation import ROUNDINGS, Reals, rounded
from .rewriting import Rewriting, attribute

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
QUANT = ("Quant", "IntQuant")
OTHERS = ("BipolarQuant", "Trunc", "FloatQuant")


def is_quantiser(node: onnx.NodeProto) -> bool:
    """Whether a node is one of qonnx's quantisers."""
    return node.domain in DOMAINS and node.op_type in (*QUANT, *OTHERS)


def fold(node: onnx.NodeProto, graph: Rewriting) -> bool:
    """Quantises a constant, exactly; False where a node does nothing like that."""
    if node.domain not in DOMAINS or not all(graph.is_constant(name) for name in node.input):
        return False
    value, scale = graph.constant(node.input[0]), graph.constant(node.input[1])
    if node.op_type == "BipolarQuant":
        graph.hold(node.output[0], np.where(value >= 0, scale, -scale).astype(np.float32))
    elif node.op_type in QUANT:
        zero, ends = _parameters(node, graph)
        rounding = attribute(node, "rounding_mode", "ROUND").upper()
        if rounding not in ROUNDINGS:
            rule, hint = f"its rounding mode is {rounding}", f"known are {', '.join(ROUNDINGS)}"
            raise Unsupported(graph.origin(node), rule, hint=hint)
        graph.hold(node.output[0], rounded(value, scale, zero, ends, rounding))
    else:
        return False
    return True


def bounds(node: onnx.NodeProto, graph: Rewriting) -> tuple[Reals, Reals, float]:
    """The range of a quantised activation, and how large a step is. Raises Unsupported."""
    if node.op_type not in QUANT:
        raise Unsupported(
            graph.origin(node),
            "it makes other numbers than a clamp: it has no float form",
            hint="quantise activations with Quant, to two bits or more",
        )
    if not all(graph.is_constant(name) for name in node.input[1:]):
        rule = "its scale, zero point or bit width is computed at run time"
        raise Unsupported(graph.origin(node), rule, hint="export it with constant scales")
    scale = graph.constant(node.input[1]).astype(np.float32)
    zero, ends = _parameters(node, graph)
    low, high = (((np.float32(end) - zero) * scale).astype(np.float32) for end in ends)
    return low, high, float(scale.max())


def _parameters(node: onnx.NodeProto, graph: Rewriting) -> tuple[Reals, tuple[float, float]]:
    """Zero point, and the least and the largest integer."""
    zero, width = (graph.constant(node.input[index]).astype(np.float32) for index in (2, 3))
    if width.size != 1:
        rule = "its bit width differs from channel to channel"
        raise Unsupported(graph.origin(node), rule, hint="quantise all channels to as many bits")
    bits, narrow = float(width.ravel()[0]), attribute(node, "narrow", 0)
    if attribute(node, "signed", 1):
        most = 2 ** (bits - 1) - 1
        return zero, (-most if narrow else -most - 1, most)
    return zero, (0.0, 2**bits - (2 if narrow else 1))
