"""Parts of a network that run one after the other: the chip's, and the host's between them.

Every layer is computed in the first stage in which it can be: layers with weights in a stage of the chip,
layers that cannot be mapped in one of the host, all others where what they read is made, or on the chip after
that. Stages of the chip and of the host alternate.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ...ir.errors import SncError
from ...ir.layers import ARRANGEMENTS, Layer, LayerGraph
from .host import BETWEEN, Flow, why_not

Refused = Mapping[str, SncError]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Layers that the chip computes with what the host has before and behind it, or the host alone.

    `reasons`: of the host's, why they cannot be mapped, by their names.
    """

    graph: LayerGraph
    is_chip: bool
    reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def parts_of(
    graph: LayerGraph, refused: Refused = MappingProxyType({}), apart: Container[str] = ()
) -> tuple[Part, ...]:
    """The parts of a network in their order. `refused`: what lowering said of layers, by first output.
    `apart`: first outputs of layers with weights whose operands other parts must make.
    """
    flow = Flow(graph)
    if not any(flow.is_weighted(index) for index in range(len(graph.layers))):
        return (Part(graph, True),)
    stages = _joined(flow, _settled(flow, _earliest(flow, refused, apart), refused))
    numbers = sorted(set(stages))
    made = {name: stage for layer, stage in zip(graph.layers, stages, strict=True) for name in layer.outputs}
    return tuple(
        _part(graph, refused, stages, made, stage, number) for number, stage in enumerate(numbers, 1)
    )


def sources_of(graph: LayerGraph, layer: Layer) -> list[Layer]:
    """The arrangements of neurons that a layer reads, which the host may make instead."""
    makers = graph.producers()
    found = [makers[name] for name in layer.inputs if name in makers]
    return [each for each in found if each.op in ARRANGEMENTS]


def _is_hosts(flow: Flow, index: int, refused: Refused) -> bool:
    return why_not(flow.graph, flow.graph.layers[index], refused) is not None


def _earliest(flow: Flow, refused: Refused, apart: Container[str]) -> list[int]:
    """The first stage in which each layer can be computed: even ones are the chip's, odd ones the host's."""
    stages: list[int] = []
    for index in range(len(flow.graph.layers)):
        stage = max((stages[source] for source in flow.sources[index]), default=0)
        if flow.is_weighted(index):
            stage += stage % 2
            made = [stages[source] for source in flow.sources[index]]
            if stage in made and flow.graph.layers[index].result in apart:
                stage += 2
        elif _is_hosts(flow, index, refused):
            stage += 1 - stage % 2
        stages.append(stage)
    return stages


def _settled(flow: Flow, stages: Sequence[int], refused: Refused) -> list[int]:
    """Layers that the chip can have are not left to the host where they may as well wait for the chip."""
    found = list(stages)
    for index in reversed(range(len(found))):
        later = [found[target] for target in flow.targets[index]]
        if found[index] % 2 and later and not _is_hosts(flow, index, refused) and min(later) > found[index]:
            found[index] += 1
    return found


def _joined(flow: Flow, stages: Sequence[int]) -> list[int]:
    """What stands before the first stage with weights, or behind the last, goes with that stage."""
    weighted = [stage for index, stage in enumerate(stages) if flow.is_weighted(index)]
    return [min(max(stage, min(weighted)), max(weighted)) for stage in stages]


def _part(
    graph: LayerGraph,
    refused: Refused,
    stages: Sequence[int],
    made: Mapping[str, int],
    stage: int,
    number: int,
) -> Part:
    layers = tuple(layer for layer, each in zip(graph.layers, stages, strict=True) if each == stage)
    own = {name for layer in layers for name in layer.outputs if name}
    elsewhere = {
        name
        for layer, each in zip(graph.layers, stages, strict=True)
        if each != stage
        for name in layer.inputs
    }
    wanted = elsewhere | {output.name for output in graph.outputs}
    read = dict.fromkeys(name for layer in layers for name in layer.inputs if name)
    part = replace(
        graph,
        name=f"{graph.name}:{number}",
        layers=layers,
        inputs=tuple(graph.values[name] for name in read if name not in own and name not in graph.constants),
        outputs=tuple(graph.values[name] for layer in layers for name in layer.outputs if name in wanted),
    )
    return Part(part, stage % 2 == 0, _told(graph, layers, refused) if stage % 2 else MappingProxyType({}))


def _told(graph: LayerGraph, layers: Iterable[Layer], refused: Refused) -> Mapping[str, str]:
    why = {layer.name: why_not(graph, layer, refused) for layer in layers}
    return MappingProxyType({name: one.message.removesuffix(BETWEEN) for name, one in why.items() if one})
