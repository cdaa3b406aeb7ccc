"""Quantised models that are broken: one clear error, whatever is wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.frontend.quantised.whole import whole_form
from snc.compiler.frontend.read import read_onnx
from snc.ir.errors import SncError

MICROSOFT, QONNX = "com.microsoft", "qonnx.custom_op.general"
CONSTANTS: Mapping[str, npt.NDArray[Any]] = {
    "s": np.array(0.1, dtype=np.float32),
    "s0": np.zeros(0, dtype=np.float32),
    "s3": np.ones(3, dtype=np.float32),
    "s4": np.ones(4, dtype=np.float32),
    "nan": np.array(np.nan, dtype=np.float32),
    "texts": np.array(["a"], dtype=object),
    "z": np.array(0, dtype=np.int8),
    "zf": np.array(0, dtype=np.float32),
    "z3": np.zeros(3, dtype=np.int8),
    "bits": np.array(4, dtype=np.float32),
    "many": np.array(2000, dtype=np.float32),
    "c": np.array(3, dtype=np.int8),
    "square": np.ones((4, 4), dtype=np.int8),
    "map": np.zeros((3, 3), dtype=np.float32),
    "blocks": np.ones((1, 4), dtype=np.float32),
    "w": np.ones((3, 4, 1, 1), dtype=np.int8),
    "b": np.zeros(2, dtype=np.int32),
}


def node(operator: str, inputs: str, output: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], output, domain=domain, **attributes)


def constant(made: onnx.NodeProto) -> list[onnx.NodeProto]:
    """What a node makes of constants is added to x."""
    return [made, node("Add", "x d", "y")]


def activation(scale: str, zero: str = "z") -> list[onnx.NodeProto]:
    ends = [
        node("QuantizeLinear", f"r {scale} {zero}", "q"),
        node("DequantizeLinear", f"q {scale} {zero}", "y"),
    ]
    return [node("Relu", "x", "r"), *ends]


BROKEN: Mapping[str, tuple[list[onnx.NodeProto], str]] = {
    "scales of a scalar": (
        constant(node("DequantizeLinear", "c s4", "d")),
        r"node d \(DequantizeLinear\): its scales \[4\] do not fit the constant \[\]",
    ),
    "an axis that is not there": (
        constant(node("DequantizeLinear", "square s4", "d", axis=7)),
        r"its scales \[4\] do not fit the constant \[4, 4\]",
    ),
    "negative blocks": (
        constant(node("DequantizeLinear", "square blocks", "d", axis=0, block_size=-3)),
        r"its scales \[1, 4\] do not fit",
    ),
    "blocks of other sizes": (
        constant(node("DequantizeLinear", "square blocks", "d", axis=0, block_size=2)),
        r"its scales \[1, 4\] do not fit",
    ),
    "no scale": (activation("s0"), "node q .QuantizeLinear.: its input 's0' holds no finite numbers"),
    "not a number": (activation("nan"), "its input 'nan' holds no finite numbers"),
    "a scale of text": (activation("texts"), "its input 'texts' holds no finite numbers"),
    "too few channels": (
        activation("s3", "z3"),
        "node q:clip:raised .Max.: the shape of its output .* is unknown",
    ),
    "a sum without inputs": (
        [node("QLinearAdd", "x s", "y", MICROSOFT)],
        "node y .QLinearAdd.: it has 2 inputs, it needs 7",
    ),
    "half an operand": (
        [node("QLinearConcat", "s z x s z x s", "y", MICROSOFT)],
        "it has 7 inputs, it needs 8",
    ),
    "a product of one": ([node("FusedMatMul", "x", "y", MICROSOFT)], "it has 1 inputs, it needs 2"),
    "a gemm of one": ([node("QGemm", "x", "y", MICROSOFT)], "it has 1 inputs, it needs 5"),
    "a bias of another size": (
        [
            node("QuantizeLinear", "x s z", "q"),
            node("QLinearConv", "q s z w s3 z3 s z b", "r"),
            node("DequantizeLinear", "r s z", "y"),
        ],
        r"node r .QLinearConv.: its bias \[2\] does not fit its 3 scales",
    ),
    "Quant of one": ([node("Quant", "x", "y", QONNX)], "it has 1 inputs, it needs 4"),
    "Quant of 2000 bits": (
        [node("Quant", "x s zf many", "y", QONNX)],
        "its bit width is 2000",
    ),
    "Quant of text": ([node("Quant", "x texts zf bits", "y", QONNX)], "holds no finite numbers"),
    "Quant of a constant that its scales do not fit": (
        constant(node("Quant", "map s4 zf bits", "d", QONNX)),
        r"node d .Quant.: its scales \[4\] do not fit the constant \[3, 3\]",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_quantised_model_is_one_error(name: str, tmp_path: Path) -> None:
    nodes, message = BROKEN[name]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "d", "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()],
    )
    opsets = [helper.make_opsetid(*each) for each in (("", 21), (MICROSOFT, 1), (QONNX, 1))]
    path = tmp_path / "broken.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    with pytest.raises(SncError, match=message):
        read_onnx(path)


def test_blocks_as_large_as_memory_are_not_laid_out(tmp_path: Path) -> None:
    graph = helper.make_graph(
        constant(node("DequantizeLinear", "square blocks", "d", axis=0, block_size=2**40)),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "d", "h", "w"])],
        [numpy_helper.from_array(CONSTANTS[name], name) for name in ("square", "blocks")],
    )
    path = tmp_path / "blocks.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path.write_bytes(made.SerializeToString())
    assert [layer.op for layer in read_onnx(path).layers] == ["Add"]


@pytest.mark.parametrize("shape", [[1, 2**40, 4, 4], [1, 4, 2**31, 4], [1, 4, 4, 2**38]])
def test_windows_of_any_size_take_no_memory(shape: list[int]) -> None:
    """Means of maps of which no memory holds one: the sums are not even written."""
    nodes = [
        *(node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d")),
        node("AveragePool", "d", "p", kernel_shape=[2, 2]),
        *(node("QuantizeLinear", "p s z", "r"), node("DequantizeLinear", "r s z", "y")),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "d", "h", "w"])],
        [numpy_helper.from_array(CONSTANTS[name], name) for name in ("s", "z")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert "larger than any map" in str(whole_form(model))


def test_a_mode_that_is_no_text_is_no_mode() -> None:
    nodes = [
        *(node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d")),
        node("Resize", "d  sizes", "y", mode=b"\xef\xff"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "d", "h", "w"])],
        [numpy_helper.from_array(CONSTANTS[name], name) for name in ("s", "z")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert [each.op_type for each in float_form(model).graph.node][-1] == "Resize"
