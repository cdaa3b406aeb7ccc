"""Clamps of quantised activations: kept where values may lie outside a range, and only there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError

from .lines import CONSTANTS, RANDOM, Array, frame, model, run

CHIP = load_target("grai-vip")
# what follows a convolution: operators of the float form behind it, and the largest step of the quantisation
LINES: Mapping[str, tuple[str, Sequence[str], float]] = {
    "a clamp on both sides": ("q narrow middle, d narrow middle", ["Clip"], 0.01),
    "a removed Relu": ("q narrow least, d narrow least", ["Clip"], 0.01),
    "a Relu becomes part of it": ("Relu, q narrow middle, d narrow middle", ["Clip"], 0.01),
    "a Relu that others read": (
        "Relu, q narrow middle, d narrow middle, Add @1",
        ["Relu", "Clip", "Add"],
        0.01,
    ),
    "twice the same": (
        "q narrow middle, d narrow middle, q narrow middle, d narrow middle",
        ["Clip"],
        0.01,
    ),
    "wider behind": ("q narrow middle, d narrow middle, q wide middle, d wide middle", ["Clip"], 0.1),
    "narrower behind": ("q wide middle, d wide middle, q narrow middle, d narrow middle", ["Clip"], 0.1),
    "views and maxima between": (
        "q narrow middle, d narrow middle, MaxPool kernel_shape=2x2 strides=2x2, q narrow middle, "
        "d narrow middle, Transpose perm=0x2x3x1, q narrow middle, d narrow middle",
        ["Clip", "MaxPool", "Transpose"],
        0.01,
    ),
    "a sigmoid": ("Sigmoid, q unit least, d unit least", ["Sigmoid"], 1 / 256),
    "a sum of clamped": (
        "q narrow middle, d narrow middle, Add @2, q narrow middle, d narrow middle",
        ["Clip", "Add", "Clip"],
        0.02,
    ),
    "a sum with room": (
        "q narrow middle, d narrow middle, Add @2, q wide middle, d wide middle",
        ["Clip", "Add"],
        0.12,
    ),
    "integers clipped between": (
        "q narrow middle, Clip low high, d narrow middle",
        ["Clip"],
        0.01,
    ),
    "integers joined": (
        "q narrow middle, Concat @1 axis=1, d narrow middle",
        ["Clip", "Concat"],
        0.01,
    ),
    "integers padded": ("q narrow middle, Pad pads low, d narrow middle", ["Clip", "Pad"], 0.01),
    "integers padded with zero": ("q narrow middle, Pad pads, d narrow middle", ["Clip", "Pad"], 0.01),
    "integers that mean something else": (
        "q narrow middle, d wide least",
        ["Clip", "Mul", "Add"],
        0.1,
    ),
    "a range for each channel": ("q scales zeros, d scales zeros", ["Max", "Min"], 0.1),
    "sixteen bits": ("q narrow short, d narrow short", ["Clip"], 0.01),
}


@pytest.mark.parametrize("name", LINES)
def test_every_clamp_that_may_matter_is_kept(name: str, tmp_path: Path) -> None:
    line, operators, step = LINES[name]
    made = model(line)
    plain = float_form(made)
    found = [each.op_type for each in plain.graph.node]
    assert [each for each in found if each != "Identity"] == ["Conv", *operators]
    given = frame() * (100 if "short" in line else 1)
    want, got = run(made, given), run(plain, given)
    assert np.abs(want - got).max() <= step * 1.01
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    image = compile_model(path, CHIP, Options(weights="float32", effort=0.5)).image
    assert image.about.host_before == image.about.host_after == ()
    np.testing.assert_allclose(Runner(image)({"x": given}).outputs["y"], got, atol=1e-5 * np.abs(got).max())


def test_before_opset_11_bounds_are_attributes() -> None:
    plain = float_form(model("q narrow middle, d narrow middle", opset=10))
    onnx.checker.check_model(plain, full_check=True)
    given = frame()
    want = run(model("q narrow middle, d narrow middle", opset=13), given)
    assert np.abs(run(plain, given) - want).max() <= 0.01


def test_an_input_is_quantised_before_the_network_reads_it(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "t", perm=[0, 3, 1, 2]),
        helper.make_node("QuantizeLinear", ["t", "narrow", "middle"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "narrow", "middle"], ["d"], "d"),
        helper.make_node("Conv", ["d", "w"], ["y"], "y"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 8, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 6])],
        [numpy_helper.from_array(CONSTANTS[name], name) for name in ("w", "narrow", "middle")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    image = compile_model(path, CHIP, Options(weights="float32", effort=0.5)).image
    assert set(image.about.host_before) == {"t", "q", "d"}
    given = frame().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(Runner(image)({"x": given}).outputs["y"], run(made, given), atol=1e-4)


BLOCKS = RANDOM.integers(-8, 8, (32, 5))
CHAINS: Mapping[str, tuple[Sequence[onnx.NodeProto], Mapping[str, Array], Array]] = {
    "clipped integers": (
        [
            helper.make_node("Clip", ["a", "low", "high"], ["b"]),
            helper.make_node("DequantizeLinear", ["b", "narrow", "middle"], ["c"]),
        ],
        {"a": np.arange(-128, 32, dtype=np.int8).reshape(32, 5)},
        (np.clip(np.arange(-128, 32).reshape(32, 5), -100, 90) - 5) * np.float32(0.01),
    ),
    "turned, and a type of integers that is cast": (
        [
            helper.make_node("Transpose", ["a"], ["b"]),
            helper.make_node("Cast", ["b"], ["i"], to=TensorProto.INT8),
            helper.make_node("DequantizeLinear", ["i", "narrow"], ["c"]),
        ],
        {"a": np.arange(160, dtype=np.int32).reshape(5, 32) - 80},
        (np.arange(160).reshape(5, 32).T - 80) * np.float32(0.01),
    ),
    "floats, quantised and back": (
        [
            helper.make_node("QuantizeLinear", ["a", "narrow", "middle"], ["b"]),
            helper.make_node("DequantizeLinear", ["b", "narrow", "middle"], ["c"]),
        ],
        {"a": np.linspace(-3, 3, 160, dtype=np.float32).reshape(32, 5)},
        (np.clip(np.rint(np.linspace(-3, 3, 160, dtype=np.float32) / np.float32(0.01)) + 5, -128, 127) - 5)
        .reshape(32, 5)
        .astype(np.float32)
        * np.float32(0.01),
    ),
    "blocks of four bits": (
        [helper.make_node("DequantizeLinear", ["a", "s", "z"], ["c"], axis=0, block_size=16)],
        {
            "a": BLOCKS.astype(helper.tensor_dtype_to_np_dtype(TensorProto.INT4)),
            "s": np.arange(1, 11, dtype=np.float32).reshape(2, 5),
            "z": (np.arange(10) - 5).reshape(2, 5).astype(helper.tensor_dtype_to_np_dtype(TensorProto.INT4)),
        },
        (BLOCKS - np.repeat(np.arange(10).reshape(2, 5) - 5, 16, axis=0))
        * np.repeat(np.arange(1, 11, dtype=np.float32).reshape(2, 5), 16, axis=0),
    ),
    "floats of eight bits": (
        [helper.make_node("DequantizeLinear", ["a", "wide"], ["c"])],
        {"a": BLOCKS.astype(helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))},
        BLOCKS.astype(np.float32) * np.float32(0.1),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_constants_are_weights(name: str, tmp_path: Path) -> None:
    nodes, constants, want = CHAINS[name]
    graph = helper.make_graph(
        [*nodes, helper.make_node("MatMul", ["x", "c"], ["y"], "y")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(value, name) for name, value in (CONSTANTS | dict(constants)).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    plain = float_form(made)
    assert [each.op_type for each in plain.graph.node] == ["MatMul"]
    [weights] = plain.graph.initializer
    np.testing.assert_allclose(numpy_helper.to_array(weights), want, rtol=1e-6)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    image = compile_model(path, CHIP, Options(weights="float32", effort=0.5)).image
    assert image.about.host_before == image.about.host_after == ()
    given = np.random.default_rng(9).normal(size=(1, 32)).astype(np.float32)
    np.testing.assert_allclose(Runner(image)({"x": given}).outputs["y"], given @ want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("line", "constants", "message"),
    [
        (
            "q narrow middle, d narrow middle",
            {"narrow": np.array(0, dtype=np.float32)},
            "m.onnx: node t1 (QuantizeLinear): one of its scales is no positive number "
            "(export the model again)",
        ),
        (
            "q scales low, d wide low",
            {},
            "m.onnx: node t2 (DequantizeLinear): its scales are others than those that its input was "
            "quantised with (quantise and dequantise with the same scales)",
        ),
        (
            "q scales zeros, d scales zeros",
            {"zeros": np.zeros(3, dtype=np.int8)},
            "m.onnx: node t1 (QuantizeLinear): it has 4 scales and 3 zero points (export the model again)",
        ),
    ],
)
def test_what_has_no_float_form_is_refused(line: str, constants: dict[str, Array], message: str) -> None:
    with pytest.raises(SncError) as error:
        float_form(model(line, constants=constants), "m.onnx")
    assert str(error.value) == message


def test_scales_that_fit_no_constant_are_refused() -> None:
    made = model("q narrow middle, d narrow middle", constants={"a": np.zeros((3, 4), dtype=np.int8)})
    made.graph.node.append(helper.make_node("DequantizeLinear", ["a", "scales"], ["b"], "b", axis=0))
    with pytest.raises(SncError, match=r"its scales \[4\] do not fit the constant \[3, 4\]"):
        float_form(made)
