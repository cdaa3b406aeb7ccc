"""Quantising: trained weights become what the weight format holds; connectivity stays as it was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..ir.layers import Array
from ..ir.network import Kernel, Network, Neuron, Population, PopulationId, Projection, Update
from ..ir.neurons import STATE_BITS
from ..ir.storage.channels import SCHEMES, channel_scales, codec_of, common_exponent, within
from ..ir.storage.formats import bias_codec, formats_of
from ..ir.storage.weights import Codec, integer_format


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
        scales = {
            target: found
            for target in {p.target for p in network.projections}
            if (found := _scales(network, target, chosen)) is not None
        }
        biases = bias_codec(self.format)
        return replace(
            network,
            populations=tuple(
                _population(population, biases, scales.get(PopulationId(index)))
                for index, population in enumerate(network.populations)
            ),
            projections=tuple(_projection(p, chosen, scales.get(p.target)) for p in network.projections),
            weight_format=self.format,
        )


# States are larger than values by a channel's scale, and both have to be float16.
SCALE_MIN = 2.0**-8  # of a channel, where the middle one's is about 1
BIAS_MAX = 2.0**12  # as it is stored


# A float16 value times a smaller weight is less than half of float16's finest step: no state changes.
IDLE = 2.0**-41


class _Scales(NamedTuple):
    """Of the channels of a population what states are multiplied by, and the exponent of all its sources."""

    channels: Array
    exponent: int


def _scales(network: Network, target: PopulationId, formats: Mapping[str, str]) -> _Scales | None:
    """The scales of a population, where all its trained weights are integers with one for each channel. Where
    weights that no training made end there, too, these stay exact: the scales are powers of two.
    """
    population, into = network.populations[target], network.into(target)
    trained = [p.kernel for p in into if p.kernel.is_trained]
    names = {formats[kernel.constant] for kernel in trained}
    if len(names) != 1 or not names <= SCHEMES.keys():
        return None
    plain = population.neuron is Neuron.STANDARD and population.scale == 1
    if not plain or any(p.update is not Update.ADD or p.is_recurrent for p in into):
        return None
    codec, depth = codec_of(names.pop()), population.shape.depth
    weights, channels = [], []
    for kernel in trained:
        taps = kernel.weights[0, 0].size
        reached = np.repeat((kernel.first[:, None] + np.arange(kernel.depth)).ravel(), taps)
        live = np.repeat(kernel.first >= 0, kernel.depth * taps)
        weights.append(kernel.weights.ravel()[live].astype(np.float64))
        channels.append(reached[live])
    is_power = len(trained) < len(into)
    found = channel_scales(np.concatenate(weights), np.concatenate(channels), codec, depth, is_power=is_power)
    exponent = common_exponent(found)
    floor = np.full(depth, SCALE_MIN)
    if population.bias is not None:
        floor = np.maximum(floor, np.abs(population.bias) / BIAS_MAX)
    if is_power:
        floor = np.exp2(np.ceil(np.log2(floor)))
    return _Scales(np.maximum(found / 2.0**exponent, floor).astype(np.float32), exponent)


def _population(population: Population, biases: Codec, scales: _Scales | None) -> Population:
    by = np.float32(1) if scales is None else scales.channels
    bias = population.bias
    if bias is not None:
        bias = (biases.numbers(biases.run(bias / by)).astype(np.float32) * by).astype(np.float32)
    own = () if scales is None else tuple(scales.channels.tolist())
    return replace(population, bias=bias, scales=own)


def trained_constants(network: Network) -> tuple[str, ...]:
    """The constants that trained weights were taken from, in the order of the projections that have them."""
    kernels = (projection.kernel for projection in network.projections)
    return tuple(dict.fromkeys(kernel.constant for kernel in kernels if kernel.index is not None))


def _exact(projection: Projection) -> Projection:
    """Trained integers in as few bits as they need, or else a power of two and such integers; what are no
    integers of 8 bits then is stored as it is.
    """
    kernel = projection.kernel
    if not kernel.is_trained:
        return projection
    exponent, found = 0, integer_format(kernel.weights)
    if found is None:
        exponent = _common_power(kernel.weights)
        found = integer_format(np.ldexp(kernel.weights, -exponent))
    if found is None:
        return projection
    exponents = np.full(len(kernel.weights), exponent, dtype=np.int64)
    return replace(projection, kernel=replace(kernel, format=found, exponents=exponents))


def _live(kernel: Kernel) -> Array:
    """The weights without those that change no state, so that no memory is spent on them."""
    sizes = np.abs(kernel.weights)
    is_idle = sizes < IDLE * min(1.0, sizes.max(initial=0))
    return np.where(is_idle, np.float32(0), kernel.weights) if is_idle.any() else kernel.weights


def _common_power(weights: Array) -> int:
    """The exponent of the largest power of two that divides all of some whole numbers, 0 for other ones."""
    if not (np.abs(weights) < 2**31).all() or (weights != np.rint(weights)).any():
        return 0
    divisor = int(np.gcd.reduce(weights.astype(np.int64), axis=None))
    return (divisor & -divisor).bit_length() - 1 if divisor else 0


def _projection(projection: Projection, formats: Mapping[str, str], scales: _Scales | None) -> Projection:
    kernel = projection.kernel
    if not kernel.is_trained:
        return projection
    assert kernel.index is not None
    known = codec_of(formats[kernel.constant])
    has_idle = known.bits <= STATE_BITS and projection.update is Update.ADD
    # Weights may be a view of a constant with its axes turned, and are read several times.
    given = np.ascontiguousarray(_live(kernel) if has_idle else kernel.weights)
    if scales is None:
        exponents = known.exponents(given)
        weights = known.rounded(given, exponents).astype(np.float32)
    else:
        exponents = np.full(len(kernel.weights), scales.exponent, dtype=np.int64)
        channels = np.clip(kernel.first[:, None] + np.arange(kernel.depth), 0, scales.channels.size - 1)
        by = scales.channels.astype(np.float64)[channels][:, :, None, None]
        given = within(given / by / 2.0**scales.exponent, known) * 2.0**scales.exponent
        weights = (known.rounded(given, exponents) * by).astype(np.float32)
    if not known.has_zero:
        weights[kernel.index < 0] = 0
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
            whole = population.unpruned
            bias = population.bias if whole is None else whole.with_biases(population.bias)
            # The first constant of a fused sum stands for all of it.
            value = bias if index == 0 else np.zeros_like(bias)
            changed[name] = np.resize(value, constants[name].shape)  # every slice of a volume has the same
    return changed
