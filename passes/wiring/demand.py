"""Demand: the words and ports that fragments of a population take in a core, before they are connected.

Exact is what `Plan` and `Contents` count once axons and tables are there (`ir/mapping.py`). Before that there
are three views: `most` is never below the exact size, so what fits by it fits; `about` estimates many cuts
at once, and what it sets too low is moved by the packer, or cut again; `least` is what no cuts can do
without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import Chip
from ...ir.mapping import Fragment, Span
from ...ir.network import Network, PopulationId, Update
from ...ir.storage.bitrun import WORD_BITS, BitRun, words_for
from ...ir.storage.formats import bias_codec
from ...ir.storage.tables import Strided, is_whole
from ...ir.storage.weights import EXPONENTS, FORMATS
from .connect import plan
from .tiles import Tile, taken
from .wired import Wired

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW = 1 / 16  # the share of zeros that no cuts of channels are made for
WIDEST = max(codec.bits for codec in FORMATS.values())
BREAK_WORDS = Strided.WORDS + 2  # where a port ends a run: the next one's, and two last words not full


class Need(NamedTuple):
    """Words, axons apart, and ports of a fragment."""

    words: int
    ports: int


class About(NamedTuple):
    """For each count of a fragment's channels about its words, states and axons apart, and how many more it
    takes where every source channel needs a descriptor; its ports.
    """

    words: Floats
    more: Floats
    ports: int


class Least(NamedTuple):
    """The fewest words of a population: those of each fragment, those that are somewhere once, and those of
    its states where they may have the place of others.
    """

    each: int
    once: int
    states: int

    def fragments(self, core_words: int) -> int:
        """The fewest fragments that cores of so many words can hold."""
        return max(1, -(-(self.once + self.states) // max(1, core_words - self.each)))


class Demand:
    """What fragments of one population take, axons apart. `shared`: states may have the place of others."""

    def __init__(
        self, network: Network, population: int, chip: Chip, wiring: Sequence[Wired], shared: bool
    ) -> None:
        self.network, self.chip = network, chip
        self.pid = PopulationId(population)
        self.population = network.populations[population]
        self.into = [wired for wired in wiring if wired.projection.target == population]
        self.shares_states = shared and not network.keeps_states(self.pid)
        self.has_place = int(self.shares_states and self.population.neuron.is_reset_each_frame)
        self._reaching: dict[tuple[Span, Span], Sequence[Sequence[Wired]]] = {}

    @property
    def whole(self) -> Fragment:
        """The population in one piece."""
        shape = self.population.shape
        return Fragment(self.pid, Span(0, shape.depth), Span(0, shape.height), Span(0, shape.width))

    def _block_words(self, fragment: Fragment) -> int:
        block = plan(self.population, fragment, self.network.weight_format, (), ())
        return block.block_words + sum(run.words for run in block.parameters)

    def _reaches(self, y: Span, x: Span) -> Sequence[Sequence[Wired]]:
        """What reaches fragments at these rows and columns, by how it updates them."""
        if (y, x) not in self._reaching:
            found: dict[Update, list[Wired]] = {}
            for wired in self.into:
                if wired.reaches(y, x):
                    found.setdefault(wired.projection.update, []).append(wired)
            self._reaching[y, x] = tuple(found.values())
        return self._reaching[y, x]

    def alike(self, spans: Sequence[Span], along_x: bool) -> list[tuple[Span, int]]:
        """One of all spans of an axis at which fragments take the same, each with how many there are."""
        found: dict[object, list[Span]] = {}
        for span in spans:
            key = len(span), *(wired.seen_by(span, along_x) for wired in self.into)
            found.setdefault(key, []).append(span)
        return [(same[0], len(same)) for same in found.values()]

    def most(self, fragment: Fragment) -> Need:
        """Never less than the exact size."""
        words, ports = self._block_words(fragment) + self.has_place, 0
        for into in self._reaches(fragment.y, fragment.x):
            bills = [wired.bill(fragment) for wired in into]
            bases = -(-sum(bill.table for bill in bills) // (self.chip.channel_offset_max + 1))
            table = sum(bill.words for bill in bills)
            if self.chip.strided_tables:
                found = [wired.strided_bill(fragment) for wired in into]
                runs = sum(bill.table for bill in found) + Strided.WORDS * (bases - 1)
                if 0 < runs <= Strided.WORDS * self.chip.strided_tables:
                    strided = sum(bill.words for bill in found)
                    table = min(table, strided + BREAK_WORDS * (bases - 1))
            ports, words = ports + bases, words + table
        return Need(words + ports, ports)

    def single(self) -> Need | None:
        """At least what any fragment of one neuron takes, without a look at its weights; None where kernels
        are larger than the chip's.
        """
        one = Span(0, 1)
        words, ports = self._block_words(Fragment(self.pid, one, one, one)) + self.has_place, 0
        for wired in self.into:
            ways = wired.wiring.y, wired.wiring.x
            rows, columns = (max(run.size for run in runs) for runs in ways)
            if max(rows, columns) > self.chip.kernel_max:
                return None
            has_holes = not all(taken(run).all() for runs in ways for run in runs)
            tiles = -(-rows // 2) * -(-columns // 2) if has_holes else 1
            table = len(wired.kernel.first) * tiles
            ports += -(-table // (self.chip.channel_offset_max + 1))
            # The kernels of all tiles end in words of their own.
            words += 2 * table + len(wired.kernel.first) * words_for(rows * columns, WIDEST)
        return Need(words + ports, ports)

    def about(
        self, piece: Fragment, counts: NDArray[np.int64], together: Mapping[PopulationId, int]
    ) -> About:
        """Fragments of the first channels of a piece. `together`: about how many channels the fragments of
        each source population have.
        """
        words, more = np.zeros(len(counts)), np.zeros(len(counts))
        lengths: dict[Update, int] = {}
        for wired in self.into:
            few = _tables(wired, piece, counts, together[wired.projection.source])
            words += few.tables + few.weights
            more += _tables(wired, piece, counts, len(wired.kernel.first)).tables - few.tables
            update = wired.projection.update
            lengths[update] = lengths.get(update, 0) + int(few.channels.max())
        reach = self.chip.channel_offset_max + 1
        ports = sum(-(-length // reach) + (length > reach) for length in lengths.values())
        bias = 0
        if self.population.bias is not None:
            bias = bias_codec(self.network.weight_format).bits
        own = self._block_words(replace(piece, c=Span(0, 0)))
        words += own + ports + np.ceil(bias * counts / WORD_BITS)
        return About(words + 2 * self.shares_states, more, ports)  # where shared states are, and whole words

    def least(self, known: set[bytes] | None = None) -> Least:
        """The fewest words, however it is cut. It takes for granted what trained weights are: where kernels
        of channels differ, parts of them do. `known`: kernels that are counted already, and stored once; they
        grow by this population's.
        """
        known = set() if known is None else known
        each, once = 1, 0
        for wired in self.into:
            table, weights = _least_tables(wired, self.whole, known)
            dense = wired.stored.is_dense
            each += 1 + (table if dense else 0)
            once += weights
            # Tables of one kernel for all channels may be equal to another population's, and stored once.
            update = wired.projection.update
            alone = not any(w.stored.is_dense and w.projection.update == update for w in self.into)
            if not dense and not (wired.stored.is_uniform and alone):
                once += table
        shape = self.population.shape
        if self.population.bias is not None:
            once += words_for(shape.depth, bias_codec(self.network.weight_format).bits)
        states = self.population.neuron.state_bits(shape.neurons) // WORD_BITS
        if self.shares_states:
            return Least(each, once, states)
        return Least(each, once + states, 0)


class _Tables(NamedTuple):
    """For each count of a target's channels: the table's channels, its words, and those of its numbers."""

    channels: Floats
    tables: Floats
    weights: Floats


def _tables(wired: Wired, target: Fragment, counts: NDArray[np.int64], together: int) -> _Tables:
    """What a wiring takes in a target of some of these channels.

    Where a channel has few sources, its source fragments have some `together` channels, which all have
    descriptors.
    """
    if wired.stored.is_dense:
        return _dense(wired, target, counts)
    first = wired.kernel.first
    some = sorted({min(int(counts[0]) * 2**power, int(counts[-1])) for power in range(16)})
    boxes = [replace(target, c=Span(target.c.start, target.c.start + n)) for n in some]
    bills = [wired.bill(box) for box in boxes]
    reached = np.searchsorted(np.sort(first[first >= 0]), counts) + together
    channels = max(bill.table for bill in bills) * np.minimum(reached / len(first), 1.0)
    listed = _Tables(channels, channels, np.ceil(np.interp(counts, some, [bill.numbers for bill in bills])))
    if not wired.chip.strided_tables:
        return listed
    bills = [wired.strided_bill(box) for box in boxes]
    tables, weights = (np.interp(counts, some, numbers) for numbers in zip(*bills, strict=True))
    return _less(wired, listed, _Tables(channels, np.ceil(tables), np.ceil(weights)))


def _dense(wired: Wired, target: Fragment, counts: NDArray[np.int64]) -> _Tables:
    """Where every source channel has a kernel of its own to the same channels."""
    channels = len(wired.kernel.first)
    listed = strided = _Tables(*(np.zeros(len(counts)) for _ in range(3)))
    for tile in wired.tiles(target):
        _, known, exponents = wired.stored.values(tile)
        bits = known.size_bits(np.minimum(counts, wired.kernel.depth) * tile.kh * tile.kw)
        every = np.full(len(counts), float(channels))
        ports = -(-channels // (wired.chip.channel_offset_max + 1))
        run = Strided.WORDS * ports + (
            words_for(channels, EXPONENTS.bits) if (exponents != exponents[0]).any() else 0
        )
        present, taps = wired.stored.present(tile), tile.kh * tile.kw
        words = channels * np.ceil(bits / WORD_BITS)
        stored = present[:, -1].astype(np.int64)
        if known.layouts(wired.kernel.depth * taps, stored).any():  # the first channels stand for any
            kd = np.minimum(counts, wired.kernel.depth)
            words = known.words(kd * taps, present[:, kd].astype(np.int64)).sum(axis=0)
        listed = _sum(listed, _Tables(every, every, words))
        numbers = np.where(is_whole(bits) & known.has_zero, np.ceil(channels * bits / WORD_BITS), np.inf)
        strided = _sum(strided, _Tables(every, np.full_like(every, run), numbers))
    return _less(wired, listed, strided) if wired.chip.strided_tables else listed


def _sum(a: _Tables, b: _Tables) -> _Tables:
    return _Tables(*(x + y for x, y in zip(a, b, strict=True)))


def _less(wired: Wired, listed: _Tables, strided: _Tables) -> _Tables:
    """Of both forms of a table, the one with fewer words, count by count."""
    ports = np.ceil(strided.channels / (wired.chip.channel_offset_max + 1))
    better = strided.tables + strided.weights < listed.tables + listed.weights
    better &= strided.tables <= Strided.WORDS * wired.chip.strided_tables * np.maximum(ports, 1)
    return _Tables(*(np.where(better, b, a) for a, b in zip(listed, strided, strict=True)))


def _least_tables(wired: Wired, target: Fragment, known: set[bytes]) -> tuple[int, int]:
    """Words of kernel descriptors and of weights that a target takes at least, however it is cut."""
    if len(wired.wiring.y) * len(wired.wiring.x) > 1:
        return 0, 0
    strided = wired.chip.strided_tables
    reached = _connected(wired, target)
    table = min(reached, Strided.WORDS) if strided else reached
    if wired.stored.is_uniform:
        return table, 0
    found = 0
    for tile in wired.tiles(target):
        _, codec, exponents = wired.stored.values(tile)
        if codec.size_bits(tile.taps * wired.kernel.depth) > 8:  # single bytes may be equal by chance
            bits = _stored_bits(wired, tile, known)
            found += words_for(int(bits.sum()), 1) if strided else int(words_for(bits, 1).sum())
            if strided and wired.stored.is_dense:
                table = min(reached, Strided.WORDS + words_for(_uneven(wired, exponents), EXPONENTS.bits))
    return table * bool(found), found


def _connected(wired: Wired, target: Fragment) -> int:
    """How many source channels have descriptors, at least: of a dense kernel for any target channel. Where
    few weights are zero, a table has the descriptors of all channels.
    """
    every = int((wired.kernel.first >= 0).sum())
    if wired.stored.is_uniform:
        return every
    found = np.zeros((len(wired.kernel.first), wired.kernel.depth), dtype=np.bool_)
    for tile in wired.tiles(target):
        found |= np.diff(wired.stored.present(tile), axis=1) > 0
    found[wired.kernel.first < 0] = False
    if not wired.stored.is_dense:
        return int(found.any(axis=1).sum())
    least = int(found.sum(axis=0).min())
    return least if least < (1 - FEW) * every else every


def _stored_bits(wired: Wired, tile: Tile, known: set[bytes]) -> Integers:
    """The bits that each source channel's own kernel takes, at least, however it is cut: as with all zeros,
    but for channels with enough zeros that some cuts might leave out. Equal kernels are stored once, those of
    `known` already.
    """
    values, codec, exponents = wired.stored.values(tile)
    block = values[:, :, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw]
    reached = np.flatnonzero(wired.kernel.first >= 0)
    runs = BitRun.rows(codec.encode(block[reached], exponents[reached]), codec.bits)
    different = {run.held: c for run, c in zip(runs, reached.tolist(), strict=True)}
    channels = [c for blob, c in different.items() if blob not in known]
    known |= different.keys()
    if not channels:
        return np.zeros(0, dtype=np.int64)
    present = np.diff(wired.stored.present(tile)[channels], axis=1)
    most = (1 - FEW) * tile.taps
    to_targets, from_sources = (present.mean(axis=axis, dtype=np.float64) < most for axis in (0, 1))
    bits = np.full(len(present), present.shape[1] * codec.size_bits(tile.taps), dtype=np.int64)
    if to_targets.any() or from_sources.any():
        sparse = to_targets | from_sources[:, None]
        less = codec.least_bits(tile.taps, present.astype(np.int64)) - codec.size_bits(tile.taps)
        bits += np.where(sparse, less, 0).sum(axis=1)
    return bits


def _uneven(wired: Wired, exponents: NDArray[np.int64]) -> int:
    """How many channels of a dense table have exponents of their own, at least, wherever ports divide it."""
    changes = (np.flatnonzero(np.diff(exponents)) + 1).tolist()
    longest = int(np.diff([0, *changes, len(exponents)]).max())
    parts = 1 - (-len(exponents) // (wired.chip.channel_offset_max + 1))
    return max(0, len(exponents) - parts * longest)
