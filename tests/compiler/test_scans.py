"""Scans by which ONNX defines operators are written step by step; every other one is a stream."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.compiler.frontend.observe import run_tensors
from snc.compiler.frontend.recurrent.scans import unrolled
from snc.compiler.frontend.sizes import survey

from .reference import compiled, run

FLOAT = onnx.TensorProto.FLOAT
STEPS, SIZE = 5, 3


def scanned(opset: int, backwards: int = 0, left_backwards: int = 0, left_axis: int = 0) -> onnx.ModelProto:
    """Sums of what was read so far, times a weight that the body holds."""
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("s", "x", "made", "left")]
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "x"], ["made"]), helper.make_node("Mul", ["made", "w"], ["left"])],
        "step",
        values[:2],
        values[2:],
        [numpy_helper.from_array(np.arange(SIZE, dtype=np.float32), "w")],
    )
    node = helper.make_node(
        "Scan",
        ["start", "sequence"],
        ["last", "all"],
        body=body,
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_input_directions=[backwards],
        scan_output_directions=[left_backwards],
        scan_output_axes=[left_axis],
    )
    graph = helper.make_graph(
        [node],
        "scanned",
        [
            helper.make_tensor_value_info("start", FLOAT, (SIZE,)),
            helper.make_tensor_value_info("sequence", FLOAT, (SIZE, STEPS)),
        ],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("last", "all")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [11, 20])
@pytest.mark.parametrize("ways", [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 1)])
def test_a_scan_is_its_steps(opset: int, ways: tuple[int, int, int]) -> None:
    model = scanned(opset, *ways)
    scope = survey(model, "scanned")
    assert scope.steps == {"last": STEPS}
    flat = unrolled(model, scope.steps)
    assert {node.op_type for node in flat.graph.node}.isdisjoint({"Scan"})
    random = np.random.default_rng(2)
    frame = {"start": random.standard_normal(SIZE).astype(np.float32)}
    frame["sequence"] = random.standard_normal((SIZE, STEPS)).astype(np.float32)
    got, want = (run_tensors(each, ["last", "all"], frame, "scanned") for each in (flat, model))
    for name in ("last", "all"):
        np.testing.assert_array_equal(got[name], want[name])


def attention(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A model of the opset that has the operator."""
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=10)


def linear_attention(given: Sequence[str], *results: str) -> onnx.NodeProto:
    return helper.make_node(
        "LinearAttention", given, results, q_num_heads=1, kv_num_heads=1, update_rule="linear"
    )


def test_one_behind_another_is_its_steps_too() -> None:
    """The shape that the second reads is known once the first is written out."""
    names = ("query", "key", "value")
    nodes = [linear_attention(names, "y", "state"), linear_attention(("y", "key", "value"), "z", "end")]
    given = [helper.make_tensor_value_info(name, FLOAT, (1, 3, 4)) for name in names]
    graph = helper.make_graph(nodes, "attention", given, [helper.make_tensor_value_info("z", FLOAT, None)])
    image = compiled(attention(graph)).image
    random = np.random.default_rng(4)
    frame = {name: random.standard_normal((1, 3, 4)).astype(np.float32) for name in names}
    query, key, value = (frame[name][0] for name in names)
    for _ in range(2):
        query = np.tril(query @ key.T) @ value / 2
    np.testing.assert_allclose(run(image, frame)["z"][0], query, rtol=1e-4, atol=1e-5)


def test_an_operator_that_onnx_defines_by_a_scan_is_the_chips() -> None:
    """Linear attention sums products of keys and values, which each query reads."""
    tokens, size = 3, 4
    names = ("query", "key", "value")
    graph = helper.make_graph(
        [linear_attention(names, "y", "state")],
        "attention",
        [helper.make_tensor_value_info(name, FLOAT, (1, tokens, size)) for name in names],
        [helper.make_tensor_value_info("y", FLOAT, None)],
    )
    model = attention(graph)
    found = compiled(model)
    assert found.image.about.host_before == found.image.about.host_after == ()
    random = np.random.default_rng(4)
    frame = {name: random.standard_normal((1, tokens, size)).astype(np.float32) for name in names}
    query, key, value = (frame[name][0] for name in names)
    want = np.tril(query @ key.T) @ value / np.sqrt(size)
    np.testing.assert_allclose(run(found.image, frame)["y"][0], want, rtol=1e-5, atol=1e-6)
