"""qonnx's quantisers: constants are quantised exactly, activations keep their range."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from snc.compiler.frontend.quantised.qdq import NOTE, float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError, Unsupported

CHIP = load_target("grai-vip")
QONNX = "qonnx.custom_op.general"
Array = npt.NDArray[Any]


def number(value: float) -> Array:
    return np.array(value, dtype=np.float32)


def model(
    operator: str, quantise: str = "both", constants: Mapping[str, Array] = MappingProxyType({})
) -> onnx.ModelProto:
    """A convolution whose weights or result are quantised."""
    weights = np.random.default_rng(2).normal(size=(2, 1, 3, 3)).astype(np.float32)
    known: Mapping[str, Array] = {
        "w": weights,
        "s": number(0.25),
        "z": number(0),
        "bits": number(4),
        "as": number(0.125),
        "az": number(0),
        "abits": number(3),
        **constants,
    }
    rest, wide = ("s z bits", "as az abits") if operator == "Quant" else ("s", "as")
    nodes = []
    if quantise in ("both", "weights"):
        nodes.append(helper.make_node(operator, ["w", *rest.split()], ["wq"], "wq", domain=QONNX))
    nodes.append(helper.make_node("Conv", ["x", "wq" if nodes else "w"], ["c"], "c"))
    if quantise in ("both", "result"):
        nodes.append(helper.make_node(operator, ["c", *wide.split()], ["q"], "q", domain=QONNX))
    nodes.append(helper.make_node("Relu", [nodes[-1].output[0]], ["y"], "y"))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in known.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def folded(value: Array, **attributes: Any) -> Array:
    """What a Quant makes of constants: in steps of 0.5, three bits."""
    made = model("Quant", "weights", {"w": value.reshape(1, 1, 1, -1).astype(np.float32), "s": number(0.5)})
    made.graph.initializer.append(numpy_helper.from_array(number(3), "three"))
    made.graph.node[0].input[3] = "three"
    for name, given in attributes.items():
        made.graph.node[0].attribute.append(helper.make_attribute(name, given))
    plain = float_form(made)
    weights = next(each for each in plain.graph.initializer if each.name == "wq")
    return numpy_helper.to_array(weights).ravel()


@pytest.mark.parametrize(
    ("attributes", "want"),
    [
        ({}, [-2.0, -1.0, -0.0, 0.0, 1.0, 1.5, 1.5]),
        ({"narrow": 1}, [-1.5, -1.0, -0.0, 0.0, 1.0, 1.5, 1.5]),
        ({"signed": 0}, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.5]),
        ({"rounding_mode": "FLOOR"}, [-2.0, -1.0, -0.5, 0.0, 0.5, 1.5, 1.5]),
        ({"rounding_mode": "CEIL"}, [-2.0, -0.5, -0.0, 0.5, 1.0, 1.5, 1.5]),
        ({"rounding_mode": "HALF_UP"}, [-2.0, -1.0, -0.5, 0.5, 1.0, 1.5, 1.5]),
        ({"rounding_mode": "ROUND_TO_ZERO"}, [-2.0, -0.5, -0.0, 0.0, 0.5, 1.5, 1.5]),
    ],
)
def test_constants_are_quantised(attributes: dict[str, Any], want: list[float]) -> None:
    np.testing.assert_array_equal(
        folded(np.array([-9.0, -0.8, -0.25, 0.25, 0.9, 1.9, 9.0]), **attributes), want
    )


def test_a_quantised_network_keeps_its_ranges(tmp_path: Path) -> None:
    made = model("Quant")
    plain = float_form(made)
    assert [each.op_type for each in plain.graph.node] == ["Conv", "Clip", "Relu"]
    assert [entry.domain for entry in plain.opset_import] == [""]
    frame = np.random.default_rng(4).normal(size=(1, 1, 6, 6)).astype(np.float32)
    weights = np.clip(np.rint(numpy_helper.to_array(made.graph.initializer[0]) / 0.25), -8, 7) * 0.25
    conv = onnx.helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"])],
        "conv",
        made.graph.input,
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    [sums] = ReferenceEvaluator(helper.make_model(conv)).run(None, {"x": frame})
    want = np.clip(sums, 0, 3 * 0.125)
    assert (want == 0.375).any()
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    found = compile_model(path, CHIP, Options(weights="float32", effort=0.5))
    assert found.graph.notes[0] == NOTE
    assert "integers: model.onnx: node" in found.graph.notes[1]
    np.testing.assert_allclose(Runner(found.image)({"x": frame}).outputs["y"], want, atol=1e-6)


def test_scales_for_each_channel_of_an_activation(tmp_path: Path) -> None:
    scales = np.array([0.125, 0.5], dtype=np.float32).reshape(1, 2, 1, 1)
    made = model("Quant", "result", {"as": scales})
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    found = compile_model(path, CHIP, Options(weights="float32", effort=0.5))
    frame = np.random.default_rng(4).normal(size=(1, 1, 6, 6)).astype(np.float32) * 9
    got = Runner(found.image)({"x": frame}).outputs["y"]
    assert got[0, 0].max() == pytest.approx(3 * 0.125)
    assert got[0, 1].max() == pytest.approx(3 * 0.5)


def test_signs_of_constants() -> None:
    made = model("BipolarQuant", quantise="weights")
    weights = next(each for each in float_form(made).graph.initializer if each.name == "wq")
    want = np.where(numpy_helper.to_array(made.graph.initializer[0]) >= 0, 0.25, -0.25)
    np.testing.assert_array_equal(numpy_helper.to_array(weights), want.astype(np.float32))


@pytest.mark.parametrize(
    ("operator", "constants", "message"),
    [
        (
            "BipolarQuant",
            {},
            "m.onnx: node q (BipolarQuant): it makes other numbers than a clamp: it has no float form "
            "(quantise activations with Quant, to two bits or more)",
        ),
        (
            "Quant",
            {"abits": np.array([3, 4], dtype=np.float32)},
            "m.onnx: node q (Quant): its bit width differs from channel to channel "
            "(quantise all channels to as many bits)",
        ),
    ],
)
def test_what_is_no_clamp_is_refused(operator: str, constants: dict[str, Array], message: str) -> None:
    with pytest.raises(Unsupported) as error:
        float_form(model(operator, "result", constants), "m.onnx")
    assert str(error.value) == message


def test_a_scale_that_is_computed_is_refused() -> None:
    made = model("Quant", quantise="result")
    made.graph.node[1].input[1] = "x"
    with pytest.raises(SncError, match="is computed at run time"):
        float_form(made)
