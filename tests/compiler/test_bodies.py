"""Operators that ONNX defines by others are written so, where nothing else is known of them."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from oracle import layers
from oracle.writer import Writer

from snc.compiler.frontend.bodies import with_bodies
from snc.compiler.running.inputs import random_frames
from snc.ir.errors import SncError

from .reference import assert_computes, compiled, run


def between(name: str) -> onnx.ModelProto:
    """An operator without a lowering of its own between convolutions, or at the end."""
    w = Writer(23, 3)
    x = layers.conv(w, w.input((1, 4, 6, 5)), 4, (3, 3))
    if name == "CastLike":
        ends = [layers.conv(w, w.add("Max", x, w.add("CastLike", w.constant(np.array(0.1)), x)), 3, (1, 1))]
    elif name == "SoftmaxCrossEntropyLoss":
        wanted = w.constant(np.array([[[1, 0, 2], [3, 0, 1], [2, 2, 0], [1, 3, 3]]]))
        ends = [w.add("SoftmaxCrossEntropyLoss", x, wanted, reduction="sum")]
    else:
        rows = w.add("Reshape", x, w.constant(np.array([1, 2, 4, 6])))
        turns = [w.constant(np.random.default_rng(1).normal(size=(1, 4, 3)).astype(np.float32)) for _ in "cs"]
        turned = w.add("RotaryEmbedding", rows, *turns)
        ends = [layers.conv(w, turned, 3, (1, 1))]
    return w.model(ends, "between")


@pytest.mark.parametrize("name", ["CastLike", "SoftmaxCrossEntropyLoss", "RotaryEmbedding"])
def test_what_onnx_makes_of_others_is_the_chips(name: str) -> None:
    model = between(name)
    found = compiled(model)
    assert found.prepared.parts.before is None
    assert (found.prepared.parts.after is None) == (name != "SoftmaxCrossEntropyLoss"), "it ends in a Softmax"
    assert_computes(found.image, model, random_frames(found.image, 1, 3)[0])


def test_inner_nodes_are_named_after_the_node() -> None:
    model = between("SoftmaxCrossEntropyLoss")
    inner = [node for node in with_bodies(model).graph.node if "softmaxcrossentropyloss" in node.name]
    assert len(inner) > 5
    assert len({node.name for node in inner}) == len(inner)
    assert "SoftmaxCrossEntropyLoss" not in {node.op_type for node in inner}


def test_what_is_mapped_or_has_no_body_stays() -> None:
    w = Writer(23, 3)
    x = w.input((1, 4, 6, 5))
    model = w.model([w.add("HardSwish", x), w.add("Hardmax", x), w.add("Softmax", x)], "stays")
    assert with_bodies(model) is model


def test_what_onnx_runtime_lacks_is_made_of_others() -> None:
    """ONNX Runtime has no kernel for the Swish that SwiGLU is made of, at the newest opset."""
    names = ("a", "b")
    graph = helper.make_graph(
        [helper.make_node("SwiGLU", names, ["y"], alpha=1.5)],
        "gated",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 3, 4)) for name in names],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)], ir_version=10)
    image = compiled(model).image
    frame = random_frames(image, 1, 3)[0]
    want = frame["a"] / (1 + np.exp(-1.5 * frame["a"])) * frame["b"]
    np.testing.assert_allclose(run(image, frame)["y"], want, rtol=1e-5)


def test_attention_with_a_mask_of_the_first_keys_alone() -> None:
    """ONNX Runtime wants a mask of all keys, ONNX does not: the others count as far as there are so many."""
    random = np.random.default_rng(5)
    shapes = {"q": (1, 2, 3, 4), "k": (1, 2, 6, 4), "v": (1, 2, 6, 4)}
    frame = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    mask = np.array([[True, True, False, True]] * 3)
    whole = np.concatenate([mask, np.zeros((3, 2), np.bool_)], axis=1)
    found = []
    for held in (mask, whole):
        inputs = ["q", "k", "v", "mask", *(["", "", "valid"] if held is mask else [])]
        graph = helper.make_graph(
            [helper.make_node("Attention", inputs, ["y"])],
            "attention",
            [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n, shape in shapes.items()],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(held, "mask"), numpy_helper.from_array(np.array([4]), "valid")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
        found.append(run(compiled(model).image, frame)["y"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_a_fault_within_a_body_is_the_nodes() -> None:
    """What cannot run as a body either is told in the words of the node that the model has."""
    w = Writer(23, 3)
    query, key, value = w.input((1, 2, 3, 4)), w.input((1, 2, 6, 4)), w.input((1, 2, 5, 4))
    with pytest.raises(SncError, match=r"\(Attention\): ONNX Runtime"):
        compiled(w.model([w.add("Attention", query, key, value)], "faulty"))
