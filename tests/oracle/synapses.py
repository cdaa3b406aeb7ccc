"""The slow oracle: the synapses of one ONNX node, straight from the operator's definition.

Every pair (input element, output element) that the operator connects has an entry, be its weight zero
or not; taps in the padding, holes of a dilation and neighbours without a share in an interpolation
connect nothing. Operators that are no weighted sum (MaxPool, the product of two tensors, activations)
connect with weight one, once even where both operands are one tensor. Constants are no input elements:
they are weights, or go into `node_bias`.
"""

from collections import defaultdict

import numpy as np
import onnx

from . import spatial
from .reading import Reading, Shape, Source, Synapses, Values, flat, integer, number
from .views import VIEWS, view_elements

__all__ = ["ELEMENTWISE", "SUPPORTED", "Reading", "Source", "Synapses", "node_bias", "node_synapses"]

ELEMENTWISE = {"Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid"}
_POOLS = {"AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"}
_JOINS = {"Add": 1.0, "Sub": -1.0, "Mul": 1.0}  # the weight of the second operand
_SPATIAL = _POOLS | {"Conv", "ConvTranspose", "Resize", "Upsample"}
SUPPORTED = ELEMENTWISE | _SPATIAL | VIEWS | {*_JOINS, "Gemm", "MatMul", "BatchNormalization"}


def node_synapses(model: onnx.ModelProto | Reading, node: onnx.NodeProto, output: int = 0) -> Synapses:
    """{((input tensor, flat index), flat index in the output): weight}; `output` matters for Split only."""
    reading = model if isinstance(model, Reading) else Reading.of(model)
    match node.op_type:
        case "Conv":
            return spatial.conv(reading, node)
        case "ConvTranspose":
            return spatial.conv_transpose(reading, node)
        case "Resize" | "Upsample":
            return spatial.resize(reading, node)
        case "Gemm" | "MatMul":
            return _dense(reading, node)
        case "Add" | "Sub" | "Mul":
            return _join(reading, node)
        case "BatchNormalization":
            scale, _ = _batch_norm(reading, node)
            return _one_to_one(reading, node, scale)
        case operator if operator in _POOLS:
            return spatial.pool(reading, node)
        case operator if operator in ELEMENTWISE:
            return _one_to_one(reading, node, [])
        case operator if operator in VIEWS:
            return {(source, i): 1.0 for i, source in enumerate(view_elements(reading, node, output))}
        case operator:
            raise NotImplementedError(operator)


def node_bias(model: onnx.ModelProto | Reading, node: onnx.NodeProto, output: int = 0) -> list[float]:
    """What is added to each output element, in flat order: zero where the operator adds nothing."""
    reading = model if isinstance(model, Reading) else Reading.of(model)
    shape = reading.shapes[node.output[output]]
    bias = [0.0] * int(np.prod(shape))
    if node.op_type in ("Conv", "ConvTranspose", "BatchNormalization"):
        if node.op_type == "BatchNormalization":
            _, per_channel = _batch_norm(reading, node)
        elif len(node.input) > 2 and node.input[2]:
            per_channel = [float(each) for each in reading.values(node.input[2])]
        else:
            per_channel = [0.0] * shape[1]
        for index in np.ndindex(*shape):
            bias[flat(shape, *index)] = per_channel[index[1]]
    elif node.op_type == "Gemm" and len(node.input) > 2 and node.input[2]:
        values = reading.values(node.input[2])
        for index in np.ndindex(*shape):
            bias[flat(shape, *index)] = number(node, "beta", 1.0) * _broadcast(values, index)
    elif node.op_type in ("Add", "Sub"):
        for operand, sign in zip(node.input, (1.0, _JOINS[node.op_type]), strict=True):
            if operand in reading.constants:
                for index in np.ndindex(*shape):
                    bias[flat(shape, *index)] += sign * _broadcast(reading.values(operand), index)
    return bias


def _dense(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """Every input feature to every output feature."""
    x = node.input[0]
    weights = reading.values(node.input[1])
    alpha = 1.0
    if node.op_type == "Gemm":
        assert not integer(node, "transA", 0), "a batch of one has no use for a transposed input"
        alpha = number(node, "alpha", 1.0)
        weights = weights.T if integer(node, "transB", 0) else weights
    inputs, outputs = weights.shape
    return {((x, i), o): alpha * float(weights[i, o]) for i in range(inputs) for o in range(outputs)}


def _join(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """Two operands with broadcasting. The same tensor twice is one synapse of twice the weight in a sum."""
    shape = reading.shapes[node.output[0]]
    factor = 1.0
    synapses: defaultdict[tuple[Source, int], float] = defaultdict(float)
    for index in np.ndindex(*shape):
        target = flat(shape, *index)
        for operand, weight in zip(node.input, (1.0, _JOINS[node.op_type]), strict=True):
            if operand in reading.constants:
                continue
            source = (operand, _broadcast_flat(reading.shapes[operand], index))
            if node.op_type == "Mul":
                others = [each for each in node.input if each in reading.constants]
                factor = _broadcast(reading.values(others[0]), index) if others else 1.0
                synapses[source, target] = factor
            else:
                synapses[source, target] += weight
    return dict(synapses)


def _one_to_one(reading: Reading, node: onnx.NodeProto, per_channel: list[float]) -> Synapses:
    """Each element to itself, with the weight of its channel (one where there are none)."""
    x = node.input[0]
    shape = reading.shapes[x]
    synapses: Synapses = {}
    for index in np.ndindex(*shape):
        position = flat(shape, *index)
        synapses[(x, position), position] = per_channel[index[1]] if per_channel else 1.0
    return synapses


def _batch_norm(reading: Reading, node: onnx.NodeProto) -> tuple[list[float], list[float]]:
    """Factor and offset of every channel."""
    scale, offset, mean, variance = (reading.values(name).astype(np.float64) for name in node.input[1:5])
    factor = scale / np.sqrt(variance + number(node, "epsilon", 1e-5))
    return factor.tolist(), (offset - mean * factor).tolist()


def _broadcast_flat(shape: Shape, index: tuple[int, ...]) -> int:
    """The element of a tensor that a larger result's element reads: axes align at the right."""
    aligned = index[len(index) - len(shape) :]
    return flat(shape, *(0 if size == 1 else i for size, i in zip(shape, aligned, strict=True)))


def _broadcast(values: Values, index: tuple[int, ...]) -> float:
    return float(values.ravel()[_broadcast_flat(values.shape, index)])
