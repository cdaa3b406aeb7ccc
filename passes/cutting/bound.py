"""Bounds: what no cuts and no packing can do without.

Every core that holds a part of a population has a descriptor, ports and kernel descriptors for it; its
weights and biases are in some core at least once. States that live at one step are in different words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.chip import Chip
from ...ir.deadline import in_time
from ...ir.errors import DoesNotFit, Origin
from ...ir.network import Network
from ..wiring.demand import Demand
from ..wiring.wired import Wired


@dataclass(frozen=True, slots=True)
class Least:
    """The fewest cores of a network, and of each population; the fewest words of both kinds, and ports."""

    cores: int
    fragments: tuple[int, ...]
    static_words: int
    state_words: int
    ports: int

    @property
    def words(self) -> int:
        """The fewest words of all cores together."""
        return self.static_words + self.state_words


def least(
    network: Network, chip: Chip, wiring: Sequence[Wired], shared: bool, *, banded: bool = False
) -> Least:
    """The proven minimum: static memory at the fewest fragments, and the states that live at the peak.

    Kernels of different projections that are equal are stored once at best, and are counted once. `banded`:
    how many states live at the peak is open, as feature maps may be cut as finely as rows.
    """
    live = np.zeros(len(network.populations) + 1)
    known: set[bytes] = set()
    fragments, static, ports = [], 0, 0
    for p, needed in enumerate(network.live_ranges()):
        in_time("what the network takes at least was counted")
        needs = Demand(network, p, chip, wiring, shared).least(known)
        live[needed.first : needed.last + 1] += needs.states
        fragments.append(needs.fragments(chip.core_words))
        static += needs.once + needs.each * fragments[p]
        ports += len({w.projection.update for w in wiring if w.projection.target == p})
    static += sum(
        max(fragments[w.projection.source], fragments[w.projection.target])
        for w in wiring
        if w.stored.is_dense
    )
    states = 0 if banded else int(live.max())
    cores = max(1, -(-(static + states) // chip.core_words), -(-ports // chip.ports_max))
    return Least(cores, tuple(fragments), static, states, ports)


def beyond(network: Network, chip: Chip, limits: Least) -> DoesNotFit | None:
    """Why no mapping of a network fits a chip, as its least needs tell; None where they do not."""
    if limits.cores <= chip.cores:
        return None
    held = f"{limits.static_words} words, and {limits.state_words} of states"
    return DoesNotFit(
        Origin(file=network.name),
        f"the network takes {limits.cores} cores at least ({held}), {chip.name} has {chip.cores} "
        f"({chip.cores * chip.core_words} words)",
        hint="take a target with more or larger cores",
        ways=({"cores": limits.cores}, {"core_words": -(-limits.words // chip.cores)}),
    )
