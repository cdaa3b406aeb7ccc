"""The reference in integers against ONNX Runtime's kernels, operator by operator."""

import numpy as np
import onnx
import pytest
from onnx import helper

from snc.compiler.running.integers.reference import IntegerReference
from snc.compiler.running.integers.windows import convolved, spread
from snc.compiler.running.reference import Reference

from .small import Array, frames, node, scalar
from .test_integer_operators import CASES, case, sums
from .whole_cases import CASES as LAYERS
from .whole_cases import Case
from .whole_cases import frames as layer_frames
from .whole_cases import model as layer_model

TIE = 1e-4  # of a step: so near to a half, floats and integers may be rounded otherwise
FROM_FLOATS = "average pool"  # its kernel adds floats, not integers


def of_integers(
    model: onnx.ModelProto, reference: IntegerReference, frame: Array
) -> dict[str, tuple[Array, Array]]:
    """All tensors of integers: ONNX Runtime's and the reference's."""
    want = reference({"x": frame})
    names = [name for node in model.graph.node for name in node.output if name in want]
    got = Reference(model, names, is_precise=False, file="model")({"x": frame})
    return {name: (got[name], want[name]) for name in names if want[name].dtype.kind in "iu"}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_of_integers_is_onnx_runtimes(name: str) -> None:
    model, given = case(name)
    reference = IntegerReference(model)
    for frame in given:
        found = of_integers(model, reference, frame)
        for got, want in found.values():
            if name != FROM_FLOATS:
                np.testing.assert_array_equal(got, want)
        if name == FROM_FLOATS:
            (got, want), (data, _) = found["r"], found["q"]
            sums = (data.astype(np.float64) - 120).reshape(1, 4, 3, 2, 3, 2).sum(axis=(3, 5))
            exact = sums / 4 * float(np.float32(0.02)) / float(np.float32(0.03))
            odd = got != want
            assert np.abs(got.astype(int) - want)[odd].max(initial=1) == 1
            assert np.abs(np.abs(exact - np.trunc(exact)) - 0.5)[odd].max(initial=0) <= TIE


@pytest.mark.parametrize(
    ("operator", "attributes"), [("ConvInteger", {"strides": [2, 2]}), ("MatMulInteger", {})]
)
def test_sums_of_integers_are_onnx_runtimes(operator: str, attributes: dict[str, list[int]]) -> None:
    model = sums(operator, **attributes)
    reference = IntegerReference(model)
    for frame in frames([dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]):
        found = of_integers(model, reference, frame)
        assert found["i"][1].dtype == np.int32
        for got, want in found.values():
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_between_quantisers_is_a_step_from_onnx_runtimes_at_most(name: str) -> None:
    """Its sessions fuse such layers into kernels, or compute them in floats."""
    model = layer_model(LAYERS[name])
    reference = IntegerReference(model)
    differ, of = 0, 0
    for frame in layer_frames(LAYERS[name]):
        for got, want in of_integers(model, reference, frame).values():
            apart = np.abs(got.astype(np.int64) - want.astype(np.int64))
            assert apart.max() <= 1
            differ, of = differ + int((apart > 0).sum()), of + apart.size
    assert differ <= 0.02 * of


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_onnx_runtimes(groups: int, stride: int) -> None:
    random = np.random.default_rng(stride)
    data = random.integers(-9, 9, (1, 4, 5, 6))
    weights = random.integers(-9, 9, (4, 3, 3, 2))
    transposed = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], group=groups, strides=[stride, stride], pads=[1, 0, 1, 1]
    )
    graph = helper.make_graph(
        [transposed],
        "g",
        [
            helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, a.shape)
            for n, a in (("x", data), ("w", weights))
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 4)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    want = Reference(model, ["y"], is_precise=False, file="m")({"x": data, "w": weights})["y"]
    got = spread(
        data,
        weights,
        strides=[stride, stride],
        sizes=list(want.shape[2:]),
        groups=groups,
        dilations=[1, 1],
        pads=[1, 0, 1, 1],
    )
    np.testing.assert_array_equal(got, want)


def test_a_convolution_of_one_axis() -> None:
    data, weights = np.arange(6).reshape(1, 1, 6), np.array([[[1, -2]]])
    found = convolved(data, weights, strides=[2], dilations=[2], pads=[1, 0], groups=1)
    assert found.tolist() == [[[-2, 1 - 6, 3 - 10]]]


def test_scales_that_overflow_are_no_warning() -> None:
    """Numbers beyond single precision saturate, as in ONNX Runtime."""
    constants = {"xs": scalar(3e38), "as": scalar(1e-38)}
    case = Case([node("Add", "x0 x0", "r")])
    model = layer_model(case, constants=constants)
    found = IntegerReference(model)({"x": np.full(case.shape, 3e38, np.float32)})["r.q"]
    assert (found == 127).all()
