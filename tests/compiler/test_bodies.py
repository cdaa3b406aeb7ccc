"""Operators that ONNX defines by others are written so, where nothing else is known of them."""

import numpy as np
import onnx
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.compiler.frontend.bodies import with_bodies
from snc.compiler.running.inputs import random_frames

from .reference import assert_computes, compiled


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
