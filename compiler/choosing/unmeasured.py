"""Formats where there are no frames: of those with eight bits, for each constant the one that errs least.

That is all that weights alone can say. How far the answers are then is not known, and which constants need
sixteen bits is not either: after rounding to eight, all layers' weights are about as near (40 to 43 dB in
trained networks), however much of the error reaches the outputs.
"""

from collections.abc import Sequence

import numpy as np

from ...ir.network import Network
from ...ir.storage.formats import START, formats_of, spelled
from ...ir.storage.weights import FORMATS
from ...passes.quantise import trained_constants

EIGHT_BITS = (START, "fixed8")  # the first of those that err alike
SAMPLED = 2**16  # weights of a kernel that are looked at, in rows from all over


def by_weights(network: Network, names: Sequence[str] = EIGHT_BITS) -> str:
    """The formats of a network's constants, of the given ones those with the least squared error."""
    errors = {constant: np.zeros(len(names)) for constant in trained_constants(network)}
    for projection in network.projections:
        kernel = projection.kernel
        if not kernel.is_trained:
            continue
        weights = kernel.weights[:: -(-kernel.weights.size // SAMPLED)]
        for at, name in enumerate(names):
            codec = FORMATS[name]
            held = codec.rounded(weights, codec.exponents(weights))
            errors[kernel.constant][at] += float(((held - weights) ** 2).sum())
    return spelled([names[int(found.argmin())] for found in errors.values()]) if errors else names[0]


def with_rules(network: Network, weights: str) -> str:
    """The same formats, but for constants that learn on the chip: theirs is their rule's. As they are where
    they are not as many as the constants, which is for others to say.
    """
    kernels = [projection.kernel for projection in network.projections]
    own = {kernel.constant: kernel.format for kernel in kernels if kernel.is_plastic and kernel.format}
    constants = trained_constants(network)
    if not own:
        return weights
    try:
        formats = formats_of(weights, len(constants))
    except ValueError:
        return weights
    return spelled([own.get(name, held) for name, held in zip(constants, formats, strict=True)])
