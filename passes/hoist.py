"""Hoisting: views stand before the layers that treat all elements alike, from the network's inputs on.

There they are the host's. One scale and one shift for all elements, by which pictures are brought from bytes
to a range, would otherwise be a normalisation of channels that the view takes apart.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ..ir.layers import VIEWS, Array, Layer, LayerGraph, Value

ALIKE = ("Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "Neg", "Abs", "Cast", "Identity")
CONSTANTS = ("scale", "shift", "mean", "variance")  # of a normalisation that was folded


@dataclass(frozen=True, slots=True)
class Hoist:
    """The same function; no view of an input stands behind a scale and shift that are the same everywhere."""

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The layers in their new order."""
        found = graph
        for _ in graph.layers:
            swapped = _swapped(found)
            if swapped is None:
                break
            found = swapped
        return found


def _swapped(graph: LayerGraph) -> LayerGraph | None:
    """The graph with one view before the layer that it stood behind, or None where there is none to move."""
    uses, outputs = graph.uses(), {output.name for output in graph.outputs}
    at = {name: index for index, layer in enumerate(graph.layers) for name in layer.outputs if name}
    # Tensors that only such layers stand before, and whether one of these is a scale and shift.
    behind = {value.name: False for value in graph.inputs}
    for index, layer in enumerate(graph.layers):
        source = layer.input(0)
        if source not in behind:
            continue
        if _is_view(layer) and behind[source] and uses[source] == 1 and source not in outputs:
            place = at[source]
            if not _is_view(graph.layers[place]) and (pair := _pair(graph, graph.layers[place], layer)):
                return _with(graph, place, index, *pair)
        is_one = layer.op == "BatchNormalization" and _is_uniform(graph, layer)
        if is_one or _is_view(layer) or layer.op in ALIKE:
            behind[layer.result] = behind[source] or is_one
    return None


def _is_view(layer: Layer) -> bool:
    return layer.op in VIEWS and len(layer.outputs) == 1


def _is_uniform(graph: LayerGraph, layer: Layer) -> bool:
    """Whether all channels have one scale and one shift."""
    held = [graph.constants[name] for name in layer.inputs[1:] if name in graph.constants]
    return len(held) == len(CONSTANTS) and all((each == each.flat[0]).all() for each in held if each.size)


def _pair(
    graph: LayerGraph, first: Layer, view: Layer
) -> tuple[Layer, Layer, Value, dict[str, Array]] | None:
    """A layer and the view behind it the other way round, the tensor between them, and new constants."""
    made = graph.values[view.outputs[0]]
    between = Value(
        f"{view.outputs[0]}/of/{first.inputs[0]}", made.shape, graph.values[first.inputs[0]].dtype
    )
    constants: dict[str, Array] = {}
    names = list(first.inputs[1:])
    if first.op == "BatchNormalization":
        if len(made.shape) not in (2, 3, 4):
            return None
        for index, label in enumerate(CONSTANTS):
            value = graph.constants[names[index]].flat[0]
            names[index] = f"{between.name}/{label}"
            constants[names[index]] = np.full(made.shape[1], value, dtype=np.float32)
    moved = replace(view, inputs=(first.inputs[0], *view.inputs[1:]), outputs=(between.name,))
    moved = replace(moved, origin=replace(view.origin, output=between.name))
    later = replace(first, inputs=(between.name, *names), outputs=view.outputs)
    return moved, replace(later, origin=replace(first.origin, output=view.outputs[0])), between, constants


def _with(
    graph: LayerGraph,
    place: int,
    index: int,
    moved: Layer,
    later: Layer,
    between: Value,
    constants: dict[str, Array],
) -> LayerGraph:
    layers = [
        *graph.layers[:place],
        *graph.layers[place + 1 : index],
        moved,
        later,
        *graph.layers[index + 1 :],
    ]
    return replace(
        graph,
        layers=tuple(layers),
        values=MappingProxyType({**graph.values, between.name: between}),
        constants=MappingProxyType({**graph.constants, **constants}),
    )
