"""The ways a feature map can be cut, and what each costs, alone and beside its neighbours' cuts."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from ...ir.chip import Chip
from ...ir.deadline import in_time
from ...ir.mapping import Fragment, Grid, Span
from ...ir.network import Network, PopulationId
from ...ir.wiring import Run
from ..wiring.demand import Demand, Need
from ..wiring.meeting import axis_tiles, meeting, offset
from ..wiring.wired import Wired

HALVINGS = 4  # cuts of 1, 2, 4 and 8 pieces are tried on each axis before any finer ones


Spans = tuple[int, int]  # rows and columns


class Option(NamedTuple):
    """One grid of cuts: the words of all its fragments and of the largest one, axons apart."""

    grid: Grid
    words: int
    words_most: int


class Pair(NamedTuple):
    """The axons between two grids: all of them, the most of one source fragment, the least and largest
    offset.
    """

    axons: int
    axons_most: int
    offsets: tuple[int, int]


def options(
    network: Network,
    population: int,
    chip: Chip,
    wiring: Sequence[Wired],
    breadth: int,
    least_halvings: int = HALVINGS,
    shared: bool = False,
    most: Spans | None = None,
) -> list[Option]:
    """At most `breadth` grids of a population whose fragments fit a core, the least memory first.

    Rows and columns are halved fewer than `least_halvings` times, unless it takes more to find any. `shared`:
    states may have the place of others, which takes a word that says where they are. `most`: rows and columns
    of a fragment, where the chip allows more.
    """
    shape = network.populations[population].shape
    demand = Demand(network, population, chip, wiring, shared)
    cuts_y = _forced([wired.wiring.y for wired in demand.into], shape.height)
    cuts_x = _forced([wired.wiring.x for wired in demand.into], shape.width)
    most_y, most_x = most or (chip.height_max, chip.width_max)
    least_y, least_x = -(-shape.height // most_y), -(-shape.width // most_x)
    found: dict[Grid, Option] = {}
    tried: set[tuple[tuple[Span, ...], tuple[Span, ...]]] = set()
    halvings = 0
    while halvings < least_halvings or (not found and 2**halvings < 2 * max(shape.height, shape.width)):
        for i in range(halvings + 1):
            for y, x in {(halvings, i), (i, halvings)}:
                spans_y = _cut(cuts_y, -(-shape.height // (least_y * 2**y)))
                spans_x = _cut(cuts_x, -(-shape.width // (least_x * 2**x)))
                if (spans_y, spans_x) in tried:  # maps that are cut between runs are cut no finer
                    continue
                tried.add((spans_y, spans_x))
                in_time("cuts were looked at")
                for option in _channel_cuts(demand, spans_y, spans_x):
                    found.setdefault(option.grid, option)
        halvings += 1
    ranked = sorted(found.values(), key=lambda option: (option.words, option.grid.fragments))
    return ranked[:breadth]


def within_reach(network: Network, population: int, chip: Chip, wiring: Sequence[Wired]) -> Spans:
    """The most rows and columns of a population's fragments with which no offset leaves its field.

    A source position that meets a target has an offset of at least -(size - 1) * up - K + 1 and of at most
    (size of the target - 1) * stride, whatever else is cut.
    """
    most = [chip.height_max, chip.width_max]
    for wired in wiring:
        for axis, runs in enumerate((wired.wiring.y, wired.wiring.x)):
            if wired.projection.source == population:
                kernel = min(chip.kernel_max, max(run.size for run in runs))
                most[axis] = min(most[axis], (1 - kernel - chip.offset_min) // wired.up + 1)
            if wired.projection.target == population:
                most[axis] = min(most[axis], chip.offset_max // wired.stride + 1)
    return max(most[0], 1), max(most[1], 1)


def smallest(
    network: Network, population: int, chip: Chip, wiring: Sequence[Wired], shared: bool = False
) -> tuple[int, int]:
    """The words and the ports of fragments of one neuron, the most of any: no cut is finer.

    Neurons at the edges of the feature map, and in its middle, stand for all.
    """
    shape = network.populations[population].shape
    demand = Demand(network, population, chip, wiring, shared)
    probes = [
        demand.most(Fragment(PopulationId(population), *(Span(i, i + 1) for i in place)))
        for place in product(*({0, size // 2, size - 1} for size in (shape.depth, shape.height, shape.width)))
    ]
    return max(need.words for need in probes), max(need.ports for need in probes)


def _forced(wirings: Sequence[Sequence[Run]], size: int) -> list[int]:
    """Where an axis is cut in any case: between runs."""
    return sorted({0, size} | {run.start for runs in wirings for run in runs})


def _cut(forced: Sequence[int], largest: int) -> tuple[Span, ...]:
    """Even spans of at most `largest` positions between the forced cuts."""
    spans = []
    for start, stop in pairwise(forced):
        spans += _even(start, stop, -(-(stop - start) // largest))
    return tuple(spans)


def _even(start: int, stop: int, pieces: int) -> list[Span]:
    edges = [start + (stop - start) * i // pieces for i in range(pieces + 1)]
    return [Span(a, b) for a, b in pairwise(edges)]


def _channel_cuts(demand: Demand, y: tuple[Span, ...], x: tuple[Span, ...]) -> list[Option]:
    """The fewest channel cuts that fit with these spans, and a few more."""
    depth = demand.population.shape.depth
    big_y, big_x = max(y, key=len), max(x, key=len)

    def fits(pieces: int) -> bool:
        spans = _even(0, depth, pieces)
        probes = {max(spans, key=len), spans[0], spans[-1]}
        return len(max(spans, key=len)) <= demand.chip.depth_max and all(
            _fits(demand, demand.most(Fragment(demand.pid, c, big_y, big_x))) for c in probes
        )

    if not fits(depth):
        return []
    low, high = 1, depth
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    found: list[Option] = []
    for pieces in sorted({low, low + 1, low + 2, 2 * low}):
        if pieces > depth:
            continue
        grid = Grid(tuple(_even(0, depth, pieces)), y, x)
        option = _option(demand, grid)
        if option is not None:
            found.append(option)
    return found


def _option(demand: Demand, grid: Grid) -> Option | None:
    """The words of a grid, or None where a fragment of it does not fit a core."""
    total = largest = 0
    rows, columns = demand.alike(grid.y, False), demand.alike(grid.x, True)
    for c, (y, of_rows), (x, of_columns) in product(grid.c, rows, columns):
        need = demand.most(Fragment(demand.pid, c, y, x))
        if not _fits(demand, need):
            return None
        total, largest = total + of_rows * of_columns * need.words, max(largest, need.words)
    return Option(grid, total, largest)


def _fits(demand: Demand, need: Need) -> bool:
    return need.words <= demand.chip.core_words and need.ports <= demand.chip.ports_max


def pair(wired: Wired, source: Grid, target: Grid) -> Pair:
    """The axons of a projection between two grids."""
    along_y = _axis_pair(wired, False, source.y, target.y)
    along_x = _axis_pair(wired, True, source.x, target.x)
    channels = _channel_pair(wired, source.c, target.c)
    total = int(along_y[0].sum() * along_x[0].sum() * channels.sum())
    most = int(along_y[0].max(initial=0) * along_x[0].max(initial=0) * channels.max(initial=0))
    return Pair(total, most, (min(along_y[1], along_x[1]), max(along_y[2], along_x[2])))


def _channel_pair(wired: Wired, sources: tuple[Span, ...], targets: tuple[Span, ...]) -> np.ndarray:
    """How many channel spans of the target each channel span of the source reaches."""
    first, depth = wired.kernel.first, wired.kernel.depth
    starts = np.array([t.start for t in targets])
    stops = np.array([t.stop for t in targets])
    counts = []
    for span in sources:
        part = first[span.start : span.stop]
        part = np.unique(part[part >= 0])[:, None]
        counts.append(int(((part < stops) & (part + depth > starts)).any(axis=0).sum()))
    return np.array(counts)


def _axis_pair(
    wired: Wired, along_x: bool, sources: tuple[Span, ...], targets: tuple[Span, ...]
) -> tuple[np.ndarray, int, int]:
    """For each source span the number of (target span, tile) pairs it reaches, and the offsets' range."""
    key = along_x, sources, targets
    if key not in wired.counted:
        wired.counted[key] = _counted(wired, along_x, sources, targets)
    return wired.counted[key]


def _counted(
    wired: Wired, along_x: bool, sources: tuple[Span, ...], targets: tuple[Span, ...]
) -> tuple[np.ndarray, int, int]:
    counts = np.zeros(len(sources), dtype=np.int64)
    low = high = 0
    size = (wired.projection.x if along_x else wired.projection.y).source_size
    for target in targets:
        run, ways = axis_tiles(wired, along_x, target, size)
        met = np.zeros((max(len(ways), 1), len(sources)), dtype=np.int64)
        for way, tiles in enumerate(ways):
            for tile in tiles:
                for i in meeting(wired, sources, target, run.shift, tile.start, len(tile)):
                    reach = offset(wired, sources[i], target, run.shift, tile.start, len(tile))
                    low, high = min(low, reach), max(high, reach)
                    met[way, i] += 1
        counts += met.max(axis=0)
    return counts, low, high
