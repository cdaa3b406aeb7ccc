"""What is made of truths: other truths, numbers, and the choice between two feature maps."""

import math
from collections.abc import Sequence

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Update
from ..arrangement import Stack
from ..builder import Builder
from ..operators.pointwise import drawn_together, extreme
from ..operators.table import lowers
from ..views import Ids
from .summing import operands, positive, summed

FLOATS = ("float16", "float32", "float64")
MIDDLE = 0.5  # between what is true and what is false
BELOW = 0.25  # how far both are from it, at least


@lowers("Not")
def negation(builder: Builder, layer: Layer) -> None:
    """1 less the truth."""
    stack, (truth,) = operands(builder, layer)
    builder.define(layer.outputs[0], stack.tensor(summed(builder, layer, stack, [(truth, -1.0)], bias=1.0)))


@lowers("And")
def both(builder: Builder, layer: Layer) -> None:
    """Of truths, each of the full shape or broadcast."""
    _combined(builder, layer, 1.0, Activation.RELU, bias=-1.0)


@lowers("Or")
def either(builder: Builder, layer: Layer) -> None:
    """Of truths, each of the full shape or broadcast."""
    _combined(builder, layer, 1.0, Activation.SIGN)


@lowers("Xor")
def one_alone(builder: Builder, layer: Layer) -> None:
    """Of truths, each of the full shape or broadcast."""
    _combined(builder, layer, -1.0, Activation.ABSOLUTE)


def _combined(
    builder: Builder, layer: Layer, weight: float, activation: Activation, bias: float = 0.0
) -> None:
    stack, (first, second) = operands(builder, layer)
    terms = [(first, 1.0), (second, weight)]
    found = summed(builder, layer, stack, terms, activation, bias=bias)
    builder.define(layer.outputs[0], stack.tensor(found))


@lowers("Cast")
def cast(builder: Builder, layer: Layer) -> None:
    """Of floats or truths to floats: nothing happens; of floats to truths: 1 where they are not 0."""
    made = builder.graph.values[layer.outputs[0]].dtype
    if made in FLOATS:
        builder.define(layer.outputs[0], builder.operand(layer, 0))
        return
    if made != "bool":
        raise Unsupported(layer.origin, f"it casts to {made}", hint="cast between floats and truths only")
    stack, (maps,) = operands(builder, layer)
    signs = summed(builder, layer, stack, [(maps, 1.0)], Activation.SIGN)
    apart = summed(builder, layer, stack, [(signs, 1.0)], Activation.ABSOLUTE)
    zero = positive(builder, layer, stack, (apart, -1.0), bias=1.0)
    builder.define(layer.outputs[0], stack.tensor(summed(builder, layer, stack, [(zero, -1.0)], bias=1.0)))


@lowers("Where")
def where(builder: Builder, layer: Layer) -> None:
    """Maps and constants: a view by a constant condition, else exact; but a chosen NaN becomes infinite."""
    if layer.input(0) in builder.views:
        _chosen(builder, layer)
        return
    condition = builder.constant(layer, 0).astype(np.bool_)
    first, second = (builder.tensor_of(layer, index) for index in (1, 2))
    builder.define(layer.outputs[0], np.where(condition, first, second))


def _chosen(builder: Builder, layer: Layer) -> None:
    """The larger of two: each is a map where it is chosen, and minus infinity where it is not."""
    names = layer.inputs
    stack = builder.arrangement(layer, [builder.views[name] for name in names if name in builder.views])
    condition = drawn_together(builder, layer, stack.maps(builder.views[names[0]]))
    d, h, w = condition.shape
    parts: list[Ids] = []
    for index, closed in ((1, -math.inf), (2, math.inf)):
        held = builder.graph.constants.get(names[index])
        if held is not None and (held == -math.inf).all():
            continue  # so it is where it is not chosen, too
        gate = builder.copied(
            layer,
            condition,
            (d, h, w),
            activation=Activation.SHRINK,
            parameters=(BELOW, closed),
            bias=np.full(d, -MIDDLE, dtype=np.float32),
        )
        operands = [builder.ids(gate)]
        if held is None or not (held == math.inf).all():
            operands.append(drawn_together(builder, layer, builder.value(layer, index, stack)))
        parts.append(_extreme(builder, layer, stack, operands, Update.MINIMUM))
    found = _extreme(builder, layer, stack, parts, Update.MAXIMUM)
    builder.define(layer.outputs[0], stack.tensor(found))


def _extreme(builder: Builder, layer: Layer, stack: Stack, operands: Sequence[Ids], update: Update) -> Ids:
    """The least or the largest of some maps; one alone is what it is."""
    if len(operands) == 1 and operands[0].shape == stack.sizes:
        return operands[0]
    return extreme(builder, layer, stack, operands, update)
