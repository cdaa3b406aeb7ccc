"""Conformance cases of dense layers, activations and normalisation."""

from functools import partial

import numpy as np

from .case import Case, finer
from .layers import activation, batch_norm, clip, conv, dropout, flatten, gemm, matmul, unflatten
from .writer import Writer

_MAP = (4, 6, 5)
_KINDS = ("relu", "clip", "leaky-relu", "sigmoid", "tanh", "hard-sigmoid")


def _gemm_with_bias(w: Writer, x: str, *bias: int) -> str:
    """A dense layer whose bias is broadcast."""
    return w.add("Gemm", x, w.weights((w.shape(x)[1], 5), w.shape(x)[1]), w.bias(*bias))


def _pooled(w: Writer, x: str, form: str) -> str:
    """A global pool and a dense layer, the way classifiers end."""
    return gemm(w, flatten(w, w.add("GlobalAveragePool", x), form), 5)


DENSE = [
    Case("dense-10-to-1", (10,), lambda w, x: gemm(w, x, 1)),
    finer("dense-1-to-10", (1,), lambda w, x: gemm(w, x, 10)),
    finer("dense-matmul-10-to-1", (10,), lambda w, x: matmul(w, x, 1, bias=False)),
    Case("dense-transposed", (10,), lambda w, x: gemm(w, x, 7, transposed=True)),
    Case("dense-not-transposed", (10,), lambda w, x: gemm(w, x, 7, transposed=False)),
    Case("dense-no-bias", (10,), lambda w, x: gemm(w, x, 7, bias=False)),
    Case("dense-alpha-beta", (10,), lambda w, x: gemm(w, x, 7, alpha=0.5, beta=2.0)),
    finer("dense-alpha-no-bias", (10,), lambda w, x: gemm(w, x, 7, transposed=False, alpha=-2.0, bias=False)),
    finer("dense-beta-zero", (10,), lambda w, x: gemm(w, x, 7, beta=0.0)),
    finer("dense-bias-row", (10,), lambda w, x: _gemm_with_bias(w, x, 1, 5)),
    finer("dense-bias-one", (10,), lambda w, x: _gemm_with_bias(w, x, 1)),
    Case("dense-matmul", (10,), lambda w, x: matmul(w, x, 7, bias=False)),
    Case("dense-matmul-add", (10,), lambda w, x: matmul(w, x, 7)),
    Case("dense-relu-dense", (10,), lambda w, x: gemm(w, w.add("Relu", gemm(w, x, 8)), 3)),
    finer("dense-dense", (10,), lambda w, x: gemm(w, gemm(w, x, 8), 3)),
    Case("dense-1100-in", (1100,), lambda w, x: gemm(w, x, 3)),
    Case("dense-1100-out", (4,), lambda w, x: gemm(w, x, 1100)),
    finer("dense-sigmoid-10-to-1", (10,), lambda w, x: w.add("Sigmoid", gemm(w, x, 1))),
    Case("flatten-dense", _MAP, lambda w, x: gemm(w, flatten(w, x), 5)),
    finer("reshape-dense", _MAP, lambda w, x: gemm(w, flatten(w, x, "reshape"), 5)),
    Case("reshape-rest-matmul", _MAP, lambda w, x: matmul(w, flatten(w, x, "reshape-rest"), 5)),
    Case("flatten-dense-10-to-1", (10, 1, 1), lambda w, x: gemm(w, flatten(w, x), 1)),
    Case("flatten-dense-1x18", (4, 1, 18), lambda w, x: gemm(w, flatten(w, x), 6)),
    Case("flatten-dense-20x20", (1, 20, 20), lambda w, x: gemm(w, flatten(w, x), 2)),
    finer("flatten-dense-width20", (2, 3, 20), lambda w, x: gemm(w, flatten(w, x), 3)),
    Case("flatten-dense-1100-channels", (1100, 1, 2), lambda w, x: gemm(w, flatten(w, x), 2)),
    Case("conv-flatten-dense", _MAP, lambda w, x: gemm(w, flatten(w, w.add("Relu", conv(w, x, 3))), 5)),
    Case("flatten-relu-dense", _MAP, lambda w, x: gemm(w, w.add("Relu", flatten(w, x)), 5)),
    Case("conv-flatten-output", _MAP, lambda w, x: flatten(w, conv(w, x, 3))),
    Case("global-pool-flatten-dense", _MAP, lambda w, x: _pooled(w, x, "flatten")),
    finer("global-pool-reshape-dense", _MAP, lambda w, x: _pooled(w, x, "reshape")),
    Case("global-pool-squeeze-dense", _MAP, lambda w, x: _pooled(w, x, "squeeze")),
    Case("dense-unsqueeze-conv", (6,), lambda w, x: conv(w, unflatten(w, gemm(w, x, 8)), 3, (1, 1))),
    finer(
        "dense-reshape-conv", (6,), lambda w, x: conv(w, unflatten(w, gemm(w, x, 8), "reshape"), 3, (1, 1))
    ),
]


def _bare_norm(w: Writer, x: str) -> str:
    """A normalisation whose variance is almost nothing: the epsilon counts."""
    ones, zeros = np.ones(w.shape(x)[1], np.float32), np.zeros(w.shape(x)[1], np.float32)
    names = [w.constant(each) for each in (ones, zeros, zeros, ones * np.float32(1e-3))]
    return w.add("BatchNormalization", x, *names, epsilon=0.1)


def _conv_then(w: Writer, x: str, kind: str) -> str:
    return activation(w, conv(w, x, 3), kind)


def _dense_then(w: Writer, x: str, kind: str) -> str:
    return activation(w, gemm(w, x, 6), kind)


ELEMENTWISE = [
    *(Case(f"{kind}-alone", _MAP, partial(activation, kind=kind)) for kind in _KINDS),
    *(Case(f"conv-{kind}", _MAP, partial(_conv_then, kind=kind)) for kind in _KINDS),
    *(finer(f"dense-{kind}", (9,), partial(_dense_then, kind=kind)) for kind in _KINDS),
    *(Case(f"clip-opset{opset}", _MAP, clip, opset, opset) for opset in (7, 11)),
    *(finer(f"clip-opset{opset}", _MAP, clip, opset, opset) for opset in (12, 13)),
    Case("clip-lower-only", _MAP, lambda w, x: clip(w, conv(w, x, 3), -0.5, None)),
    Case("clip-upper-only", _MAP, lambda w, x: clip(w, conv(w, x, 3), None, 0.5)),
    Case("clip-both-signs", _MAP, lambda w, x: clip(w, conv(w, x, 3), -1.0, 1.0)),
    Case("clip-positive-floor", _MAP, lambda w, x: clip(w, conv(w, x, 3), 0.25, 1.0)),
    finer("leaky-relu-default", _MAP, lambda w, x: w.add("LeakyRelu", conv(w, x, 3))),
    finer("hard-sigmoid-default", _MAP, lambda w, x: w.add("HardSigmoid", conv(w, x, 3))),
    finer("relu-relu", _MAP, lambda w, x: w.add("Relu", w.add("Relu", conv(w, x, 3)))),
    Case("relu-sigmoid", _MAP, lambda w, x: w.add("Sigmoid", w.add("Relu", conv(w, x, 3)))),
    Case("relu-shared", _MAP, lambda w, x: [conv(w, y := w.add("Relu", conv(w, x, 3)), 2), w.add("Tanh", y)]),
    Case(
        "linear-and-relu-of-one-conv", _MAP, lambda w, x: [conv(w, y := conv(w, x, 3), 2), w.add("Relu", y)]
    ),
    Case("batch-norm-alone", _MAP, batch_norm),
    Case("batch-norm-epsilon", _MAP, _bare_norm),
    finer("batch-norm-1100-channels", (1100, 2, 1), batch_norm),
    Case("conv-batch-norm", _MAP, lambda w, x: batch_norm(w, conv(w, x, 5))),
    Case("conv-batch-norm-relu", _MAP, lambda w, x: w.add("Relu", batch_norm(w, conv(w, x, 5, bias=False)))),
    Case("batch-norm-conv-pads1111", _MAP, lambda w, x: conv(w, batch_norm(w, x), 3, pads=(1, 1, 1, 1))),
    finer("relu-batch-norm", _MAP, lambda w, x: batch_norm(w, w.add("Relu", conv(w, x, 3)))),
    finer("depthwise-batch-norm", _MAP, lambda w, x: batch_norm(w, conv(w, x, 4, group=4))),
    Case("conv-batch-norm-shared", _MAP, lambda w, x: [y := conv(w, x, 3), batch_norm(w, y)]),
    Case("dense-batch-norm", (9,), lambda w, x: batch_norm(w, gemm(w, x, 6))),
    *(
        Case(f"batch-norm-opset{opset}", _MAP, lambda w, x: batch_norm(w, w.add("Tanh", x)), opset, opset)
        for opset in (7, 15)
    ),
    Case("identity-alone", _MAP, lambda w, x: w.add("Identity", x)),
    finer("identity-between", _MAP, lambda w, x: w.add("Relu", w.add("Identity", conv(w, x, 3)))),
    *(
        Case(f"dropout-opset{opset}", _MAP, lambda w, x: conv(w, dropout(w, conv(w, x, 3)), 2), opset, opset)
        for opset in (7, 12)
    ),
]
