"""Lowering: layers become populations and projections, every layer type as convolution-equivalent
connectivity (paper, section 4.4).

`HANDLERS` is the list of what the compiler understands: one function per operator, in operators/.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod

import numpy as np

from ...ir.deadline import in_time
from ...ir.errors import SncError, Unsupported, each_of, raise_all
from ...ir.layers import Layer, LayerGraph
from ...ir.network import Network, Neuron, Shape, Tensor, Update
from .builder import Builder
from .feeds import Layout
from .layouts import layouts
from .operators import (
    functions,
    linear,
    normalise,
    picking,
    pointwise,
    reduce,
    rounding,
    shapes,
    spatial,
    spiking,
)
from .operators.table import HANDLERS
from .truth import combining, comparing, sorting

__all__ = ["HANDLERS", "Lower"]

# Importing them fills HANDLERS.
FAMILIES = (
    *(functions, linear, normalise, picking, pointwise, reduce, rounding, shapes, spatial, spiking),
    *(combining, comparing, sorting),
)


@dataclass(frozen=True, slots=True, eq=False)
class Lowering:
    """What became of some layers: their network, or None and why not. A refusal names the layer at fault by
    its first output, unless none is.
    """

    network: Network | None
    refusals: tuple[SncError, ...] = ()

    def whole(self) -> Network:
        """The network. Raises SncError with all refusals where there is none."""
        raise_all(self.refusals)
        assert self.network is not None
        return self.network


@dataclass(frozen=True, slots=True)
class Lower:
    """The network computes what the layers compute, neuron for neuron; nothing is cut and no target is known.

    What cannot be lowered is returned as data, all of it at once: whoever asks may have another place for it.
    """

    def __call__(self, graph: LayerGraph) -> Lowering:
        """The network of some layers, or what is in its way."""
        unknown = [_unknown(graph, layer) for layer in graph.layers if layer.op not in HANDLERS]
        if unknown:
            return Lowering(None, tuple(unknown))
        found: list[Lowered] = []
        problems: list[SncError] = []
        for layout in layouts(graph):
            try:
                found.append(Lowered(_network(graph, layout), layout))
            except SncError as error:
                problems.append(error)
                continue
            if layout.is_least:
                break
        if not found:
            return Lowering(None, each_of(problems[0]))
        return Lowering(min(found, key=lambda lowered: lowered.cost).network)


def _unknown(graph: LayerGraph, layer: Layer) -> Unsupported:
    """Why a layer has no lowering."""
    known = graph.unmapped.get(layer.name)
    if known is not None:
        return Unsupported(layer.origin, known.message, hint=known.hint)
    names = ", ".join(sorted(op for op, each in HANDLERS.items() if each.is_onnx))
    return Unsupported(layer.origin, "the operator cannot be mapped", hint=f"mappable are {names}")


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """A network, and how its inputs lie."""

    network: Network
    layout: Layout

    @property
    def cost(self) -> tuple[int, int]:
        """Projections and populations; what phases of one picture feed counts as one projection."""
        phased = {index for index, feed in enumerate(self.layout.feeds) if feed.in_phases}
        ends = [(p.source, p.target) for p in self.network.projections]
        of_phases = [end for end in ends if end[0] in phased]
        return len(ends) - len(of_phases) + len(set(of_phases)), len(self.network.populations)


def _network(graph: LayerGraph, layout: Layout) -> Network:
    """The network of some layers whose inputs lie as the layout says. Raises SncError."""
    builder = Builder(graph)
    tensors = _fed(builder, layout)
    problems: list[SncError] = []
    for layer in graph.layers:
        in_time("the network was lowered")
        if all(name in builder.views for name in layer.outputs if name):
            builder.release(layer)  # the host's, who lays its results, or part of a layer before
            continue
        known = builder.views.keys() | builder.gates.keys() | graph.constants.keys() | {""}
        if not known >= set(layer.inputs):
            continue  # it reads what a refused layer makes, or what the host lays in another view
        try:
            HANDLERS[layer.op].lower(builder, layer)
        except SncError as error:
            problems.append(error)
        builder.release(layer)
    raise_all(problems)
    tensors += _observable(builder)
    tensors += (builder.tensor("output", output.name, output.dtype) for output in graph.outputs)
    found = builder.network(tensors)
    return _widened(found) if graph.is_whole else found


def _widened(network: Network) -> Network:
    """A network of whole numbers: what sums them has states that are wide enough."""
    sums = {p.target for p in network.projections if p.update in (Update.ADD, Update.MULTIPLY)}
    populations = tuple(
        replace(p, neuron=Neuron.WIDE) if index in sums and p.neuron is Neuron.STANDARD else p
        for index, p in enumerate(network.populations)
    )
    return replace(network, populations=populations, is_whole=True)


def _fed(builder: Builder, layout: Layout) -> list[Tensor]:
    """The populations that a layout feeds, and the inputs that feed them."""
    inputs = builder.graph.inputs
    sizes = [prod(value.shape) for value in inputs]
    firsts = [0, *accumulate(sizes)]
    populations = []
    for feed in layout.feeds:
        low = int(feed.places[feed.places >= 0].min())
        name = inputs[int(np.searchsorted(firsts, low, side="right")) - 1].name
        populations.append(builder.add(None, Shape(*feed.places.shape), name, neuron=Neuron.INPUT))
    for name, ids in layout.views.items():
        builder.define(name, ids)
    tensors = []
    for value, first, size in zip(inputs, firsts, sizes, strict=False):
        local = (feed.places - first for feed in layout.feeds)
        held = (np.where((each >= 0) & (each < size), each, -1) for each in local)
        tensors.append(builder.input(value, zip(populations, held, strict=True)))
    return tensors


def _observable(builder: Builder) -> list[Tensor]:
    """The tensors that name whole populations' final values: what `verify` compares layer by layer."""
    found: dict[int, tuple[str, str]] = {}
    holders: dict[str, list[int]] = {}
    for index, population in enumerate(builder.populations):
        for node in population.nodes:
            holders.setdefault(node, []).append(index)
    for layer in builder.graph.layers:
        for index in holders.get(layer.name, ()):
            found.pop(index, None)  # what the population held before this layer is seen nowhere
        for name in layer.outputs:
            ids = builder.views.get(name)
            if ids is None or ids.size == 0:
                continue
            populations = builder.neurons.populations(ids)
            if len(populations) == 1 and builder.neurons.covers(ids, populations):
                found[populations[0]] = name, layer.name
    tensors = []
    for name, title in found.values():
        with suppress(Unsupported):  # too scattered to be listed: nobody needs it
            tensors.append(builder.tensor("layer", name, builder.graph.values[name].dtype, title))
    return tensors
