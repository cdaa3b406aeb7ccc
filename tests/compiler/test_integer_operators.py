"""Operators of integers and ONNX Runtime's fused ones: their float form is what ONNX Runtime computes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.frontend.qdq import float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import Unsupported

CHIP = load_target("grai-vip")
MICROSOFT = "com.microsoft"
RANDOM = np.random.default_rng(11)
Array = npt.NDArray[Any]
MAP = (1, 4, 6, 6)


def node(operator: str, inputs: str, output: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node named after its output; "-" stands for an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, names, [output], name=output, domain=domain, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Array],
    shape: Sequence[int] = MAP,
    rank: int = 0,
) -> onnx.ModelProto:
    """A model from x to y."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"y{i}" for i in range(rank or len(shape))])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run(made: onnx.ModelProto, frames: Sequence[Array]) -> list[Array]:
    """What ONNX Runtime computes, frame by frame."""
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(session.run(["y"], {"x": frame})[0]).astype(np.float64) for frame in frames]


def frames(shape: Sequence[int]) -> list[Array]:
    """Frames, the last of them far outside what scales were chosen for."""
    return [(RANDOM.normal(size=shape) * spread).astype(np.float32) for spread in (0.5, 1, 1, 8)]


def scalar(value: float, kind: Any = np.float32) -> Array:
    return np.array(value, dtype=kind)


def integers(*shape: int, kind: Any = np.int8) -> Array:
    info = np.iinfo(kind)
    return RANDOM.integers(info.min, info.max, shape, endpoint=True).astype(kind)


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
Case = tuple[onnx.NodeProto, dict[str, Array], Sequence[int]]
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


WEIGHTS = RANDOM.normal(size=(5, 4, 3, 3)).astype(np.float32)
MATRIX = RANDOM.normal(size=(16, 5)).astype(np.float32)
CLIPPED = {"activation": "Clip", "activation_params": [-0.5, 1.5]}
FUSED: dict[str, Case] = {
    "conv and relu": (node("FusedConv", "x w", "y", MICROSOFT, activation="Relu"), {"w": WEIGHTS}, MAP),
    "conv, sum and clip": (
        node(
            "FusedConv",
            "x w b z",
            "y",
            MICROSOFT,
            activation="Clip",
            activation_params=[-0.5, 1.5],
            pads=[1] * 4,
        ),
        {"w": WEIGHTS, "b": np.ones(5, np.float32), "z": RANDOM.normal(size=(1, 5, 6, 6)).astype(np.float32)},
        MAP,
    ),
    "gemm and leaky relu": (
        node("FusedGemm", "x w b", "y", MICROSOFT, activation="LeakyRelu", activation_alpha=0.3),
        {"w": MATRIX, "b": np.ones(5, np.float32)},
        (1, 16),
    ),
    "matmul, turned": (
        node("FusedMatMul", "x w", "y", MICROSOFT, transB=1, alpha=0.5),
        {"w": np.ascontiguousarray(MATRIX.T)},
        (1, 16),
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_operators_come_apart(name: str, tmp_path: Path) -> None:
    fused, constants, shape = FUSED[name]
    made = model([fused], constants, shape)
    given = frames(shape)
    plain = float_form(made)
    assert {each.domain for each in plain.graph.node} == {""}
    for want, got in zip(run(made, given), run(plain, given), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    compiled = compile_model(path, CHIP, Options(weights="float32", effort=0.5))
    assert compiled.graph.notes == ()  # nothing was quantised
    assert compiled.image.about.host_after == ()


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
