"""Closing the loop of a step: what it leaves in an output, it finds in an input a frame later.

Layers that carry nothing stay as they are. A carried input becomes a layer of neurons that hear in each step
what fired in the one before; where the first step begins with anything but zeros, they hear a neuron that
fires in the first step alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from types import MappingProxyType

from ..ir.errors import Origin, SncError, Unsupported
from ..ir.layers import Carried, Layer, LayerGraph, Value

BEGIN = "Begin"
CARRY = "Carry"
FEEDBACK = "Feedback"
FIRST_STEP = "~first step"


def closed(graph: LayerGraph, kept: Collection[str] = ()) -> LayerGraph:
    """The layers with their loops closed. `kept`: carried tensors that someone else reads, too."""
    if not graph.carried:
        return graph
    own = {each.made for each in graph.carried} - set(kept)
    values = dict(graph.values)
    begins, first = [], ""
    if any(graph.constants[each.initial].any() for each in graph.carried):
        first = FIRST_STEP
        values[first] = Value(first, (1, 1))
        begins.append(_layer(graph, first, BEGIN, (), first))
    feedback = []
    for each in graph.carried:
        initial = (first, each.initial) if graph.constants[each.initial].any() else ()
        begins.append(_layer(graph, each.given, CARRY, initial, each.given))
        name = f"{each.made} -> {each.given}"
        values[name] = values[each.given]
        feedback.append(_layer(graph, name, FEEDBACK, (each.made, each.given), name))
    return replace(
        graph,
        layers=(*begins, *graph.layers, *feedback),
        inputs=graph.fed,
        outputs=tuple(value for value in graph.outputs if value.name not in own),
        values=MappingProxyType(values),
        carried=(),
    )


def torn(graph: LayerGraph, chip: LayerGraph) -> Iterator[SncError]:
    """What the chip cannot carry, for the host has one of its ends."""
    outputs = {value.name for value in chip.outputs}
    readers = {name for layer in graph.layers for name in layer.inputs}
    for each in graph.carried:
        if each.made not in outputs or (each.given in readers and not _reads(chip, each)):
            rule = f"{each.made!r} goes from step to step, and the host has one end of it"
            maker = graph.producers().get(each.made)
            origin = maker.origin if maker else Origin(file=graph.name)
            yield Unsupported(origin, rule, hint="all of the loop must be the chip's: see snc check")


def _reads(chip: LayerGraph, carried: Carried) -> bool:
    return carried.given in {value.name for value in chip.inputs}


def _layer(graph: LayerGraph, name: str, op: str, inputs: tuple[str, ...], output: str) -> Layer:
    origin = Origin(graph.name, name, op, output)
    return Layer(name, op, inputs, (output,), MappingProxyType({}), origin)
