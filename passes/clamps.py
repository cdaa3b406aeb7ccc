"""Clamps that clamp nothing: a quantised model has one wherever integers are rounded to what they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ..ir.layers import VIEWS, Layer, LayerGraph

MAXIMA = ("MaxPool", "GlobalMaxPool")  # of windows, which have an element


class Bounds(NamedTuple):
    """The least and the largest value that a tensor may hold."""

    low: float = -np.inf
    high: float = np.inf

    def within(self, other: "Bounds") -> bool:
        """Whether all of it lies in others."""
        return other.low <= self.low and self.high <= other.high


ANY = Bounds()


@dataclass(frozen=True, slots=True)
class Unclamp:
    """The same function; no Clip or Relu whose input lies within its bounds is left, but for outputs."""

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The graph without them."""
        outputs = {output.name for output in graph.outputs}
        kept: list[Layer] = []
        bounds: dict[str, Bounds] = {}
        instead: dict[str, str] = {}
        twins = {name: list(held) for name, held in graph.twins.items()}
        for layer in graph.layers:
            found = replace(layer, inputs=tuple(instead.get(name, name) for name in layer.inputs))
            source = bounds.get(found.input(0), ANY)
            own = _own(graph, found)
            if own is not None and source.within(own) and source != ANY and layer.result not in outputs:
                instead[layer.result] = found.input(0)
                gone = [layer.result, *twins.pop(layer.result, [])]
                twins.setdefault(found.input(0), []).extend(gone)
                continue
            kept.append(found)
            if own is not None:
                bounds[layer.result] = _clamped(source, own)
            elif (of := _passed_on(found, bounds)) != ANY:
                named = layer.outputs[:1] if layer.op in MAXIMA else layer.outputs  # the others are indices
                bounds.update(dict.fromkeys(named, of))
        if not instead:
            return graph
        same = MappingProxyType({name: tuple(held) for name, held in twins.items()})
        return replace(graph, layers=tuple(kept), twins=same)


def _own(graph: LayerGraph, layer: Layer) -> Bounds | None:
    """The bounds of a clamp, None of other layers and of bounds that are computed."""
    if layer.op == "Relu":
        return Bounds(0.0)
    if layer.op != "Clip":
        return None
    found = [layer.number("min", -np.inf), layer.number("max", np.inf)]
    for index in (1, 2):
        if layer.input(index):
            held = graph.constants.get(layer.input(index))
            if held is None or held.size != 1:
                return None
            found[index - 1] = float(held.ravel()[0])
    return Bounds(*found)


def _clamped(source: Bounds, own: Bounds) -> Bounds:
    return Bounds(min(max(source.low, own.low), own.high), max(min(source.high, own.high), own.low))


def _passed_on(layer: Layer, bounds: Mapping[str, Bounds]) -> Bounds:
    """The bounds of elements that are those of its operands."""
    if layer.op in (*VIEWS, *MAXIMA):
        return bounds.get(layer.input(0), ANY)
    if layer.op in ("Concat", "Max", "Min"):
        held = [bounds.get(name, ANY) for name in layer.inputs]
        return Bounds(min(each.low for each in held), max(each.high for each in held))
    return ANY
