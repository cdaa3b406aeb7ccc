"""Operators of integers: their float form is what ONNX Runtime computes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import Unsupported

from .small import MAP, MICROSOFT, RANDOM, Array, Case, frames, integers, model, node, run, scalar

CHIP = load_target("grai-vip")


# Scales and zero points of the input, the weights, a second weight and the result.
PARAMETERS: dict[str, Array] = {
    "xs": scalar(0.02),
    "xz": scalar(120, np.uint8),
    "ys": scalar(0.03),
    "yz": scalar(131, np.uint8),
    "ws": scalar(0.006),
    "wz": scalar(3, np.int8),
    "one": scalar(0.004),
    "zero": scalar(0, np.int8),
    "ss": scalar(1 / 256),
    "sz": scalar(0, np.uint8),
}
BY_CHANNEL: dict[str, Array] = {
    "ws": RANDOM.uniform(0.001, 0.008, 5).astype(np.float32),
    "wz": np.array([0, 3, -4, 5, 0], dtype=np.int8),
}
STEP = 0.03  # of the coarsest result
QUANTISE, DEQUANTISE = node("QuantizeLinear", "x xs xz", "q"), node("DequantizeLinear", "r ys yz", "y")

# name: (node from q to r, or from q to y where it makes floats; constants; shape of x)
CASES: dict[str, Case] = {
    "conv": (
        node("QLinearConv", "q xs xz w ws wz ys yz b", "r", pads=[1, 1, 1, 1], strides=[2, 2]),
        {"w": integers(5, 4, 3, 3), "b": RANDOM.integers(-4000, 4000, 5).astype(np.int32)},
        MAP,
    ),
    "conv, a scale for each channel": (
        node("QLinearConv", "q xs xz w ws wz ys yz b", "r", pads=[1, 1, 1, 1]),
        {"w": integers(5, 4, 3, 3), "b": RANDOM.integers(-4000, 4000, 5).astype(np.int32)}
        | {"ws": BY_CHANNEL["ws"], "wz": np.zeros(5, dtype=np.int8)},
        MAP,
    ),
    "matmul": (node("QLinearMatMul", "q xs xz w ws wz ys yz", "r"), {"w": integers(16, 5)}, (1, 16)),
    "matmul, a scale for each column": (
        node("QLinearMatMul", "q xs xz w ws wz ys yz", "r"),
        {"w": integers(16, 5), **BY_CHANNEL},
        (1, 16),
    ),
    "add a constant": (
        node("QLinearAdd", "q xs xz w ws uz ys yz", "r", MICROSOFT),
        {"w": integers(1, 4, 1, 1, kind=np.uint8), "uz": scalar(9, np.uint8)},
        MAP,
    ),
    "add itself": (node("QLinearAdd", "q xs xz q xs xz ys yz", "r", MICROSOFT), {}, MAP),
    "multiply": (
        node("QLinearMul", "q xs xz w ws uz ys yz", "r", MICROSOFT),
        {"w": integers(1, 4, 1, 1, kind=np.uint8), "uz": scalar(9, np.uint8)},
        MAP,
    ),
    "concat": (
        node("QLinearConcat", "ys yz q xs xz w ws uz", "r", MICROSOFT, axis=1),
        {"w": integers(1, 2, 6, 6, kind=np.uint8), "uz": scalar(9, np.uint8)},
        MAP,
    ),
    "average pool": (
        node("QLinearAveragePool", "q xs xz ys yz", "r", MICROSOFT, kernel_shape=[2, 2], strides=[2, 2]),
        {},
        MAP,
    ),
    "global average pool": (
        node("QLinearGlobalAveragePool", "q xs xz ys yz", "r", MICROSOFT),
        {"ys": scalar(0.008)},
        MAP,
    ),
    "leaky relu": (node("QLinearLeakyRelu", "q xs xz ys yz", "r", MICROSOFT, alpha=0.2), {}, MAP),
    "sigmoid": (node("QLinearSigmoid", "q xs xz ss sz", "r", MICROSOFT), {}, MAP),
    "softmax": (
        node("QLinearSoftmax", "q xs xz ss sz", "r", MICROSOFT, axis=-1, opset=18),
        {},
        (1, 16),
    ),
    "gemm": (
        node("QGemm", "q xs xz w ws wz b ys yz", "r", MICROSOFT, transB=1, alpha=0.5),
        {"w": integers(5, 16), "b": RANDOM.integers(-4000, 4000, 5).astype(np.int32)},
        (1, 16),
    ),
    "gemm, a scale for each column": (
        node("QGemm", "q xs xz w ws wz - ys yz", "r", MICROSOFT),
        {"w": integers(16, 5), **BY_CHANNEL, "wz": np.zeros(5, dtype=np.int8)},
        (1, 16),
    ),
    "gemm to floats": (node("QGemm", "q xs xz w ws wz", "y", MICROSOFT), {"w": integers(16, 5)}, (1, 16)),
    "matmul to floats": (
        node("MatMulIntegerToFloat", "q w xs ws xz wz b", "y", MICROSOFT),
        {"w": integers(16, 5), "b": RANDOM.normal(size=5).astype(np.float32)},
        (1, 16),
    ),
}


def case(name: str) -> tuple[onnx.ModelProto, list[Array]]:
    """A case's model, with its frames."""
    middle, constants, shape = CASES[name]
    nodes = [QUANTISE, middle]
    if middle.output[0] == "r":
        ends = ("ss", "sz") if "ss" in middle.input else ("ys", "yz")
        nodes.append(node("DequantizeLinear", f"r {' '.join(ends)}", "y"))
    return model(nodes, PARAMETERS | constants, shape), frames(shape)


@pytest.mark.parametrize("name", CASES)
def test_an_operator_of_integers_has_a_float_form(name: str) -> None:
    made, given = case(name)
    plain = float_form(made)
    assert {each.domain for each in plain.graph.node} == {""}
    onnx.checker.check_model(plain, full_check=True)
    for want, got in zip(run(made, given), run(plain, given), strict=True):
        assert np.abs(want).max() > 0
        assert np.abs(want - got).max() <= STEP


@pytest.mark.parametrize("name", ["conv", "matmul, a scale for each column", "concat", "gemm"])
def test_an_operator_of_integers_compiles(name: str, tmp_path: Path) -> None:
    made, given = case(name)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    image = compile_model(path, CHIP, Options(weights="float32", effort=0.5)).image
    assert image.about.host_after == ()
    for frame, want in zip(given, run(made, given), strict=True):
        assert np.abs(Runner(image)({"x": frame}).outputs["y"] - want).max() <= STEP


def sums(operator: str, **attributes: Any) -> onnx.ModelProto:
    """A layer of integers whose sums are multiplied with the scales by the model itself."""
    weights = integers(5, 4, 3, 3) if operator == "ConvInteger" else integers(16, 5)
    return model(
        [
            QUANTISE,
            node(operator, "q w xz wz", "i", **attributes),
            node("Cast", "i", "f", to=TensorProto.FLOAT),
            node("Mul", "f s", "y"),
        ],
        PARAMETERS | {"w": weights, "s": scalar(0.02 * 0.006)},
        MAP if operator == "ConvInteger" else (1, 16),
    )


@pytest.mark.parametrize(
    ("operator", "attributes"), [("ConvInteger", {"strides": [2, 2]}), ("MatMulInteger", {})]
)
def test_sums_of_integers_have_a_float_form(operator: str, attributes: dict[str, Any]) -> None:
    made = sums(operator, **attributes)
    given = frames([dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim])
    plain = float_form(made)
    for want, got in zip(run(made, given), run(plain, given), strict=True):
        assert np.abs(want - got).max() <= 1e-5 * np.abs(want).max()


def at_run_time(tail: str) -> onnx.ModelProto:
    """Layers whose inputs are quantised as they come."""
    quantise = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="dynamic")
    wide = {"w": integers(16, 5), "ws": BY_CHANNEL["ws"], "wz": BY_CHANNEL["wz"]}
    scaled = [node("Cast", "i", "f", to=TensorProto.FLOAT), node("Mul", "s ws", "both")]
    last, after = node("Mul", "both f", "y"), (node("Mul", "f s", "m"), node("Mul", "ws m", "y"))
    parts: dict[str, tuple[list[onnx.NodeProto], dict[str, Array], Sequence[int]]] = {
        "conv": (
            [
                quantise,
                node("ConvInteger", "q w z", "i", pads=[1, 1, 1, 1]),
                *scaled,
                node("Mul", "both f", "y"),
            ],
            {"w": integers(5, 4, 3, 3), "ws": scalar(0.006)},
            MAP,
        ),
        "one scale after the other": (
            [quantise, node("MatMulInteger", "q w z wz", "i"), scaled[0], *after],
            wide,
            (1, 16),
        ),
        "through a view": (
            [quantise, node("Reshape", "q flat", "v"), node("MatMulInteger", "v w z wz", "i"), *scaled, last],
            wide | {"flat": np.array([1, 16])},
            (1, 1, 4, 4),
        ),
        "matmul to floats": (
            [quantise, node("MatMulIntegerToFloat", "q w s ws z wz b", "y", MICROSOFT)],
            wide | {"b": RANDOM.normal(size=5).astype(np.float32)},
            (1, 16),
        ),
        "dynamic matmul": (
            [node("DynamicQuantizeMatMul", "x w ws wz b", "y", MICROSOFT)],
            wide | {"b": RANDOM.normal(size=5).astype(np.float32)},
            (1, 16),
        ),
        "and back": ([quantise, node("DequantizeLinear", "q s z", "d"), node("Relu", "d", "y")], {}, MAP),
    }
    nodes, constants, shape = parts[tail]
    return model(nodes, constants, shape, rank=4 if tail in ("conv", "and back") else 2)


@pytest.mark.parametrize(
    "tail",
    ["conv", "one scale after the other", "through a view", "matmul to floats", "dynamic matmul", "and back"],
)
def test_what_is_quantised_at_run_time_has_a_float_form(tail: str, tmp_path: Path) -> None:
    made = at_run_time(tail)
    given = frames([dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim])
    plain = float_form(made)
    assert not {"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"} & {
        n.op_type for n in plain.graph.node
    }
    for want, got in zip(run(made, given), run(plain, given), strict=True):
        assert np.abs(want - got).max() <= 0.02 * np.abs(want).max()
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    about = compile_model(path, CHIP, Options(weights="float32", effort=0.5)).image.about
    assert about.host_before == about.host_after == ()


def test_a_scale_that_goes_elsewhere_keeps_the_integers() -> None:
    quantise = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="dynamic")
    tail = [node("Cast", "i", "f", to=TensorProto.FLOAT), node("Add", "f s", "y")]
    made = model([quantise, node("MatMulInteger", "q w z", "i"), *tail], {"w": integers(16, 5)}, (1, 16))
    given = frames((1, 16))
    for want, got in zip(run(made, given), run(float_form(made), given), strict=True):
        assert np.abs(want - got).max() <= 1e-5 * np.abs(want).max()


MATRIX = RANDOM.normal(size=(16, 5)).astype(np.float32)
REFUSED: dict[str, tuple[onnx.NodeProto, str]] = {
    "channels last": (
        node("QLinearGlobalAveragePool", "q xs xz ys yz", "r", MICROSOFT, channels_last=1),
        "model.onnx: node r (QLinearGlobalAveragePool): it keeps channels last "
        "(quantise the model with channels first)",
    ),
    "softmax of another opset": (
        node("QLinearSoftmax", "q xs xz ss sz", "r", MICROSOFT, opset=11),
        "model.onnx: node r (QLinearSoftmax): its axis is read as at opset 11, the model is at 18 "
        "(convert the model before it is quantised)",
    ),
    "an activation that is not known": (
        node("FusedGemm", "x w", "y", MICROSOFT, activation="Erf"),
        "model.onnx: node y (FusedGemm): its activation is Erf "
        "(known are Relu, Sigmoid, Tanh, LeakyRelu, HardSigmoid, Clip)",
    ),
    "a matrix that is turned": (
        node("FusedMatMul", "x x", "y", MICROSOFT, transB=1),
        "model.onnx: node y (FusedMatMul): it transposes its operand B "
        "(save the model without ONNX Runtime's fusions)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_float_form_is_refused(name: str) -> None:
    refused, message = REFUSED[name]
    made = model([QUANTISE, refused, DEQUANTISE], PARAMETERS | {"w": MATRIX})
    with pytest.raises(Unsupported) as error:
        float_form(made, "model.onnx")
    assert str(error.value) == message
