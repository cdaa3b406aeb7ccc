"""A network divided into parts that run one after the other, each of the chip's lowered."""

from dataclasses import dataclass, replace
from types import MappingProxyType

from ....ir.errors import DoesNotFit, SncError, raise_all
from ....ir.layers import Layer, LayerGraph
from ....passes.fuse import Fuse
from ....passes.lowering.host import Flow, Split
from ....passes.lowering.parts import Part, parts_of, sources_of
from ..host_work import warnings
from ..prepare import Division, Prepared, divide
from ..steps import Step, verified


@dataclass(frozen=True, slots=True, eq=False)
class SplitPrepared:
    """A model as parts. `graph`: all its layers. `chips`: for each part the chip's, ready for any target, or
    None for one of the host.
    """

    graph: LayerGraph
    parts: tuple[Part, ...]
    chips: tuple[Prepared | None, ...]

    @property
    def prepared(self) -> tuple[Prepared, ...]:
        """The chip's parts."""
        return tuple(each for each in self.chips if each is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user may not have wanted."""
        return warnings(self.graph, self.host)

    @property
    def host(self) -> Split:
        """What the host has of the network, between its parts of the chip and in them."""
        layers: list[Layer] = []
        reasons: dict[str, str] = {}
        for part, chip in zip(self.parts, self.chips, strict=True):
            held = (part.graph,) if chip is None else (chip.parts.before, chip.parts.after)
            layers += (layer for each in held if each is not None for layer in each.layers)
            reasons |= part.reasons if chip is None else chip.parts.reasons
        work, every = (sum(map(self.graph.macs, each)) for each in (layers, self.graph.layers))
        host = replace(self.graph, layers=tuple(layers))
        return Split(self.graph, host, reasons=MappingProxyType(reasons), share_of_macs=work / max(every, 1))


def divided(graph: LayerGraph) -> SplitPrepared:
    """The parts of a network. Raises SncError for what neither the chip nor the host can have: layers with
    weights that no chip can be given.
    """
    refused: dict[str, SncError] = {}
    apart: set[str] = set()
    while True:
        parts = parts_of(graph, refused, apart)
        found = [divide(part.graph) if part.is_chip else None for part in parts]
        problems = [problem for each in found if each is not None for problem in each.problems]
        if not problems:
            return SplitPrepared(graph, parts, tuple(map(_prepared, parts, found)))
        before = len(refused) + len(apart)
        _move(graph, problems, refused, apart)
        if len(refused) + len(apart) == before:
            raise_all(problems)


def _move(graph: LayerGraph, problems: list[SncError], refused: dict[str, SncError], apart: set[str]) -> None:
    """Adds what the host shall have, and why: layers that were refused. Of those with weights it is what lays
    neurons out for them, or, where the host has that already, their operands come from parts before.
    """
    makers, flow = graph.producers(), Flow(graph)
    index = {layer.name: number for number, layer in enumerate(graph.layers)}
    for problem in problems:
        layer = makers.get(problem.origin.output) if problem.origin else None
        if layer is None or isinstance(problem, DoesNotFit):
            continue
        is_weighted = flow.is_weighted(index[layer.name])
        moved = [each.result for each in (sources_of(graph, layer) if is_weighted else [layer])]
        if is_weighted and refused.keys() >= {*moved}:
            apart.add(layer.result)
        for name in moved:
            refused.setdefault(name, problem)


def _prepared(part: Part, found: Division | None) -> Prepared | None:
    if found is None:
        return None
    assert found.network is not None
    return Prepared(part.graph, found.parts, verified(Step.NETWORK, Fuse()(found.network)))
