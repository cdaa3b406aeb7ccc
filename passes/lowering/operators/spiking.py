"""Layers of networks that run over time: neuron models, sums of windows, and what is for the next step.

These are no operators of ONNX: who reads a spiking network names its layers so. The parameters of a neuron
model are attributes by the model's names for them, one number or one for each channel.
"""

from math import prod

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Cycle, Neuron, Parameter, PopulationId, Shape
from .. import axis
from ..arrangement import Arrangement
from ..builder import Builder
from ..views import Ids
from ..weights import ones, trained
from .linear import strided
from .table import lowers
from .windows import Window

MODELS = {
    "LIF": Neuron.LIF,
    "CountingLIF": Neuron.COUNTING_LIF,
    "LI": Neuron.LI,
    "CubaLIF": Neuron.CUBA_LIF,
    "LoihiCuba": Neuron.LOIHI_CUBA,
    "LoihiSigmaDelta": Neuron.LOIHI_SIGMA_DELTA,
    "Sigma": Neuron.SIGMA,
}
DRIVE = "drive"  # the attribute that names the constant of what drives a neuron in every step
BEGIN, CARRY, FEEDBACK = "Begin", "Carry", "Feedback"
ENDS = "ends"  # the attribute that says behind which frames states begin again


@lowers(*MODELS, is_onnx=False)
def neurons(builder: Builder, layer: Layer) -> None:
    """Neurons that integrate the sum of their inputs over time, each with the states of its model."""
    model = MODELS[layer.op]
    shape = builder.graph.shape(layer.outputs[0])
    depth, height, width = (*shape[1:], 1, 1)[:3] if len(shape) != 3 else (shape[1], 1, shape[2])
    drive = "" if DRIVE in model.parameters else layer.text(DRIVE, "")
    cycle = layer.integers(ENDS)
    found = builder.add(
        layer,
        Shape(depth, height, width),
        neuron=model,
        parameters=tuple(_parameter(layer, name) for name in model.parameters),
        bias=builder.graph.constants[drive] if drive else None,
        bias_constants=(drive,) if drive else (),
        scale=layer.number("scale", 1.0),
        activation=Activation[layer.text("activation", "IDENTITY")],
        ends=Cycle(*cycle) if cycle else None,
    )
    weights = ones(depth, weight=layer.number("weight", 1.0))
    for index in range(len(layer.inputs)):
        maps = builder.channelwise(layer, index)
        builder.project(layer, maps, found, axis.identity(height), axis.identity(width), weights)
    builder.define(layer.outputs[0], builder.ids(found))


def _parameter(layer: Layer, name: str) -> Parameter:
    value = layer.attributes[name]
    if isinstance(value, tuple):
        return layer.numbers(name)
    return layer.number(name, 0.0)


@lowers("SumPool", is_onnx=False)
def sum_pool(builder: Builder, layer: Layer) -> None:
    """The sum of each window, with any padding and stride."""
    maps = builder.channelwise(layer, 0)
    targets = builder.graph.shape(layer.outputs[0])[2:]
    kernel, strides = layer.integers("kernel_shape"), layer.integers("strides", (1, 1))
    pads, dilations = layer.integers("pads", (0, 0, 0, 0)), layer.integers("dilations", (1, 1))
    y, x = (
        Window(maps.shape[1 + i], targets[i], kernel[i], strides[i], pads[i], pads[2 + i], dilations[i])
        for i in (0, 1)
    )
    window = ones(len(maps), weight=layer.number("weight", 1.0), taps=(y.kernel, x.kernel))
    found = strided(builder, layer, maps, len(maps), [window], y, x)
    builder.define(layer.outputs[0], builder.ids(found))


@lowers("Changes", is_onnx=False)
def changes(builder: Builder, layer: Layer) -> None:
    """An input of the network that sends what its elements have changed."""
    ids = builder.operand(layer, 0)
    for population in builder.neurons.populations(ids):
        assert builder.populations[population].neuron is Neuron.INPUT
        builder.change(population, changes_above=0.0)
    builder.define(layer.outputs[0], ids)


@lowers(FEEDBACK, is_onnx=False)
def feedback(builder: Builder, layer: Layer) -> None:
    """What its first input sends, the neurons of its second one, which fire before, see in the next step."""
    sent, reached = builder.operand(layer, 0), builder.operand(layer, 1)
    (target,) = builder.neurons.populations(reached)
    own = builder.ids(target)
    if not sent.size == reached.size == own.size:
        shapes = f"{list(sent.shape)} neurons feed {list(reached.shape)} back"
        raise Unsupported(layer.origin, shapes, hint="give both ends of the connection one shape")
    maps = np.empty_like(own)
    maps.ravel()[reached.ravel() - own.min()] = sent.ravel()
    depth, height, width = maps.shape
    if not _is_behind(builder, maps, target):
        maps = builder.ids(builder.copied(layer, maps, (depth, height, width)))
    y, x = axis.identity(height), axis.identity(width)
    builder.project(layer, maps, target, y, x, ones(depth), is_recurrent=True)


@lowers(BEGIN, is_onnx=False)
def begin(builder: Builder, layer: Layer) -> None:
    """A neuron that fires in the first step alone, with the value 1."""
    # The voltage begins with 1, is .5 after the spike, and 1 - .5 for ever.
    found = builder.add(
        layer, Shape(1, 1, 1), neuron=Neuron.LIF, parameters=(-1.0, 0.5, 0.0, 0.5), initial=1.0
    )
    builder.define(layer.outputs[0], builder.ids(found))


@lowers(CARRY, is_onnx=False)
def carry(builder: Builder, layer: Layer) -> None:
    """Neurons that hear what fired in the step before; in the first step, what a constant says."""
    shape = builder.graph.shape(layer.outputs[0])
    lies = _as_maps(shape)
    found = builder.add(layer, Shape(*lies.sizes))
    if layer.inputs:
        first = np.zeros(1, dtype=np.int64)
        places = lies.maps(np.arange(prod(shape), dtype=np.int32).reshape(shape))
        places = np.broadcast_to(places, lies.sizes)
        weights = trained(
            builder.constant(layer, 1), layer.input(1), lambda flat: flat.ravel()[places[None]], first
        )
        _, height, width = lies.sizes
        rows, columns = axis.scattered(height), axis.scattered(width)
        builder.project(layer, builder.channelwise(layer, 0), found, rows, columns, weights)
    builder.define(layer.outputs[0], lies.tensor(builder.ids(found)))


def _as_maps(shape: tuple[int, ...]) -> Arrangement:
    """Pictures as they are; else the last axis is the channels'."""
    rank = len(shape)
    if rank == 4 and shape[0] == 1:
        return Arrangement(shape, ((0, 1), (2,), (3,)))
    if rank == 3 and shape[0] == 1 < shape[1]:
        return Arrangement(shape, ((0, 1), (), (2,)))
    axes = tuple(range(rank))
    return Arrangement(shape, (axes[-1:], axes[:-1], ()))


def _is_behind(builder: Builder, maps: Ids, target: PopulationId) -> bool:
    """Whether all that feeds a population back fires behind it."""
    return bool((maps >= 0).all()) and all(source > target for source in builder.neurons.populations(maps))
