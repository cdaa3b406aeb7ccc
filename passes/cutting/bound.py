"""Bounds: what no cuts and no packing can do without.

Every core that holds a part of a population has a descriptor, ports and kernel descriptors for it; its
weights and biases are in some core at least once. States that live at one step are in different words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.chip import Chip
from ...ir.network import Network
from ..wiring.demand import Demand
from ..wiring.wired import Wired


@dataclass(frozen=True, slots=True)
class Least:
    """The fewest cores of a network, and of each population; the fewest words of both kinds."""

    cores: int
    fragments: tuple[int, ...]
    static_words: int
    state_words: int


def least(network: Network, chip: Chip, wiring: Sequence[Wired], shared: bool) -> Least:
    """The proven minimum: static memory at the fewest fragments, and the states that live at the peak."""
    live = np.zeros(len(network.populations) + 1)
    fragments, static = [], 0
    for p, needed in enumerate(network.live_ranges()):
        needs = Demand(network, p, chip, wiring, shared).least()
        live[needed.first : needed.last + 1] += needs.states
        fragments.append(needs.fragments(chip.core_words))
        static += needs.once + needs.each * fragments[p]
    static += sum(
        max(fragments[w.projection.source], fragments[w.projection.target])
        for w in wiring
        if w.stored.is_dense
    )
    states = int(live.max())
    return Least(max(1, -(-(static + states) // chip.core_words)), tuple(fragments), static, states)
