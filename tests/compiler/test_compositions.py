"""Operators that are made of others, between layers with weights: as ONNX Runtime computes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.backends.machine.machine import Arithmetic
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import network_inputs

from .reference import assert_computes, assert_layers, compiled, options, run, truth

Node = onnx.NodeProto
RANDOM = np.random.default_rng(5)
Weights = npt.NDArray[np.float32]


def drawn(*shape: int, scale: float = 0.4) -> Weights:
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


MAPS = {"w": drawn(8, 3, 3, 3), "v": drawn(2, 8, 1, 1)}
ROWS = {"w": drawn(6, 12), "v": drawn(12, 5)}
GAIN, SHIFT = 1 + drawn(8), drawn(8)
WIDE_GAIN, WIDE_SHIFT = 1 + drawn(12), drawn(12)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Node:
    """A node named after its output; "-" stands for an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, names, [output], name=output, **attributes)


def model(
    nodes: Sequence[Node], shape: Sequence[int], opset: int, constants: Mapping[str, npt.NDArray[Any]]
) -> onnx.ModelProto:
    """A model from x to y."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def on_maps(nodes: Sequence[Node], opset: int, **constants: npt.NDArray[Any]) -> onnx.ModelProto:
    """Nodes from a [1, 8, 4, 6] to b of that shape, between two convolutions."""
    around = [node("Conv", "x w", "a", pads=[1, 1, 1, 1]), *nodes, node("Conv", "b v", "y")]
    return model(around, [1, 3, 4, 6], opset, MAPS | constants)


def on_rows(nodes: Sequence[Node], opset: int, **constants: npt.NDArray[Any]) -> onnx.ModelProto:
    """Nodes from a [1, 7, 12] to b of that shape, between two products."""
    around = [node("MatMul", "x w", "a"), *nodes, node("MatMul", "b v", "y")]
    return model(around, [1, 7, 6], opset, ROWS | constants)


def holds(made: onnx.ModelProto) -> Compiled:
    """It compiles, all of it onto the chip, and computes what ONNX Runtime does, layer by layer."""
    found = compiled(made)
    assert found.image.about.host_before == found.image.about.host_after == ()
    for frame in random_frames(found.image, 2, 3):
        assert_computes(found.image, made, frame)
        assert_layers(found, frame)
    return found


AXES = {"axes": np.asarray([1, 3], np.int64)}
ON_MAPS: dict[str, tuple[Sequence[Node], int, dict[str, npt.NDArray[Any]]]] = {
    **{
        f"{operator} along {axis} at opset {opset}": ([node(operator, "a", "b", axis=axis)], opset, {})
        for operator, axis, opset in (
            ("Softmax", 1, 13),
            ("Softmax", -1, 17),
            ("Softmax", 2, 13),
            ("Softmax", 2, 11),
            ("LogSoftmax", 1, 13),
            ("LogSoftmax", 3, 13),
        )
    },
    "instance": (
        [node("InstanceNormalization", "a s t", "b", epsilon=1e-3)],
        13,
        {"s": GAIN, "t": SHIFT},
    ),
    **{
        f"layer along {axis}": (
            [node("LayerNormalization", "a s t", "b", axis=axis)],
            17,
            {"s": 1 + drawn(*shape), "t": drawn(*shape)},
        )
        for axis, shape in ((-1, (6,)), (1, (8, 4, 6)), (2, (4, 6)))
    },
    "group by channel": (
        [node("GroupNormalization", "a s t", "b", num_groups=4)],
        21,
        {"s": GAIN, "t": SHIFT},
    ),
    **{
        f"local response over {size}": (
            [node("LRN", "a", "b", size=size, alpha=0.7, beta=0.6, bias=bias)],
            13,
            {},
        )
        for size, bias in ((1, 1.0), (3, 2.0), (5, 0.5), (11, 1.0), (17, 1.0))
    },
    "mean and variance": ([node("MeanVarianceNormalization", "a", "b", axes=[0, 2, 3])], 13, {}),
    "mean and variance at opset 9": ([node("MeanVarianceNormalization", "a", "b")], 9, {}),
    "mean and variance of all": ([node("MeanVarianceNormalization", "a", "b", axes=[0, 1, 2, 3])], 13, {}),
    "norm of magnitudes": ([node("LpNormalization", "a", "b", axis=1, p=1)], 13, {}),
    "norm of squares": ([node("LpNormalization", "a", "b", axis=3)], 13, {}),
    "pool of squares": (
        [node("LpPool", "a", "b", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
        11,
        {},
    ),
    "pool of magnitudes": (
        [node("LpPool", "a", "b", kernel_shape=[2, 2], p=1, auto_pad="SAME_UPPER")],
        11,
        {},
    ),
    "pool of dilated windows": (
        [node("LpPool", "a", "b", kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 1, 1, 1])],
        22,
        {},
    ),
    "pool of windows that go beyond": (
        [
            node("LpPool", "a", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 0, 1], ceil_mode=1),
            node("Resize", "p - - sizes", "b", mode="nearest"),
        ],
        18,
        {"sizes": np.asarray([1, 8, 4, 6], np.int64)},
    ),
    "pool of dilated windows at opset 18": (
        [node("LpPool", "a", "b", kernel_shape=[2, 3], dilations=[2, 1], pads=[1, 1, 1, 1], p=1)],
        18,
        {},
    ),
    "global pool": ([node("GlobalLpPool", "a", "g", p=3), node("Add", "a g", "b")], 13, {}),
    "quotient of maps": (
        [node("Softplus", "a", "p"), node("Add", "p one", "q"), node("Div", "a q", "b")],
        13,
        {"one": np.array(1, dtype=np.float32)},
    ),
    "quotient of a constant": (
        [node("Softplus", "a", "p"), node("Add", "p one", "q"), node("Div", "c q", "b")],
        13,
        {"one": np.array(1, dtype=np.float32), "c": drawn(8, 1, 1)},
    ),
    "reciprocal as a quotient": (
        [node("Softplus", "a", "p"), node("Add", "p one", "q"), node("Div", "one q", "b")],
        13,
        {"one": np.array(1, dtype=np.float32)},
    ),
    **{
        f"{operator} at opset {opset}": (
            [node(operator, inputs, "r", **said), node("Sub", "a r", "b")],
            opset,
            AXES if opset > 17 else {},
        )
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")
        for opset, inputs, said in ((13, "a", {"axes": [2]}), (18, "a axes", {}))
    },
    "ReduceLogSum": (
        [node("Exp", "a", "e"), node("ReduceLogSum", "e", "r", axes=[1]), node("Sub", "a r", "b")],
        13,
        {},
    ),
}


@pytest.mark.parametrize("name", ON_MAPS)
def test_an_operator_on_feature_maps(name: str) -> None:
    nodes, opset, constants = ON_MAPS[name]
    holds(on_maps(nodes, opset, **constants))


ON_ROWS: dict[str, tuple[Sequence[Node], int, dict[str, npt.NDArray[Any]]]] = {
    "softmax": ([node("Softmax", "a", "b", axis=-1)], 17, {}),
    "layer": ([node("LayerNormalization", "a s t", "b")], 17, {"s": WIDE_GAIN, "t": WIDE_SHIFT}),
    "layer without a shift": ([node("LayerNormalization", "a s", "b", epsilon=1e-3)], 17, {"s": WIDE_GAIN}),
    "layer with mean and deviation": (
        [
            helper.make_node("LayerNormalization", ["a", "s", "t"], ["n", "m", "d"], "n"),
            node("Add", "n m", "o"),
            node("Mul", "o d", "b"),
        ],
        17,
        {"s": WIDE_GAIN, "t": WIDE_SHIFT},
    ),
    "root mean square": ([node("RMSNormalization", "a s", "b")], 23, {"s": WIDE_GAIN}),
    "product of two maps": (
        [node("Transpose", "a", "t", perm=[0, 2, 1]), node("MatMul", "a t", "s"), node("MatMul", "s a", "b")],
        17,
        {},
    ),
    "gemm of two maps": (
        [
            node("Squeeze", "a zero", "r"),
            node("Gemm", "r r", "s", transB=1, alpha=0.5),
            node("Gemm", "s r bias", "u", beta=2.0),
            node("Unsqueeze", "u zero", "b"),
        ],
        17,
        {"zero": np.asarray([0], np.int64), "bias": drawn(12)},
    ),
}


@pytest.mark.parametrize("name", ON_ROWS)
def test_an_operator_on_rows(name: str) -> None:
    nodes, opset, constants = ON_ROWS[name]
    holds(on_rows(nodes, opset, **constants))


CONSTANT_ROWS: dict[str, onnx.ModelProto] = {
    "norm of magnitudes": on_maps([node("LpNormalization", "a", "b", axis=1, p=1)], 13),
    "norm of squares before opset 11": on_maps([node("LpNormalization", "a", "b", axis=1)], 10),
    "instance": on_maps([node("InstanceNormalization", "a s t", "b", epsilon=1e-12)], 13, s=GAIN, t=SHIFT),
    "layer": on_rows([node("LayerNormalization", "a s", "b", epsilon=1e-8)], 17, s=WIDE_GAIN),
    "root mean square": on_rows([node("RMSNormalization", "a s", "b")], 23, s=WIDE_GAIN),
}


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
@pytest.mark.parametrize("weights", ["float32", "float16", "fixed8"])
@pytest.mark.parametrize("name", CONSTANT_ROWS)
def test_what_is_normalised_may_be_zero(name: str, weights: str, arithmetic: Arithmetic) -> None:
    """Whatever becomes of epsilon in a half: no deviation is inverted to infinity, and zero times that."""
    made = CONSTANT_ROWS[name]
    found = compiled(made, choices=options(weights=weights))
    given = {each.name: np.zeros(each.shape, np.float32) for each in network_inputs(found.image)}
    got, want = run(found.image, given, arithmetic)["y"], truth(made, given)["y"]
    assert np.abs(got - want).max() <= {"float32": 1e-3, "float16": 1e-3, "fixed8": 0.02}[weights]


def test_halves_hold_the_mean_of_a_large_map() -> None:
    """Summed at once, 6144 squares of about one would end at 2048, where a half and one are a half again."""
    around = [
        node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
        node("InstanceNormalization", "a s t", "b"),
        node("Conv", "b v", "y"),
    ]
    made = model(around, [1, 3, 64, 96], 13, MAPS | {"s": GAIN, "t": SHIFT})
    found = compiled(made)
    frame = random_frames(found.image, 1, 3)[0]
    got, want = run(found.image, frame, "chip")["y"], truth(made, frame)["y"]
    assert np.abs(got - want).max() <= 0.02 * np.abs(want).max()


def test_alone_a_composition_is_the_chips() -> None:
    made = model([node("Softmax", "x", "y")], [1, 5], 17, {})
    assert_computes(compiled(made).image, made, {"x": np.array([[1, 2, 3, 2, 0]], dtype=np.float32)})


def test_behind_the_last_weights_it_stays_on_the_host() -> None:
    made = model([node("MatMul", "x w", "a"), node("Softmax", "a", "y")], [1, 6], 17, ROWS)
    assert compiled(made).image.about.host_after == ("y",)
