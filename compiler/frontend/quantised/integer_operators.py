"""Operators that compute with integers, and ONNX Runtime's fused ones, as ONNX's own operators of floats: the
operands are dequantised before, the result is quantised behind.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from ....ir.errors import BadInput, Unsupported
from .quantisers import DEQUANTISE, QUANTISE
from .rewriting import CLIP_WITH_INPUTS, OWN, Naming, Rewriting, attribute, input_of, like

MICROSOFT = "com.microsoft"
Nodes = Iterator[onnx.NodeProto]


@dataclass(frozen=True, slots=True)
class Operand:
    """Which inputs of a node are a quantised tensor, its scale and its zero point; -1: there is none.

    `axis`: what a scale for each channel runs along.
    """

    value: int
    scale: int
    zero: int
    axis: int = 1

    @property
    def is_float(self) -> bool:
        """Whether the tensor is floats, which the operator quantises at run time."""
        return self.scale < 0 and self.zero < 0


@dataclass(frozen=True, slots=True)
class Form:
    """What an operator of integers computes: an operator of floats, on dequantised operands.

    `result`: which inputs are the result's scale and zero point; () where it is the sum of products itself,
    None where it is floats. `bias`: of int32, its scale is the product of the operands' scales. `shift`: a
    bias of floats that is added behind.
    """

    operator: str
    operands: tuple[Operand, ...]
    result: tuple[int, ...] | None
    bias: int = -1
    shift: int = -1

    @property
    def inputs_min(self) -> int:
        """How many inputs such a node has at least; a Gemm may make floats."""
        result = self.result[:1] if self.result and self.operator != "Gemm" else ()
        return 1 + max(*(max(operand.value, operand.scale) for operand in self.operands), *result, 0)


def _one(operator: str) -> Form:
    return Form(operator, (Operand(0, 1, 2),), (3, 4))


def _two(operator: str, axes: tuple[int, int] = (1, 1), result: int = 6, bias: int = -1) -> Form:
    operands = Operand(0, 1, 2, axes[0]), Operand(3, 4, 5, axes[1])
    return Form(operator, operands, (result, result + 1), bias)


FORMS: Mapping[str, Form] = {
    "QLinearConv": _two("Conv", (1, 0), bias=8),
    "QLinearMatMul": _two("MatMul", (-2, -1)),
    "ConvInteger": Form("Conv", (Operand(0, -1, 2), Operand(1, -1, 3, 0)), ()),
    "MatMulInteger": Form("MatMul", (Operand(0, -1, 2, -2), Operand(1, -1, 3, -1)), ()),
    "QLinearAdd": _two("Add"),
    "QLinearMul": _two("Mul"),
    "QLinearAveragePool": _one("AveragePool"),
    "QLinearGlobalAveragePool": _one("GlobalAveragePool"),
    "QLinearLeakyRelu": _one("LeakyRelu"),
    "QLinearSigmoid": _one("Sigmoid"),
    "QLinearSoftmax": _one("Softmax"),
    "QGemm": _two("Gemm", (0, -1), result=7, bias=6),
    "MatMulIntegerToFloat": Form("MatMul", (Operand(0, 2, 4, -2), Operand(1, 3, 5, -1)), None, shift=6),
    "DynamicQuantizeMatMul": Form("MatMul", (Operand(0, -1, -1), Operand(1, 2, 3, -1)), None, shift=4),
}
DROPPED = ("channels_last", "opset")
QUANTISED = (*FORMS, "QLinearConcat", "DynamicQuantizeLinear")


def is_integer_operator(node: onnx.NodeProto) -> bool:
    """Whether a node computes with quantised tensors."""
    return node.op_type in QUANTISED and node.domain in (*OWN, MICROSOFT)


def expanded(graph: Rewriting) -> Nodes:
    """The nodes of a graph, operators of integers and fused ones in their place. Raises Unsupported."""
    for node in graph.nodes:
        form = FORMS.get(node.op_type)
        if form is not None and node.domain in (*OWN, MICROSOFT):
            graph.check_inputs(node, form.inputs_min)
            yield from _expanded(node, form, graph)
        elif node.domain == MICROSOFT and node.op_type in SPECIAL:
            graph.check_inputs(node, 5 if node.op_type == "QLinearConcat" else 2)
            yield from SPECIAL[node.op_type](node, graph)
        else:
            yield node


def _expanded(node: onnx.NodeProto, form: Form, graph: Rewriting) -> Nodes:
    """A node as its form says."""
    if attribute(node, "channels_last", 0):
        rule = "it keeps channels last"
        raise Unsupported(graph.origin(node), rule, hint="quantise the model with channels first")
    operands = []
    for operand in form.operands:
        name = node.input[operand.value]
        if not operand.is_float:
            name = graph.fresh(f"{name}:real")
            yield _dequantised(node, operand, name, graph)
        operands.append(name)
    if input_of(node, form.bias):
        operands.append((yield from _bias(node, form, graph)))
    scale, zero = _scale_and_zero(node, form, graph)
    shift = input_of(node, form.shift)
    result = graph.fresh(f"{node.output[0]}:real") if scale or shift else node.output[0]
    yield from _operation(node, form.operator, operands, result, graph)
    if shift:
        yield onnx.helper.make_node("Add", [result, shift], [node.output[0]])
    elif scale:
        yield _linear(QUANTISE, result, scale, zero, node.output[0], name=_named(node, "quantised"))


def _dequantised(node: onnx.NodeProto, operand: Operand, result: str, graph: Rewriting) -> onnx.NodeProto:
    """The floats that an operand stands for."""
    is_turned = node.op_type == "QGemm" and operand.axis == -1 and attribute(node, "transB", 0)
    scale, zero = input_of(node, operand.scale) or _unit(graph), input_of(node, operand.zero)
    return _linear(
        DEQUANTISE, node.input[operand.value], scale, zero, result, -2 if is_turned else operand.axis
    )


def _scale_and_zero(node: onnx.NodeProto, form: Form, graph: Rewriting) -> tuple[str, str]:
    """How a node's result is quantised; nothing where it is floats."""
    if form.result is None:
        return "", ""
    if not form.result:
        return _unit(graph), _none(graph)
    return input_of(node, form.result[0]), input_of(node, form.result[1])


def _operation(
    node: onnx.NodeProto, operator: str, operands: list[str], result: str, graph: Rewriting
) -> Nodes:
    """The operator of floats, with the attributes that it has at the model's opset."""
    if operator == "Softmax" and (attribute(node, "opset", 13) >= 13) != (graph.opset >= 13):
        rule = f"its axis is read as at opset {attribute(node, 'opset')}, the model is at {graph.opset}"
        raise Unsupported(graph.origin(node), rule, hint="convert the model before it is quantised")
    if operator == "Gemm" and len(operands) == 2 and graph.opset < CLIP_WITH_INPUTS:
        operands = [*operands, graph.hold(graph.fresh(f"{result}:none"), np.zeros(1, dtype=np.float32))]
    yield like(node, operator, operands, [result], DROPPED)


def _bias(node: onnx.NodeProto, form: Form, graph: Rewriting) -> Naming:
    """The floats that a bias of int32 stands for."""
    value = graph.numbers(node, form.bias)
    scale = np.array([attribute(node, "alpha", 1.0)])
    for operand in form.operands:
        factor = graph.numbers(node, operand.scale)
        if factor is None or value is None:
            raise Unsupported(
                graph.origin(node),
                "its bias or a scale is computed at run time",
                hint="quantise it statically",
            )
        scale = scale * factor.astype(np.float64).ravel()
    assert value is not None
    if scale.size not in (1, value.shape[-1] if value.ndim else 1):
        rule = f"its bias {list(value.shape)} does not fit its {scale.size} scales"
        raise BadInput(graph.origin(node), rule, hint="export the model again")
    name = input_of(node, form.bias)
    result, held = graph.fresh(f"{name}:real"), graph.fresh(f"{name}:scale")
    axis = value.ndim - 1 if scale.size > 1 else 1
    by = graph.hold(
        held, scale.astype(np.float32) if scale.size > 1 else scale.astype(np.float32).reshape(())
    )
    yield _linear(DEQUANTISE, name, by, "", result, axis)
    return result


def _concat(node: onnx.NodeProto, graph: Rewriting) -> Nodes:
    """QLinearConcat: the result's scale and zero point, then tensor, scale and zero point of each operand."""
    parts = []
    graph.check_inputs(node, 2 + 3 * -(-(len(node.input) - 2) // 3))
    for index in range(2, len(node.input), 3):
        name, scale, zero = node.input[index : index + 3]
        parts.append(graph.fresh(f"{name}:real"))
        yield _linear(DEQUANTISE, name, scale, zero, parts[-1])
    joined = graph.fresh(f"{node.output[0]}:real")
    yield like(node, "Concat", parts, [joined])
    scale, zero = node.input[:2]
    yield _linear(QUANTISE, joined, scale, zero, node.output[0], name=_named(node, "quantised"))


ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}


def _activated(node: onnx.NodeProto, source: str, graph: Rewriting) -> Nodes:
    """The activation that a fused operator ends in."""
    kind, result = attribute(node, "activation", ""), node.output[0]
    name = _named(node, "activation")
    if not kind:
        yield onnx.helper.make_node("Identity", [source], [result], name)
        return
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise Unsupported(graph.origin(node), f"its activation is {kind}", hint=f"known are {known}")
    numbers = attribute(node, "activation_params", None)
    if numbers is None:
        named = (attribute(node, f"activation_{which}") for which in ("alpha", "beta", "gamma"))
        numbers = [number for number in named if number is not None]
    given = dict(zip(ACTIVATIONS[kind], numbers, strict=False))
    if kind == "Clip":
        yield graph.clip(source, given.get("min", -np.inf), given.get("max", np.inf), result, name)
    else:
        yield onnx.helper.make_node(kind, [source], [result], name, **given)


FUSED = ("activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma")


def _conv(node: onnx.NodeProto, graph: Rewriting) -> Nodes:
    """FusedConv: a sum with another tensor and an activation follow."""
    result = graph.fresh(f"{node.output[0]}:conv")
    yield like(node, "Conv", [*node.input[:3]], [result], FUSED)
    if input_of(node, 3):
        total = graph.fresh(f"{node.output[0]}:sum")
        yield onnx.helper.make_node("Add", [result, node.input[3]], [total])
        result = total
    yield from _activated(node, result, graph)


def _gemm(node: onnx.NodeProto, graph: Rewriting) -> Nodes:
    """FusedGemm: an activation follows."""
    result = graph.fresh(f"{node.output[0]}:gemm")
    yield like(node, "Gemm", node.input, [result], FUSED)
    yield from _activated(node, result, graph)


def _matmul(node: onnx.NodeProto, graph: Rewriting) -> Nodes:
    """FusedMatMul: alpha and the transposition of a constant are computed beforehand."""
    constants = [graph.constant_input(node, index) for index in (0, 1)]
    names = list(node.input)
    alpha = float(attribute(node, "alpha", 1.0))
    for index, letter in enumerate("AB"):
        turned, value = attribute(node, f"trans{letter}", 0), constants[index]
        if attribute(node, f"transBatch{letter}", 0) or (turned and value is None):
            rule = f"it transposes its operand {letter}"
            raise Unsupported(graph.origin(node), rule, hint="save the model without ONNX Runtime's fusions")
        if turned and value is not None and value.ndim > 1:
            names[index] = graph.hold(graph.fresh(f"{names[index]}:turned"), np.swapaxes(value, -1, -2))
    result = node.output[0] if alpha == 1 else graph.fresh(f"{node.output[0]}:product")
    yield onnx.helper.make_node("MatMul", names, [result], node.name)
    if alpha != 1:
        factor = graph.hold(graph.fresh(f"{node.output[0]}:alpha"), np.array(alpha, dtype=np.float32))
        yield onnx.helper.make_node("Mul", [result, factor], [node.output[0]])


SPECIAL: Mapping[str, Callable[[onnx.NodeProto, Rewriting], Nodes]] = {
    "QLinearConcat": _concat,
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
}


def _linear(
    operator: str, source: str, scale: str, zero: str, result: str, axis: int = 1, name: str = ""
) -> onnx.NodeProto:
    inputs = [source, scale, zero] if zero else [source, scale]
    made = onnx.helper.make_node(operator, inputs, [result], name)
    if axis != 1:
        made.attribute.append(onnx.helper.make_attribute("axis", axis))
    return made


def _named(node: onnx.NodeProto, label: str) -> str:
    return f"{node.name}:{label}" if node.name else ""


def _unit(graph: Rewriting) -> str:
    """The scale of integers that stand for themselves."""
    return graph.hold(graph.fresh("one"), np.array(1, dtype=np.float32))


def _none(graph: Rewriting) -> str:
    """The zero point of a sum of products."""
    return graph.hold(graph.fresh("zero"), np.array(0, dtype=np.int32))
