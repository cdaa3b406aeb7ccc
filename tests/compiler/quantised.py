"""A network like MobileNet with random weights, and what ONNX Runtime's quantiser makes of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Frame = dict[str, npt.NDArray[np.float32]]
SHAPE = 1, 3, 24, 24


def mobile(seed: int = 3) -> onnx.ModelProto:
    """Convolutions, depthwise ones, a residual sum, a gate, a concatenation, pooling and a dense layer."""
    random = np.random.default_rng(seed)
    constants: dict[str, npt.NDArray[Any]] = {
        "low": np.array(0, dtype=np.float32),
        "six": np.array(6, dtype=np.float32),
        "flat": np.array([1, -1]),
    }
    nodes: list[onnx.NodeProto] = []

    def add(operator: str, inputs: str, output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs.split(), [output], name=output, **attributes))
        return output

    def conv(source: str, output: str, depth: int, into: int, size: int = 3, **attributes: Any) -> str:
        group = attributes.get("group", 1)
        weights = random.normal(size=(into, depth // group, size, size)) / np.sqrt(
            depth // group * size * size
        )
        spread = random.uniform(0.3, 2.0, (into, 1, 1, 1))  # which a scale for each channel is for
        constants[f"{output}.w"] = (weights * spread * 1.5).astype(np.float32)
        constants[f"{output}.b"] = random.normal(size=into).astype(np.float32) * np.float32(0.3)
        pads = [size // 2] * 4
        return add("Conv", f"{source} {output}.w {output}.b", output, pads=pads, **attributes)

    x = add("Relu", conv("x", "stem", 3, 8, strides=[2, 2]), "stem.relu")
    x = add("Clip", f"{conv(x, 'depthwise', 8, 8, group=8)} low six", "depthwise.relu6")
    narrow = conv(x, "narrow", 8, 6, 1)
    x = add("Relu", conv(narrow, "wide", 6, 16, 1), "wide.relu")
    x = add("LeakyRelu", conv(x, "wide.depthwise", 16, 16, group=16), "leaky", alpha=0.1)
    x = add("Add", f"{conv(x, 'project', 16, 6, 1)} {narrow}", "sum")
    gate = add("Sigmoid", conv(add("GlobalAveragePool", x, "squeezed"), "excite", 6, 6, 1), "gate")
    x = add("Mul", f"{x} {gate}", "gated")
    x = add("Concat", f"{x} {narrow}", "joined", axis=1)
    x = add(
        "MaxPool",
        add("Relu", conv(x, "head", 12, 16), "head.relu"),
        "pooled",
        kernel_shape=[2, 2],
        strides=[2, 2],
    )
    x = add("AveragePool", x, "averaged", kernel_shape=[2, 2], strides=[2, 2])
    add("Reshape", f"{x} flat", "row")
    constants["dense"] = random.normal(size=(144, 10)).astype(np.float32) / 8
    constants["dense.b"] = random.normal(size=10).astype(np.float32)
    add("Gemm", "row dense dense.b", "y")
    graph = helper.make_graph(
        nodes,
        "mobile",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def inputs(count: int, seed: int, spread: float = 1.0) -> list[Frame]:
    """Random frames; a spread of several makes the ranges that were calibrated too small."""
    random = np.random.default_rng(seed)
    return [{"x": (random.normal(size=SHAPE) * spread).astype(np.float32)} for _ in range(count)]


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, frames: list[Frame]) -> None:
        self.frames: Iterator[Frame] = iter(frames)

    def get_next(self) -> Mapping[str, Any] | None:
        return next(self.frames, None)


def quantised(
    folder: Path, form: QuantFormat, activations: QuantType, weights: QuantType, *, per_channel: bool
) -> Path:
    """The network as ONNX Runtime's quantiser writes it."""
    source, result = folder / "float.onnx", folder / "quantised.onnx"
    source.write_bytes(mobile().SerializeToString())
    quantize_static(
        source,
        result,
        _Frames(inputs(8, 0)),
        quant_format=form,
        activation_type=activations,
        weight_type=weights,
        per_channel=per_channel,
    )
    return result
