"""Rounding to whole numbers: a product or quotient, its rounding and the clamp behind are one activation."""

from dataclasses import dataclass

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Array, Layer
from ....ir.network import Activation
from ..builder import Builder
from .pointwise import activate, activate_each, bounds_of, product, quotient
from .table import lowers


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """Layers, one behind the other, that read nothing but each other: the last one's result is a clamped
    rounding of `factor` times the first one's input over `step`.
    """

    layers: tuple[Layer, ...]
    data: int
    factor: Array
    step: float
    bounds: tuple[float, float]

    def lower(self, builder: Builder) -> None:
        """One activation function computes them all."""
        first, *behind = self.layers
        others = self.step, *self.bounds
        factor = self.factor.astype(np.float32)
        activate_each(builder, first, Activation.REQUANTISE, factor, "factor", others, self.data)
        ids = builder.views[first.outputs[0]]
        for population in builder.neurons.populations(ids):
            names = (layer.name for layer in behind)
            builder.change(population, nodes=(*builder.populations[population].nodes, *names))
        for layer in behind:
            builder.define(layer.outputs[0], ids)


def rounding_of(builder: Builder, layer: Layer) -> Rounding | None:
    """The rounding that a layer begins, or None."""
    chain, factor, step, data = [layer], np.ones((), dtype=np.float32), 1.0, 0
    if layer.op == "Mul":
        data = 1 if layer.input(0) in builder.graph.constants else 0
        if layer.input(1 - data) not in builder.graph.constants or layer.input(data) in builder.gates:
            return None
        factor = builder.constant(layer, 1 - data)
        if builder.graph.shape(layer.input(data)) != builder.graph.shape(layer.outputs[0]):
            return None
        chain += _only_reader(builder, layer, "Div", "Round")
    if chain[-1].op == "Div":
        divisor = builder.graph.constants.get(chain[-1].input(1))
        if divisor is None or divisor.size != 1 or not divisor.all():
            return None
        step = float(divisor.ravel()[0])
        chain += _only_reader(builder, chain[-1], "Round")
    if chain[-1].op != "Round":
        return None
    bounds = float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)
    for clamp in _only_reader(builder, chain[-1], "Clip"):
        bounds = bounds_of(builder, clamp)
        chain.append(clamp)
    return Rounding(tuple(chain), data, factor, step, bounds) if len(chain) > 1 else None


def _only_reader(builder: Builder, layer: Layer, *ops: str) -> list[Layer]:
    """The layer, one of some operators, that alone reads another's result, as its first operand."""
    name = layer.outputs[0]
    found = [each for each in builder.graph.layers if each.input(0) == name and each.op in ops]
    return found if builder.uses_left[name] == 1 else []


@lowers("Mul")
def mul(builder: Builder, layer: Layer) -> None:
    """Product of two feature maps, one of them may be constant, each of the full shape or broadcast."""
    found = rounding_of(builder, layer)
    try:
        if found is not None:
            found.lower(builder)
            return
    except Unsupported:  # its factor differs from place to place: then it is rounded behind
        pass
    product(builder, layer)


@lowers("Div")
def div(builder: Builder, layer: Layer) -> None:
    """By a constant without zeros: a product with its reciprocals."""
    found = rounding_of(builder, layer)
    if found is None:
        quotient(builder, layer)
    else:
        found.lower(builder)


@lowers("Round")
def round_half_even(builder: Builder, layer: Layer) -> None:
    """The nearest integer, ties to even."""
    found = rounding_of(builder, layer)
    if found is None:
        activate(builder, layer, Activation.ROUND)
    else:
        found.lower(builder)
