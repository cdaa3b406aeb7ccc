"""Small models from x to y with operators of any domain, frames for them, and their results."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
RANDOM = np.random.default_rng(11)
Array = npt.NDArray[Any]
Case = tuple[onnx.NodeProto, dict[str, Array], Sequence[int]]  # a node, its constants, the shape of x
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
    """Frames, the last of them far outside what scales were chosen for; the same at every call."""
    random = np.random.default_rng(12)
    return [(random.normal(size=shape) * spread).astype(np.float32) for spread in (0.5, 1, 1, 8)]


def scalar(value: float, kind: Any = np.float32) -> Array:
    return np.array(value, dtype=kind)


def integers(*shape: int, kind: Any = np.int8) -> Array:
    info = np.iinfo(kind)
    return np.random.default_rng(shape).integers(info.min, info.max, shape, endpoint=True).astype(kind)
