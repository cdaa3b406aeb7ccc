"""A projection as the chip expresses it: strides, runs, and tiles of at most the chip's kernel size.

Kernels larger than the chip's are several tiles, each with a table segment and axons of its own (paper 5.1).
"""

from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import Chip
from ...ir.mapping import Fragment, Span
from ...ir.network import Network
from ...ir.storage.tables import Strided
from ...ir.wiring import Run, Wiring
from .bills import Bill, Bills
from .stored import Stored
from .tiles import Tile, cut, has_holes, run_of, taken


class Wired:
    """One wiring, for any fragment of its target: its tiles, what they store, and what they take.

    `counted`: what is known of axons between spans.
    """

    def __init__(self, network: Network, wiring: Wiring, chip: Chip) -> None:
        self.wiring = wiring
        self.projection = network.projections[wiring.projection]
        self.kernel = self.projection.kernel
        self.chip = chip
        self.up: int = 2**wiring.us
        self.stride: int = 2**wiring.sl
        self.stored = Stored(self.kernel, wiring, network.populations[self.projection.target].scales)
        self._depth = network.populations[self.projection.target].shape.depth
        self._bills = Bills(self.stored)
        self._reached: dict[tuple[Span, bool], tuple[Run, Span]] = {}
        self._tiles: dict[tuple[int, int, Span, Span, Span], list[Tile]] = {}
        self.counted: dict[
            tuple[bool, tuple[Span, ...], tuple[Span, ...]], tuple[NDArray[np.int64], int, int]
        ] = {}

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

    def seen_by(self, target: Span, along_x: bool) -> tuple[int, Span]:
        """What of a span's place on its axis tells which tiles reach it."""
        run, extent = self._reach(target, along_x)
        return run.start, extent

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
            choices.append((self._bills.listed(tiles, channels).words, tiles))
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
        every = Span(0, self._depth)

        def words_of(way: tuple[bool, bool]) -> int:
            tiles = self._cut(run_y, run_x, y, x, way, every)
            found = self._bills.listed(tiles, every).words
            if self.chip.strided_tables:
                strided = self._bills.strided(tiles, every)
                if 0 < strided.table <= Strided.WORDS * self.chip.strided_tables:
                    found = min(found, strided.words)
            return found + len(tiles)  # an axon for each

        return min(ways, key=words_of)

    def extent(self, run: Run, target: Span, sources: int) -> Span:
        """The kernel positions that any source reaches the target positions through."""
        low = run.shift - (target.stop - 1) * self.stride
        high = run.shift + (sources - 1) * self.up - target.start * self.stride
        present = np.flatnonzero(run.matrix.any(axis=1))
        present = present[(present >= low) & (present <= high)]
        return Span(int(present[0]), int(present[-1]) + 1) if len(present) else Span(0, 0)

    def bill(self, target: Fragment) -> Bill:
        """The words of a fragment's kernel descriptors and weights."""
        return self._bills.listed(self.tiles(target), target.c)

    def strided_bill(self, target: Fragment) -> Bill:
        """The same where runs of channels have words, and not each channel."""
        return self._bills.strided(self.tiles(target), target.c)
