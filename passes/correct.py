"""Biases that make up for what rounding weights changes on average."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ir.network import Network, Population


@dataclass(frozen=True, slots=True, eq=False)
class Correct:
    """Each named bias is another by what is added to it, a number for each channel. Connectivity and weights
    stay. `added`: by the constants that biases were taken from.
    """

    added: Mapping[str, NDArray[np.float32]]

    def __call__(self, network: Network) -> Network:
        """The network with those biases."""
        if not self.added:
            return network
        return replace(network, populations=tuple(map(self._corrected, network.populations)))

    def _corrected(self, population: Population) -> Population:
        known = [self.added[name] for name in population.bias_constants if name in self.added]
        if not known:
            return population
        assert population.bias is not None, "it was taken from a constant"
        whole = population.unpruned
        own = known if whole is None else [each[list(whole.channels)] for each in known]
        bias = (population.bias.astype(np.float64) + sum(map(np.ravel, own))).astype(np.float32)
        return replace(population, bias=bias)


def correctable(network: Network) -> Mapping[str, int]:
    """The constants that biases were taken from, one number for each channel, and how many these are."""
    found: dict[str, int] = {}
    for population in network.populations:
        if population.bias is None:
            continue
        whole = population.unpruned
        count = population.bias.size if whole is None else whole.bias.size
        for name in population.bias_constants:
            found[name] = count if found.get(name, count) == count else 0
    return found
