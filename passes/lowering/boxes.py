"""Boxes of neurons with even steps: the pieces that a tensor is made of."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...ir.network import Piece, PopulationId, Shape

Ids = NDArray[np.int64]
Corner = tuple[int, int, int]

PIECES_MAX = 2**16  # of one tensor: an image would be mostly lists of neurons
NOWHERE = -(2**62)  # where no neuron stands: no fact of one is so small


class TooManyPieces(Exception):
    """The elements of a tensor lie scattered over populations, nearly one by one."""


def entire(population: PopulationId, shape: Shape) -> Piece:
    """A whole population, in the order of its neurons."""
    d, h, w = shape.depth, shape.height, shape.width
    return Piece(population, 0, 0, 0, d, h, w, 0, h * w, w, 1)


def boxes(population: PopulationId, elements: Ids, corner: Corner = (0, 0, 0), axis: int = 0) -> list[Piece]:
    """Boxes with even steps that cover the named neurons; `elements` [D, H, W] is -1 where none is named.

    What is no box is taken apart along an axis, and each part along the next.
    """
    whole = _box(population, elements, corner)
    if whole is not None:
        return [whole]
    found: list[Piece] = []
    lines = np.moveaxis(elements, axis, 0) if axis < 3 else elements[:0]
    runs = (
        [run for run in _runs(lines) if lines[run.start].max() >= 0] if elements.max(initial=-1) >= 0 else []
    )
    for number, run in enumerate(runs):
        if len(found) + len(runs) - number > PIECES_MAX:
            raise TooManyPieces
        at = tuple(start + run.start * (a == axis) for a, start in enumerate(corner))
        part = elements[(slice(None),) * axis + (run,)]
        found += boxes(population, part, (at[0], at[1], at[2]), axis + 1)
    return found


def _runs(elements: Ids) -> Iterator[slice]:
    """Lines in a row of which the same neurons are named, each an even step after the last."""
    flat = elements.reshape(len(elements), math.prod(elements.shape[1:]))
    base = np.take_along_axis(flat, (flat >= 0).argmax(axis=1)[:, None], axis=1)
    relative = np.where(flat >= 0, flat - base, NOWHERE)
    steps = np.where((relative[1:] == relative[:-1]).all(axis=1), np.diff(base[:, 0]), NOWHERE).tolist()
    start = 0
    while start < len(flat):
        stop = start + 1
        while stop < len(flat) and steps[start] != NOWHERE and steps[stop - 1] == steps[start]:
            stop += 1
        yield slice(start, stop)
        start = stop


def _box(population: PopulationId, elements: Ids, corner: Corner) -> Piece | None:
    """The box that the named neurons fill with even steps, or None."""
    if elements.size == 1 and elements[0, 0, 0] >= 0:
        return Piece(population, *corner, 1, 1, 1, int(elements[0, 0, 0]), 0, 0, 0)
    named = np.argwhere(elements >= 0)
    if not len(named):
        return None
    low, high = named.min(axis=0), named.max(axis=0) + 1
    box = elements[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    if (box < 0).any():
        return None
    base = int(box[0, 0, 0])
    steps = [int(np.take(box, 1, axis=a).flat[0]) - base if box.shape[a] > 1 else 0 for a in range(3)]
    c, y, x = np.ogrid[: box.shape[0], : box.shape[1], : box.shape[2]]
    if not np.array_equal(box, base + c * steps[0] + y * steps[1] + x * steps[2]):
        return None
    d, h, w = (int(n) for n in box.shape)
    c0, y0, x0 = (start + int(n) for start, n in zip(corner, low, strict=True))
    return Piece(population, c0, y0, x0, d, h, w, base, *steps)
