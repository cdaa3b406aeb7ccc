"""What cores send each other, and what the distance of each pair counts for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flow:
    """Events from one core to another when every neuron fires; 0 where only the host's input goes. `weight`
    says how much it takes to pass them on by a relay.
    """

    source: int
    target: int
    events: int
    weight: int


@dataclass(frozen=True, slots=True)
class Peers:
    """The cores that a core talks with, and what their distance counts for. `facts`: for each, events both
    ways, and the weights of what the core sends and of what it takes; `back`: the same as the peer has them;
    `swapped`: the same where both change places.
    """

    cores: Integers
    facts: Floats
    back: Floats
    swapped: Floats

    @classmethod
    def of(cls, cores: Integers, facts: Floats) -> "Peers":
        """The peers of a core."""
        hops, sends, takes = facts.T
        both = sends + takes
        return cls(cores, facts, np.stack([hops, takes, sends], axis=1), np.stack([2 * hops, both, both]))

    def weighed(self, traffic: float, far: float) -> "Peers":
        """The same where an event's hop costs `traffic`, and a position beyond the reach `far`."""
        return Peers.of(self.cores, self.facts * np.array([traffic, far, far]))


def peers_of(count: int, found: Sequence[Flow]) -> Iterator[Peers]:
    """The peers of each of so many cores."""
    both: list[dict[int, list[float]]] = [{} for _ in range(count)]
    for flow in found:
        for core, peer, direction in ((flow.source, flow.target, 1), (flow.target, flow.source, 2)):
            facts = both[core].setdefault(peer, [0.0, 0.0, 0.0])
            facts[0] += flow.events
            facts[direction] = flow.weight
    for peers in both:
        facts_of = np.array([peers[peer] for peer in sorted(peers)]).reshape(-1, 3)
        yield Peers.of(np.array(sorted(peers), dtype=np.int64), facts_of)


class Joined(NamedTuple):
    """The peers of all cores end to end, for compiled code: those of a core begin at `begin[core]`."""

    begin: Integers
    cores: Integers
    back: Floats
    swapped: Floats


def joined(peers: Sequence[Peers]) -> Joined:
    """These peers end to end."""
    return Joined(
        np.cumsum([0, *(len(each.cores) for each in peers)]),
        np.concatenate([each.cores for each in peers]),
        np.concatenate([each.back for each in peers]),
        np.concatenate([each.swapped.T for each in peers]),
    )
