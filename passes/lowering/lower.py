"""Lowering: layers become populations and projections, every layer type as convolution-equivalent
connectivity (paper, section 4.4).

`HANDLERS` is the list of what the compiler understands: one function per operator, in operators/.
"""

from contextlib import suppress
from dataclasses import dataclass

from ...ir.chip import Chip
from ...ir.errors import SncError, Unsupported, raise_all
from ...ir.layers import LayerGraph, Value
from ...ir.network import Network, Neuron, Shape, Tensor
from .builder import Builder
from .layouts import Layout, layouts
from .operators import linear, pointwise, reduce, shapes, spatial
from .operators.table import HANDLERS

__all__ = ["HANDLERS", "Lower"]

FAMILIES = (linear, pointwise, reduce, shapes, spatial)  # importing them fills HANDLERS


@dataclass(frozen=True, slots=True)
class Lower:
    """The network computes what the layers compute, neuron for neuron; nothing is cut and no core is known.

    Raises SncError for operators without a handler, all of them at once.
    """

    def __call__(self, graph: LayerGraph, chip: Chip) -> Network:
        """The network of some layers."""
        raise_all(
            Unsupported(
                layer.origin,
                "the operator cannot be mapped",
                hint=f"mappable are {', '.join(sorted(HANDLERS))}",
            )
            for layer in graph.layers
            if layer.op not in HANDLERS
        )
        found: list[Network] = []
        problems: list[SncError] = []
        for layout in layouts(graph):
            try:
                found.append(_network(graph, layout))
            except SncError as error:
                problems.append(error)
        if not found:
            raise problems[0]
        return min(found, key=lambda network: len(network.projections))


def _network(graph: LayerGraph, layout: Layout) -> Network:
    """The network of some layers whose inputs lie as the layout says. Raises SncError."""
    builder = Builder(graph)
    tensors = [_input(builder, value, layout) for value in graph.inputs]
    problems: list[SncError] = []
    for layer in graph.layers:
        known = builder.views.keys() | builder.gates.keys() | graph.constants.keys() | {""}
        if not known >= set(layer.inputs):
            continue  # it reads the result of a layer that was refused
        try:
            HANDLERS[layer.op].lower(builder, layer)
        except SncError as error:
            problems.append(error)
        builder.release(layer)
    raise_all(problems)
    tensors += _observable(builder)
    tensors += (builder.tensor("output", output.name, output.dtype) for output in graph.outputs)
    return builder.network(tensors)


def _input(builder: Builder, value: Value, layout: Layout) -> Tensor:
    stack = layout(builder.graph, value)
    population = builder.add(None, Shape(*stack.sizes), value.name, neuron=Neuron.INPUT)
    builder.define(value.name, stack.tensor(builder.ids(population)))
    return builder.tensor("input", value.name, value.dtype)


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
