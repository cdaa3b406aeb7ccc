"""Operators that are affine in their one map, between layers with weights: as ONNX Runtime computes them."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from snc.compiler.frontend.alone import alone
from snc.compiler.frontend.opset import converted
from snc.compiler.frontend.read import to_layers
from snc.ir.errors import Unsupported
from snc.passes.composing import affine
from snc.passes.composing.compose import Compose

from .reference import compiled
from .test_families import Net
from .test_middle import is_computed

RANDOM = np.random.default_rng(8)
Array = npt.NDArray[Any]


def maps(net: Net, channels: int = 3) -> str:
    return net.add("Conv", "x", net.weights(channels, 2, 3, 3), pads=[1] * 4)


def sampled(mode: str, opset: int = 20, **said: Any) -> onnx.ModelProto:
    """A convolution, its maps looked at through a warped grid, and one more."""
    net = Net(opset, (1, 2, 5, 4))
    grid = net.constant(RANDOM.uniform(-1.2, 1.2, (1, 4, 5, 2)).astype(np.float32))
    found = net.add("GridSample", maps(net), grid, mode=mode, **said)
    return net.model(net.add("Conv", found, net.weights(2, 3, 3, 3)))


def folded(channels: int) -> onnx.ModelProto:
    """Rows of windows that become maps again."""
    net = Net(18, (1, 6, 7))
    rows = net.add("Reshape", "x", net.constant(np.asarray([1, 6, 7])))
    rows = net.add("MatMul", net.weights(4 * channels, 6), rows)
    sizes = net.constant(np.asarray([4, 5])), net.constant(np.asarray([2, 2]))
    rows = net.add("MatMul", rows, net.weights(7, 12))
    found = net.add("Col2Im", rows, *sizes)
    return net.model(net.add("Conv", found, net.weights(2, channels, 3, 3)))


def transformed(
    opset: int, parts: int, inputs: tuple[Array | None, ...] = (), **said: Any
) -> onnx.ModelProto:
    """The spectrum of rows, and what a dense layer makes of it."""
    net = Net(opset, (1, 3, 10))
    rows = net.add("MatMul", "x", net.weights(10, 8 * parts))
    rows = net.add("Reshape", rows, net.constant(np.asarray([3, 8, parts])))
    found = net.add("DFT", rows, *("" if each is None else net.constant(each) for each in inputs), **said)
    flat = net.add("Reshape", found, net.constant(np.asarray([1, -1])))
    count = 3 * (5 if said.get("onesided") else 8) * 2
    return net.model(net.add("MatMul", flat, net.weights(count, 4)))


def windowed() -> onnx.ModelProto:
    net = Net(17, (1, 40))
    row = net.add(
        "Reshape", net.add("MatMul", "x", net.weights(40, 32)), net.constant(np.asarray([1, 32, 1]))
    )
    window = net.constant(np.hanning(8).astype(np.float32))
    found = net.add("STFT", row, net.constant(np.asarray(4)), window, net.constant(np.asarray(8)), onesided=1)
    flat = net.add("Reshape", found, net.constant(np.asarray([1, 7 * 5 * 2])))
    return net.model(net.add("MatMul", flat, net.weights(70, 3)))


def deformed() -> onnx.ModelProto:
    net = Net(19, (1, 2, 5, 4))
    offsets = net.constant(RANDOM.normal(0, 0.6, (1, 8, 4, 3)).astype(np.float32))
    bias, mask = net.constant(np.ones(2, np.float32)), net.constant(RANDOM.random((1, 4, 4, 3), np.float32))
    found = net.add("DeformConv", maps(net), net.weights(2, 3, 2, 2), offsets, bias, mask)
    return net.model(net.add("Conv", found, net.weights(2, 2, 2, 2)))


def regions(opset: int, mode: str = "avg") -> onnx.ModelProto:
    net = Net(opset, (1, 2, 5, 4))
    rois = net.constant(np.asarray([[0, 0, 3, 4], [1, 1, 2.5, 2]], np.float32))
    said = {"output_height": 2, "output_width": 3, "sampling_ratio": 2, "mode": mode}
    found = net.add("RoiAlign", maps(net), rois, net.constant(np.asarray([0, 0])), **said)
    flat = net.add("Reshape", found, net.constant(np.asarray([1, 36])))
    return net.model(net.add("MatMul", flat, net.weights(36, 3)))


def grid() -> onnx.ModelProto:
    net = Net(20, (1, 5))
    theta = net.add("Reshape", net.add("MatMul", "x", net.weights(5, 6)), net.constant(np.asarray([1, 2, 3])))
    found = net.add("AffineGrid", theta, net.constant(np.asarray([1, 1, 3, 4])))
    flat = net.add("Reshape", found, net.constant(np.asarray([1, 24])))
    return net.model(net.add("MatMul", flat, net.weights(24, 2)))


def scales() -> onnx.ModelProto:
    """Constant integers by a computed scale of each channel."""
    net = Net(13, (1, 5))
    integers = net.constant(RANDOM.integers(-8, 8, (1, 4, 3)).astype(np.int8))
    scale = net.add("Reshape", net.add("MatMul", "x", net.weights(5, 4)), net.constant(np.asarray([4])))
    zero = net.constant(np.full(4, 2, np.int8))
    found = net.add("DequantizeLinear", integers, scale, zero, axis=1)
    flat = net.add("Reshape", found, net.constant(np.asarray([1, 12])))
    return net.model(net.add("MatMul", flat, net.weights(12, 2)))


AXIS = np.asarray(1)
CASES: dict[str, onnx.ModelProto] = {
    "linear grid": sampled("linear"),
    "cubic grid": sampled("cubic", align_corners=1),
    "linear grid at borders": sampled("linear", padding_mode="border"),
    "nearest grid": sampled("nearest", padding_mode="reflection"),
    "grid of opset 16": sampled("bilinear", 16),
    "columns": folded(1),
    "columns of channels": folded(2),
    "DFT": transformed(20, 2, (None, AXIS)),
    "DFT of real numbers": transformed(17, 1, axis=1, onesided=1),
    "inverse DFT": transformed(17, 2, axis=1, inverse=1),
    "STFT": windowed(),
    "deformed": deformed(),
    "regions": regions(16),
    "grid of a computed transformation": grid(),
    "integers by a computed scale": scales(),
}


@pytest.mark.parametrize("name", CASES)
def test_an_affine_operator_is_a_product_with_a_constant(name: str) -> None:
    is_computed(CASES[name])


def composed(model: onnx.ModelProto) -> list[str]:
    layers = to_layers(converted(model, "model"), "model")
    return [layer.op for layer in Compose(alone)(layers).layers]


def test_what_only_picks_elements_is_a_view() -> None:
    made = composed(sampled("nearest"))
    assert "Gather" in made
    assert made.count("Conv") == 2
    assert composed(sampled("linear")).count("Conv") == 3


def test_an_operator_that_onnx_runtime_has_at_an_older_opset_alone_is_read_there() -> None:
    assert "RoiAlign" not in composed(regions(22))
    assert composed(regions(22)) == composed(regions(16))
    assert compiled(regions(22)).image.about.host_after == ()


def test_what_is_not_affine_is_refused() -> None:
    """The largest of some elements, and a grid that is computed."""
    net = Net(20, (1, 2, 5, 4))
    places = net.add("Transpose", net.add("Conv", "x", net.weights(2, 2, 3, 3)), perm=[0, 2, 3, 1])
    found = net.add("GridSample", maps(net), places)
    for model in (regions(16, "max"), net.model(net.add("Conv", found, net.weights(2, 3, 1, 1)))):
        with pytest.raises(Unsupported, match="the operator cannot be mapped"):
            compiled(model)


def test_a_matrix_beyond_the_bound_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affine, "MATRIX_MAX", 399)
    assert "GridSample" in composed(sampled("linear"))
    monkeypatch.setattr(affine, "MATRIX_MAX", 400)
    assert "MatMul" in composed(sampled("linear"))


def test_an_operator_that_only_seems_to_treat_slices_alike_is_found_out() -> None:
    form = affine.Form((1, 2, 3), (1, 2, 3), ((1, 1),))
    assert affine.probed(lambda x: 2 * x + 1, form) is not None
    assert affine.probed(lambda x: x - x.mean(axis=1, keepdims=True), form) is None
    assert affine.probed(np.abs, form) is None


def test_what_is_linear_on_each_side_of_zero_alone_is_not_affine() -> None:
    """Whatever numbers are drawn: one of them may have been above 0."""
    form = affine.Form((1, 1), (1, 1))
    for scale in (1.0, -1.0, 1e-7):
        assert affine.probed(partial(_rectified, scale), form) is None
        assert affine.probed(partial(_line, scale), form) is not None


def _rectified(scale: float, x: Array) -> Array:
    return np.maximum(scale * x, 0)


def _line(scale: float, x: Array) -> Array:
    return scale * x + scale


def test_an_infinite_answer_is_not_affine() -> None:
    form = affine.Form((1, 2), (1, 2))
    for value in (np.inf, np.nan):
        assert affine.probed(partial(np.full_like, fill_value=value), form) is None
        assert affine.probed(partial(_instead_of_one, value), form) is None


def _instead_of_one(value: float, x: Array) -> Array:
    return np.where(x == 1, value, x)
