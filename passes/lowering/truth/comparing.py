"""Comparisons of feature maps with each other and with constants: by the sign of a difference.

A difference of floats is 0 only between equals, and no comparison with a NaN holds: a threshold lets none
pass.
"""

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation
from ..arrangement import Stack
from ..builder import Builder
from ..operators.table import lowers
from ..views import Ids
from .summing import operands, positive, summed

LARGEST = float(np.finfo(np.float32).max)


@lowers("Greater")
def greater(builder: Builder, layer: Layer) -> None:
    """Of feature maps and constants, each of the full shape or broadcast: exactly 1 or 0."""
    _above(builder, layer, 1.0)


@lowers("Less")
def less(builder: Builder, layer: Layer) -> None:
    """Of feature maps and constants, each of the full shape or broadcast: exactly 1 or 0."""
    _above(builder, layer, -1.0)


@lowers("GreaterOrEqual")
def greater_or_equal(builder: Builder, layer: Layer) -> None:
    """As Greater; two infinities of one sign are not taken for equal."""
    _not_below(builder, layer, 1.0)


@lowers("LessOrEqual")
def less_or_equal(builder: Builder, layer: Layer) -> None:
    """As Less; two infinities of one sign are not taken for equal."""
    _not_below(builder, layer, -1.0)


@lowers("Equal")
def equal(builder: Builder, layer: Layer) -> None:
    """As Greater; an infinite value equals a constant infinity, but not that of another feature map."""
    infinity = _infinity(builder, layer)
    stack, (first, second) = operands(builder, layer)
    if infinity:
        maps = first if layer.input(0) in builder.views else second
        found = infinite(builder, layer, stack, maps, infinity)
    else:
        signs = summed(builder, layer, stack, [(first, 1.0), (second, -1.0)], Activation.SIGN)
        apart = summed(builder, layer, stack, [(signs, 1.0)], Activation.ABSOLUTE)
        found = positive(builder, layer, stack, (apart, -1.0), bias=1.0)
    builder.define(layer.outputs[0], stack.tensor(found))


@lowers("IsInf")
def is_infinite(builder: Builder, layer: Layer) -> None:
    """Either infinity, or the positive or negative one alone."""
    stack, (maps,) = operands(builder, layer)
    named = (("detect_positive", np.inf), ("detect_negative", -np.inf))
    each = [infinite(builder, layer, stack, maps, of) for name, of in named if layer.integer(name, 1)]
    terms = [(one, 1.0) for one in each] or [(maps, 0.0)]
    found = each[0] if len(each) == 1 else summed(builder, layer, stack, terms)
    builder.define(layer.outputs[0], stack.tensor(found))


@lowers("IsNaN")
def is_not_a_number(builder: Builder, layer: Layer) -> None:
    """1 where a value is not a number, else 0."""
    stack, (maps,) = operands(builder, layer)
    signs = summed(builder, layer, stack, [(maps, 1.0)], Activation.SIGN)
    known = positive(builder, layer, stack, (signs, 1.0), bias=2.0)
    known = summed(builder, layer, stack, [(known, 1.0)], Activation.SIGN)
    builder.define(layer.outputs[0], stack.tensor(summed(builder, layer, stack, [(known, -1.0)], bias=1.0)))


def infinite(builder: Builder, layer: Layer, stack: Stack, maps: Ids, infinity: float) -> Ids:
    """1 where values are this infinity, 0 elsewhere."""
    terms = [(maps, float(np.sign(infinity)))]
    beyond = summed(builder, layer, stack, terms, Activation.THRESHOLDED_RELU, (LARGEST,))
    return summed(builder, layer, stack, [(beyond, 1.0)], Activation.SIGN)


def _above(builder: Builder, layer: Layer, side: float) -> None:
    """Where the first operand is above the second, or with the side -1 below it."""
    stack, (first, second) = operands(builder, layer)
    signs = summed(builder, layer, stack, [(first, side), (second, -side)], Activation.SIGN)
    builder.define(layer.outputs[0], stack.tensor(positive(builder, layer, stack, (signs, 1.0))))


def _not_below(builder: Builder, layer: Layer, side: float) -> None:
    if _infinity(builder, layer):
        raise Unsupported(layer.origin, "its constant is infinite", hint="compare with a number")
    stack, (first, second) = operands(builder, layer)
    signs = summed(builder, layer, stack, [(first, side), (second, -side)], Activation.SIGN)
    steps = positive(builder, layer, stack, (signs, 1.0), bias=1.0)  # 2 above, 1 where both are equal
    found = summed(builder, layer, stack, [(steps, 1.0)], Activation.SIGN)
    builder.define(layer.outputs[0], stack.tensor(found))


def _infinity(builder: Builder, layer: Layer) -> float:
    """The infinity that a layer compares with everywhere, or 0. Raises Unsupported where it is so in some
    places alone.
    """
    for name in layer.inputs:
        array = builder.graph.constants.get(name)
        if array is None or array.dtype.kind != "f" or not np.isinf(array).any():
            continue
        if (array != array.flat[0]).any():
            raise Unsupported(layer.origin, f"{name!r} is infinite in places", hint="compare with numbers")
        return float(array.flat[0])
    return 0.0
