"""A layer as the storage forms know it: where a source position's kernel lies on the targets, and weights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...ir.storage.bitrun import WORD_BITS

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """Along one axis, source position s reaches target t through tap t * stride - s * spread + base.

    Taps outside 0 to `taps` - 1 are none. A convolution has spread 1, a transposed one stride 1. Taps count
    up with targets, which turns kernels around.
    """

    source: int
    target: int
    taps: int
    stride: int = 1
    spread: int = 1
    base: int = 0

    def reach(self, position: int) -> tuple[int, int, int]:
        """The first target of a source position, that target's tap, and how many targets there are."""
        begin = position * self.spread - self.base
        first = max(0, -(-begin // self.stride))
        last = min(self.target - 1, (begin + self.taps - 1) // self.stride)
        return first, first * self.stride - begin, max(0, last - first + 1)

    def meets(self) -> NDArray[np.bool_]:
        """[source positions, taps]: whether a position has a target at the tap."""
        found = np.zeros((self.source, self.taps), dtype=np.bool_)
        for position in range(self.source):
            _, tap, count = self.reach(position)
            found[position, tap : tap + count * self.stride : self.stride] = True
        return found


def convolution(source: int, taps: int, stride: int = 1, padding: int = 0) -> Axis:
    """The axis of a convolution with as much padding at both ends."""
    target = (source + 2 * padding - taps) // stride + 1
    return Axis(source, target, taps, stride, 1, taps - 1 - padding)


POINT = Axis(1, 1, 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """Synapses of one layer, dense or convolutional, with whole numbers as weights: 0 is no synapse.

    `weights`: [source channels, taps of y, taps of x, depth], in the order of the axes' taps. Source channel
    c reaches target channels first[c] .. first[c] + depth - 1 of `channels`, or none where first[c] is -1. A
    dense layer has one position.
    """

    y: Axis
    x: Axis
    weights: Integers
    first: Integers
    channels: int
    weight_bits: int = 8
    state_bits: int = 16

    @property
    def sources(self) -> int:
        """Source neurons: rows of the tables, counted by channel, then y, then x."""
        return len(self.first) * self.y.source * self.x.source

    @property
    def states_a_word(self) -> int:
        """A power of two, so that a state's number is its word and its place there."""
        most = WORD_BITS // self.state_bits
        found: int = 2 ** (most.bit_length() - 1)
        return found

    @property
    def pitch(self) -> int:
        """Target numbers of a position: its channels begin with a word of states."""
        return -(-self.channels // self.states_a_word) * self.states_a_word

    @property
    def targets(self) -> int:
        """Target numbers, those included that fill words up."""
        return self.y.target * self.x.target * self.pitch

    @cached_property
    def is_shared(self) -> bool:
        """Whether several synapses have the same weight."""
        return any(bool((axis.meets().sum(axis=0) > 1).any()) for axis in (self.y, self.x))


def dense(weights: Integers, weight_bits: int = 8, state_bits: int = 16) -> Layer:
    """A layer in which every source may reach every target: weights [sources, targets]."""
    sources, targets = weights.shape
    return Layer(
        POINT,
        POINT,
        weights.reshape(sources, 1, 1, targets),
        np.zeros(sources, dtype=np.int64),
        targets,
        weight_bits,
        state_bits,
    )
