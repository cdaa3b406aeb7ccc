"""Operators that are made of others, each by layers that compute the same and have a lowering."""

import math
from collections.abc import Sequence

import numpy as np

from ...ir.layers import Layer
from .layer_writer import Writer, composes

SOFTMAX_OF_ONE_AXIS = 13  # before, what follows the axis was one axis with it
INVERSE_MAX = 2.0**15  # of a deviation or norm: where it is 0, or too small for a half, zeros stay zeros
EPSILON_LEAST = 1e-6  # from where on a half holds it, and the inverse deviation
WINDOW = ("kernel_shape", "strides", "pads", "auto_pad")
DILATED_MEANS = 19  # the opset from which on AveragePool has dilations
DEVIATION_MORE = 1e-9  # of ONNX's MeanVarianceNormalization


@composes("Div")
def div(w: Writer, layer: Layer) -> str | None:
    """By a constant without zeros, or by a map: a product with reciprocals."""
    dividend, divisor = layer.inputs
    if w.is_constant(divisor):
        return None
    inverse = w.add("Reciprocal", divisor)
    is_one = w.is_constant(dividend) and bool((w.held(dividend) == 1).all())
    if is_one and w.shape(inverse) == w.graph.shape(layer.outputs[0]):
        return inverse
    return w.add("Mul", dividend, inverse)


@composes("Mod")
def mod(w: Writer, layer: Layer) -> str | None:
    """Of floats, with the sign of either, by a constant or a map without zeros."""
    dividend, divisor = layer.inputs
    if w.is_constant(divisor) and not w.held(divisor).all():
        return None
    if not layer.integer("fmod", 0):
        return _modulo(w, dividend, divisor)
    magnitude = (w.constant(np.abs(w.held(x))) if w.is_constant(x) else w.add("Abs", x) for x in layer.inputs)
    sign = w.constant(np.sign(w.held(dividend))) if w.is_constant(dividend) else w.add("Sign", dividend)
    return w.add("Mul", _modulo(w, *magnitude), sign)


def _modulo(w: Writer, x: str, y: str) -> str:
    """What is left of x, with the sign of y; a quotient that was rounded to one too much, or too little, is
    made good.
    """
    if w.is_constant(y):
        held = w.held(y)
        inverse, sign, size = (w.constant(each) for each in (1 / held, np.sign(held), np.abs(held)))
    else:
        inverse, sign, size = (w.add(op, y) for op in ("Reciprocal", "Sign", "Abs"))
    quotient = w.add("Floor", w.add("Mul", x, inverse))
    rest = w.add("Sub", x, w.add("Mul", quotient, y))
    turned = w.add("Mul", rest, sign)
    below = w.add("Relu", w.add("Neg", w.add("Sign", turned)))
    beyond = w.add("Sign", w.add("Sub", turned, size))
    above = w.add("Ceil", w.add("Mul", w.add("Add", beyond, w.constant(1.0)), w.constant(0.5)))
    return w.add("Add", rest, w.add("Mul", w.add("Sub", below, above), y))


@composes("MatMul")
def matmul(w: Writer, layer: Layer) -> str | None:
    """Product with a constant: rows are pixels, batches groups of channels; or of two maps, M N K neurons."""
    first, second = layer.inputs
    if w.is_constant(first) or w.is_constant(second):
        return None
    return product(w, first, second)


@composes("Gemm")
def gemm(w: Writer, layer: Layer) -> str | None:
    """Product with a constant on either side, of one row or many; or of two maps, M N K neurons."""
    first, second = layer.inputs[:2]
    if w.is_constant(first) or w.is_constant(second):
        return None
    first = w.transposed(first, (1, 0)) if layer.integer("transA", 0) else first
    second = w.transposed(second, (1, 0)) if layer.integer("transB", 0) else second
    found = product(w, first, second)
    alpha, beta, bias = layer.number("alpha", 1.0), layer.number("beta", 1.0), layer.input(2)
    if found is not None and alpha != 1:
        found = w.add("Mul", found, w.constant(alpha))
    if found is None or not bias or beta == 0:
        return found
    if beta != 1:
        held = w.is_constant(bias)
        bias = w.constant(w.held(bias) * np.float32(beta)) if held else w.add("Mul", bias, w.constant(beta))
    return w.add("Add", found, bias)


def product(w: Writer, first: str, second: str) -> str | None:
    """Every row times every column, element by element, and their sums."""
    rank = len(w.shape(second))
    if len(w.shape(first)) < 2 or rank < 2:
        return None
    return row_products(w, first, w.transposed(second, (*range(rank - 2), rank - 1, rank - 2)))


def row_products(w: Writer, first: str, second: str) -> str:
    """Every row of one times every row of the other, element by element, and their sums."""
    left, right = w.shape(first), w.shape(second)
    rows = w.reshaped(first, (*left[:-1], 1, left[-1]))
    columns = w.reshaped(second, (*right[:-2], 1, *right[-2:]))
    products = w.add("Mul", rows, columns)
    shape = w.shape(products)
    return w.reshaped(w.reduced("ReduceSum", products, [len(shape) - 1]), shape[:-1])


@composes("Softmax")
def softmax(w: Writer, layer: Layer) -> str | None:
    """Along any axis."""
    powers, total = exponentials(w, layer.inputs[0], softmax_axes(w, layer))[:2]
    return w.add("Mul", powers, w.add("Reciprocal", total))


@composes("LogSoftmax")
def log_softmax(w: Writer, layer: Layer) -> str | None:
    """Along any axis."""
    _, total, shifted, _ = exponentials(w, layer.inputs[0], softmax_axes(w, layer))
    return w.add("Sub", shifted, w.add("Log", total))


def softmax_axes(w: Writer, layer: Layer) -> list[int]:
    """The axes along which a Softmax, or a Hardmax, compares."""
    rank = len(w.shape(layer.inputs[0]))
    is_one = w.graph.opset >= SOFTMAX_OF_ONE_AXIS
    axis = layer.integer("axis", -1 if is_one else 1) % max(rank, 1)
    return [axis] if is_one else list(range(axis, rank))


def exponentials(w: Writer, x: str, axes: Sequence[int]) -> tuple[str, str, str, str]:
    """Exponentials that cannot overflow, their sums, what they are of, and the largest values."""
    largest = w.reduced("ReduceMax", x, axes)
    shifted = w.add("Sub", x, largest)
    powers = w.add("Exp", shifted)
    return powers, w.reduced("ReduceSum", powers, axes), shifted, largest


@composes("InstanceNormalization")
def instance_normalization(w: Writer, layer: Layer) -> str | None:
    """Each channel by its own mean and variance."""
    x, scale, shift = layer.inputs[:3]
    shape = w.shape(x)
    found, _, _ = _normalised(w, x, range(2, len(shape)), layer.number("epsilon", 1e-5))
    ones = (1,) * (len(shape) - 2)
    return _scaled(w, found, w.reshaped(scale, (shape[1], *ones)), w.reshaped(shift, (shape[1], *ones)))


@composes("LayerNormalization")
def layer_normalization(w: Writer, layer: Layer) -> tuple[str, ...] | None:
    """By the mean and variance along the axes from `axis` on."""
    epsilon = layer.number("epsilon", 1e-5)
    found, mean, inverse = _normalised(w, layer.inputs[0], _from_axis(w, layer), epsilon)
    return _scaled(w, found, layer.input(1), layer.input(2)), mean, inverse


@composes("GroupNormalization")
def group_normalization(w: Writer, layer: Layer) -> str | None:
    """Each group of channels by its own mean and variance."""
    x, scale, shift = layer.inputs[:3]
    shape, groups = w.shape(x), layer.integer("num_groups", 1)
    apart = w.reshaped(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    found, _, _ = _normalised(w, apart, range(2, len(shape) + 1), layer.number("epsilon", 1e-5))
    ones = (1,) * (len(shape) - 2)
    wide = (shape[1], *ones)
    return _scaled(w, w.reshaped(found, shape), w.reshaped(scale, wide), w.reshaped(shift, wide))


@composes("RMSNormalization")
def rms_normalization(w: Writer, layer: Layer) -> str | None:
    """By the mean square along the axes from `axis` on."""
    x = layer.inputs[0]
    found = w.add("Mul", x, _inverse_deviation(w, x, _from_axis(w, layer), layer.number("epsilon", 1e-5)))
    return _scaled(w, found, layer.input(1), "")


@composes("MeanVarianceNormalization")
def mean_variance_normalization(w: Writer, layer: Layer) -> str | None:
    """By the mean and deviation along any axes."""
    x = layer.inputs[0]
    axes = [axis % len(w.shape(x)) for axis in layer.integers("axes", (0, 2, 3))]
    apart = w.add("Sub", x, w.mean(x, axes))
    deviation = w.power(w.mean(w.power(apart, 2), axes), 0.5)
    inverse = w.add("Reciprocal", w.add("Add", deviation, w.constant(DEVIATION_MORE)))
    return w.add("Mul", apart, w.at_most(inverse, INVERSE_MAX))


@composes("LpNormalization")
def lp_normalization(w: Writer, layer: Layer) -> str | None:
    """By the sum of magnitudes, or the root of the sum of squares, along one axis."""
    x = layer.inputs[0]
    axis = layer.integer("axis", -1) % len(w.shape(x))
    norm = _norm(w, x, [axis], layer.integer("p", 2))
    return w.add("Mul", x, w.at_most(w.add("Reciprocal", norm), INVERSE_MAX))


def _from_axis(w: Writer, layer: Layer) -> range:
    rank = len(w.shape(layer.inputs[0]))
    return range(layer.integer("axis", -1) % rank, rank)


def _normalised(w: Writer, x: str, axes: Sequence[int], epsilon: float) -> tuple[str, str, str]:
    """A tensor less its mean, by its deviation; the mean; and 1 / the deviation."""
    mean = w.mean(x, axes)
    apart = w.add("Sub", x, mean)
    inverse = _inverse_deviation(w, apart, axes, epsilon)
    return w.add("Mul", apart, inverse), mean, inverse


def _inverse_deviation(w: Writer, x: str, axes: Sequence[int], epsilon: float) -> str:
    """1 / sqrt(mean square + epsilon)."""
    square = w.mean(w.power(x, 2), axes)
    inverse = w.power(w.add("Add", square, w.constant(epsilon)), -0.5)
    return inverse if epsilon >= EPSILON_LEAST else w.at_most(inverse, INVERSE_MAX)


def _scaled(w: Writer, x: str, scale: str, shift: str) -> str:
    """A scale and a shift; those that do nothing are left out."""
    if scale and not (w.is_constant(scale) and bool((w.held(scale) == 1).all())):
        x = w.add("Mul", x, scale)
    if shift and not (w.is_constant(shift) and not w.held(shift).any()):
        x = w.add("Add", x, shift)
    return x


def _norm(w: Writer, x: str, axes: Sequence[int], order: int) -> str:
    """The root of the sum of powers of magnitudes."""
    powers = w.add("Abs", x) if order % 2 else x
    return w.power(w.reduced("ReduceSum", w.power(powers, order), axes), 1 / order)


@composes("LpPool")
def lp_pool(w: Writer, layer: Layer) -> str | None:
    """Any window, padding, stride and dilation; ceil_mode."""
    x, order = layer.inputs[0], layer.integer("p", 2)
    powers = w.power(w.add("Abs", x) if order % 2 else x, order)
    is_dilated = any(step != 1 for step in layer.integers("dilations"))
    is_padded = layer.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
    if is_dilated and w.graph.opset < DILATED_MEANS and is_padded:
        return None
    if (is_dilated and w.graph.opset < DILATED_MEANS) or (layer.integer("ceil_mode", 0) and not is_padded):
        return w.power(_window_sums(w, layer, powers), 1 / order)
    names = (*WINDOW, "dilations") if is_dilated else WINDOW
    kept = {name: layer.attributes[name] for name in names if name in layer.attributes}
    shape = w.graph.shape(layer.outputs[0])
    means = w.add("AveragePool", powers, shape=shape, count_include_pad=1, **kept)
    return w.power(w.add("Mul", means, w.constant(math.prod(layer.integers("kernel_shape")))), 1 / order)


def _window_sums(w: Writer, layer: Layer, x: str) -> str:
    """The sums of windows, as a convolution with ones; behind a map it takes as many zeros as it needs."""
    kernel, shape = layer.integers("kernel_shape"), w.graph.shape(layer.outputs[0])
    rank, source = len(kernel), w.shape(x)[2:]
    strides = layer.integers("strides", (1,) * rank)
    dilations = layer.integers("dilations", (1,) * rank)
    begins = layer.integers("pads", (0,) * (2 * rank))[:rank]
    windows = zip(shape[2:], strides, kernel, dilations, source, begins, strict=True)
    ends = (max((o - 1) * s + (k - 1) * d + 1 - n - b, 0) for o, s, k, d, n, b in windows)
    ones = w.constant(np.ones((shape[1], 1, *kernel)))
    return w.add(
        "Conv",
        x,
        ones,
        shape=shape,
        kernel_shape=kernel,
        pads=(*begins, *ends),
        strides=strides,
        dilations=dilations,
        group=shape[1],
    )


@composes("GlobalLpPool")
def global_lp_pool(w: Writer, layer: Layer) -> str | None:
    """Any map size."""
    x = layer.inputs[0]
    return _norm(w, x, range(2, len(w.shape(x))), layer.integer("p", 2))


@composes("ReduceL1")
def reduce_l1(w: Writer, layer: Layer) -> str | None:
    """Along any constant axes."""
    axes = _axes(w, layer)
    return None if axes is None else _norm(w, layer.inputs[0], axes, 1)


@composes("ReduceL2")
def reduce_l2(w: Writer, layer: Layer) -> str | None:
    """Along any constant axes."""
    axes = _axes(w, layer)
    return None if axes is None else _norm(w, layer.inputs[0], axes, 2)


@composes("ReduceSumSquare")
def reduce_sum_square(w: Writer, layer: Layer) -> str | None:
    """Along any constant axes."""
    axes = _axes(w, layer)
    return None if axes is None else w.reduced("ReduceSum", w.power(layer.inputs[0], 2), axes)


@composes("ReduceLogSum")
def reduce_log_sum(w: Writer, layer: Layer) -> str | None:
    """Along any constant axes."""
    axes = _axes(w, layer)
    return None if axes is None else w.add("Log", w.reduced("ReduceSum", layer.inputs[0], axes))


@composes("ReduceLogSumExp")
def reduce_log_sum_exp(w: Writer, layer: Layer) -> str | None:
    """Along any constant axes."""
    axes = _axes(w, layer)
    if axes is None:
        return None
    _, total, _, largest = exponentials(w, layer.inputs[0], axes)
    return w.add("Add", largest, w.add("Log", total))


def _axes(w: Writer, layer: Layer) -> list[int] | None:
    """The axes of a reduction; None where they are computed, or where nothing is reduced."""
    axes = list(layer.integers("axes"))
    if layer.input(1):
        if not w.is_constant(layer.inputs[1]):
            return None
        axes = [int(axis) for axis in w.held(layer.inputs[1]).ravel()]
    rank = len(w.shape(layer.inputs[0]))
    if not axes and layer.integer("noop_with_empty_axes", 0):
        return None
    return sorted(axis % rank for axis in axes) or list(range(rank))
