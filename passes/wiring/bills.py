"""The words of kernel tables before connecting: about, for many cuts at once, and at least, for any cut."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.bitrun import WORD_BITS, words_for
from ...ir.mapping import Fragment, Span
from ...ir.tables import Strided, is_whole
from ...ir.weights import EXPONENTS
from .kernels import Kernels

Floats = NDArray[np.float64]


class About(NamedTuple):
    """For each count of a target's channels: the table's channels, its words, and those of its numbers."""

    channels: Floats
    tables: Floats
    weights: Floats


def about(wired: Kernels, target: Fragment, counts: NDArray[np.int64], together: int) -> About:
    """What a wiring takes in a target of some of these channels.

    Where a channel has few sources, its source fragments have some `together` channels, which all have
    descriptors.
    """
    if wired.is_dense:
        return _dense(wired, target, counts)
    first = wired.kernel.first
    some = sorted({min(int(counts[0]) * 2**power, int(counts[-1])) for power in range(16)})
    boxes = [replace(target, c=Span(target.c.start, target.c.start + n)) for n in some]
    bills = [wired.bill(box) for box in boxes]
    reached = np.searchsorted(np.sort(first[first >= 0]), counts) + together
    channels = max(table for table, _ in bills) * np.minimum(reached / len(first), 1.0)
    listed = About(channels, channels, np.ceil(np.interp(counts, some, [weight for _, weight in bills])))
    if not wired.chip.strided_tables:
        return listed
    bills = [wired.strided_bill(box) for box in boxes]
    tables, weights = (np.interp(counts, some, numbers) for numbers in zip(*bills, strict=True))
    return _less(listed, About(channels, np.ceil(tables), np.ceil(weights)))


def _dense(wired: Kernels, target: Fragment, counts: NDArray[np.int64]) -> About:
    """Where every source channel has a kernel of its own to the same channels."""
    channels = len(wired.kernel.first)
    listed = strided = About(*(np.zeros(len(counts)) for _ in range(3)))
    for tile in wired.tiles(target):
        _, known, exponents = wired.values(tile)
        bits = known.size_bits(np.minimum(counts, wired.kernel.depth) * tile.kh * tile.kw)
        every = np.full(len(counts), float(channels))
        ports = -(-channels // (wired.chip.channel_offset_max + 1))
        run = Strided.WORDS * ports + (
            words_for(channels, EXPONENTS.bits) if (exponents != exponents[0]).any() else 0
        )
        listed = _sum(listed, About(every, every, channels * np.ceil(bits / WORD_BITS)))
        numbers = np.where(is_whole(bits), np.ceil(channels * bits / WORD_BITS), np.inf)
        strided = _sum(strided, About(every, np.full_like(every, run), numbers))
    return _less(listed, strided) if wired.chip.strided_tables else listed


def _sum(a: About, b: About) -> About:
    return About(*(x + y for x, y in zip(a, b, strict=True)))


def _less(listed: About, strided: About) -> About:
    """Of both forms of a table, the one with fewer words, count by count."""
    better = strided.tables + strided.weights < listed.tables + listed.weights
    return About(*(np.where(better, b, a) for a, b in zip(listed, strided, strict=True)))


def least(wired: Kernels, target: Fragment) -> tuple[int, int]:
    """Words of kernel descriptors and of weights that a target takes at least, however it is cut."""
    if len(wired.wiring.y) * len(wired.wiring.x) > 1:
        return 0, 0
    strided = wired.chip.strided_tables
    reached = int((wired.kernel.first >= 0).sum())
    table = min(reached, Strided.WORDS) if strided else reached
    if wired.is_uniform:
        return table, 0
    found = 0
    for tile in wired.tiles(target):
        _, known, exponents = wired.values(tile)
        bits = known.size_bits(tile.taps * wired.kernel.depth)
        if bits > 8:  # single bytes may be equal by chance
            found += -(-reached * bits // WORD_BITS) if strided else reached * -(-bits // WORD_BITS)
            if strided and wired.is_dense:
                table = min(reached, Strided.WORDS + words_for(_uneven(wired, exponents), EXPONENTS.bits))
    return table * bool(found), found


def _uneven(wired: Kernels, exponents: NDArray[np.int64]) -> int:
    """How many channels of a dense table have exponents of their own, at least, wherever ports divide it."""
    changes = (np.flatnonzero(np.diff(exponents)) + 1).tolist()
    longest = int(np.diff([0, *changes, len(exponents)]).max())
    parts = 1 - (-len(exponents) // (wired.chip.channel_offset_max + 1))
    return max(0, len(exponents) - parts * longest)
