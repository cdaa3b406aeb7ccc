"""The double-precision form of a model: the same function, without the rounding of single-precision sums."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.running.precise import WIDE, precise
from snc.compiler.running.reference import Reference
from snc.ir.errors import BadInput

Floats = npt.NDArray[np.float32]


def model(
    node: onnx.NodeProto,
    shape: list[int],
    held: dict[str, Floats],
    opset: int = 13,
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """One node that makes y of x."""
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", kind, shape)],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


WINDOWS: dict[str, tuple[str, list[int], list[int], dict[str, Any]]] = {
    "plain": ("Conv", [1, 3, 7, 6], [4, 3, 3, 3], {}),
    "pads and strides": ("Conv", [2, 3, 7, 6], [4, 3, 3, 2], {"pads": [1, 0, 2, 1], "strides": [2, 3]}),
    "groups": ("Conv", [1, 6, 5, 5], [4, 3, 3, 3], {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ("Conv", [1, 3, 6, 6], [6, 1, 3, 3], {"group": 3, "dilations": [2, 1]}),
    "one axis": ("Conv", [1, 4, 30], [2, 4, 5], {"dilations": [3], "pads": [2, 2]}),
    "three axes": ("Conv", [1, 2, 4, 4, 4], [3, 2, 2, 2, 2], {"strides": [1, 2, 1]}),
    "transposed": ("ConvTranspose", [1, 3, 4, 5], [3, 2, 3, 3], {"strides": [2, 2], "pads": [1, 0, 0, 1]}),
    "transposed groups": (
        "ConvTranspose",
        [1, 4, 4, 4],
        [4, 2, 2, 2],
        {"group": 2, "strides": [3, 2], "output_padding": [1, 0], "dilations": [2, 1]},
    ),
    "average": ("AveragePool", [1, 3, 6, 6], [2, 2], {"pads": [1, 0, 1, 0], "strides": [2, 1]}),
    "average with its pads": (
        "AveragePool",
        [1, 3, 6, 6],
        [3, 3],
        {"pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "global average": ("GlobalAveragePool", [1, 3, 6, 5], [], {}),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("opset", [9, 13])
def test_windows_are_computed_in_double_precision(name: str, opset: int) -> None:
    op, shape, size, attributes = WINDOWS[name]
    if op == "AveragePool":
        attributes = {**attributes, "kernel_shape": size}
    random = np.random.default_rng(3)
    held: dict[str, Floats] = {}
    if op.startswith("Conv"):
        channels = size[1] * attributes.get("group", 1) if op == "ConvTranspose" else size[0]
        held = {"w": random.standard_normal(size).astype(np.float32)}
        held["b"] = random.standard_normal(channels).astype(np.float32)
    made = model(helper.make_node(op, ["x", *held], ["y"], **attributes), shape, held, opset)
    exact = precise(made)
    assert f"y{WIDE}" in {output for node in exact.graph.node for output in node.output}
    frame = {"x": random.standard_normal(shape).astype(np.float32)}
    got, want = (
        Reference(made, ["y"], is_precise=is_precise, file="one")(frame)["y"] for is_precise in (True, False)
    )
    assert got.dtype == np.float64
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=4e-6 * np.abs(want).max())


def test_a_deep_sum_is_not_rounded() -> None:
    random = np.random.default_rng(0)
    count = 1 << 16
    weights = random.standard_normal((count, 1)).astype(np.float32)
    weights -= weights.mean()
    made = model(helper.make_node("MatMul", ["x", "w"], ["y"]), [1, count], {"w": weights})
    frame = {"x": (1000 + random.standard_normal((1, count))).astype(np.float32)}
    want = frame["x"].astype(np.float64) @ weights.astype(np.float64)
    exact, plain = (
        Reference(made, ["y"], is_precise=is_precise, file="one")(frame)["y"] for is_precise in (True, False)
    )
    assert np.abs(exact - want).max() < 1e-9 * np.abs(want).max()
    assert np.abs(plain - want).max() > 1e-5 * np.abs(want).max()


def test_a_model_that_cannot_be_run_is_a_mistake_of_its_own() -> None:
    rows = np.zeros((3, 2), dtype=np.float32)
    made = model(
        helper.make_node("Gather", ["rows", "x"], ["y"]), [1], {"rows": rows}, kind=TensorProto.INT64
    )
    reference = Reference(made, ["y"], is_precise=True, file="one.onnx")
    assert reference({"x": np.array([2])})["y"].shape == (1, 2)
    with pytest.raises(BadInput, match=r"one\.onnx: ONNX Runtime cannot run it .*[Oo]ut of|indices"):
        reference({"x": np.array([99])})
