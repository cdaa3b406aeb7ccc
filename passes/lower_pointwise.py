"""Activations, and sums and products of feature maps."""

from collections.abc import Sequence

import numpy as np

from ..ir.errors import Unsupported
from ..ir.layers import Layer
from ..ir.network import Activation, AxisMap, Neuron, PopulationId, Shape, Update
from . import axis
from .builder import Builder, ones
from .handlers import lowers
from .views import Ids


def activate(
    builder: Builder, layer: Layer, activation: Activation, parameters: tuple[float, ...] = ()
) -> None:
    """The activation is attached to the populations that its input is, or to an identity layer behind
    them.
    """
    ids = builder.operand(layer, 0)
    populations = builder.neurons.populations(ids)
    if (
        builder.is_exclusive(layer.input(0))
        and builder.neurons.covers(ids, populations)
        and all(_is_bare(builder, p) for p in populations)
    ):
        for population in populations:
            nodes = (*builder.populations[population].nodes, layer.name)
            builder.change(population, activation=activation, parameters=parameters, nodes=nodes)
        builder.define(layer.outputs[0], ids)
        return
    order = builder.arrangement(layer, [ids])
    target = builder.copied(layer, order.maps(ids), activation=activation, parameters=parameters)
    builder.define(layer.outputs[0], order.tensor(builder.ids(target)))


def _is_bare(builder: Builder, population: PopulationId) -> bool:
    found = builder.populations[population]
    return found.activation is Activation.IDENTITY and found.neuron is not Neuron.INPUT


@lowers("Relu")
def relu(builder: Builder, layer: Layer) -> None:
    """The rectifier, max(0, x)."""
    activate(builder, layer, Activation.RELU)


@lowers("Clip")
def clip(builder: Builder, layer: Layer) -> None:
    """min(max(x, minimum), maximum) with constant bounds; Relu6 is one."""
    lowest, highest = float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)
    bounds = [layer.number("min", lowest), layer.number("max", highest)]
    for index in (1, 2):
        if layer.input(index):
            bounds[index - 1] = float(builder.constant(layer, index).ravel()[0])
    activate(builder, layer, Activation.CLIP, (bounds[0], bounds[1]))


@lowers("LeakyRelu")
def leaky_relu(builder: Builder, layer: Layer) -> None:
    """x, or alpha x below zero."""
    activate(builder, layer, Activation.LEAKY_RELU, (layer.number("alpha", 0.01),))


@lowers("Sigmoid")
def sigmoid(builder: Builder, layer: Layer) -> None:
    """1 / (1 + exp(-x))."""
    activate(builder, layer, Activation.SIGMOID)


@lowers("Tanh")
def tanh(builder: Builder, layer: Layer) -> None:
    """The hyperbolic tangent."""
    activate(builder, layer, Activation.TANH)


@lowers("HardSigmoid")
def hard_sigmoid(builder: Builder, layer: Layer) -> None:
    """max(0, min(1, alpha x + beta))."""
    activate(builder, layer, Activation.HARD_SIGMOID, (layer.number("alpha", 0.2), layer.number("beta", 0.5)))


@lowers("Add", "Sum")
def add(builder: Builder, layer: Layer) -> None:
    """Sum of feature maps and constants, each of the full shape or broadcast along whole axes."""
    _linear(builder, layer, [1.0] * len(layer.inputs))


@lowers("Sub")
def sub(builder: Builder, layer: Layer) -> None:
    """Difference of two feature maps, one of them may be constant, each of the full shape or broadcast."""
    _linear(builder, layer, [1.0, -1.0])


def _linear(builder: Builder, layer: Layer, signs: Sequence[float]) -> None:
    operands = [builder.value(layer, index) for index in range(len(layer.inputs))]
    order = builder.arrangement(layer, operands)
    shape = _full_shape(order.maps(np.empty(order.shape, dtype=np.int64)))
    target = builder.add(layer, shape)
    for ids, sign in zip(operands, signs, strict=True):
        _join(builder, layer, order.maps(ids), target, Update.ADD, sign)
    builder.define(layer.outputs[0], order.tensor(builder.ids(target)))


@lowers("Mul")
def mul(builder: Builder, layer: Layer) -> None:
    """Product of two feature maps, one of them may be constant, each of the full shape or broadcast."""
    operands = [builder.value(layer, 0), builder.value(layer, 1)]
    order = builder.arrangement(layer, operands)
    first, second = sorted(
        (order.maps(ids) for ids in operands), key=lambda m: builder.neurons.populations(m)[-1:]
    )
    befores, afters = builder.neurons.populations(first), builder.neurons.populations(second)
    if befores and afters and befores[-1] >= afters[0]:
        # The first factor must have arrived before the second fires: a copy fires later than both.
        second = builder.ids(builder.copied(layer, second))
    shape = _full_shape(order.maps(np.empty(order.shape, dtype=np.int64)))
    builder.fire_on_zero(second)
    target = builder.add(layer, shape)
    _join(builder, layer, first, target, Update.ADD)
    _join(builder, layer, second, target, Update.MULTIPLY)
    builder.define(layer.outputs[0], order.tensor(builder.ids(target)))


def _full_shape(maps: Ids) -> Shape:
    d, h, w = maps.shape
    return Shape(d, h, w)


def _join(
    builder: Builder, layer: Layer, maps: Ids, target: PopulationId, update: Update, weight: float = 1.0
) -> None:
    """Pointwise synapses from a stack of maps to a population; axes that are 1 long are broadcast."""
    shape = builder.neurons.shapes[target]
    d, h, w = maps.shape
    weights = ones(d, weight=weight) if d == shape.depth else ones(1, depth=shape.depth, weight=weight)
    builder.project(
        layer, maps, target, _spread(layer, h, shape.height), _spread(layer, w, shape.width), weights, update
    )


def _spread(layer: Layer, source: int, target: int) -> AxisMap:
    if source == target:
        return axis.identity(target)
    if source != 1:
        raise Unsupported(layer.origin, f"{source} cannot be broadcast to {target}", hint="check the shapes")
    return axis.broadcast(target)
