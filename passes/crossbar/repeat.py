"""Repeating inputs: on a crossbar, what the host feeds is seen in the frame that it is fed in."""

from dataclasses import dataclass, replace

import numpy as np

from ...ir.network import Kernel, Network, Neuron, Population, PopulationId, Projection, neuron_layer
from ..lowering import axis


@dataclass(frozen=True, slots=True)
class Repeat:
    """An input that others see in the next frame is one whose values a population repeats for these."""

    def __call__(self, network: Network) -> Network:
        """The network with such populations behind all others."""
        late = dict.fromkeys(
            p.source
            for p in network.projections
            if p.is_recurrent and network.populations[p.source].neuron is Neuron.INPUT
        )
        if not late:
            return network
        first = len(network.populations)
        behind = {source: PopulationId(first + number) for number, source in enumerate(late)}
        repeats = tuple(_repeat(network.populations[source]) for source in late)
        moved = (
            replace(p, source=behind[p.source]) if p.is_recurrent and p.source in behind else p
            for p in network.projections
        )
        populations = network.populations + repeats
        layers = tuple(
            neuron_layer(each.name, each.operator, populations, _with(each.populations, behind))
            for each in network.layers
        )
        ways = (_identity(network.populations[source], source, target) for source, target in behind.items())
        return replace(network, populations=populations, projections=(*moved, *ways), layers=layers)


def _with(
    members: tuple[PopulationId, ...], behind: dict[PopulationId, PopulationId]
) -> tuple[PopulationId, ...]:
    """The populations of a layer, with those that repeat them."""
    return (*members, *(behind[member] for member in members if member in behind))


def _repeat(given: Population) -> Population:
    return Population(f"{given.name}~again", given.shape, given.origin, nodes=given.nodes)


def _identity(given: Population, source: PopulationId, target: PopulationId) -> Projection:
    depth = given.shape.depth
    weights = np.broadcast_to(np.ones((1, 1, 1, 1), np.float32), (depth, 1, 1, 1))
    kernel = Kernel(weights, np.arange(depth, dtype=np.int64), is_shared=True)
    y, x = axis.identity(given.shape.height), axis.identity(given.shape.width)
    return Projection(source, target, y, x, kernel, given.origin)
