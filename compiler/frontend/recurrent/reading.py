"""The step of a model as layers that know what they carry; or why it is read as it stands."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import onnx

from ....ir.errors import SncError, each_of
from ....ir.layers import Carried, LayerGraph
from ..inline import with_first_outputs
from .backwards import goes_backwards
from .sequence import BODIES, Shapes, origin_of, recurrent_nodes, steps_first
from .stepping import Stepped, stepped


def step_of(
    model: onnx.ModelProto, shapes: Shapes, file: str
) -> tuple[Stepped | None, Mapping[str, SncError]]:
    """The step of a model, None where it has no sequence, or goes through it backwards, or where the host
    alone may have its recurrent nodes; then why. Raises SncError where nobody may: bodies are no operators.
    """
    if goes_backwards(model):
        return None, MappingProxyType({})
    model = steps_first(with_first_outputs(model))
    try:
        return stepped(model, shapes, file), MappingProxyType({})
    except SncError as error:
        nodes = recurrent_nodes(model)
        if any(node.op_type in BODIES for node in nodes):
            raise
        said = {one.origin.node: one for one in each_of(error) if one.origin and one.origin.node}
        names = [origin_of(node, file).node for node in nodes]
        return None, MappingProxyType({name: said.get(name, each_of(error)[0]) for name in names})


def with_carried(graph: LayerGraph, step: Stepped) -> LayerGraph:
    """Layers with what they carry from step to step."""
    carried = tuple(Carried(s.given, s.made, f"{s.given}~initial") for s in step.states)
    known = {value.name for value in graph.inputs}
    carried = tuple(each for each in carried if each.given in known)
    initial = {each.initial: step.initial[each.given] for each in carried}
    sequences = " and ".join(f"{name!r} along axis {axis}" for name, axis in step.axes.items())
    note = f"a frame is one step of {sequences}: what nodes carry to the next step stays on the chip"
    return replace(graph.with_constants(initial), carried=carried, notes=(*graph.notes, note))
