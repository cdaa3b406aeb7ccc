"""Activations, and sums and products of feature maps."""

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Neuron, Parameter, PopulationId, Shape, Update
from .. import axis
from ..arrangement import Stack, arrangements, like
from ..builder import Builder, Facts
from ..views import Ids
from ..weights import ones
from .table import lowers

PLANES_COPIED = 8  # from so many planes on, maps that are repeated are copied first
REPEATED_MIN = 4  # times, for a copy to be few neurons beside the result's


def activate(
    builder: Builder, layer: Layer, activation: Activation, parameters: tuple[float, ...] = (), index: int = 0
) -> None:
    """The activation is attached to the populations that its input is, or to an identity layer behind
    them.
    """
    ids = builder.operand(layer, index)
    populations = builder.neurons.populations(ids)
    if (
        builder.is_exclusive(layer.input(index))
        and builder.neurons.covers(ids, populations)
        and all(_is_bare(builder, p) for p in populations)
    ):
        for population in populations:
            nodes = (*builder.populations[population].nodes, layer.name)
            builder.change(population, activation=activation, parameters=parameters, nodes=nodes)
        builder.define(layer.outputs[0], ids)
        return
    stack = builder.arrangement(layer, [ids])
    target = builder.copied(layer, stack.maps(ids), stack.sizes, activation=activation, parameters=parameters)
    builder.define(layer.outputs[0], stack.tensor(builder.ids(target)))


def _is_bare(builder: Builder, population: PopulationId) -> bool:
    found = builder.populations[population]
    return found.activation is Activation.IDENTITY and found.neuron is not Neuron.INPUT


@lowers("Clip")
def clip(builder: Builder, layer: Layer) -> None:
    """min(max(x, minimum), maximum) with constant bounds; Relu6 is one."""
    activate(builder, layer, Activation.CLIP, bounds_of(builder, layer))


def bounds_of(builder: Builder, layer: Layer) -> tuple[float, float]:
    """The bounds of a Clip. Raises Unsupported where they are not constant."""
    lowest, highest = float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)
    bounds = [layer.number("min", lowest), layer.number("max", highest)]
    for index in (1, 2):
        if layer.input(index):
            bounds[index - 1] = float(builder.constant(layer, index).ravel()[0])
    return bounds[0], bounds[1]


@lowers("Sigmoid")
def sigmoid(builder: Builder, layer: Layer) -> None:
    """1 / (1 + exp(-x)); the product of x and its sigmoid is one activation function."""
    if is_gate(builder, layer):
        builder.gates[layer.outputs[0]] = Activation.SILU, ()
    else:
        activate(builder, layer, Activation.SIGMOID)


@lowers("HardSigmoid")
def hard_sigmoid(builder: Builder, layer: Layer) -> None:
    """max(0, min(1, alpha x + beta)); the product of x and this is one activation function."""
    parameters = layer.number("alpha", 0.2), layer.number("beta", 0.5)
    if is_gate(builder, layer):
        builder.gates[layer.outputs[0]] = Activation.HARD_SWISH, parameters
    else:
        activate(builder, layer, Activation.HARD_SIGMOID, parameters)


@lowers("PRelu")
def p_relu(builder: Builder, layer: Layer) -> None:
    """x, or slope x below zero, with a constant slope: one, one for each channel, or one for each element."""
    ids, slope = builder.operand(layer, 0), builder.constant(layer, 1)
    if slope.ndim == 1 and ids.ndim > 2 and slope.size == ids.shape[1] != ids.shape[-1]:
        slope = slope.reshape(-1, *[1] * (ids.ndim - 2))  # as opset 6 had it
    activate_each(builder, layer, Activation.LEAKY_RELU, slope, "slope")


def activate_each(
    builder: Builder,
    layer: Layer,
    activation: Activation,
    values: np.ndarray,
    label: str,
    others: tuple[float, ...] = (),
    index: int = 0,
) -> None:
    """The activation with a first parameter of its own for each channel, on the populations that the input
    is, or on an identity layer behind them. `others`: the other parameters.
    """
    if values.size and (values == values.flat[0]).all():
        activate(builder, layer, activation, (float(values.flat[0]), *others), index)
        return
    ids = builder.operand(layer, index)
    populations = builder.neurons.populations(ids)
    exclusive = builder.is_exclusive(layer.input(index)) and all(_is_bare(builder, p) for p in populations)
    alike = like(builder.neurons, ids)
    if exclusive and alike is not None and (found := _by_channel(alike, values)) is not None:
        nodes = (*builder.populations[populations[0]].nodes, layer.name)
        builder.change(populations[0], activation=activation, parameters=(found, *others), nodes=nodes)
        builder.define(layer.outputs[0], ids)
        return
    for stack in arrangements(ids.shape):
        found = _by_channel(stack, values)
        if found is not None and builder.is_planar(stack.maps(ids)):
            parameters: tuple[Parameter, ...] = (found, *others)
            target = builder.copied(
                layer, stack.maps(ids), stack.sizes, activation=activation, parameters=parameters
            )
            builder.define(layer.outputs[0], stack.tensor(builder.ids(target)))
            return
    raise Unsupported(
        layer.origin,
        f"its {label} {list(values.shape)} differs along rows or columns",
        hint=f"use one {label} for each channel",
    )


def _by_channel(stack: Stack, values: np.ndarray) -> tuple[float, ...] | None:
    """The value of each channel of a stack, or None where it differs within a channel."""
    maps = np.broadcast_to(stack.maps(values), stack.sizes)
    if not (maps == maps[:, :1, :1]).all():
        return None
    return tuple(float(value) for value in maps[:, 0, 0])


@lowers("Add", "Sum")
def add(builder: Builder, layer: Layer) -> None:
    """Sum of feature maps and constants, each of the full shape or broadcast along whole axes."""
    _linear(builder, layer, [1.0] * len(layer.inputs))


@lowers("Sub")
def sub(builder: Builder, layer: Layer) -> None:
    """Difference of two feature maps, one of them may be constant, each of the full shape or broadcast."""
    _linear(builder, layer, [1.0, -1.0])


@lowers("Neg")
def neg(builder: Builder, layer: Layer) -> None:
    """-x."""
    _linear(builder, layer, [-1.0])


@lowers("Mean")
def mean(builder: Builder, layer: Layer) -> None:
    """Mean of feature maps and constants, each of the full shape or broadcast along whole axes."""
    _linear(builder, layer, [1.0] * len(layer.inputs), scale=1.0 / len(layer.inputs))


def _linear(builder: Builder, layer: Layer, signs: Sequence[float], **facts: Unpack[Facts]) -> None:
    stack, operands = _operands(builder, layer)
    target = builder.add(layer, Shape(*stack.sizes), **facts)
    for maps, sign in zip(operands, signs, strict=True):
        join(builder, layer, maps, target, Update.ADD, sign)
    builder.define(layer.outputs[0], stack.tensor(builder.ids(target)))


def _operands(builder: Builder, layer: Layer) -> tuple[Stack, list[Ids]]:
    """The operands of a layer as stacks of maps, in the arrangement of its result; constants are neurons."""
    views = [builder.views[name] for name in layer.inputs if name in builder.views]
    stack = builder.arrangement(layer, views)
    values = (builder.value(layer, index, stack) for index in range(len(layer.inputs)))
    return stack, [drawn_together(builder, layer, maps) for maps in values]


def drawn_together(builder: Builder, layer: Layer, maps: Ids) -> Ids:
    """Maps [D, H, W] that are 1 high where all rows are the same, 1 wide where all columns are. Where many
    planes are then repeated, they are copied first: each plane is joined to every fragment of a result.
    """
    size = maps.size
    for line in (1, 2):
        first = maps.take([0], axis=line)
        if maps.shape[line] > 1 and (maps == first).all():
            maps = first
    if maps.size * REPEATED_MIN > size or len(builder.neurons.planes(maps)) < PLANES_COPIED:
        return maps
    d, h, w = maps.shape
    return builder.ids(builder.copied(layer, maps, (d, h, w)))


@lowers("Max")
def maximum(builder: Builder, layer: Layer) -> None:
    """The larger of feature maps and constants, each of the full shape or broadcast along whole axes."""
    _extreme(builder, layer, Update.MAXIMUM)


@lowers("Min")
def minimum(builder: Builder, layer: Layer) -> None:
    """The smaller of feature maps and constants, each of the full shape or broadcast along whole axes."""
    _extreme(builder, layer, Update.MINIMUM)


def _extreme(builder: Builder, layer: Layer, update: Update) -> None:
    stack, operands = _operands(builder, layer)
    builder.define(layer.outputs[0], stack.tensor(extreme(builder, layer, stack, operands, update)))


def extreme(builder: Builder, layer: Layer, stack: Stack, operands: Sequence[Ids], update: Update) -> Ids:
    """A population that holds the least or the largest of some stacks of maps."""
    operands = [builder.heard(layer, maps) for maps in operands]
    neutral = math.inf if update is Update.MINIMUM else -math.inf
    target = builder.add(layer, Shape(*stack.sizes), initial=neutral)
    for maps in operands:
        join(builder, layer, maps, target, update)
    return builder.ids(target)


def product(builder: Builder, layer: Layer) -> None:
    """A product of feature maps and constants."""
    gated = [name for name in layer.inputs if name in builder.gates]
    if gated:
        activation, parameters = builder.gates[gated[0]]
        activate(builder, layer, activation, parameters, 1 - layer.inputs.index(gated[0]))
        return
    stack, operands = _operands(builder, layer)
    target = multiplied(builder, layer, stack, *operands)
    builder.define(layer.outputs[0], stack.tensor(builder.ids(target)))


def multiplied(builder: Builder, layer: Layer, stack: Stack, one: Ids, other: Ids) -> PopulationId:
    """A population that holds the products of two stacks of maps."""
    first, second = sorted((one, other), key=lambda m: builder.neurons.populations(m)[-1:])
    befores, afters = builder.neurons.populations(first), builder.neurons.populations(second)
    if befores and afters and befores[-1] >= afters[0] and (second >= 0).all():
        # The first factor must have arrived before the second fires: a copy fires later than both.
        d, h, w = second.shape
        second = builder.ids(builder.copied(layer, second, (d, h, w)))
    second = builder.heard(layer, second)
    target = builder.add(layer, Shape(*stack.sizes))
    join(builder, layer, first, target, Update.ADD)
    join(builder, layer, second, target, Update.MULTIPLY)
    return target


def quotient(builder: Builder, layer: Layer) -> None:
    """What is left of quotients: raises Unsupported. Those without zeros are products."""
    builder.constant(layer, 1)
    raise Unsupported(layer.origin, "its divisor has zeros", hint="divide by other numbers")


def is_gate(builder: Builder, layer: Layer) -> bool:
    """Whether a layer's result is only multiplied with its input: the product is one activation."""
    out, source = layer.outputs[0], layer.inputs[0]
    readers = [each for each in builder.graph.layers if out in each.inputs]
    if len(readers) != 1 or builder.uses_left[out] != 1 or readers[0].op != "Mul":
        return False
    return sorted(readers[0].inputs) == sorted((out, source))


def join(
    builder: Builder, layer: Layer, maps: Ids, target: PopulationId, update: Update, weight: float = 1.0
) -> None:
    """Pointwise synapses from a stack of maps to a population; axes that are 1 long are broadcast."""
    shape = builder.neurons.shapes[target]
    d, h, w = maps.shape
    weights = ones(d, weight=weight) if d == shape.depth else ones(1, depth=shape.depth, weight=weight)
    builder.project(
        layer, maps, target, axis.spread(h, shape.height), axis.spread(w, shape.width), weights, update
    )
