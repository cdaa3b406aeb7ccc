"""Comparisons, what is made of their results, choices by them, and masks of infinities, on the chip."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.compiler.frontend.read import to_layers
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.ir.errors import SncError
from snc.passes.lowering.lower import Lower

from .reference import CHIP, compiled, options, run, truth

SUBNORMAL = np.float32(2.0**-149)
LARGEST = np.finfo(np.float32).max
# Values and their neighbours: a difference of float32 numbers is 0 only between equals.
VALUES = np.array(
    [0, -0.0, SUBNORMAL, -SUBNORMAL, 1, np.nextafter(1, 2, dtype=np.float32), -1, 2.0**-126, 0.1, 3, LARGEST],
    dtype=np.float32,
)
PAIRS = np.stack(np.meshgrid(VALUES, VALUES)).astype(np.float32).reshape(2, 1, 11, 11)
COMPARISONS = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
FLOAT, BOOL = onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL


def model(
    nodes: list[onnx.NodeProto],
    shapes: Mapping[str, tuple[int, ...]],
    held: dict[str, Any],
    kind: int = FLOAT,
) -> onnx.ModelProto:
    """Nodes that make y of inputs and constants."""
    graph = helper.make_graph(
        nodes,
        "truths",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def assert_same(made: onnx.ModelProto, frame: dict[str, Any]) -> np.ndarray:
    """The chip has all of it and computes, to the last bit, what ONNX Runtime does; returned."""
    found = compiled(made)
    assert found.image.about.host_before == found.image.about.host_after == ()
    got = run(found.image, frame)["y"]
    want = truth(made, frame, inner=False)["y"]
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    return got


def is_refused(made: onnx.ModelProto) -> None:
    """Raises what keeps a network from being all the chip's."""
    Lower()(to_layers(made, "truths")).whole()


@pytest.mark.parametrize("operator", COMPARISONS)
def test_maps_are_compared_exactly(operator: str) -> None:
    made = model(
        [helper.make_node(operator, ["a", "b"], ["y"])], {"a": (1, 11, 11), "b": (1, 11, 11)}, {}, BOOL
    )
    got = assert_same(made, {"a": PAIRS[0], "b": PAIRS[1]})
    assert got.any()
    assert not got.all()


@pytest.mark.parametrize("operator", COMPARISONS)
@pytest.mark.parametrize("bound", [0.0, 0.1, -1.0, 2.0**-149])
def test_a_map_is_compared_with_a_constant(operator: str, bound: float) -> None:
    for inputs in (["a", "c"], ["c", "a"]):
        nodes = [helper.make_node(operator, inputs, ["y"])]
        assert_same(model(nodes, {"a": (1, 11)}, {"c": np.float32(bound)}, BOOL), {"a": VALUES[None]})


def test_what_is_not_a_number_is_in_no_order() -> None:
    """The logarithms of negative numbers are none, that of 0 is minus infinity."""
    x = np.array([[-1, 0, 1, 2]], dtype=np.float32)
    bound = np.full((1, 4), -np.inf, dtype=np.float32)
    for operator in COMPARISONS:
        nodes = [helper.make_node("Log", ["x"], ["l"]), helper.make_node(operator, ["l", "c"], ["y"])]
        assert_same(model(nodes, {"x": (1, 4)}, {"c": np.float32(0.5)}, BOOL), {"x": x})
        if operator in ("Equal", "Less", "Greater"):
            assert_same(model(nodes, {"x": (1, 4)}, {"c": bound}, BOOL), {"x": x})
    for operator in ("IsNaN", "IsInf"):
        nodes = [helper.make_node("Log", ["x"], ["l"]), helper.make_node(operator, ["l"], ["y"])]
        assert assert_same(model(nodes, {"x": (1, 4)}, {}, BOOL), {"x": x}).sum() == 1


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("negative", [0, 1])
def test_either_infinity_is_found(positive: int, negative: int) -> None:
    nodes = [
        helper.make_node("Reciprocal", ["x"], ["r"]),
        helper.make_node("IsInf", ["r"], ["y"], detect_positive=positive, detect_negative=negative),
    ]
    x = np.array([[0.0, 1.0, -4.0, SUBNORMAL, -SUBNORMAL]], dtype=np.float32)
    assert_same(model(nodes, {"x": (1, 5)}, {}, BOOL), {"x": x})


@pytest.mark.parametrize("operator", ["And", "Or", "Xor"])
def test_truths_are_combined(operator: str) -> None:
    nodes = [
        helper.make_node("Less", ["a", "b"], ["l"]),
        helper.make_node("Less", ["b", "one"], ["m"]),
        helper.make_node(operator, ["l", "m"], ["n"]),
        helper.make_node("Not", ["n"], ["o"]),
        helper.make_node(operator, ["o", "some"], ["p"]),
        helper.make_node("Cast", ["p"], ["y"], to=FLOAT),
    ]
    held = {"one": np.float32(1), "some": np.arange(11) % 2 == 0}
    shapes = {"a": (1, 11, 11), "b": (1, 11, 11)}
    assert_same(model(nodes, shapes, held), {"a": PAIRS[0], "b": PAIRS[1]})


def test_a_number_is_true_unless_it_is_zero() -> None:
    nodes = [helper.make_node("Log", ["x"], ["l"]), helper.make_node("Cast", ["l"], ["y"], to=BOOL)]
    assert_same(model(nodes, {"x": (1, 4)}, {}, BOOL), {"x": np.array([[-1, 0, 1, 2]], np.float32)})


@pytest.mark.parametrize("side", ["maps", "first", "second", "infinite", "channels"])
def test_a_condition_that_is_computed_chooses_exactly(side: str) -> None:
    """What is not chosen may be infinite, or not a number: it is not multiplied by 0."""
    nodes = [
        helper.make_node("Less", ["zero", "x"], ["condition"]),
        helper.make_node("Log", ["x"], ["logarithm"]),
        helper.make_node("Where", ["condition", "logarithm", "x"], ["y"]),
    ]
    held: dict[str, Any] = {"zero": np.float32(0), "c": np.float32(0.3), "i": np.float32(-np.inf)}
    held["d"] = np.arange(3, dtype=np.float32).reshape(3, 1)
    nodes[2].input[:] = {
        "maps": ["condition", "logarithm", "x"],
        "first": ["condition", "c", "x"],
        "second": ["condition", "logarithm", "c"],
        "infinite": ["condition", "logarithm", "i"],
        "channels": ["condition", "logarithm", "d"],
    }[side]
    x = np.tile(VALUES, (1, 3, 1)) * np.array([1, -1, 2**-3], np.float32).reshape(3, 1)
    made = model(
        nodes, {"x": (1, 3, 11)}, {n: a for n, a in held.items() if n == "zero" or n in nodes[2].input}
    )
    found = compiled(made)
    assert found.image.about.host_before == found.image.about.host_after == ()
    got, want = (each["y"] for each in (run(found.image, {"x": x}), truth(made, {"x": x}, inner=False)))
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_integers_are_neither_made_nor_compared_on_the_chip() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=onnx.TensorProto.INT32)]
    with pytest.raises(SncError, match="int32"):
        is_refused(model(nodes, {"x": (1, 4)}, {}, onnx.TensorProto.INT32))
    made = model([helper.make_node("Less", ["x", "c"], ["y"])], {"x": (1, 4)}, {"c": np.int64(3)}, BOOL)
    made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    with pytest.raises(SncError, match="int64"):
        is_refused(made)


@pytest.mark.parametrize("operator", ["LessOrEqual", "GreaterOrEqual", "Equal"])
def test_an_infinity_in_places_is_not_compared(operator: str) -> None:
    nodes = [helper.make_node(operator, ["x", "c"], ["y"])]
    bound = np.array([1, np.inf, 2, 3], dtype=np.float32)
    with pytest.raises(SncError, match="infinit"):
        is_refused(model(nodes, {"x": (1, 4)}, {"c": bound}, BOOL))


def masked(mask: np.ndarray) -> onnx.ModelProto:
    """Scores with a mask on top, their softmax, and zeros in rows that are masked in full."""
    nodes = [
        helper.make_node("Add", ["x", "mask"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"]),
        helper.make_node("ReduceMax", ["scores", "last"], ["peaks"], keepdims=1),
        helper.make_node("Equal", ["peaks", "least"], ["nothing"]),
        helper.make_node("Where", ["nothing", "zero", "weights"], ["y"]),
    ]
    held = {"mask": mask, "last": np.array([-1]), "least": np.float32(-np.inf), "zero": np.float32(0)}
    return model(nodes, {"x": (1, *mask.shape)}, held)


@pytest.mark.parametrize("kind", ["causal", "full row", "with numbers", "plus"])
def test_a_mask_may_be_minus_infinity(kind: str) -> None:
    mask = np.triu(np.full((4, 5), -np.inf, dtype=np.float32), 1)
    mask[2] = -np.inf if kind == "full row" else mask[2]
    if kind == "with numbers":
        mask = np.where(np.isinf(mask), mask, np.arange(20, dtype=np.float32).reshape(4, 5) / 8)
    x = np.random.default_rng(3).standard_normal((1, 4, 5)).astype(np.float32)
    made = masked(mask)
    if kind == "plus":
        made = model([helper.make_node("Sub", ["x", "c"], ["y"])], {"x": (1, 4, 5)}, {"c": mask})
    found = compiled(made)
    assert found.image.about.host_before == found.image.about.host_after == ()
    got, want = (each["y"] for each in (run(found.image, {"x": x}), truth(made, {"x": x}, inner=False)))
    np.testing.assert_allclose(got, want, rtol=2e-6)


def test_a_constant_that_is_not_a_number_is_refused() -> None:
    mask = np.array([0, np.nan, -np.inf], dtype=np.float32)
    made = model([helper.make_node("Add", ["x", "c"], ["y"])], {"x": (1, 3)}, {"c": mask})
    with pytest.raises(SncError, match="NaN or infinity"):
        compiled(made)


def test_infinite_padding_is_infinite() -> None:
    nodes = [helper.make_node("Pad", ["x", "p", "v"], ["y"])]
    held = {"p": np.array([0, 0, 1, 0, 0, 2]), "v": np.float32(-np.inf)}
    assert_same(model(nodes, {"x": (1, 2, 3)}, held), {"x": np.ones((1, 2, 3), np.float32)})


@pytest.mark.parametrize("engine", ["walk", "literal", "dense"])
@pytest.mark.parametrize("kind", ["causal", "full row"])
def test_every_engine_takes_masks(engine: str, kind: str) -> None:
    mask = np.triu(np.full((4, 5), -np.inf, dtype=np.float32), 1)
    mask[2] = -np.inf if kind == "full row" else mask[2]
    x = np.random.default_rng(3).standard_normal((1, 4, 5)).astype(np.float32)
    made = masked(mask)
    got = Runner(compiled(made).image, engine=engine)({"x": x}).outputs["y"]
    np.testing.assert_allclose(got, truth(made, {"x": x}, inner=False)["y"], rtol=2e-6)


def test_constants_are_compared_as_they_are_with_weights_of_eight_bits() -> None:
    bound = np.random.default_rng(5).standard_normal((1, 11)).astype(np.float32)
    near = np.nextafter(bound, np.float32(9)).astype(np.float32)
    made = model([helper.make_node("Less", ["c", "x"], ["y"])], {"x": (1, 11)}, {"c": bound}, BOOL)
    image = compiled(made, choices=options("fixed8")).image
    assert run(image, {"x": near})["y"].all()
    assert not run(image, {"x": bound})["y"].any()


@pytest.mark.parametrize("operator", COMPARISONS)
def test_halves_are_compared_exactly(operator: str) -> None:
    """In chip arithmetic, with values that a half holds."""
    halves = np.array([0, 2.0**-24, 1, np.nextafter(np.float16(1), np.float16(2)), -1, 60000], np.float32)
    first, second = np.meshgrid(halves, halves)
    frame = {"a": first[None], "b": second[None]}
    nodes = [helper.make_node(operator, ["a", "b"], ["y"])]
    made = model(nodes, {"a": (1, 6, 6), "b": (1, 6, 6)}, {}, BOOL)
    got = run(compiled(made).image, frame, "chip")["y"]
    np.testing.assert_array_equal(got, truth(made, frame, inner=False)["y"])


def test_what_is_masked_is_verified(tmp_path: Path) -> None:
    """Equal infinities differ by nothing."""
    path = tmp_path / "masked.onnx"
    path.write_bytes(masked(np.triu(np.full((4, 5), -np.inf, dtype=np.float32), 1)).SerializeToString())
    image = compile_model(path, CHIP, options()).image
    assert verify(path, image, random_frames(image, 2, 3)).is_right
