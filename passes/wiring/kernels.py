"""The kernels of a wiring: tiles of at most the chip's kernel size, and the descriptors of each tile.

Kernels larger than the chip's are several tiles, each with a table segment and axons of its own (paper 5.1).
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...ir.bitrun import WORD_BITS, BitRun, words_for
from ...ir.chip import Chip
from ...ir.mapping import Fragment, Run, Span, Wiring
from ...ir.network import Network
from ...ir.tables import NULL, Descriptor, Strided, is_whole, series
from ...ir.weights import EXPONENTS, FORMATS, Codec, exact_format
from .tiles import Tile, cut, has_holes, run_of, taken

Values = NDArray[np.float32]


class Kernels:
    """The tiles and descriptors of one wiring, for any fragment of its target."""

    def __init__(self, network: Network, wiring: Wiring, chip: Chip) -> None:
        self.wiring = wiring
        self.network = network
        self.projection = network.projections[wiring.projection]
        self.kernel = self.projection.kernel
        self.chip = chip
        self.up: int = 2**wiring.us
        self.stride: int = 2**wiring.sl
        self._values: dict[tuple[int, int], tuple[Values, Codec, NDArray[np.int64]]] = {}
        self.counted: dict[
            tuple[bool, tuple[Span, ...], tuple[Span, ...]], tuple[NDArray[np.int64], int, int]
        ] = {}
        self._reached: dict[tuple[Span, bool], tuple[Run, Span]] = {}
        self._tiles: dict[tuple[int, int, Span, Span, Span], list[Tile]] = {}
        self._bills: dict[tuple[object, ...], tuple[int, int, frozenset[BitRun]]] = {}

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all source channels share one kernel."""
        weights, exponents = self.kernel.weights, self.kernel.exponents
        if self.kernel.is_shared or len(weights) == 1:
            return True
        if exponents is not None and (exponents != exponents[0]).any():
            return False
        return np.array_equal(weights[0], weights[-1]) and bool((weights == weights[0]).all())

    @cached_property
    def is_dense(self) -> bool:
        """Whether every source channel has weights of its own for the same target channels."""
        first = np.unique(self.kernel.first)
        return not self.is_uniform and len(first) == 1 and int(first[0]) >= 0

    def tiles(self, target: Fragment) -> list[Tile]:
        """The tiles that reach a fragment; a fragment lies within one run on each axis."""
        (run_y, y), (run_x, x) = self._reach(target.y, False), self._reach(target.x, True)
        if not len(y) or not len(x):
            return []
        key = run_y.start, run_x.start, y, x, target.c
        if key not in self._tiles:
            self._tiles[key] = self._cut(run_y, run_x, y, x, self.apart, target.c)
        return self._tiles[key]

    def reaches(self, y: Span, x: Span) -> bool:
        """Whether any tiles reach the fragments at these rows and columns."""
        return len(self._reach(y, False)[1]) > 0 and len(self._reach(x, True)[1]) > 0

    def _reach(self, target: Span, along_x: bool) -> tuple[Run, Span]:
        """The run of a target span, and the kernel positions that reach it."""
        key = target, along_x
        if key not in self._reached:
            axis = self.projection.x if along_x else self.projection.y
            run = run_of(self.wiring.x if along_x else self.wiring.y, target)
            self._reached[key] = run, self.extent(run, target, axis.source_size)
        return self._reached[key]

    def _cut(
        self, run_y: Run, run_x: Run, y: Span, x: Span, apart: tuple[bool, bool], channels: Span
    ) -> list[Tile]:
        choices = []
        largest = self.chip.kernel_max
        for even in (False, True):
            rows = cut(taken(run_y), y, largest, even, apart[0])
            columns = cut(taken(run_x), x, largest, even, apart[1])
            tiles = [
                Tile(run_y, run_x, ty.start, len(ty), tx.start, len(tx)) for ty in rows for tx in columns
            ]
            if len(y) <= largest and len(x) <= largest:
                return tiles
            choices.append((sum(self._bill(tiles, channels)), tiles))
        return min(choices, key=lambda choice: choice[0])[1]

    @cached_property
    def apart(self) -> tuple[bool, bool]:
        """Whether holes between the kernel's rows, and columns, are left out: as it takes fewer words."""
        ways_of = self.wiring.y, self.wiring.x
        run_y, run_x = (max(runs, key=lambda run: run.stop - run.start) for runs in ways_of)
        y = self.extent(run_y, Span(run_y.start, run_y.stop), self.projection.y.source_size)
        x = self.extent(run_x, Span(run_x.start, run_x.stop), self.projection.x.source_size)
        rows, columns = (
            (False, True) if has_holes(taken(run), extent) else (False,)
            for run, extent in ((run_y, y), (run_x, x))
        )
        ways = list(product(rows, columns))
        if len(ways) == 1:
            return ways[0]
        every = Span(0, self.network.populations[self.projection.target].shape.depth)

        def words_of(way: tuple[bool, bool]) -> int:
            tiles = self._cut(run_y, run_x, y, x, way, every)
            found = sum(self._bill(tiles, every))
            if self.chip.strided_tables:
                found = min(found, sum(self._run_bill(tiles, every)))
            return found + len(tiles)  # an axon for each

        return min(ways, key=words_of)

    def extent(self, run: Run, target: Span, sources: int) -> Span:
        """The kernel positions that any source reaches the target positions through."""
        low = run.shift - (target.stop - 1) * self.stride
        high = run.shift + (sources - 1) * self.up - target.start * self.stride
        present = np.flatnonzero(run.matrix.any(axis=1))
        present = present[(present >= low) & (present <= high)]
        return Span(int(present[0]), int(present[-1]) + 1) if len(present) else Span(0, 0)

    def values(self, tile: Tile) -> tuple[Values, Codec, NDArray[np.int64]]:
        """The kernel of two runs [source channels, KD, Ky, Kx], its format and its exponents."""
        key = id(tile.run_y), id(tile.run_x)
        if key not in self._values:
            self._values[key] = self._evaluate(tile.run_y.matrix, tile.run_x.matrix)
        return self._values[key]

    def _evaluate(
        self, y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> tuple[Values, Codec, NDArray[np.int64]]:
        weights = self.kernel.weights
        channels = len(weights)
        if self.is_uniform:
            weights = weights[:1]
        if not _is_identity(y):
            weights = np.einsum("cdyx,ky->cdkx", weights, y).astype(np.float32)
        if not _is_identity(x):
            weights = np.einsum("cdyx,kx->cdyk", weights, x).astype(np.float32)
        if self.kernel.format is not None and _selects(y) and _selects(x):
            exponents = self.kernel.exponents
            zeros = np.zeros(channels, dtype=np.int64)
            return weights, FORMATS[self.kernel.format], zeros if exponents is None else exponents
        known, exponent = exact_format(weights)
        return weights, known, np.full(channels, exponent)

    def bill(self, target: Fragment) -> tuple[int, int]:
        """Words of kernel descriptors and of weights that a fragment takes; equal weights of channels
        counted once where all channels share their kernel.
        """
        return self._bill(self.tiles(target), target.c)

    def _bill(self, tiles: list[Tile], span: Span) -> tuple[int, int]:
        tables = weights = 0
        shared: set[BitRun] = set()
        for tile in tiles:
            key = (id(tile.run_y), id(tile.run_x), tile.y0, tile.kh, tile.x0, tile.kw, span)
            if key not in self._bills:
                self._bills[key] = self._tile_bill(tile, span)
            found = self._bills[key]
            tables, weights = tables + found[0], weights + found[1]
            shared |= found[2]
        return tables, weights + sum(blob.words for blob in shared)

    def _tile_bill(self, tile: Tile, span: Span) -> tuple[int, int, frozenset[BitRun]]:
        first, depth = self.kernel.first, self.kernel.depth
        if self.is_uniform:
            low, high = np.maximum(first, span.start) - first, np.minimum(first + depth, span.stop) - first
            inside = (high > low) & (first >= 0)
            ranges = np.unique(np.stack([low[inside], high[inside]], axis=1), axis=0)
            blobs = (self._blob(tile, 0, int(a), int(b)) for a, b in ranges)
            return len(first), 0, frozenset(blobs)
        _, known, _ = self.values(tile)
        kd = np.minimum(first + depth, span.stop) - np.maximum(first, span.start)
        kd = np.where(first >= 0, np.maximum(kd, 0), 0)
        size_bits = known.size_bits(kd * tile.kh * tile.kw)
        return len(first), int(sum(-(-size_bits // WORD_BITS))), frozenset()

    def strided_bill(self, target: Fragment) -> tuple[int, int]:
        """The same where runs of channels have words, and not each channel."""
        return self._run_bill(self.tiles(target), target.c)

    def _run_bill(self, tiles: list[Tile], span: Span) -> tuple[int, int]:
        tables = weights = 0
        shared: set[BitRun] = set()
        for tile in tiles:
            key = ("strided", id(tile.run_y), id(tile.run_x), tile.y0, tile.kh, tile.x0, tile.kw, span)
            if key not in self._bills:
                self._bills[key] = self._tile_runs(tile, span)
            found = self._bills[key]
            tables, weights = tables + found[0], weights + found[1]
            shared |= found[2]
        return tables, weights + sum(blob.words for blob in shared)

    def _tile_runs(self, tile: Tile, span: Span) -> tuple[int, int, frozenset[BitRun]]:
        _, known, exponents = self.values(tile)
        first, depth = self.kernel.first, self.kernel.depth
        low = np.maximum(first, span.start)
        kd = np.where(first >= 0, np.maximum(np.minimum(first + depth, span.stop) - low, 0), 0)
        if not is_whole(known.size_bits(kd * tile.kh * tile.kw)).all():
            return self._tile_bill(tile, span)
        found = series(kd, low)
        numbers = 0
        blobs: set[BitRun] = set()
        for run in found:
            held = slice(run.begin, run.begin + run.count)
            start, size = int(low[run.begin] - first[run.begin]), int(kd[run.begin])
            if self.is_uniform and (low[held] - first[held] == start).all():
                blobs.add(self._blob(tile, 0, start, start + size))
            else:
                numbers += words_for(run.count * size * tile.kh * tile.kw, known.bits)
            if (exponents[held] != exponents[run.begin]).any():
                numbers += words_for(run.count, EXPONENTS.bits)
        return len(found) * Strided.WORDS, numbers, frozenset(blobs)

    def _blob(self, tile: Tile, channel: int, low: int, high: int) -> BitRun:
        values, known, exponents = self.values(tile)
        block = values[
            channel : channel + 1, low:high, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw
        ]
        codes = known.encode(block[:, :, ::-1, ::-1], exponents[channel : channel + 1])
        return BitRun.of(codes.transpose(0, 3, 2, 1), known.bits)

    def descriptors(self, tile: Tile, target: Fragment, sources: Span) -> tuple[Descriptor, ...]:
        """The kernel descriptors of source channels `sources` for a fragment, the weights transposed as the
        ESU reads them: [delta x, delta y, channel] (algorithm 2).
        """
        values, known, exponents = self.values(tile)
        first, depth = self.kernel.first[sources.start : sources.stop], self.kernel.depth
        low = np.maximum(first, target.c.start)
        high = np.where(first >= 0, np.minimum(first + depth, target.c.stop), 0)
        blobs: dict[tuple[int, int], BitRun] = {}
        if not self.is_uniform and len(np.unique(first)) == 1 and high[0] > low[0]:
            a, b = int(low[0] - first[0]), int(high[0] - first[0])
            rows = slice(sources.start, sources.stop)
            block = values[rows, a:b, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw]
            codes = known.encode(block, exponents[rows])[:, :, ::-1, ::-1]
            runs = BitRun.rows(codes.transpose(0, 3, 2, 1), known.bits)
            return tuple(
                Descriptor(
                    b - a,
                    tile.kw,
                    tile.kh,
                    self.wiring.sl,
                    int(low[0]) - target.c.start,
                    known.name,
                    int(exponents[sources.start + i]),
                    run,
                )
                for i, run in enumerate(runs)
            )
        found = []
        for i, (start, lo, hi) in enumerate(zip(first.tolist(), low.tolist(), high.tolist(), strict=True)):
            if hi <= lo:
                found.append(NULL)
                continue
            channel = 0 if self.is_uniform else sources.start + i
            if self.is_uniform:
                key = (lo - start, hi - start)
                if key not in blobs:
                    blobs[key] = self._blob(tile, 0, *key)
                blob = blobs[key]
            else:
                blob = self._blob(tile, channel, lo - start, hi - start)
            found.append(
                Descriptor(
                    hi - lo,
                    tile.kw,
                    tile.kh,
                    self.wiring.sl,
                    lo - target.c.start,
                    known.name,
                    int(exponents[channel]),
                    blob,
                )
            )
        return tuple(found)


def meeting(
    kernels: Kernels, sources: Sequence[Span], target: Span, shift: int, k0: int, size: int
) -> list[int]:
    """Which source spans, in their order, meet a target span through kernel positions k0 .. k0 + size - 1."""
    # Those that end before the first position that the target reads are passed over.
    begin = bisect_right(sources, -((shift - k0 - target.start * kernels.stride) // kernels.up), key=_stop)
    found = []
    for index in range(begin, len(sources)):
        least = sources[index].start * kernels.up - (target.stop - 1) * kernels.stride + shift
        if least >= k0 + size:
            break
        if spans_meet(kernels, sources[index], target, shift, k0, size):
            found.append(index)
    return found


def _stop(span: Span) -> int:
    return span.stop


def spans_meet(kernels: Kernels, source: Span, target: Span, shift: int, k0: int, size: int) -> bool:
    """Whether s * up - x * stride + shift lies in k0 .. k0 + size - 1 for any s and x."""
    least = source.start * kernels.up - (target.stop - 1) * kernels.stride + shift
    most = (source.stop - 1) * kernels.up - target.start * kernels.stride + shift
    if most < k0 or least >= k0 + size:  # as almost always, where many fragments meet few
        return False
    reach = np.arange(source.start, source.stop) * kernels.up + shift
    low = -((k0 + size - 1 - reach) // kernels.stride)
    high = (reach - k0) // kernels.stride
    return bool((np.maximum(low, target.start) <= np.minimum(high, target.stop - 1)).any())


def offset(kernels: Kernels, source: Span, target: Span, shift: int, k0: int, size: int) -> int:
    """X_off or Y_off: equation 12 with the origin of the run and of the tile."""
    return source.start * kernels.up - target.start * kernels.stride + shift - k0 - size + 1


def axis_tiles(kernels: Kernels, along_x: bool, target: Span, sources: int) -> tuple[Run, list[list[Span]]]:
    """The run of a target span and the ways to cut its kernel's extent into tiles along one axis."""
    run = run_of(kernels.wiring.x if along_x else kernels.wiring.y, target)
    extent = kernels.extent(run, target, sources)
    largest, apart = kernels.chip.kernel_max, kernels.apart[along_x]
    evens = (False,) if len(extent) <= largest else (False, True)
    ways = [cut(taken(run), extent, largest, even, apart) for even in evens] if len(extent) else []
    return run, ways


def _is_identity(matrix: NDArray[np.float64]) -> bool:
    return matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix)))


def _selects(matrix: NDArray[np.float64]) -> bool:
    """Whether each row of a matrix takes one tap, or none, as it is."""
    return bool(np.isin(matrix, (0.0, 1.0)).all() and ((matrix != 0).sum(axis=1) <= 1).all())
