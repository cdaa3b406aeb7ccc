"""The bill by the paper's own rules (5.1, 5.2), for the comparison only: no image is laid out like this.

One descriptor per population, one word per axon, one kernel descriptor per source channel and fragment,
a state per neuron, weights end to end; no biases, no ports, no extensions. Layers whose channels are apart
(depthwise, grouped, pools, additions) are split into a population per group. Weights that all channels share
are stored once a layer. A fragment is as large as a core lets it be; cuts go through channels, and through
rows only where a single channel is too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import Chip
from ...ir.counts import is_shared
from ...ir.network import Network, Population, Projection
from ...ir.storage.bitrun import WORD_BYTES
from .techniques import Memory, Widths, memory

WORD_BITS = 8 * WORD_BYTES

Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Literal:
    """What each population takes, in how many fragments, and how many cores first fit fills."""

    populations: tuple[Memory, ...]
    fragments: tuple[int, ...]
    cores: int


class _Wire:
    """One projection: source channel `channels[i]` reaches `depth` target channels from `first[i]` on."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        self.depth = projection.kernel.depth
        self.channels = np.flatnonzero(projection.kernel.first >= 0)
        self.first = projection.kernel.first[self.channels]
        self.groups = np.unique(self.first)
        self.taps = projection.y.tap_count * projection.x.tap_count
        self.is_shared = is_shared(projection)

    def descriptors(self, starts: Array, stops: Array) -> Array:
        """How many source channels reach each of these pieces of the target."""
        first = np.sort(self.first)
        return np.searchsorted(first, stops) - np.searchsorted(first + self.depth, starts, side="right")

    def pairs(self, starts: Array, stops: Array, depth: int) -> Array:
        """How many pairs of a source and a target channel lie in each piece of the target."""
        edges = np.bincount(self.first, minlength=depth + 1)
        edges = edges - np.bincount(self.first + self.depth, minlength=depth + 1)
        before = np.concatenate([[0], np.cumsum(np.cumsum(edges))])
        return np.asarray(before[stops] - before[starts])

    def group_counts(self, starts: Array, stops: Array) -> Array:
        """How many groups have channels in each piece of the target."""
        found = np.searchsorted(self.groups, stops)
        return found - np.searchsorted(self.groups + self.depth, starts, side="right")

    def channel_axons(self, sources: Array, targets: Array, *, is_virtual: bool) -> Array:
        """How many pieces of the target, or of its groups, each piece of the source reaches."""
        piece = np.searchsorted(sources, self.channels, side="right") - 1
        if is_virtual:
            targets = self.groups
        low = np.searchsorted(targets, self.first, side="right") - 1
        high = low if is_virtual else np.searchsorted(targets, self.first + self.depth - 1, side="right") - 1
        reached = np.unique(np.stack([piece, low, high]), axis=1)
        pairs = {(p, t) for p, a, b in reached.T.tolist() for t in range(a, b + 1)}
        return np.bincount([p for p, _ in pairs], minlength=len(sources))

    def row_axons(self, sources: Array, targets: Array) -> Array:
        """How many row spans of the target each row span of the source reaches (by their starts)."""
        y = self.projection.y
        source = np.searchsorted(sources, y.sources, side="right") - 1
        target = np.searchsorted(targets, y.targets, side="right") - 1
        met = np.unique(np.stack([source, target]), axis=1)
        return np.bincount(met[0], minlength=len(sources))


class _Layer:
    """A population, what reaches it, and its cuts: every channel piece with every row piece is a fragment."""

    def __init__(self, population: Population, into: Sequence[_Wire], widths: Widths) -> None:
        self.shape, self.into, self.widths = population.shape, into, widths
        self.state_bits = widths.state_of(population)
        split = [wire for wire in into if len(wire.groups) > 1]
        is_split = bool(split) and len(split) == len(into)
        self.virtual = [] if is_split else split
        groups = [wire.groups for wire in split] if is_split else []
        self.groups = np.unique(np.concatenate([[0], *groups]))
        self.starts = self.stops = self.rows = np.zeros(0, dtype=np.int64)

    def cut(self, outgoing: Sequence[tuple[_Wire, "_Layer"]], core_bits: int) -> None:
        """Chooses the fewest even cuts whose fragments fit a core, axons included."""
        sizes = np.diff(np.append(self.groups, self.shape.depth))
        parts, rows = np.ones_like(sizes), 1
        while True:
            self.rows = _even(0, self.shape.height, rows)
            pieces = [
                _even(start, start + size, count)
                for start, size, count in zip(
                    self.groups.tolist(), sizes.tolist(), parts.tolist(), strict=True
                )
            ]
            self.starts = np.concatenate(pieces)
            self.stops = np.append(self.starts[1:], self.shape.depth)
            most = self.sizes(outgoing).max(axis=1)
            group = np.repeat(np.arange(len(parts)), parts)
            large = np.unique(group[most > core_bits])
            if not len(large):
                return
            if (parts[large] < sizes[large]).all():
                parts[large] += 1
            elif rows < self.shape.height:
                parts, rows = np.ones_like(sizes), rows + 1
            else:
                return

    def bits(self) -> tuple[Array, Array, Array]:
        """States, connectivity without axons, and weights of all fragments [channel piece, row piece]."""
        heights = np.diff(np.append(self.rows, self.shape.height))
        states = np.outer(self.stops - self.starts, heights) * self.shape.width * self.state_bits
        words, weights = np.ones_like(self.starts), np.zeros_like(self.starts)
        for wire in self.into:
            words += wire.descriptors(self.starts, self.stops)
            if not wire.is_shared:
                pairs = wire.pairs(self.starts, self.stops, self.shape.depth)
                weights += pairs * wire.taps * self.widths.weight
        for wire in self.virtual:
            words += wire.group_counts(self.starts, self.stops)
        same = np.ones_like(heights)
        return states, np.outer(words, same) * WORD_BITS, np.outer(weights, same)

    def axons(self, outgoing: Sequence[tuple[_Wire, "_Layer"]]) -> Array:
        """Bits of all fragments' axons to the fragments of all layers that they reach."""
        found = np.zeros((len(self.starts), len(self.rows)), dtype=np.int64)
        for wire, target in outgoing:
            is_virtual = wire in target.virtual
            channels = wire.channel_axons(self.starts, target.starts, is_virtual=is_virtual)
            found += np.outer(channels, wire.row_axons(self.rows, target.rows))
        return found * WORD_BITS

    def sizes(self, outgoing: Sequence[tuple[_Wire, "_Layer"]]) -> Array:
        """All bits of each fragment."""
        states, words, weights = self.bits()
        return states + words + weights + self.axons(outgoing)

    def shared(self) -> int:
        """Bits of the weights that all channels share."""
        return sum(w.depth * w.taps for w in self.into if w.is_shared) * self.widths.weight


def literal(network: Network, chip: Chip, widths: Widths) -> Literal:
    """The bill by the paper's rules."""
    wires = [_Wire(projection) for projection in network.projections]
    layers = [
        _Layer(population, [w for w in wires if w.projection.target == index], widths)
        for index, population in enumerate(network.populations)
    ]
    core_bits = chip.core_words * WORD_BITS
    memories: list[Memory] = []
    sizes: list[int] = []
    for index in reversed(range(len(layers))):  # axons need the cuts of what they reach
        layer = layers[index]
        outgoing = [(w, layers[w.projection.target]) for w in wires if w.projection.source == index]
        layer.cut(outgoing, core_bits)
        states, words, weights = layer.bits()
        axons = layer.axons(outgoing)
        sizes += layer.sizes(outgoing).ravel().tolist()
        connectivity = int(words.sum() + axons.sum())
        memories.append(memory(int(states.sum()), connectivity, int(weights.sum()) + layer.shared()))
    fragments = tuple(len(layer.starts) * len(layer.rows) for layer in layers)
    return Literal(tuple(reversed(memories)), fragments, _first_fit(sizes, core_bits))


def _first_fit(sizes: Sequence[int], core_bits: int) -> int:
    """Cores that first fit fills, the largest fragments first."""
    free: list[int] = []
    for size in sorted(sizes, reverse=True):
        place = next((i for i, left in enumerate(free) if left >= size), None)
        if place is None:
            free.append(core_bits - size)
        else:
            free[place] -= size
    return len(free)


def _even(start: int, stop: int, count: int) -> Array:
    """Where so many pieces begin, as even as can be."""
    return start + (stop - start) * np.arange(count, dtype=np.int64) // count
