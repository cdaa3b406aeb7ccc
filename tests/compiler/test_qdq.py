"""Quantised models in their float form."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.frontend.quantised.whole import NOTE
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import Runner, network_inputs
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_target

CHIP = load_target("grai-vip")


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], name=output, **attributes)


def quantised(kind: int = TensorProto.INT8) -> onnx.ModelProto:
    """Two convolutions with int8 weights, one scale a channel; the first one's Relu is a range from zero."""
    random = np.random.default_rng(5)
    constants: dict[str, npt.NDArray[Any]] = {
        "w1": random.integers(-128, 128, (4, 2, 3, 3)).astype(np.int8),
        "w2": random.integers(-128, 128, (3, 4, 1, 1)).astype(np.int8),
        "s1": random.uniform(0.001, 0.01, 4).astype(np.float32),
        "s2": np.array(0.01, dtype=np.float32),
        "z1": np.zeros(4, dtype=np.int8),
        "z2": np.array(0, dtype=np.int8),
        "sx": np.array(0.02, dtype=np.float32),
        "zx": np.array(-128, dtype=np.int8),
        "sy": np.array(0.05, dtype=np.float32),
        "zy": np.array(3, dtype=np.int8),
        "shape": np.array([1, 3, 36]),
    }
    nodes = [
        node("DequantizeLinear", "x sx zx", "xf"),
        node("DequantizeLinear", "w1 s1 z1", "w1f", axis=0),
        node("Conv", "xf w1f", "a", pads=[1, 1, 1, 1]),
        node("QuantizeLinear", "a sx zx", "aq"),
        node("DequantizeLinear", "aq sx zx", "af"),
        node("DequantizeLinear", "w2 s2 z2", "w2f"),
        node("Conv", "af w2f", "b"),
        node("QuantizeLinear", "b sy zy", "bq"),
        node("Reshape", "bq shape", "rq"),
        node("DequantizeLinear", "rq sy zy", "rf"),
        node("LeakyRelu", "rf", "l"),
        node("QuantizeLinear", "l sy zy", "y"),
    ]
    graph = helper.make_graph(
        nodes,
        "q",
        [helper.make_tensor_value_info("x", kind, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", kind, [1, 3, 36])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_the_float_form_is_what_the_quantised_model_rounds() -> None:
    model = quantised()
    plain = float_form(model)
    operators = [each.op_type for each in plain.graph.node]
    assert operators == [
        *("DequantizeLinear", "Conv", "Clip", "Conv", "Clip", "Reshape", "LeakyRelu", "QuantizeLinear")
    ]
    onnx.checker.check_model(plain, full_check=True)
    frame = {"x": np.random.default_rng(0).integers(-128, 128, (1, 2, 6, 6)).astype(np.int8)}
    want, got = (
        ort.InferenceSession(each.SerializeToString()).run(["y"], frame)[0].astype(int)
        for each in (model, plain)
    )
    assert np.abs(want - got).max() <= 2


def test_a_model_of_floats_is_its_own_float_form() -> None:
    graph = helper.make_graph([node("Relu", "x", "y")], "g", [], [])
    model = helper.make_model(graph)
    assert float_form(model) is model


def test_a_quantised_model_compiles_and_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "q.onnx"
    path.write_bytes(quantised().SerializeToString())
    found = compile_model(path, CHIP, Options(weights="float32", effort=1.0))
    about = found.image.about
    assert about.host_before == ("xf",)
    assert about.host_after == ("y",)
    assert found.graph.notes == (NOTE,)
    assert [(tensor.name, tensor.dtype) for tensor in network_inputs(found.image)] == [("x", "int8")]
    frames = random_frames(found.image, 2, 0)
    assert Runner(found.image)(frames[0]).outputs["y"].dtype == np.int8
    assert verify(path, found.image, frames).is_mapped_right


def test_check_says_that_it_is_compiled_as_integers(tmp_path: Path) -> None:
    path = tmp_path / "q.onnx"
    path.write_bytes(quantised().SerializeToString())
    assert check(path, CHIP, Options()).notes == (NOTE,)
