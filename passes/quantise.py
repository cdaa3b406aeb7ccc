"""Quantising: trained weights become what the weight format holds; connectivity stays as it was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..ir.layers import Array
from ..ir.network import Network, Projection
from ..ir.storage.formats import bias_codec, formats_of
from ..ir.storage.weights import FORMATS, integer_format


@dataclass(frozen=True, slots=True)
class Quantise:
    """Every trained weight and every bias is a value that the image can hold; weights that no training made
    stay.

    `format`: one for all weights, or one for each trained constant, as `formats` spells them. Codecs with a
    scale have a power of two per source channel, so per kernel descriptor.

    The weights of a network of whole numbers take the smallest format that is exact, its biases single
    precision.
    """

    format: str = "fixed8"

    def __call__(self, network: Network) -> Network:
        """The quantised network. Raises ValueError where there are not as many formats as constants."""
        if network.is_whole:
            projections = tuple(map(_exact, network.projections))
            return replace(network, projections=projections, weight_format="float32")
        constants = trained_constants(network)
        chosen = dict(zip(constants, formats_of(self.format, len(constants)), strict=True))
        projections = tuple(_projection(p, chosen) for p in network.projections)
        biases = bias_codec(self.format)
        populations = tuple(
            p if p.bias is None else replace(p, bias=biases.numbers(biases.run(p.bias)).astype(np.float32))
            for p in network.populations
        )
        return replace(network, populations=populations, projections=projections, weight_format=self.format)


def trained_constants(network: Network) -> tuple[str, ...]:
    """The constants that trained weights were taken from, in the order of the projections that have them."""
    kernels = (projection.kernel for projection in network.projections)
    return tuple(dict.fromkeys(kernel.constant for kernel in kernels if kernel.index is not None))


def _exact(projection: Projection) -> Projection:
    """Trained integers in as few bits as they need; what are no integers of 8 bits is stored as it is."""
    kernel = projection.kernel
    found = None if kernel.index is None else integer_format(kernel.weights)
    if found is None:
        return projection
    exponents = np.zeros(len(kernel.weights), dtype=np.int64)
    return replace(projection, kernel=replace(kernel, format=found, exponents=exponents))


def _projection(projection: Projection, formats: Mapping[str, str]) -> Projection:
    kernel = projection.kernel
    if kernel.index is None:
        return projection
    known = FORMATS[formats[kernel.constant]]
    exponents = known.exponents(kernel.weights)
    weights = known.rounded(kernel.weights, exponents).astype(np.float32)
    held = replace(kernel, weights=weights, format=known.name, exponents=exponents)
    return replace(projection, kernel=held)


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
