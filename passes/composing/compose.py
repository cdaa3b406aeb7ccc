"""Composing: what has no lowering, and the host may not have, is written with operators that have one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ...ir.errors import SncError, Unsupported
from ...ir.layers import Array, Layer, LayerGraph, Value
from ..lowering.host import Flow
from . import affine, attention, compositions, einsum, linear_algebra, scatter
from .layer_writer import COMPOSITIONS, Alone, Writer

__all__ = ["COMPOSITIONS", "Compose"]

LEFT = "stands at an end of the network, where the host has what is made of others"
# Importing them fills COMPOSITIONS.
FAMILIES = (affine, attention, compositions, einsum, linear_algebra, scatter)


@dataclass(frozen=True, slots=True)
class Compose:
    """The same function; what is made of others is not left where the host may not have it: between layers
    with weights, in a network without any, and where it has weights itself. `alone` computes one layer: what
    it is made of may be found so.
    """

    alone: Alone | None = None

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The composed layers."""
        weighted = [index for index, layer in enumerate(graph.layers) if _is_weighted(graph, layer)]
        graph = _written(graph, weighted, self.alone)
        flow = Flow(graph)
        chosen = [index for index, layer in enumerate(graph.layers) if _is_composed(graph, layer)]
        if any(flow.is_weighted(index) for index in range(len(graph.layers))):
            left = [index for index in chosen if not flow.is_between(index)]
            chosen = [index for index in chosen if index not in left]
            graph = replace(graph, unmapped={**graph.unmapped, **_left(graph, left)})
        return _written(graph, chosen, self.alone)


def _left(graph: LayerGraph, left: Sequence[int]) -> dict[str, SncError]:
    """Why these layers are left to the host."""
    layers = [graph.layers[index] for index in left]
    return {layer.name: Unsupported(layer.origin, LEFT, hint="see docs/operators.md") for layer in layers}


def _written(graph: LayerGraph, chosen: Sequence[int], alone: Alone | None) -> LayerGraph:
    """The layers, of which the chosen ones are made of others."""
    if not chosen:
        return graph
    taken = {*graph.values, *graph.constants, *(layer.name for layer in graph.layers)}
    layers: list[Layer] = []
    constants: dict[str, Array] = dict(graph.constants)
    values: dict[str, Value] = dict(graph.values)
    for index, layer in enumerate(graph.layers):
        writer = Writer(graph, layer, taken, alone)
        result = COMPOSITIONS[layer.op].compose(writer, layer) if index in chosen else None
        if result is None:
            layers.append(layer)
            continue
        layers += writer.finished((result,) if isinstance(result, str) else result)
        constants |= writer.constants
        values |= writer.values
    read = {name for layer in layers for name in layer.inputs} | {value.name for value in graph.outputs}
    read |= {each.initial for each in graph.carried}
    return replace(
        graph,
        layers=tuple(layers),
        constants=MappingProxyType({name: array for name, array in constants.items() if name in read}),
        values=MappingProxyType(values),
    )


def _is_weighted(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer is made of others that multiply by its constants."""
    return (
        _is_composed(graph, layer)
        and COMPOSITIONS[layer.op].is_weighted
        and any(name in graph.constants for name in layer.inputs)
    )


def _is_composed(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer of single-precision floats is made of others."""
    found = COMPOSITIONS.get(layer.op)
    return found is not None and graph.values[layer.result].dtype == "float32" and found.applies(graph, layer)
