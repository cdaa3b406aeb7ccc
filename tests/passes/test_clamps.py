"""Clamps that clamp nothing are left out; others stay."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.compiler.frontend.read import to_layers, to_onnx
from snc.passes.clamps import Unclamp

from .test_fold import run

Build = Callable[[Writer, str], str]


def clip(w: Writer, x: str, low: float, high: float) -> str:
    return w.add("Clip", x, *(w.constant(np.array(each, np.float32)) for each in (low, high)))


def pool(w: Writer, x: str) -> str:
    return w.add("MaxPool", x, kernel_shape=[2, 2])


def largest(w: Writer, x: str) -> str:
    """Where the largest elements are, but for 3 beyond it."""
    indices = w.add_many("MaxPool", (x,), 2, kernel_shape=[2, 2])[1]
    return w.add("Clip", indices, *(w.constant(np.array(each, np.int64)) for each in (0, 3)))


CASES: dict[str, tuple[Build, list[str]]] = {
    "behind views": (
        lambda w, x: w.add("Neg", clip(w, w.add("Flatten", pool(w, clip(w, x, -1, 1))), -1, 2)),
        ["Clip", "MaxPool", "Flatten", "Neg"],
    ),
    "behind a rectifier": (lambda w, x: w.add("Neg", w.add("Relu", w.add("Relu", x))), ["Relu", "Neg"]),
    "behind the larger of two": (
        lambda w, x: w.add("Neg", clip(w, w.add("Max", clip(w, x, -1, 1), clip(w, x, 0, 0.5)), -1, 1)),
        ["Clip", "Clip", "Max", "Neg"],
    ),
    "narrower": (lambda w, x: w.add("Neg", clip(w, clip(w, x, -1, 1), -1, 0.5)), ["Clip", "Clip", "Neg"]),
    "of anything": (
        lambda w, x: w.add("Neg", w.add("Relu", w.add("Neg", w.add("Relu", x)))),
        ["Relu", "Neg", "Relu", "Neg"],
    ),
    "of indices": (
        lambda w, x: w.add("Cast", largest(w, clip(w, x, 0, 1)), to=TensorProto.FLOAT),
        ["Clip", "MaxPool", "Clip", "Cast"],
    ),
    "an output": (lambda w, x: w.add("Relu", w.add("Relu", x)), ["Relu", "Relu"]),
}


@pytest.mark.parametrize("name", CASES)
def test_only_clamps_that_clamp_nothing_go(name: str) -> None:
    build, kept = CASES[name]
    w = Writer(13, 2)
    model = w.model([build(w, w.input((1, 2, 4, 4)))], "clamps")
    found = Unclamp()(to_layers(model, "model"))
    found.verify()
    assert [layer.op for layer in found.layers] == kept
    inputs = random_input(model, 1)
    for got, want in zip(run(to_onnx(found), inputs), run(model, inputs), strict=True):
        np.testing.assert_array_equal(got, want)
