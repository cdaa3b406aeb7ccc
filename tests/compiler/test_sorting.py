"""Products, determinants, the largest elements and where they are, between layers with weights."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from snc.compiler.running.runner import Runner
from snc.ir.errors import Unsupported
from snc.passes.lowering.truth import sorting

from .reference import compiled
from .test_families import Net
from .test_middle import is_computed

Array = npt.NDArray[Any]


def sorted_maps(count: int, axis: int = 1, channels: int = 6, **said: Any) -> onnx.ModelProto:
    net = Net(13, (1, 3, 4, 5))
    maps = net.add("Conv", "x", net.weights(channels, 3, 3, 3), pads=[1] * 4)
    name = f"t{len(net.nodes)}"
    k = net.constant(np.asarray([count]))
    net.nodes.append(helper.make_node("TopK", [maps, k], [name, f"{name}i"], name, axis=axis, **said))
    kept = count if axis == 1 else channels
    kernel = (1, 1) if axis != 1 else (3, 3)
    return net.model(net.add("Conv", name, net.weights(2, kept, *kernel)))


def reduced(operator: str, **said: Any) -> onnx.ModelProto:
    net = Net(13, (1, 3, 4, 5))
    maps = net.add("Conv", "x", net.weights(6, 3, 3, 3), pads=[1] * 4)
    found = net.add(operator, maps, **said)
    return net.model(net.add("Conv", found, net.weights(2, 6 if operator == "Hardmax" else 1, 1, 1)))


def determinants(size: int) -> onnx.ModelProto:
    net = Net(13, (1, 7))
    flat = net.add("MatMul", "x", net.weights(7, 2 * size * size))
    found = net.add("Det", net.add("Reshape", flat, net.constant(np.asarray([2, size, size]))))
    row = net.add("Reshape", found, net.constant(np.asarray([1, 2])))
    return net.model(net.add("MatMul", row, net.weights(2, 3)))


CASES: dict[str, onnx.ModelProto] = {
    "largest channels": sorted_maps(3),
    "least channels": sorted_maps(2, largest=0),
    "all channels": sorted_maps(6),
    "rows": sorted_maps(2, axis=2),
    "product of channels": reduced("ReduceProd", axes=[1]),
    "hardmax": reduced("Hardmax", axis=1),
    "hardmax along rows": reduced("Hardmax", axis=-2),
    **{f"determinants of {size} rows": determinants(size) for size in (1, 2, 3, 4)},
}


@pytest.mark.parametrize("name", CASES)
def test_between_layers_with_weights(name: str) -> None:
    is_computed(CASES[name])


def alone(
    operator: str, shape: tuple[int, ...], outputs: list[str], *more: Array, **said: Any
) -> onnx.ModelProto:
    """One node, with an input and results as the network's."""
    names = [f"c{number}" for number in range(len(more))]
    kinds = {"y": onnx.TensorProto.FLOAT, "i": onnx.TensorProto.INT64}
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *names], outputs, "n", **said)],
        "alone",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, kinds[name], None) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in zip(names, more, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_of_equal_elements_the_first_comes_first(axis: int, largest: int) -> None:
    model = alone("TopK", (3, 4, 5), ["y", "i"], np.asarray([3]), axis=axis, largest=largest)
    x = np.random.default_rng(axis).integers(-2, 2, (3, 4, 5)).astype(np.float32)
    agrees_to_the_last_bit(model, x)


def test_one_element_is_sorted() -> None:
    model = alone("TopK", (3, 1, 2), ["y", "i"], np.asarray([1]), axis=1)
    agrees_to_the_last_bit(model, np.arange(6, dtype=np.float32).reshape(3, 1, 2))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_hardmax_marks_the_first_of_equal_elements(axis: int) -> None:
    x = np.random.default_rng(axis + 1).integers(-2, 2, (3, 4, 5)).astype(np.float32)
    agrees_to_the_last_bit(alone("Hardmax", (3, 4, 5), ["y"], axis=axis), x)


def test_zeros_make_products_zero() -> None:
    x = np.random.default_rng(4).integers(-2, 3, (3, 4, 5)).astype(np.float32)
    agrees_to_the_last_bit(alone("ReduceProd", (3, 4, 5), ["y"], np.asarray([1]), keepdims=0), x)


def agrees_to_the_last_bit(model: onnx.ModelProto, x: Array) -> None:
    """In both arithmetics: nothing is rounded."""
    image = compiled(model).image
    assert image.about.host_after == ()
    session = ort.InferenceSession(model.SerializeToString())
    names = [value.name for value in session.get_outputs()]
    for arithmetic in ("float32", "chip"):
        got = Runner(image, arithmetic=arithmetic)({"x": x}).outputs
        for name, want in zip(names, session.run(names, {"x": x}), strict=True):
            assert got[name].dtype == want.dtype
            np.testing.assert_array_equal(got[name], want)


@pytest.mark.parametrize("fmod", [0, 1])
def test_a_remainder_is_right_where_a_quotient_is_rounded(fmod: int) -> None:
    """By a constant, and by a map: multiples among them, of which 49 * (1 / 49) is below 1."""
    x = np.asarray([[49, -49, 98, 7.5, -7.5, 3, -3, 0, 147, 1e-3]], np.float32)
    y = np.asarray([[49, 49, -49, 2, 2, -5, 5, 3, 49, 0.25]], np.float32)
    want = np.fmod(x, y) if fmod else np.mod(x, y)
    for model in (remainder(y, fmod), remainder(None, fmod)):
        got = Runner(compiled(model).image)({"x": x, "z": y} if len(model.graph.input) > 1 else {"x": x})
        np.testing.assert_allclose(got.outputs["y"], want, atol=1e-6)


def remainder(divisor: Array | None, fmod: int) -> onnx.ModelProto:
    held = [] if divisor is None else [onnx.numpy_helper.from_array(divisor, "z")]
    names = ["x", "z"] if divisor is None else ["x"]
    graph = helper.make_graph(
        [helper.make_node("Mod", ["x", "z"], ["y"], "n", fmod=fmod)],
        "remainder",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 10]) for name in names],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 10])],
        held,
    )
    opset = 13 if fmod else 28
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def test_what_is_not_sorted_or_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unsupported, match="it does not sort"):
        compiled(sorted_maps(2, sorted=0))
    with pytest.raises(Unsupported, match="the operator cannot be mapped"):
        compiled(determinants(6))
    zero = np.arange(10, dtype=np.float32)[None]
    with pytest.raises(Unsupported, match="has no layer that the chip can compute"):
        compiled(remainder(zero, 1))
    monkeypatch.setattr(sorting, "WEIGHTS_MAX", 100)
    with pytest.raises(Unsupported, match="its 6 elements, each compared with every other, take too many"):
        compiled(sorted_maps(2))


def test_what_is_too_much_is_refused_before_it_is_listed() -> None:
    """500 elements have 124,750 pairs: a matrix of these and the elements would take 250 megabytes."""
    model = sorted_maps(2, channels=500)
    tracemalloc.start()
    try:
        with pytest.raises(Unsupported, match="its 500 elements, each compared with every other"):
            compiled(model)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
