"""Weights of a layer while it is lowered: of its own input's channels, whatever populations these lie in."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...ir.network import Activation, Kernel
from .views import Ids, Plane


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of a layer for each channel of its input: float32 [channels, KD, taps in y, taps in x].

    `first` [channels]: the first target channel of each. `is_shared`: all channels have the same weights.
    `constant` and `index`: where trained weights come from.
    """

    values: NDArray[np.float32]
    first: Ids
    is_shared: bool = False
    constant: str = ""
    index: NDArray[np.int32] | None = None

    def kernel(self, plane: Plane, depth: int) -> Kernel:
        """The kernel of a projection from a population with `depth` channels, which a plane names."""
        chosen, to = plane.channels, plane.source_channels
        first = np.full(depth, -1, dtype=np.int64)
        first[to] = self.first[chosen]
        if self.is_shared:
            shape = (depth, *self.values.shape[1:])
            return Kernel(np.broadcast_to(self.values[:1], shape), first, is_shared=True)
        if (
            len(to) == depth
            and np.array_equal(chosen, np.arange(len(self.first)))
            and np.array_equal(to, chosen)
        ):
            return Kernel(self.values, first, constant=self.constant, index=self.index)
        values = np.zeros((depth, *self.values.shape[1:]), dtype=np.float32)
        values[to] = self.values[chosen]
        index = None
        if self.index is not None:
            index = np.full(values.shape, -1, dtype=np.int32)
            index[to] = self.index[chosen]
        return Kernel(values, first, constant=self.constant, index=index)


def ones(
    channels: int,
    first: Ids | None = None,
    depth: int = 1,
    weight: float = 1.0,
    taps: tuple[int, int] = (1, 1),
) -> Weights:
    """One weight for all: channel c reaches target channels first[c] (default: c) .. first[c] + depth - 1."""
    values = np.broadcast_to(np.full((1, 1, 1, 1), weight, dtype=np.float32), (channels, depth, *taps))
    return Weights(values, np.arange(channels) if first is None else first, is_shared=True)


def trained(
    array: NDArray[np.float32],
    constant: str,
    arrange: Callable[[NDArray[np.int32]], NDArray[np.int32]],
    first: Ids,
) -> Weights:
    """Weights taken from a constant: `arrange` brings its flat indices into [channels, KD, y, x], -1 for
    zeros. Where it only turns their axes, nothing is copied: the weights are a view of the constant.
    """
    flat = _numbers(max(array.size - 1, 0).bit_length())[: array.size].reshape(array.shape)
    index = arrange(flat)
    if index.size and np.may_share_memory(index, flat):
        buffer, start = np.ascontiguousarray(array, dtype=np.float32), int(index.flat[0])
        values = np.ndarray(index.shape, np.float32, buffer, start * buffer.itemsize, index.strides)
    else:
        values = np.where(index >= 0, array.ravel()[index], 0).astype(np.float32)
    return Weights(values, first, constant=constant, index=index)


@cache
def _numbers(bits: int) -> NDArray[np.int32]:
    """All numbers of so many bits: the flat indices of every constant with no more elements are a view."""
    numbers = np.arange(2**bits, dtype=np.int32)
    numbers.flags.writeable = False
    return numbers


def held(
    array: NDArray[np.float32], constant: str, places: Ids
) -> list[tuple[Weights, Activation, tuple[float, ...]]]:
    """What makes a constant of one neuron that is 1, as the sum of some populations: weights [1, D, H, W],
    and a function of each. `places` [D, H, W] are its flat indices. Without the name of the `constant`, no
    weight is rounded as trained ones are.
    """
    first = np.zeros(1, dtype=np.int64)
    single = array.astype(np.float32)
    known = np.where(np.isinf(single.ravel()[places]), -1, places)
    weights = trained(
        single, constant, lambda flat: np.where(known < 0, -1, flat.ravel()[known])[None], first
    )
    if not constant:
        weights = Weights(weights.values, first)
    numbers: tuple[Weights, Activation, tuple[float, ...]] = weights, Activation.IDENTITY, ()
    if (known >= 0).all():
        return [numbers]
    # No synapse has an infinite weight: 1 becomes minus infinity, -1 infinity, and 0 stays 0.
    signs = np.where(known < 0, -np.sign(single.ravel()[places]), 0).astype(np.float32)
    infinities = Weights(signs[None], first), Activation.SHRINK, (0.5, math.inf)
    return [numbers, infinities] if weights.values.any() else [infinities]
