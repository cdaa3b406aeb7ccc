"""Functions of one value in the middle of a network: as ONNX Runtime has them, and as the chip rounds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.backends.machine.values import fire, rounded
from snc.backends.words.codes import ACTIVATIONS
from snc.compiler.running.inputs import random_frames
from snc.ir.activations import Activation
from snc.ir.errors import Unsupported
from snc.ir.neurons import Neuron

from .reference import assert_computes, assert_layers, compiled

Floats = npt.NDArray[np.float64]
WEIGHTS = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32) / 5
LAST = np.random.default_rng(2).standard_normal((2, 4, 1, 1)).astype(np.float32)

# An operator, its attributes, its opset, and what stands before it: a range in which it is a number.
CASES: dict[str, tuple[str, dict[str, Any], int, tuple[float, float]]] = {
    "exp": ("Exp", {}, 13, (-3, 3)),
    "log": ("Log", {}, 13, (0.5, 3)),
    "sqrt": ("Sqrt", {}, 13, (0, 3)),
    "reciprocal": ("Reciprocal", {}, 13, (0.5, 3)),
    "erf": ("Erf", {}, 13, (-3, 3)),
    "gelu": ("Gelu", {}, 20, (-3, 3)),
    "gelu by tanh": ("Gelu", {"approximate": "tanh"}, 20, (-3, 3)),
    "mish": ("Mish", {}, 18, (-3, 3)),
    "swish": ("Swish", {}, 24, (-3, 3)),
    "swish with alpha": ("Swish", {"alpha": 1.7}, 24, (-3, 3)),
    "shrink": ("Shrink", {"lambd": 0.25, "bias": 0.25}, 13, (-3, 3)),  # continuous where it is so
    "sin": ("Sin", {}, 13, (-3, 3)),
    "cos": ("Cos", {}, 13, (-3, 3)),
    "tan": ("Tan", {}, 13, (-1.2, 1.2)),
    "acos": ("Acos", {}, 13, (-0.9, 0.9)),
    "asin": ("Asin", {}, 13, (-0.9, 0.9)),
    "atan": ("Atan", {}, 13, (-3, 3)),
    "cosh": ("Cosh", {}, 13, (-3, 3)),
    "sinh": ("Sinh", {}, 13, (-3, 3)),
    "acosh": ("Acosh", {}, 13, (1.1, 3)),
    "asinh": ("Asinh", {}, 13, (-3, 3)),
    "atanh": ("Atanh", {}, 13, (-0.9, 0.9)),
}
JUMPS = ("Sign", "Floor", "Ceil", "Round")


def between(nodes: list[onnx.NodeProto], low: float, high: float, opset: int = 13) -> onnx.ModelProto:
    """A model whose nodes, from a to b, stand between two convolutions, with a between two bounds."""
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], "first", pads=[1, 1, 1, 1]),
            helper.make_node("Clip", ["c", "low", "high"], ["a"], "bounds"),
            *nodes,
            helper.make_node("Conv", ["b", "v"], ["y"], "last"),
        ],
        "between",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 6, 5])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.asarray(value, np.float32), name)
            for name, value in {"w": WEIGHTS, "v": LAST, "low": low, "high": high}.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def holds(model: onnx.ModelProto) -> None:
    """It compiles, all of it onto the chip, and computes what ONNX Runtime does, layer by layer."""
    found = compiled(model)
    assert found.image.about.host_before == found.image.about.host_after == ()
    for frame in random_frames(found.image, 2, 3):
        assert_computes(found.image, model, frame)
        assert_layers(found, frame)


@pytest.mark.parametrize("name", CASES)
def test_a_function_stands_between_convolutions(name: str) -> None:
    operator, attributes, opset, (low, high) = CASES[name]
    holds(between([helper.make_node(operator, ["a"], ["b"], "f", **attributes)], low, high, opset))


@pytest.mark.parametrize(("exponent", "low"), [(2.0, -3), (3.0, -3), (0.5, 0), (-0.5, 0.5), (0.75, 0)])
def test_a_power_has_one_constant_exponent(exponent: float, low: float) -> None:
    power = helper.make_node("Pow", ["a", "e"], ["b"], "f")
    model = between([power], low, 3)
    model.graph.initializer.append(numpy_helper.from_array(np.array([exponent], dtype=np.float32), "e"))
    holds(model)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.uint64])
def test_an_exponent_is_an_integer_of_any_type(kind: type) -> None:
    """ONNX Runtime has no kernel for these."""
    model = between([helper.make_node("Pow", ["a", "e"], ["b"], "f")], -3, 3, 15)
    as_float = onnx.ModelProto()
    as_float.CopyFrom(model)
    for each, made in ((model, kind), (as_float, np.float32)):
        each.graph.initializer.append(numpy_helper.from_array(np.array(3, dtype=made), "e"))
    image = compiled(model).image
    assert image.about.host_before == image.about.host_after == ()
    assert_computes(image, as_float, random_frames(image, 1, 3)[0])


def test_exponents_of_each_channel() -> None:
    model = between([helper.make_node("Pow", ["a", "e"], ["b"], "f")], 0, 3)
    exponents = np.array([2, 1, 3, 0.5], dtype=np.float32).reshape(4, 1, 1)
    model.graph.initializer.append(numpy_helper.from_array(exponents, "e"))
    holds(model)


def test_an_exponent_that_is_computed_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"its input 1 \(a\) must be constant"):
        compiled(between([helper.make_node("Pow", ["a", "a"], ["b"], "f")], 0.5, 3))


@pytest.mark.parametrize("operator", JUMPS)
def test_a_function_with_jumps_stands_between_convolutions(operator: str) -> None:
    model = between([helper.make_node(operator, ["a"], ["b"], "f")], -8, 8)
    found = compiled(model)
    frame = {"x": (np.round(random_frames(found.image, 1, 3)[0]["x"] * 64) / 64).astype(np.float32)}
    for tensor in model.graph.initializer:  # sums of sixteenths are exact, ties among them
        if tensor.name == "w":
            tensor.CopyFrom(numpy_helper.from_array(np.round(WEIGHTS * 8) / 8, "w"))
    assert_computes(compiled(model).image, model, frame)


# Each function in double precision, with the parameters that it is tried with.
EXACT: dict[Activation, tuple[tuple[float, ...], Callable[..., Any]]] = {
    Activation.SIGMOID: ((), lambda x: 1 / (1 + np.exp(-x))),
    Activation.TANH: ((), np.tanh),
    Activation.EXP: ((), np.exp),
    Activation.LOG: ((), np.log),
    Activation.SQRT: ((), np.sqrt),
    Activation.RECIPROCAL: ((), lambda x: 1 / x),
    Activation.POWER: ((-0.5,), lambda x: x**-0.5),
    Activation.ERF: ((), np.vectorize(math.erf, otypes=[np.float64])),
    Activation.GELU: ((), lambda x: x * np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2)) / 2),
    Activation.SWISH: ((1.5, 0.125), lambda x: x / (1 + np.exp(-x * (1.5 + 0.125 * x * x)))),
    Activation.MISH: ((), lambda x: x * np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))),
    Activation.SHRINK: (
        (0.5, 0.25),
        lambda x: np.where(x < -0.5, x + 0.25, np.where(x > 0.5, x - 0.25, 0)),
    ),
    Activation.ACOS: ((), np.arccos),
    Activation.ACOSH: ((), np.arccosh),
    Activation.ASIN: ((), np.arcsin),
    Activation.ASINH: ((), np.arcsinh),
    Activation.ATAN: ((), np.arctan),
    Activation.ATANH: ((), np.arctanh),
    Activation.COSH: ((), np.cosh),
    Activation.SINH: ((), np.sinh),
    Activation.TAN: ((), np.tan),
    Activation.SIGN: ((), np.sign),
    Activation.FLOOR: ((), np.floor),
    Activation.CEIL: ((), np.ceil),
    Activation.ROUND: ((), np.rint),
}
HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)


def on_chip(activation: Activation, parameters: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """The value of a neuron for each state that there is, in the chip's arithmetic."""
    values, _ = fire(
        Neuron.STANDARD, activation, parameters, 1.0, (HALVES.astype(np.float32),), np.zeros(1, np.float32)
    )
    return rounded(values)


@pytest.mark.parametrize("activation", EXACT, ids=lambda each: each.name)
def test_a_function_of_every_half_is_right_to_its_last_place(activation: Activation) -> None:
    parameters, exact = EXACT[activation]
    got = on_chip(activation, parameters).astype(np.float64)
    with np.errstate(all="ignore"):
        want = np.asarray(exact(HALVES.astype(np.float64)), np.float64)
        nearest = want.astype(np.float16)
        unit = np.spacing(np.abs(nearest)).astype(np.float64)
    known = np.isfinite(nearest) & np.isfinite(want)
    assert (np.abs(got[known] - want[known]) <= 0.501 * unit[known]).all()
    odd = ~known & ~(np.isinf(HALVES) & (activation in (Activation.GELU, Activation.SWISH, Activation.MISH)))
    np.testing.assert_array_equal(got[odd], nearest[odd].astype(np.float64))


@pytest.mark.parametrize("phase", [0.0, math.pi / 2])
def test_a_sine_of_every_half_is_right_to_a_half_of_its_last_place_and_of_the_angle(phase: float) -> None:
    got = on_chip(Activation.SINE, (phase,)).astype(np.float64)
    angles = HALVES.astype(np.float64)
    known = np.isfinite(angles)
    want = np.sin(angles[known] + phase)
    unit = np.spacing(np.abs(want.astype(np.float16))).astype(np.float64)
    turn = np.spacing(np.abs(angles[known].astype(np.float32))) if phase else 0.0
    assert (np.abs(got[known] - want) <= 0.501 * unit + turn + 2.0**-24 * bool(phase)).all()
    assert np.isnan(got[~known]).all()


def test_every_function_has_a_code() -> None:
    assert set(ACTIVATIONS.numbers) == set(Activation)
