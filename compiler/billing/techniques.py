"""What a network takes with the synapse tables that came before: equations 4 to 6, synapse by synapse.

Every layer's synapses, and the entries of the neurons that reach it, are the layer's own.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass

from ...ir.counts import padded_synapses, synapses
from ...ir.network import Network, Neuron, Population, Projection


@dataclass(frozen=True, slots=True)
class Widths:
    """Bits of the tables' fields. The defaults are those of the published comparison."""

    neuron: int = 15
    core: int = 8
    tag: int = 15
    weight: int = 8
    state: int = 16

    def state_of(self, population: Population) -> int:
        """The bits of a neuron's state: as many for all that have one, more only where sums need them."""
        if population.neuron is Neuron.INPUT:
            return 0
        return max(self.state, population.neuron.bits_each if population.neuron.is_wide else 0)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes by category. `total_bytes` is their sum."""

    neurons_bytes: int = 0
    connectivity_bytes: int = 0
    parameters_bytes: int = 0
    biases_bytes: int = 0
    total_bytes: int = 0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def memory(neurons: int, connectivity: int, parameters: int, biases: int = 0) -> Memory:
    """Bytes from bits, each category rounded up."""
    a, b, c, d = (-(-bits // 8) for bits in (neurons, connectivity, parameters, biases))
    return Memory(a, b, c, d, a + b + c + d)


Technique = Callable[[Population, tuple[tuple[Projection, int], ...], Widths], Memory]


def lut(population: Population, into: tuple[tuple[Projection, int], ...], widths: Widths) -> Memory:
    """One table at the source (equations 4 and 5): a neuron, its core and a weight for each synapse.

    A source neuron has a pointer to its entries, as wide as a neuron's address.
    """
    count, sources = _synapses_and_sources(into)
    connectivity = count * (widths.neuron + widths.core) + sources * widths.neuron
    return memory(_states(population, widths), connectivity, count * widths.weight)


def hierarchical(population: Population, into: tuple[tuple[Projection, int], ...], widths: Widths) -> Memory:
    """Two tables (equations 6 and 5): a tag and a core for each source neuron, then a tag for each synapse.

    The best case for it: all targets of a neuron in a layer lie in one core.
    """
    count, sources = _synapses_and_sources(into)
    connectivity = count * widths.tag + sources * (widths.tag + widths.core)
    return memory(_states(population, widths), connectivity, count * widths.weight)


def priced(
    network: Network, technique: Technique, widths: Widths, *, padded: bool = False
) -> tuple[Memory, ...]:
    """What each population takes with a technique; `padded` counts whole kernels at the borders."""
    count = padded_synapses if padded else synapses
    into: list[list[tuple[Projection, int]]] = [[] for _ in network.populations]
    for projection in network.projections:
        into[projection.target].append((projection, count(projection)))
    return tuple(
        technique(population, tuple(reaching), widths)
        for population, reaching in zip(network.populations, into, strict=True)
    )


def _synapses_and_sources(into: tuple[tuple[Projection, int], ...]) -> tuple[int, int]:
    sources = sum(len(p.kernel.weights) * p.y.source_size * p.x.source_size for p, _ in into)
    return sum(count for _, count in into), sources


def _states(population: Population, widths: Widths) -> int:
    return population.shape.neurons * widths.state_of(population)
