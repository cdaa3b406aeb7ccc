"""Conformance cases of sums, products, Concat, Split and Slice, of several inputs and outputs."""

import numpy as np

from .case import Build, Case, finer
from .layers import activation, conv, flatten, gemm, slice_channels, split, split_evenly, unflatten
from .writer import Writer

_MAP = (4, 6, 5)


def _same(w: Writer, x: str) -> str:
    """A padded layer of x's shape."""
    return conv(w, x, w.shape(x)[1], pads=(1, 1, 1, 1))


def _two_inputs(operator: str, *shape: int) -> Build:
    """The operator on the input and a second one, of the same shape unless told."""
    return lambda w, x: w.add(operator, x, w.input((1, *shape) if shape else w.shape(x)))


def _gate(kind: str, *, first: bool = False) -> Build:
    """Squeeze and excite with one dense layer; `hard-sigmoid` and `relu` give exact zeros."""

    def build(w: Writer, x: str) -> str:
        y = conv(w, w.add("GlobalAveragePool", x), w.shape(x)[1], (1, 1))
        y = w.add("HardSigmoid", y, alpha=2.0, beta=0.2) if kind == "hard-sigmoid" else activation(w, y, kind)
        return w.add("Mul", *((y, x) if first else (x, y)))

    return build


def _plane(operator: str, kind: str, *, first: bool = False) -> Build:
    """A map joined to a single channel made of it."""

    def build(w: Writer, x: str) -> str:
        y = activation(w, conv(w, x, 1, pads=(1, 1, 1, 1)), kind)
        return w.add(operator, *((y, x) if first else (x, y)))

    return build


def _constant(operator: str, *shape: int, first: bool = False) -> Build:
    """A map joined to a constant."""

    def build(w: Writer, x: str) -> str:
        constant = w.constant(w.rng.normal(0, 1, shape).astype(np.float32))
        return w.add(operator, *((constant, x) if first else (x, constant)))

    return build


def _residual(w: Writer, x: str, *, stride: int = 1) -> str:
    """Two branches of convolutions that meet in a sum."""
    y = conv(w, x, 4, stride=(stride, stride), pads=(1, 1, 1, 1))
    return w.add("Add", y, conv(w, x, 4, (1, 1), stride=(stride, stride)))


def _vectors(operator: str) -> Build:
    def build(w: Writer, x: str) -> str:
        return w.add(operator, gemm(w, x, 6), gemm(w, x, 6))

    return build


SUMS = [
    Case("add-residual", _MAP, lambda w, x: w.add("Add", x, _same(w, x))),
    Case("add-residual-relu", _MAP, lambda w, x: w.add("Relu", w.add("Add", _same(w, x), x))),
    Case("add-residual-s2-odd", (3, 7, 5), lambda w, x: _residual(w, x, stride=2)),
    Case("add-residual-width300", (1, 3, 300), _residual),
    finer("add-residual-width20", (3, 5, 20), _residual),
    Case("add-residual-1100-channels", (1100, 2, 2), lambda w, x: w.add("Add", x, w.add("Relu", x))),
    Case("add-same-tensor", _MAP, lambda w, x: w.add("Add", x, x)),
    Case("add-two-inputs", _MAP, _two_inputs("Add")),
    finer("add-of-relus", _MAP, lambda w, x: w.add("Add", w.add("Relu", x), w.add("Relu", _same(w, x)))),
    Case("add-chain", _MAP, lambda w, x: w.add("Add", w.add("Add", x, _same(w, x)), _same(w, x))),
    Case("add-channels-input", _MAP, _two_inputs("Add", 4, 1, 1)),
    finer("add-plane-input", _MAP, _two_inputs("Add", 1, 6, 5)),
    finer("add-scalar-input", _MAP, _two_inputs("Add", 1, 1, 1)),
    Case("add-plane", _MAP, _plane("Add", "relu")),
    Case("add-vectors", (7,), _vectors("Add")),
    Case("add-constant-per-channel", _MAP, _constant("Add", 4, 1, 1)),
    finer("add-constant-per-element", _MAP, _constant("Add", 1, 4, 6, 5)),
    finer("sub-residual", _MAP, lambda w, x: w.add("Sub", x, _same(w, x))),
    Case("sub-residual-reversed", _MAP, lambda w, x: w.add("Sub", _same(w, x), x)),
    Case("sub-two-inputs", _MAP, _two_inputs("Sub")),
    finer("sub-channels-input", _MAP, _two_inputs("Sub", 4, 1, 1)),
    Case("sub-plane-first", _MAP, _plane("Sub", "relu", first=True)),
    finer("sub-constant-scalar-first", _MAP, _constant("Sub", 1, first=True)),
]

PRODUCTS = [
    Case("mul-two-inputs", _MAP, _two_inputs("Mul")),
    Case("mul-same-tensor", _MAP, lambda w, x: w.add("Mul", x, x)),
    finer("mul-branches", _MAP, lambda w, x: w.add("Mul", _same(w, x), w.add("Sigmoid", x))),
    Case("mul-swish", _MAP, lambda w, x: w.add("Mul", x, w.add("Sigmoid", x))),
    Case("mul-relu-zeros", _MAP, lambda w, x: w.add("Mul", _same(w, x), w.add("Relu", x))),
    Case("mul-relu-zeros-first", _MAP, lambda w, x: w.add("Mul", w.add("Relu", x), _same(w, x))),
    finer(
        "mul-both-relu-zeros", _MAP, lambda w, x: w.add("Mul", w.add("Relu", _same(w, x)), w.add("Relu", x))
    ),
    Case("mul-gate-sigmoid", _MAP, _gate("sigmoid")),
    Case("mul-gate-sigmoid-first", _MAP, _gate("sigmoid", first=True)),
    Case("mul-gate-hard-sigmoid-zeros", (8, 6, 5), _gate("hard-sigmoid")),
    finer("mul-gate-hard-sigmoid-zeros-first", (8, 6, 5), _gate("hard-sigmoid", first=True)),
    finer("mul-gate-relu-zeros", (8, 6, 5), _gate("relu")),
    Case("mul-gate-over-20x17", (3, 20, 17), _gate("sigmoid")),
    finer("mul-gate-over-33x5", (2, 33, 5), _gate("hard-sigmoid")),
    Case("mul-gate-1100-channels", (1100, 2, 2), lambda w, x: w.add("Mul", x, w.add("GlobalMaxPool", x))),
    Case(
        "mul-gate-dense",
        _MAP,
        lambda w, x: w.add(
            "Mul", x, unflatten(w, w.add("Sigmoid", gemm(w, flatten(w, w.add("GlobalAveragePool", x)), 4)))
        ),
    ),
    Case("mul-channels-input", _MAP, _two_inputs("Mul", 4, 1, 1)),
    finer("mul-plane-input", _MAP, _two_inputs("Mul", 1, 6, 5)),
    finer("mul-scalar-input", _MAP, _two_inputs("Mul", 1, 1, 1)),
    Case("mul-plane-sigmoid", _MAP, _plane("Mul", "sigmoid")),
    Case("mul-plane-relu-zeros-first", _MAP, _plane("Mul", "relu", first=True)),
    finer("mul-plane-1100-channels", (1100, 2, 2), _plane("Mul", "sigmoid")),
    finer("mul-vectors", (7,), _vectors("Mul")),
    Case("mul-constant-per-channel", _MAP, _constant("Mul", 1, 4, 1, 1)),
    Case("mul-constant-scalar", _MAP, _constant("Mul", 1)),
]


def _concat(w: Writer, *parts: str) -> str:
    return w.add("Concat", *parts, axis=1)


def _parts(w: Writer, x: str) -> list[str]:
    """Uneven groups, each with a layer of its own."""
    return [conv(w, part, 3, (2, 2)) for part in split(w, x, (1, 2, 1))]


CHANNELS = [
    Case("concat-two-inputs", _MAP, lambda w, x: _concat(w, x, w.input((1, 2, 6, 5)))),
    Case("concat-branches", _MAP, lambda w, x: _concat(w, conv(w, x, 3), conv(w, x, 5, (3, 3)))),
    finer("concat-three", _MAP, lambda w, x: _concat(w, x, _same(w, x), w.add("Tanh", x))),
    Case("concat-same-tensor", _MAP, lambda w, x: _concat(w, x, x)),
    Case("concat-then-conv", _MAP, lambda w, x: conv(w, _concat(w, x, w.add("Relu", x)), 3)),
    Case("concat-then-depthwise", (2, 6, 5), lambda w, x: conv(w, _concat(w, x, _same(w, x)), 4, group=4)),
    finer(
        "concat-of-concat", (2, 5, 4), lambda w, x: _concat(w, _concat(w, x, _same(w, x)), w.add("Relu", x))
    ),
    Case(
        "concat-then-flatten-dense",
        (2, 4, 3),
        lambda w, x: gemm(w, flatten(w, _concat(w, x, _same(w, x))), 5),
    ),
    Case(
        "concat-to-1100-then-conv",
        (600, 2, 2),
        lambda w, x: conv(w, _concat(w, x, conv(w, x, 500, (1, 1))), 3, (2, 2)),
    ),
    Case("concat-and-operand-output", _MAP, lambda w, x: [y := _same(w, x), _concat(w, y, x)]),
    Case("split-outputs", _MAP, lambda w, x: split(w, _same(w, x), (1, 3))),
    Case("split-even-layers", _MAP, lambda w, x: _concat(w, *(conv(w, y, 2) for y in split_evenly(w, x, 2)))),
    Case("split-uneven-layers", _MAP, lambda w, x: _concat(w, *_parts(w, x))),
    finer("split-of-input-layers", _MAP, lambda w, x: [conv(w, y, 2) for y in split(w, x, (3, 1))]),
    Case("split-add", _MAP, lambda w, x: w.add("Add", *split_evenly(w, _same(w, x), 2))),
    Case(
        "split-mul-gated",
        _MAP,
        lambda w, x: w.add("Mul", (y := split(w, x, (2, 2)))[0], w.add("Sigmoid", y[1])),
    ),
    finer("split-swap", _MAP, lambda w, x: conv(w, _concat(w, *split(w, x, (1, 3))[::-1]), 3)),
    *(
        Case(
            f"split-opset{opset}",
            _MAP,
            lambda w, x: [w.add("Relu", y) for y in split(w, x, (3, 1))],
            opset,
            opset,
        )
        for opset in (7, 11, 18)
    ),
    finer("slice-first", _MAP, lambda w, x: conv(w, slice_channels(w, x, 0, 2), 3)),
    Case("slice-middle", _MAP, lambda w, x: conv(w, slice_channels(w, _same(w, x), 1, 3), 3)),
    finer("slice-to-the-end", _MAP, lambda w, x: w.add("Relu", slice_channels(w, x, 2, 2**31 - 1))),
    Case("slice-negative-start", _MAP, lambda w, x: w.add("Relu", slice_channels(w, x, -3, -1))),
    Case("slice-every-second", _MAP, lambda w, x: conv(w, slice_channels(w, x, 0, 4, 2), 3), oldest=10),
    finer("slice-output", _MAP, lambda w, x: slice_channels(w, _same(w, x), 1, 3)),
    Case(
        "slice-of-concat", _MAP, lambda w, x: conv(w, slice_channels(w, _concat(w, x, _same(w, x)), 2, 6), 3)
    ),
    Case(
        "slice-overlapping",
        _MAP,
        lambda w, x: _concat(w, slice_channels(w, x, 0, 3), slice_channels(w, x, 1, 4)),
    ),
    finer(
        "slice-add-rest",
        _MAP,
        lambda w, x: w.add("Add", slice_channels(w, x, 0, 2), slice_channels(w, x, 2, 4)),
    ),
    Case(
        "slice-beyond-1024", (1100, 2, 2), lambda w, x: conv(w, slice_channels(w, x, 1030, 1090), 3, (2, 2))
    ),
    *(
        Case(f"slice-opset{opset}", _MAP, lambda w, x: conv(w, slice_channels(w, x, 1, 3), 2), opset, opset)
        for opset in (7, 10, 13)
    ),
]

ENDS = [
    Case("two-outputs-inner-and-last", _MAP, lambda w, x: [y := _same(w, x), conv(w, y, 2)]),
    Case("two-outputs-before-and-after-relu", _MAP, lambda w, x: [y := _same(w, x), w.add("Relu", y)]),
    Case("two-outputs-heads", _MAP, lambda w, x: [conv(w, x, 2), gemm(w, flatten(w, x), 3)]),
    Case("two-outputs-map-and-flattened", _MAP, lambda w, x: [y := conv(w, x, 2), flatten(w, y)]),
    Case(
        "two-inputs-of-two-sizes",
        (3, 8, 7),
        lambda w, x: w.add(
            "Add", conv(w, x, 4, (2, 2), stride=(2, 2)), conv(w, w.input((1, 2, 4, 3)), 4, (1, 1))
        ),
    ),
    Case(
        "two-inputs-map-and-vector",
        _MAP,
        lambda w, x: _concat(w, gemm(w, flatten(w, x), 3), gemm(w, w.input((1, 6)), 4)),
    ),
    Case("two-inputs-two-outputs", _MAP, lambda w, x: [conv(w, x, 3), conv(w, w.input((1, 2, 5, 6)), 3)]),
]
