"""The blocks of a NetX file, as Lava reads them: what neurons a block has, and what it receives through."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Origin

Integers = NDArray[np.int64]
Shape = tuple[int, ...]


class Block(StrEnum):
    """What a block is."""

    INPUT = "input"
    CONV = "conv"
    POOL = "pool"
    DENSE = "dense"
    FLATTEN = "flatten"
    AVERAGE = "average"


class Kind(StrEnum):
    """What neurons are."""

    CUBA = "CUBA"  # a current drives a voltage, which spikes
    SIGMA_DELTA = "sigma-delta"  # changes are summed, and changes of the sum's value sent
    SIGMA = "sigma"  # changes are summed
    DELTA = "delta"  # values are received, and their changes sent


@dataclass(frozen=True, slots=True)
class Neurons:
    """Loihi's neurons, by the numbers of the file. Decays are 4096ths, `threshold` is a mantissa."""

    kind: Kind
    threshold: int = 0
    current_decay: int = 0
    decay: int = 0
    delay: int = 0
    weight_exponent: int = 0
    rectifies: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """How a window moves over maps: y and x of each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int = 1

    def sizes(self, given: Sequence[int]) -> tuple[int, ...]:
        """The height and width of what it makes of maps."""
        rows = zip(given, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in rows)


@dataclass(frozen=True, slots=True, eq=False)
class NetBlock:
    """A block: `shape` is that of what it sends, channels first.

    `weights`: of a convolution [D', D, y, x], of a dense block [D', D], of a pool one number.
    """

    origin: Origin
    kind: Block
    shape: Shape
    neurons: Neurons | None = None
    weights: Integers | None = None
    bias: Integers | None = None
    window: Window | None = None

    @property
    def name(self) -> str:
        """Its name in networks, images and reports."""
        return self.origin.node


@dataclass(frozen=True, slots=True, eq=False)
class NetXFile:
    """The blocks of a file, each fed by the one before. `given`: the shape of what the first one receives."""

    name: str
    given: Shape
    blocks: tuple[NetBlock, ...]

    def received(self, index: int) -> Shape:
        """The shape of what a block receives."""
        return self.blocks[index - 1].shape if index else self.given


def groups_of(received: Shape, sent: Shape) -> int:
    """How many elements one of an average is made of, 0 where they do not divide."""
    size, count = prod(received), prod(sent)
    return size // count if count and size % count == 0 else 0
