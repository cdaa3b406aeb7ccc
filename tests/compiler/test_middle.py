"""Normalisations and attention in the middle of a network, and alone: the chip has all of it."""

from typing import Any

import numpy as np
import onnx
import pytest

from snc.compiler.running.inputs import random_frames
from snc.ir.errors import SncError

from .reference import assert_computes, assert_layers, compiled
from .test_families import Net

OPSET = 17
EPSILON = 1e-3
TOKENS, FEATURES, HEADS = 16, 24, 2


def is_computed(made: onnx.ModelProto) -> None:
    """The chip has all of a network, and every layer holds what ONNX Runtime computes."""
    found = compiled(made)
    assert found.image.about.host_before == found.image.about.host_after == ()
    for frame in random_frames(found.image, 2, 3):
        assert_computes(found.image, made, frame)
        assert_layers(found, frame)


def shaped(net: Net, x: str, *shape: int) -> str:
    return net.add("Reshape", x, net.constant(np.asarray(shape, np.int64)))


def dense(net: Net, x: str, inputs: int, outputs: int) -> str:
    return net.add("Add", net.add("MatMul", x, net.weights(inputs, outputs)), net.gains(outputs)[1])


def attention(net: Net, x: str, tokens: int, features: int, heads: int) -> str:
    """Scaled dot products of [1, tokens, features] with itself, head by head."""
    parts = []
    for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        part = shaped(net, dense(net, x, features, features), 1, tokens, heads, features // heads)
        parts.append(net.add("Transpose", part, perm=order))
    query, key, value = parts
    scale = net.constant(np.asarray(1 / np.sqrt(features / heads)))
    scores = net.add("Mul", net.add("MatMul", query, key), scale)
    mixed = net.add("MatMul", net.add("Softmax", scores, axis=-1), value)
    mixed = net.add("Transpose", mixed, perm=[0, 2, 1, 3])
    return dense(net, shaped(net, mixed, 1, tokens, features), features, features)


def attention_alone(tokens: int = TOKENS, features: int = FEATURES) -> onnx.ModelProto:
    net = Net(OPSET, (1, tokens, features))
    return net.model(attention(net, "x", tokens, features, HEADS))


def attention_between_convolutions() -> onnx.ModelProto:
    """Pixels of a map that attend to each other, as in a non-local block."""
    net = Net(OPSET, (1, 3, 4, 5))
    maps = net.add("Conv", "x", net.weights(8, 3, 3, 3), pads=[1] * 4)
    rows = net.add("Transpose", shaped(net, maps, 1, 8, 20), perm=[0, 2, 1])
    mixed = net.add("Transpose", attention(net, rows, 20, 8, 1), perm=[0, 2, 1])
    again = net.add("Add", shaped(net, mixed, 1, 8, 4, 5), maps)
    return net.model(net.add("Conv", again, net.weights(4, 8, 3, 3), pads=[1] * 4))


def dense_pair_with_gelu() -> onnx.ModelProto:
    """A transformer's two dense layers; between them x (1 + erf(x / sqrt(2))) / 2, as exporters write it."""
    net = Net(OPSET, (1, TOKENS, FEATURES))
    x = dense(net, "x", FEATURES, 12 * FEATURES)
    one, half, root = (net.constant(np.asarray(value)) for value in (1.0, 0.5, np.sqrt(2)))
    grown = net.add("Add", net.add("Erf", net.add("Div", x, root)), one)
    x = net.add("Mul", net.add("Mul", x, grown), half)
    return net.model(dense(net, x, 12 * FEATURES, FEATURES))


NETWORKS = {
    "attention alone": attention_alone,
    "attention between convolutions": attention_between_convolutions,
    "attention of 128 tokens": lambda: attention_alone(128, 32),
    "dense pair with gelu": dense_pair_with_gelu,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_chips(name: str) -> None:
    is_computed(NETWORKS[name]())


MAPS, ROWS = (1, 8, 4, 6), (1, 7, 12)
ALONE: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[tuple[int, ...], ...]]] = {
    "Softmax": (ROWS, {"axis": -1}, ()),
    "LogSoftmax": (MAPS, {"axis": 1}, ()),
    "InstanceNormalization": (MAPS, {"epsilon": EPSILON}, ((8,), (8,))),
    "LayerNormalization": (ROWS, {"epsilon": EPSILON}, ((12,), (12,))),
    "MeanVarianceNormalization": (MAPS, {"axes": [0, 2, 3]}, ()),
    "LpNormalization": (ROWS, {"axis": 1}, ()),
    "BatchNormalization": (MAPS, {}, ((8,),) * 4),
    "LRN": (MAPS, {"size": 3}, ()),
    "LpPool": (MAPS, {"kernel_shape": [2, 2]}, ()),
}


@pytest.mark.parametrize("operator", ALONE)
def test_a_normalisation_alone_is_the_chips(operator: str) -> None:
    """A network without weights is no host's, whatever it is made of."""
    shape, said, constants = ALONE[operator]
    net = Net(OPSET, shape)
    held = [net.constant(np.abs(net.random.standard_normal(form)) + 0.5) for form in constants]
    is_computed(net.model(net.add(operator, "x", *held, **said)))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("operator", ["Mul", "Div", "Add", "Sub"])
def test_rows_of_a_product_take_a_constant_along_any_axis(operator: str, axis: int) -> None:
    """A product with a matrix has the features as channels and the rows as pixels: axis 1 is not its
    channels, and a map for each row would be as many planes as there are features.
    """
    net = Net(OPSET, (1, 7, 12))
    bent = net.add("Relu", net.add("Tanh", net.add("MatMul", "x", net.weights(12, 300))))
    form = [1, 1, 1]
    form[axis] = (1, 7, 300)[axis]
    constant = net.constant(2 + net.random.standard_normal(form) / 3)
    is_computed(net.model(net.add(operator, bent, constant)))


def attention_operator(way: str) -> onnx.ModelProto:
    """ONNX's own operator between dense layers."""
    net, tokens = Net(23, (1, 6, 16)), 6
    query, key, value = (dense(net, "x", 16, 16) for _ in range(3))
    said: dict[str, Any] = {"q_num_heads": 2, "kv_num_heads": 2}
    more: list[str] = []
    seen = np.tril(np.ones((tokens, tokens), dtype=np.bool_), 1)
    if way == "causal":
        said["is_causal"] = 1
    elif way == "a mask of truths":
        more = [net.constant(seen)]
    elif way == "a mask of numbers":
        more = [net.constant(np.where(seen, net.random.standard_normal(seen.shape), -np.inf))]
    elif way == "shared keys":
        key, value = dense(net, "x", 16, 8), dense(net, "x", 16, 8)
        said["kv_num_heads"] = 1
    elif way == "a cap and a scale":
        said |= {"softcap": 2.0, "scale": 0.7}
    elif way == "a cap and a mask":
        more = [net.constant(np.where(seen, net.random.standard_normal(seen.shape), -np.inf))]
        said["softcap"] = 2.0
    elif way == "a query without keys":
        seen[2] = False
        more = [net.constant(seen)]
    elif way == "scores with their mask":
        said |= {"is_causal": 1, "qk_matmul_output_mode": 2}
    elif way == "a past":
        more = ["", *(net.constant(net.random.standard_normal((1, 2, 3, 8))) for _ in "kv")]
    found = net.add("Attention", query, key, value, *more, **said)
    if way == "a past":
        net.nodes[-1].output.extend(["present_key", "present_value"])
    if way == "scores with their mask":
        net.nodes[-1].output.extend(["", "", "scores"])
        found = net.add("Concat", found, net.add("Exp", shaped(net, "scores", 1, 6, 12)), axis=2)
        return net.model(dense(net, found, 28, 4))
    return net.model(dense(net, found, 16, 4))


@pytest.mark.parametrize(
    "way",
    [
        "plain",
        "causal",
        "a mask of truths",
        "a mask of numbers",
        "shared keys",
        "a cap and a scale",
        "a cap and a mask",
        "a query without keys",
        "scores with their mask",
        "a past",
    ],
)
def test_the_operator_attention_is_the_chips(way: str) -> None:
    is_computed(attention_operator(way))


def test_attention_of_too_many_tokens_is_refused_with_the_figure() -> None:
    """Every row times every column is a neuron each: 2 heads of 300 x 300 x 4."""
    with pytest.raises(SncError, match="its 720000 values would take"):
        compiled(attention_alone(300, 8))


def test_zeros_are_no_weights() -> None:
    """A network without weights is the chip's whole, also where it multiplies by a constant of zeros."""
    net = Net(17, (1, 4, 6))
    nothing = net.add("MatMul", "x", net.constant(np.zeros((6, 6), np.float32)))
    is_computed(net.model(net.add("Add", net.add("Softmax", "x"), nothing)))
