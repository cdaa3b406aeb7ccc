"""The words of tiles before they are connected: kernel descriptors, or runs of them, and weights."""

from typing import NamedTuple

import numpy as np

from ...ir.mapping import Span
from ...ir.storage.bitrun import BitRun, words_for
from ...ir.storage.tables import Strided, is_whole, series
from ...ir.storage.weights import EXPONENTS
from .stored import Stored
from .tiles import Tile


class Bill(NamedTuple):
    """Words of a table's descriptors, and those of the numbers that they point to."""

    table: int
    numbers: int

    @property
    def words(self) -> int:
        """All of it."""
        return self.table + self.numbers


class _Part(NamedTuple):
    """A tile's bill: `shared` are numbers that other tiles may have, too."""

    table: int
    numbers: int
    shared: frozenset[BitRun]


class Bills:
    """What tiles take for some channels of the target, each tile counted once.

    Equal weights of channels count once where all channels share their kernel.
    """

    def __init__(self, stored: Stored) -> None:
        self.stored, self.kernel = stored, stored.kernel
        self._listed: dict[tuple[object, ...], _Part] = {}
        self._strided: dict[tuple[object, ...], _Part] = {}

    def listed(self, tiles: list[Tile], span: Span) -> Bill:
        """The words where each source channel has a descriptor."""
        for tile in tiles:
            if (key := (*tile.key, span)) not in self._listed:
                self._listed[key] = self._descriptors(tile, span)
        return _sum([self._listed[*tile.key, span] for tile in tiles])

    def strided(self, tiles: list[Tile], span: Span) -> Bill:
        """The same where runs of channels have words, and not each channel."""
        for tile in tiles:
            if (key := (*tile.key, span)) not in self._strided:
                self._strided[key] = self._runs(tile, span)
        return _sum([self._strided[*tile.key, span] for tile in tiles])

    def _descriptors(self, tile: Tile, span: Span) -> _Part:
        first, depth = self.kernel.first, self.kernel.depth
        if self.stored.is_uniform:
            low, high = np.maximum(first, span.start) - first, np.minimum(first + depth, span.stop) - first
            inside = (high > low) & (first >= 0)
            ranges = np.unique(np.stack([low[inside], high[inside]], axis=1), axis=0)
            held = [self.stored.blob(tile, 0, int(a), int(b)) for a, b in ranges]
            return _Part(len(first), 0, frozenset(each.weights for each in held if each.stored != 0))
        _, known, _ = self.stored.values(tile)
        low = np.clip(span.start - first, 0, depth)
        high = np.where(first >= 0, np.clip(span.stop - first, low, depth), low)
        found, every = self.stored.present(tile), np.arange(len(first))
        present = (found[every, high] - found[every, low]).astype(np.int64)
        words = known.words((high - low) * tile.kh * tile.kw, present)
        return _Part(len(first), int(words.sum()), frozenset())

    def _runs(self, tile: Tile, span: Span) -> _Part:
        _, known, exponents = self.stored.values(tile)
        first, depth = self.kernel.first, self.kernel.depth
        low = np.maximum(first, span.start)
        kd = np.where(first >= 0, np.maximum(np.minimum(first + depth, span.stop) - low, 0), 0)
        if not known.has_zero or not is_whole(known.size_bits(kd * tile.kh * tile.kw)).all():
            return self._descriptors(tile, span)
        found = series(kd, low)
        numbers = 0
        blobs: set[BitRun] = set()
        for run in found:
            held = slice(run.begin, run.begin + run.count)
            start, size = int(low[run.begin] - first[run.begin]), int(kd[run.begin])
            if self.stored.is_uniform and (low[held] - first[held] == start).all():
                blobs.add(self.stored.blob(tile, 0, start, start + size, whole=True).weights)
            else:
                numbers += words_for(run.count * size * tile.kh * tile.kw, known.bits)
            if (exponents[held] != exponents[run.begin]).any():
                numbers += words_for(run.count, EXPONENTS.bits)
        return _Part(len(found) * Strided.WORDS, numbers, frozenset(blobs))


def _sum(parts: list[_Part]) -> Bill:
    shared = frozenset().union(*(part.shared for part in parts))
    return Bill(
        sum(part.table for part in parts),
        sum(part.numbers for part in parts) + sum(blob.words for blob in shared),
    )
