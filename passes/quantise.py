"""Quantising: trained weights become what the weight format holds; connectivity stays as it was."""

from dataclasses import dataclass, replace

import numpy as np

from ..ir.layers import Array
from ..ir.network import Network, Projection
from ..ir.storage.weights import FORMATS, bias_codec


@dataclass(frozen=True, slots=True)
class Quantise:
    """Every trained weight and every bias is a value that the image can hold; weights that no training made
    stay.

    Integer formats have one power-of-two scale per source channel, so per kernel descriptor.
    """

    format: str = "fixed8"

    def __call__(self, network: Network) -> Network:
        """The quantised network."""
        projections = tuple(self._projection(p) for p in network.projections)
        populations = network.populations
        biases = bias_codec(self.format)
        populations = tuple(
            p if p.bias is None else replace(p, bias=biases.numbers(biases.run(p.bias)).astype(np.float32))
            for p in populations
        )
        return replace(network, populations=populations, projections=projections, weight_format=self.format)

    def _projection(self, projection: Projection) -> Projection:
        kernel = projection.kernel
        if kernel.index is None:
            return projection
        known = FORMATS[self.format]
        exponents = known.exponents(kernel.weights)
        weights = known.rounded(kernel.weights, exponents).astype(np.float32)
        return replace(
            projection, kernel=replace(kernel, weights=weights, format=self.format, exponents=exponents)
        )


def held_constants(network: Network, constants: dict[str, Array]) -> dict[str, Array]:
    """The layers' constants with the weights and biases as a quantised network holds them."""
    changed: dict[str, Array] = {}
    for projection in network.projections:
        kernel = projection.kernel
        if kernel.index is None:
            continue
        array = changed.setdefault(kernel.constant, constants[kernel.constant].astype(np.float32).copy())
        used = kernel.index >= 0
        array.reshape(-1)[kernel.index[used]] = kernel.weights[used]
    for population in network.populations:
        for index, name in enumerate(population.bias_constants):
            assert population.bias is not None
            shape = constants[name].shape
            # The first constant of a fused sum stands for all of it.
            value = population.bias if index == 0 else np.zeros_like(population.bias)
            changed[name] = np.resize(value, shape)  # every slice of a volume has the same
    return changed
