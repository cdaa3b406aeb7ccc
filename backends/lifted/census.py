"""Counters without events: how many neurons fire at each pixel, times what an event there does.

What an event does depends on its pixel (does the axon let it through, how many positions does its kernel
touch: a plane of numbers) and on its channel (how many neurons the kernel reaches: a factor).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir.compiled import compiled, kept, merged
from ..machine import timing
from ..machine.counters import Counters
from ..machine.decode import Block, Program
from ..machine.timing import Clock, Work, along, cycles_of
from .edges import Edge, synapses
from .layout import WORD
from .lists import Marks, first_ones, ones, words_of
from .loops import tickets
from .loops.tickets import taken

Integers = NDArray[np.int64]

FIRING, EVENTS, HOPS, EMPTY, OPERATIONS = range(5)  # in the order of `Counters`, whose last are cycles
COUNTS = 5

ODD_SHARE = 4  # of the pixels at most are looked at a second time


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What the neurons of a population that fire add to the counters.

    `cuts`: channels from one on are alike up to the next. Planes are `usual` numbers, and by how much pixels
    that are `odd` (row, column and class) differ from them: class i in the planes of entries starts[i] ..
    starts[i + 1] - 1, by their numbers (`entries` [entries, 2]). Term i adds factors[i] times the sum (runs
    of channels x planes, flat) numbered sums[i] to counter rows[i].
    """

    cuts: Integers
    usual: Integers
    odd: Integers
    starts: Integers
    entries: Integers
    rows: Integers
    sums: Integers
    factors: Integers

    @property
    def size(self) -> int:
        """How many sums there are."""
        return (self.cuts.size - 1) * self.usual.size


# Columns of a population: its size; where its cuts, usual numbers, odd pixels, starts and sums begin; how
# many runs, planes, odd pixels and classes of these it has; whether some number is usual (if none is, all
# pixels are odd), and whether all its neurons fire.
HEIGHT, WIDTH, CUTS, USUAL, ODD, STARTS, SUMS, RUNS, COUNT, ODDS, CLASSES, SOME, ALL = range(13)


@kept(tickets)
def sum_by_pixel(
    marks: Marks, members: Integers, standing: Integers, populations: Integers, cuts: Integers,
    usual: Integers, odd: Integers, starts: Integers, entries: Integers, sums: Integers, turn: Integers,
) -> None:  # fmt: skip
    """Sums of planes over the neurons of populations that fire, for each frame and run of channels.
    `standing`: where their marks are (`Standing`). `turn`: how many have been taken, by any thread.
    """
    each = taken(turn, 0)
    while each < sums.shape[0] * members.size:
        m, frame = each // sums.shape[0], each % sums.shape[0]
        begin, pixels, row, depth, number = standing[m]
        words = words_of(depth)
        own = populations[members[m]]
        height, width = own[HEIGHT], own[WIDTH]
        tally = np.zeros(own[CLASSES], np.int64)
        first = begin * sums.shape[0] + (frame * pixels + number // depth) * words
        for r in range(own[RUNS]):
            low = number % depth + cuts[own[CUTS] + r]
            high = low + cuts[own[CUTS] + r + 1] - cuts[own[CUTS] + r]
            total = np.int64(0)
            tally[:] = 0
            for word in range(low // WORD, words_of(high)):
                mask, at = first_ones(min(high - word * WORD, WORD)), np.uintp(first + word)
                if low > word * WORD:
                    mask ^= first_ones(low - word * WORD)
                if own[SOME]:
                    for y in range(height):
                        total += firing(marks, first + word + y * row * words, words, width, mask)
                for i in range(np.uintp(own[ODD]), np.uintp(own[ODD] + 3 * own[ODDS]), np.uintp(3)):
                    pixel = np.uintp((odd[i] * row + odd[i + np.uintp(1)]) * words)
                    tally[np.uintp(odd[i + np.uintp(2)])] += ones(marks[at + pixel] & mask)
            add_up(own, r, total, tally, usual, starts, entries, sums[frame])
        each = taken(turn, 0)


@compiled
def firing(marks: Marks, first: int, words: int, pixels: int, mask: Any) -> Any:
    """How many neurons fire in pixels side by side, of those in a word of each that are bits of a mask."""
    found = np.int64(0)
    for pixel in range(np.uintp(pixels)):
        found += ones(marks[np.uintp(first) + pixel * np.uintp(words)] & mask)
    return found


@merged
def add_up(
    own: Integers, run: int, total: Any, tally: Integers, usual: Integers, starts: Integers,
    entries: Integers, sums: Integers,
) -> None:  # fmt: skip
    """Adds to the sums of a run of channels how many of its neurons fire, by the class of their pixels."""
    begin = own[SUMS] + run * own[COUNT]
    for k in range(own[COUNT]):
        sums[begin + k] += usual[own[USUAL] + k] * total
    for each in range(tally.size):
        for e in range(starts[own[STARTS] + each], starts[own[STARTS] + each + 1]):
            sums[begin + entries[e, 0]] += entries[e, 1] * tally[each]


@kept(timing)
def weighed(
    rows: Integers, at: Integers, factors: Integers, sums: Integers, senders: Integers, clock: Integers,
    counts: Integers,
) -> None:  # fmt: skip
    """Counters of sums, frame by frame: their terms, and cycles. `counts`: [frames, COUNTS + 1 of all
    populations], counter by counter.

    `senders`: whose events take cycles, core by core; these cores are numbered behind the counters.
    """
    populations = clock.shape[0]
    cores, busiest = np.empty(senders.size, np.int64), np.empty(populations, np.int64)
    for frame in range(counts.shape[0]):
        own, found = sums[frame], counts[frame]
        cores[:] = 0
        busiest[:] = 0
        for i in range(rows.size):
            row, more = rows[i], factors[i] * own[at[i]]
            if row < COUNTS * populations:
                found[row] += more
            else:
                cores[row - COUNTS * populations] += more
        for i in range(senders.size):
            busiest[senders[i]] = max(busiest[senders[i]], cores[i])
        for i in range(populations):
            firing, events = found[FIRING * populations + i], found[EVENTS * populations + i]
            found[COUNTS * populations + i] = cycles_of(clock[i], firing, events, busiest[i])


class Census:
    """The counters of an image's runs: populations are counted into sums, and these weighed at the end.

    Behind the counters of all populations stand the cycles that the events of one take in a core.
    """

    def __init__(self, program: Program, edges: Sequence[Edge]) -> None:
        self._keys = tuple((block.core, block.address) for block in program.blocks)
        self._inputs = np.array([block.is_input for block in program.blocks], dtype=np.bool_)
        out: dict[int, list[Edge]] = defaultdict(list)
        for edge in edges:
            out[edge.source].append(edge)
        self._clock = Clock(program)
        cores = dict.fromkeys((i, w.core) for i, works in enumerate(self._clock.works) for w in works)
        self._busy = {key: COUNTS * len(self._keys) + number for number, key in enumerate(cores)}
        self._senders = np.array([index for index, _ in self._busy], dtype=np.int64)
        shares = [
            _share(i, program, out.get(i, ()), [(self._busy[i, w.core], w) for w in self._clock.works[i]])
            for i in range(len(program.blocks))
        ]
        sizes = [(s.cuts.size, s.usual.size, s.odd.size, s.starts.size, s.size) for s in shares]
        begins = np.cumsum([(0, 0, 0, 0, 0), *sizes], axis=0)
        self._size = int(begins[-1, -1])
        populations = np.array(
            [
                (
                    block.word.height,
                    block.word.width,
                    *begin,
                    share.cuts.size - 1,
                    share.usual.size,
                    len(share.odd),
                    share.starts.size - 1,
                    bool(share.usual.any()),
                    block.fires_on_zero,
                )
                for block, share, begin in zip(program.blocks, shares, begins[:-1].tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        names = ("cuts", "usual", "odd", "entries", "rows", "factors")
        cuts, usual, odd, entries, self._rows, self._factors = (
            np.concatenate([getattr(share, name).ravel() for share in shares]) for name in names
        )
        before = np.cumsum([0, *(len(share.entries) for share in shares)])
        starts = np.concatenate([share.starts + first for share, first in zip(shares, before, strict=False)])
        self.arrays = populations, cuts, usual, odd, starts, entries.reshape(-1, 2)
        self._sums = np.concatenate(
            [share.sums + begin for share, begin in zip(shares, begins[:-1, -1], strict=True)]
        )

    def none(self, frames: int = 1) -> Integers:
        """Sums of nothing yet, to be added to, [frames, sums]."""
        return np.zeros((frames, self._size), dtype=np.int64)

    def by_pixel(
        self, marks: Marks, members: Integers, standing: Integers, sums: Integers, turn: Integers
    ) -> None:
        """Counts populations, each with its `Standing`, by the marks of maps, frame by frame. Threads that do
        so together share `turn`, a 0 at first.
        """
        sum_by_pixel(marks, members, standing, *self.arrays, sums, turn)

    def work(self, members: Integers) -> Integers:
        """Of populations: pixels that are looked at, or a little more."""
        own = self.arrays[0][members]
        return own[:, RUNS] * (own[:, ODDS] + own[:, SOME] * own[:, HEIGHT] * own[:, WIDTH])

    def counters(self, sums: Integers) -> list[Counters]:
        """The counters as the machine gives them, frame by frame."""
        counts = np.zeros((len(sums), (COUNTS + 1) * len(self._keys)), dtype=np.int64)
        weighed(self._rows, self._sums, self._factors, sums, self._senders, self._clock.columns, counts)
        found = counts.reshape(len(sums), COUNTS + 1, -1)
        return [Counters(self._keys, self._inputs, *own) for own in found]


def _share(index: int, program: Program, edges: Sequence[Edge], works: Sequence[tuple[int, Work]]) -> Share:
    """`works`: what events take in a core, and the counter that they are added to."""
    block, blocks = program.blocks[index], len(program.blocks)
    word = block.word
    planes: dict[bytes, int] = {}
    found: list[Integers] = []
    added: dict[tuple[int, int], Integers] = {}
    effects = [
        (counter * blocks + population, plane, by_channel)
        for counter, population, plane, by_channel in _effects(index, block, program, edges)
    ]
    effects += [(row, work.plane, work.by_channel) for row, work in works]
    for row, plane, by_channel in effects:
        flat = plane.astype(np.int64).ravel()
        if not flat.any():
            continue
        number = planes.setdefault(flat.tobytes(), len(planes))
        if number == len(found):
            found.append(flat)
        key = row, number
        added[key] = added[key] + by_channel if key in added else by_channel
    each = np.stack(list(added.values()))
    cuts = np.concatenate(
        [[0], np.flatnonzero((each[:, 1:] != each[:, :-1]).any(axis=0)) + 1, [word.depth]]
    ).astype(np.int64)
    rows, sums, factors = [], [], []
    for (row, number), by_channel in added.items():
        for run, (first, _) in enumerate(pairwise(cuts.tolist())):
            if by_channel[first]:
                rows.append(row)
                sums.append(run * len(found) + number)
                factors.append(int(by_channel[first]))
    terms = (np.array(each, dtype=np.int64) for each in (rows, sums, factors))
    usual, odd, extra = _usual(np.stack(found))
    kinds, kind = np.unique(extra, axis=1, return_inverse=True)
    places = np.stack([*np.divmod(odd, word.width), kind.ravel()], axis=1)
    classes, differing = np.nonzero(kinds.T)
    starts = np.searchsorted(classes, np.arange(kinds.shape[1] + 1))
    return Share(
        cuts, usual, places, starts, np.stack([differing, kinds[differing, classes]], axis=1), *terms
    )


def _usual(planes: Integers) -> tuple[Integers, Integers, Integers]:
    """The number that most pixels of each plane have, which pixels have others, and by how much: all pixels,
    and no usual numbers, where many have.
    """
    usual = np.array([np.bincount(plane).argmax() for plane in planes], dtype=np.int64)
    odd = np.flatnonzero((planes != usual[:, None]).any(axis=0))
    if odd.size > planes.shape[1] // ODD_SHARE:
        usual, odd = np.zeros_like(usual), np.arange(planes.shape[1])
    return usual, odd, planes[:, odd] - usual[:, None]


def _effects(
    index: int, block: Block, program: Program, edges: Sequence[Edge]
) -> Iterator[tuple[int, int, Integers, Integers]]:
    """What an event adds: counter, population, number by pixel [H, W] and factor by channel."""
    word = block.word
    ones = np.ones(word.depth, dtype=np.int64)
    yield FIRING, index, np.ones((word.height, word.width), dtype=np.int64), ones
    for edge in edges:
        g, target = edge.geometry, program.blocks[edge.target].word
        in_y, down = along(word.height, g.y, g.us, g.sl, g.kh, edge.bounds[0], target.height)
        in_x, across = along(word.width, g.x, g.us, g.sl, g.kw, edge.bounds[1], target.width)
        passed = np.outer(in_y, in_x).astype(np.int64)
        yield EVENTS, index, passed, ones
        yield HOPS, index, passed, ones * edge.hops
        yield EMPTY, edge.target, passed, ones
        if not edge.live.size:
            continue
        live = np.zeros(word.depth, dtype=np.int64)
        live[edge.live] = 1
        yield EMPTY, edge.target, np.outer(down.any(axis=1), across.any(axis=1)).astype(np.int64), -live
        counted = np.zeros((word.depth, g.kh, g.kw), dtype=np.int64)
        counted[edge.live] = synapses(edge, program)
        if (counted == counted[:, :1, :1]).all():
            plane = np.outer(down.sum(axis=1), across.sum(axis=1))
            yield OPERATIONS, edge.target, plane, counted[:, 0, 0]
            continue
        for dy, dx in np.ndindex(g.kh, g.kw):
            plane = np.outer(down[:, dy], across[:, dx]).astype(np.int64)
            yield OPERATIONS, edge.target, plane, counted[:, dy, dx]
