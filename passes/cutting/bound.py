"""Bounds: what no cuts and no packing can do without.

Every core that holds a part of a population has a descriptor, ports and kernel descriptors for it; its
weights and biases are in some core at least once. States that live at one step are in different words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.bitrun import WORD_BITS, words_for
from ...ir.chip import Chip
from ...ir.mapping import Fragment, Span
from ...ir.network import Network, PopulationId
from ...ir.weights import bias_codec
from ..wiring.bills import least as least_words
from ..wiring.kernels import Kernels

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Least:
    """The fewest cores of a network, and of each population; the fewest words of both kinds."""

    cores: int
    fragments: tuple[int, ...]
    static_words: int
    state_words: int


def least(network: Network, chip: Chip, kernels: Sequence[Kernels], shared: bool) -> Least:
    """The proven minimum: static memory at the fewest fragments, and the states that live at the peak.

    It takes for granted what trained weights are: different channels' weights differ.
    """
    lives = network.lives()
    live = np.zeros(len(network.populations) + 1)
    fixed, parts, alone_words = [], [], []
    for p, population in enumerate(network.populations):
        shape = population.shape
        whole = Fragment(PopulationId(p), Span(0, shape.depth), Span(0, shape.height), Span(0, shape.width))
        each, part = 1, 0
        into = [w for w in kernels if w.projection.target == p]
        for wired in into:
            table, weights = least_words(wired, whole)
            each += 1 + (table if wired.is_dense else 0)
            part += weights
            # Tables of one kernel for all channels may be equal to another population's, and stored once.
            update = wired.projection.update
            alone = not any(w.is_dense and w.projection.update == update for w in into)
            if not wired.is_dense and not (wired.is_uniform and alone):
                part += table
        if population.bias is not None:
            part += words_for(shape.depth, bias_codec(network.weight_format).bits)
        states = population.neuron.state_bits(shape.neurons) // WORD_BITS
        if shared and not population.neuron.lasts:
            live[lives[p].first : lives[p].last + 1] += states
        else:
            part += states
        fixed.append(each)
        parts.append(part)
        alone_words.append(part + (states if shared else 0))
    fragments = [
        max(1, -(-alone // max(1, chip.core_words - each)))
        for alone, each in zip(alone_words, fixed, strict=True)
    ]
    static = sum(part + each * n for part, each, n in zip(parts, fixed, fragments, strict=True))
    static += sum(
        max(fragments[w.projection.source], fragments[w.projection.target]) for w in kernels if w.is_dense
    )
    states_at_peak = int(live.max())
    return Least(
        max(1, -(-(static + states_at_peak) // chip.core_words)), tuple(fragments), static, states_at_peak
    )
