"""Convolutions with a line of quantisers and other operators behind them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
RANDOM = np.random.default_rng(7)
CONSTANTS: dict[str, Array] = {
    "w": RANDOM.normal(size=(4, 4, 3, 3)).astype(np.float32),
    "wide": np.array(0.1, dtype=np.float32),
    "narrow": np.array(0.01, dtype=np.float32),
    "least": np.array(-128, dtype=np.int8),
    "middle": np.array(5, dtype=np.int8),
    "unit": np.array(1 / 256, dtype=np.float32),
    "low": np.array(-100, dtype=np.int8),
    "high": np.array(90, dtype=np.int8),
    "flat": np.array([1, 256]),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "scales": np.array([0.01, 0.02, 0.005, 0.1], dtype=np.float32),
    "zeros": np.array([-128, 0, 5, 127], dtype=np.int8),
    "short": np.array(3, dtype=np.int16),
}


def model(
    steps: str, opset: int = 21, constants: Mapping[str, Array] = MappingProxyType({})
) -> onnx.ModelProto:
    """A convolution of x, and a line of steps: "q SCALE ZERO", "d SCALE ZERO", or an operator with its
    further inputs; "@2" is the result of the second step.
    """
    nodes = [helper.make_node("Conv", ["x", "w"], ["t0"], "t0", pads=[1, 1, 1, 1])]
    for index, step in enumerate(steps.split(", "), start=1):
        operator, *rest = step.split()
        attributes = dict(part.split("=") for part in rest if "=" in part)
        names = [name.replace("@", "t") for name in rest if "=" not in name]
        operator = {"q": "QuantizeLinear", "d": "DequantizeLinear"}.get(operator, operator)
        made = helper.make_node(operator, [f"t{index - 1}", *names], [f"t{index}"], f"t{index}")
        made.attribute.extend(
            helper.make_attribute(name, [int(n) for n in value.split("x")] if "x" in value else int(value))
            for name, value in attributes.items()
        )
        nodes.append(made)
    nodes.append(helper.make_node("Identity", [nodes[-1].output[0]], ["y"], "y"))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"y{i}" for i in range(4)])],
        [numpy_helper.from_array(value, name) for name, value in {**CONSTANTS, **constants}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run(made: onnx.ModelProto, frame: Array) -> Array:
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], {"x": frame})[0])


def frame() -> Array:
    return np.random.default_rng(8).normal(size=(1, 4, 8, 8)).astype(np.float32) * 3
