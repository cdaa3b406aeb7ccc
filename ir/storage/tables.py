"""Kernel descriptors before addresses are known: one for a source channel, or for a run of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bitrun import BYTE_BITS, BitRun
from .skipping import Layout, dense
from .weights import EXPONENTS, FORMATS


class Descriptor(NamedTuple):
    """A kernel descriptor before addresses are known: `weights` are the stored numbers, `first` is in the
    fragment.

    A `format` of "" is the null descriptor: no synapse, and no weights. `stored`: how many weights are, where
    zeros are skipped, as `layout` says; None where all are.
    """

    kd: int
    kw: int
    kh: int
    sl: int
    first: int
    format: str
    exponent: int
    weights: BitRun | None
    stored: int | None = None
    layout: Layout = Layout.WHOLE

    @property
    def blobs(self) -> tuple[BitRun, ...]:
        """The numbers that it points to."""
        return () if self.weights is None else (self.weights,)

    @property
    def is_null(self) -> bool:
        """Whether it has no synapse, or of weight zero alone."""
        return self.weights is None or self.stored == 0

    @property
    def whole(self) -> "Descriptor":
        """The same with all its zeros."""
        if self.weights is None or self.stored is None:
            return self
        count = self.kd * self.kw * self.kh
        weights = dense(self.weights, count, FORMATS[self.format].bits, self.layout)
        return self._replace(weights=weights, stored=None, layout=Layout.WHOLE)


NULL = Descriptor(1, 1, 1, 0, 0, "", 0, None)


@dataclass(frozen=True, slots=True)
class Strided:
    """The descriptors of channels begin .. begin + count - 1 of a table, which lie in strides.

    That of channel begin + i has `head`'s fields, `first` increased by i * step; its weights begin i * stride
    bytes into `head.weights`. `exponents`: one for each channel, None where all have `head`'s.
    """

    WORDS: ClassVar[int] = 2

    begin: int
    count: int
    head: Descriptor
    stride: int
    step: int
    exponents: BitRun | None

    @property
    def blobs(self) -> tuple[BitRun, ...]:
        """The numbers that it points to."""
        return self.head.blobs if self.exponents is None else (*self.head.blobs, self.exponents)


class Block(tuple[Descriptor | Strided, ...]):
    """Words that lie together, of descriptors alone or of runs alone; equal ones are stored once.

    To hash one takes as long as to read it, and packing asks a thousand times: what is found is kept.
    """

    @property
    def strides(self) -> int:
        """How many runs it has: all that is in it, or none."""
        return len(self) if self and isinstance(self[0], Strided) else 0

    @property
    def words(self) -> int:
        """Its words, its numbers apart."""
        return self.strides * Strided.WORDS or len(self)

    @property
    def blobs(self) -> frozenset[BitRun]:
        """The numbers that it points to, each once. Whoever asks often keeps them."""
        if self.strides:
            return frozenset(blob for each in self for blob in each.blobs)
        runs = {each.weights for each in self if isinstance(each, Descriptor)}
        return frozenset(run for run in runs if run is not None)

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type["Block"], tuple[tuple[Descriptor | Strided, ...]]]:
        return Block, (tuple(self),)  # hashes hold in one process alone


def block_blobs(blocks: Iterable[Block]) -> set[BitRun]:
    """The numbers that blocks point to, each once."""
    return set[BitRun]().union(*(block.blobs for block in blocks))


def is_whole(size_bits: Any) -> Any:
    """Whether a channel's weights can stand in a run: strides are counted in whole bytes. Of arrays, too."""
    return size_bits % BYTE_BITS == 0


def listed(descriptors: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
    """The same descriptors, one by one: what has weights of zero alone is null."""
    # What `is_null` says, written out: there are a hundred thousand.
    return tuple(NULL if d.weights is None or d.stored == 0 else d for d in descriptors)


def strided(descriptors: Sequence[Descriptor], runs_max: int) -> tuple[Strided, ...]:
    """The same descriptors, run by run, with all their zeros; () where a channel's weights are not whole
    bytes, or more runs.
    """
    if any(d.stored is not None and not FORMATS[d.format].has_zero for d in descriptors):
        return ()
    descriptors = [d.whole for d in descriptors]
    if not all(is_whole(run.size_bits) for d in descriptors for run in d.blobs):
        return ()
    kinds: dict[tuple[object, ...], int] = {}
    keys = [
        kinds.setdefault((d.kd, d.kw, d.kh, d.sl, d.format), len(kinds) + 1) if d.format else 0
        for d in descriptors
    ]
    found = []
    runs = series(np.array(keys), np.array([d.first for d in descriptors]))
    if len(runs) > runs_max:
        return ()
    for run in runs:
        held = descriptors[run.begin : run.begin + run.count]
        head = held[0]
        numbers = [weights for d in held for weights in d.blobs]
        alike = all(each == numbers[0] for each in numbers)
        level = all(d.exponent == head.exponent for d in held)
        found.append(
            Strided(
                run.begin,
                run.count,
                head._replace(
                    exponent=head.exponent if level else 0,
                    weights=numbers[0] if alike else BitRun.joined(numbers),
                ),
                0 if alike else numbers[0].size_bits // BYTE_BITS,
                run.step,
                None if level else EXPONENTS.run(np.array([d.exponent for d in held])),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Series:
    """Channels begin .. begin + count - 1, the first target channel `step` further on with each."""

    begin: int
    count: int
    step: int


def series(keys: NDArray[np.int64], first: NDArray[np.int64]) -> list[Series]:
    """Channels of one key, other than 0, whose first target channels are evenly apart, in runs from the left.

    Two channels alone make no run, for two words save nothing there: so no step is beyond half the channels.
    """
    gaps = np.diff(first)
    gaps = np.where((keys[1:] == keys[:-1]) & (keys[1:] != 0) & (gaps >= 0), gaps, -1)
    ends = np.append(np.flatnonzero(np.diff(gaps)) + 1, len(gaps))  # where a stretch of equal gaps ends
    live = np.flatnonzero(keys)
    found = []
    at = 0
    while (place := int(np.searchsorted(live, at))) < len(live):
        begin = int(live[place])
        step = int(gaps[begin]) if begin < len(gaps) else -1
        count = int(ends[np.searchsorted(ends, begin, side="right")]) - begin + 1 if step >= 0 else 1
        if step < 0 or (count == 2 and step):
            count, step = 1, 0
        found.append(Series(begin, count, step))
        at = begin + count
    return found
