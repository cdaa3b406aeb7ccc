"""Folding: fewer layers, the same function; each rewrite before and after, run by ONNX Runtime."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from oracle import layers
from oracle.graphs import random_input, random_model
from oracle.writer import NEWEST_OPSET, Writer

from snc.compiler.frontend.read import to_layers, to_onnx
from snc.ir.layers import LayerGraph
from snc.passes.fold import Fold

Build = Callable[[Writer, str], str | list[str]]


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def folded(model: onnx.ModelProto) -> LayerGraph:
    """The folded layers: they compute what the model computes, and the layers given stay as they are."""
    before = to_layers(model, "model")
    constants = {name: array.copy() for name, array in before.constants.items()}
    after = Fold()(before)
    after.verify()
    assert before.constants.keys() == constants.keys()
    assert all(np.array_equal(before.constants[name], array) for name, array in constants.items())
    for seed in range(2):
        inputs = random_input(model, seed)
        for got, want in zip(run(to_onnx(after), inputs), run(model, inputs), strict=True):
            assert got.shape == want.shape
            assert np.abs(got - want).max() <= 1e-5 * max(1.0, float(np.abs(want).max()))
    return after


def operators(graph: LayerGraph) -> list[str]:
    return [layer.op for layer in graph.layers]


def constant(w: Writer, *shape: int) -> str:
    """A constant without zeros."""
    return w.constant((w.rng.uniform(0.5, 2, shape) * w.rng.choice([-1, 1], shape)).astype(np.float32))


def shared(w: Writer, x: str) -> str:
    """Two layers with the same weights, and a normalisation behind each."""
    weights = w.weights((4, 4, 1, 1), 4)
    first = layers.batch_norm(w, w.add("Conv", x, weights, kernel_shape=[1, 1]))
    return layers.batch_norm(w, w.add("Conv", first, weights, kernel_shape=[1, 1]))


CASES: dict[str, tuple[Build, list[str]]] = {
    "conv-norm": (lambda w, x: layers.batch_norm(w, layers.conv(w, x, 5)), ["Conv"]),
    "conv-no-bias-norm": (lambda w, x: layers.batch_norm(w, layers.conv(w, x, 5, bias=False)), ["Conv"]),
    "grouped-norm": (lambda w, x: layers.batch_norm(w, layers.conv(w, x, 6, group=2)), ["Conv"]),
    "transposed-norm": (lambda w, x: layers.batch_norm(w, layers.conv_transpose(w, x, 3)), ["ConvTranspose"]),
    "transposed-groups-norm": (
        lambda w, x: layers.batch_norm(w, layers.conv_transpose(w, x, 6, group=2)),
        ["ConvTranspose"],
    ),
    "norm-norm": (lambda w, x: layers.batch_norm(w, layers.batch_norm(w, x)), ["BatchNormalization"]),
    "norm-conv": (lambda w, x: layers.conv(w, layers.batch_norm(w, x), 3), ["BatchNormalization", "Conv"]),
    "relu-norm": (lambda w, x: layers.batch_norm(w, w.add("Relu", x)), ["Relu", "BatchNormalization"]),
    "conv-add": (lambda w, x: w.add("Add", layers.conv(w, x, 5), constant(w, 5, 1, 1)), ["Conv"]),
    "add-conv-first": (lambda w, x: w.add("Add", constant(w, 1, 5, 1, 1), layers.conv(w, x, 5)), ["Conv"]),
    "conv-sub": (lambda w, x: w.add("Sub", layers.conv(w, x, 5), constant(w, 5, 1, 1)), ["Conv"]),
    "sub-conv-second": (lambda w, x: w.add("Sub", constant(w, 5, 1, 1), layers.conv(w, x, 5)), ["Conv"]),
    "conv-mul": (lambda w, x: w.add("Mul", layers.conv(w, x, 5), constant(w, 5, 1, 1)), ["Conv"]),
    "conv-mul-scalar": (lambda w, x: w.add("Mul", layers.conv(w, x, 5), constant(w)), ["Conv"]),
    "conv-div": (lambda w, x: w.add("Div", layers.conv(w, x, 5), constant(w, 5, 1, 1)), ["Conv"]),
    "div-conv-second": (lambda w, x: w.add("Div", constant(w, 1), layers.conv(w, x, 5)), ["Conv", "Div"]),
    "add-per-element": (lambda w, x: w.add("Add", layers.conv(w, x, 5), constant(w, 4, 3)), ["Conv", "Add"]),
    "add-per-column": (lambda w, x: w.add("Add", layers.conv(w, x, 5), constant(w, 3)), ["Conv", "Add"]),
    "mul-add": (
        lambda w, x: w.add("Add", w.add("Mul", x, constant(w, 4, 1, 1)), constant(w, 4, 1, 1)),
        ["BatchNormalization"],
    ),
    "conv-chain": (
        lambda w, x: w.add("Add", w.add("Mul", layers.conv(w, x, 2), constant(w, 2, 1, 1)), constant(w, 1)),
        ["Conv"],
    ),
    "gemm-alpha-beta": (
        lambda w, x: layers.gemm(w, layers.flatten(w, x), 3, alpha=0.5, beta=-2.0),
        ["Flatten", "Gemm"],
    ),
    "gemm-not-transposed": (
        lambda w, x: layers.gemm(w, layers.flatten(w, x), 3, transposed=False, alpha=2.0),
        ["Flatten", "Gemm"],
    ),
    "gemm-norm": (
        lambda w, x: layers.batch_norm(w, layers.gemm(w, layers.flatten(w, x), 3)),
        ["Flatten", "Gemm"],
    ),
    "gemm-not-transposed-norm": (
        lambda w, x: layers.batch_norm(w, layers.gemm(w, layers.flatten(w, x), 3, transposed=False)),
        ["Flatten", "Gemm"],
    ),
    "matmul-add": (lambda w, x: layers.matmul(w, layers.flatten(w, x), 3), ["Flatten", "Gemm"]),
    "matmul-mul": (
        lambda w, x: w.add("Mul", layers.matmul(w, layers.flatten(w, x), 3, bias=False), constant(w, 3)),
        ["Flatten", "Gemm"],
    ),
    "shared-weights": (shared, ["Conv", "Conv"]),
    "read-twice": (
        lambda w, x: [y := layers.conv(w, x, 3), layers.batch_norm(w, y)],
        ["Conv", "BatchNormalization"],
    ),
    "read-by-two": (
        lambda w, x: w.add("Add", y := layers.conv(w, x, 3), layers.batch_norm(w, y)),
        ["Conv", "BatchNormalization", "Add"],
    ),
}


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 15, NEWEST_OPSET])
@pytest.mark.parametrize("name", CASES)
def test_the_function_stays_and_layers_go(name: str, opset: int) -> None:
    build, left = CASES[name]
    w = Writer(opset, 5)
    outputs = build(w, w.input((1, 4, 6, 5)))
    found = folded(w.model([outputs] if isinstance(outputs, str) else outputs, name))
    assert Counter(operators(found)) == Counter(left)
    for layer in found.layers:
        if layer.op == "Gemm":
            assert set(layer.attributes) <= {"transB"}
        if layer.op == "BatchNormalization":
            assert not found.constants[layer.inputs[3]].any()
            assert (found.constants[layer.inputs[4]] == 1).all()


def test_layers_that_share_weights_get_their_own() -> None:
    w = Writer(13, 1)
    weights = w.weights((4, 4, 1, 1), 4)
    x = w.input((1, 4, 3, 3))
    for _ in range(3):
        x = w.add("Relu", w.add("Conv", x, weights, kernel_shape=[1, 1]))
    found = folded(w.model([x], "shared"))
    names = [layer.inputs[1] for layer in found.layers if layer.op == "Conv"]
    assert len(set(names)) == 3


def test_a_folded_layer_keeps_its_origin_and_takes_the_last_output() -> None:
    w = Writer(13, 1)
    conv = layers.conv(w, w.input((1, 2, 4, 4)), 3)
    norm = layers.batch_norm(w, conv)
    (layer,) = folded(w.model([norm], "origin")).layers
    assert layer.origin.operator == "Conv"
    assert layer.outputs == (norm,)
    assert layer.origin.output == norm


@pytest.mark.parametrize("seed", range(25))
def test_random_networks_keep_their_function(seed: int) -> None:
    folded(random_model(seed))
