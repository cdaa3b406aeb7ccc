"""Weighted sums of feature maps, and a function of them: what truths are computed by."""

from collections.abc import Sequence

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Shape, Update
from ..arrangement import Stack
from ..builder import Builder
from ..operators.pointwise import drawn_together, join
from ..views import Ids

TYPES = ("float32", "bool")  # of what is compared and combined


def operands(builder: Builder, layer: Layer) -> tuple[Stack, list[Ids]]:
    """The operands as stacks of maps; a constant is held as it is, whatever weights are rounded to. Raises
    Unsupported for integers.
    """
    for name in layer.inputs:
        kind = builder.graph.values[name].dtype if name in builder.graph.values else TYPES[0]
        if kind not in TYPES:
            raise Unsupported(layer.origin, f"{name!r} is of type {kind}", hint="compute with floats")
    views = [builder.views[name] for name in layer.inputs if name in builder.views]
    stack = builder.arrangement(layer, views)
    values = (builder.value(layer, index, stack, is_exact=True) for index in range(len(layer.inputs)))
    return stack, [drawn_together(builder, layer, maps) for maps in values]


def summed(
    builder: Builder,
    layer: Layer,
    stack: Stack,
    terms: Sequence[tuple[Ids, float]],
    activation: Activation = Activation.IDENTITY,
    parameters: tuple[float, ...] = (),
    bias: float = 0.0,
) -> Ids:
    """A function of the sum of some maps, each with a weight, and of a bias: a population of its own."""
    target = builder.add(layer, Shape(*stack.sizes), activation=activation, parameters=parameters)
    if bias:
        builder.change(target, bias=np.full(stack.sizes[0], bias, dtype=np.float32))
    for maps, weight in terms:
        join(builder, layer, maps, target, Update.ADD, weight)
    return builder.ids(target)


def positive(
    builder: Builder, layer: Layer, stack: Stack, *terms: tuple[Ids, float], bias: float = 0.0
) -> Ids:
    """The sum where it is above 0, else 0: also where it is not a number."""
    return summed(builder, layer, stack, terms, Activation.THRESHOLDED_RELU, (0.0,), bias)
