"""Tiles: how the extent of a kernel is cut into pieces of at most the chip's kernel size (paper 5.1).

The kernel of a dilated layer has holes. Along each axis it is stored with them, or each stretch of positions
that have taps is stored apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.mapping import Span
from ...ir.wiring import Run

Taken = NDArray[np.bool_]  # whether any tap stands at a position of a kernel


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Kernel positions y0 .. y0 + kh - 1 and x0 .. x0 + kw - 1 of the kernel of two runs."""

    run_y: Run
    run_x: Run
    y0: int
    kh: int
    x0: int
    kw: int

    @property
    def key(self) -> tuple[int, int, int, int, int, int]:
        """What distinguishes it from the others of a wiring that hold other numbers."""
        return self.run_y.kernel, self.run_x.kernel, self.y0, self.kh, self.x0, self.kw

    @property
    def taps(self) -> int:
        """The positions that are no holes."""
        rows, columns = taken(self.run_y), taken(self.run_x)
        return int(rows[self.y0 : self.y0 + self.kh].sum() * columns[self.x0 : self.x0 + self.kw].sum())


def taken(run: Run) -> Taken:
    """Which positions of a run's kernel have taps."""
    return np.asarray(run.matrix.any(axis=1))


def run_of(runs: tuple[Run, ...], span: Span) -> Run:
    """The run that a span lies in."""
    return next(run for run in runs if run.start <= span.start and span.stop <= run.stop)


def pieces(extent: Span, largest: int, even: bool) -> list[Span]:
    """Pieces of at most `largest` positions: as even as can be, or full ones first."""
    if not len(extent):
        return []
    count = -(-len(extent) // largest)
    size = -(-len(extent) // count) if even else largest
    starts = range(extent.start, extent.stop, size)
    return [Span(start, min(start + size, extent.stop)) for start in starts]


def cut(present: Taken, extent: Span, largest: int, even: bool, apart: bool) -> list[Span]:
    """The pieces of an extent without the holes at their ends; `apart`: without any holes."""
    found = []
    for stretch in _stretches(present, extent) if apart else [extent]:
        for piece in pieces(stretch, largest, even):
            places = np.flatnonzero(present[piece.start : piece.stop])
            if len(places):
                found.append(Span(piece.start + int(places[0]), piece.start + int(places[-1]) + 1))
    return found


def has_holes(present: Taken, extent: Span) -> bool:
    """Whether some positions of an extent have no tap."""
    return not present[extent.start : extent.stop].all()


def _stretches(present: Taken, extent: Span) -> list[Span]:
    """The longest stretches of positions that all have taps."""
    places = np.flatnonzero(present[extent.start : extent.stop]) + extent.start
    ends = np.flatnonzero(np.diff(places) > 1)
    starts, stops = places[np.r_[0, ends + 1]], places[np.r_[ends, len(places) - 1]] + 1
    return [Span(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
