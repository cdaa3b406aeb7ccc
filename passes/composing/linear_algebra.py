"""Determinants, and which element is the largest."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ...ir.layers import Layer
from .compositions import softmax_axes
from .layer_writer import Writer, composes

ROWS_MAX = 5  # of a matrix: its minors double with each row


@composes("Hardmax")
def hardmax(w: Writer, layer: Layer) -> str | None:
    """Along any axis: 1 where the first of the largest elements is."""
    x = layer.inputs[0]
    shape, axes = w.shape(x), softmax_axes(w, layer)
    order = [*(axis for axis in range(len(shape)) if axis not in axes), *axes]
    size = int(np.prod([shape[axis] for axis in axes]))
    rows = w.reshaped(w.transposed(x, order), (*(shape[axis] for axis in order[: -len(axes)]), size))
    largest = w.reduced("ReduceMax", rows, [len(w.shape(rows)) - 1])
    # 1 where an element is the largest, less 1 for each such one before it.
    is_largest = w.add("Sub", w.constant(1.0), w.add("Sign", w.add("Sub", largest, rows)))
    counts = np.eye(size) - np.triu(np.ones((size, size)), 1)
    flat = w.reshaped(is_largest, (int(np.prod(w.shape(rows)[:-1])), size))
    first = w.add("Relu", w.add("MatMul", flat, w.constant(counts), shape=w.shape(flat)))
    back = [order.index(axis) for axis in range(len(order))]
    return w.transposed(w.reshaped(first, [shape[axis] for axis in order]), back)


@composes("Det")
def det(w: Writer, layer: Layer) -> str | None:
    """Of matrices of at most five rows: minors by minors of one row less."""
    x = layer.inputs[0]
    shape = w.shape(x)
    size = shape[-1]
    if size > ROWS_MAX:
        return None
    rows = int(np.prod(shape[:-2]))
    elements = w.reshaped(x, (rows, size * size))
    minors = _gathered(w, elements, range(size))
    for row in range(1, size):
        smaller = list(combinations(range(size), row))
        larger = list(combinations(range(size), row + 1))
        terms = [(chosen, place) for chosen in larger for place in range(row + 1)]
        factors = _gathered(w, elements, [row * size + chosen[place] for chosen, place in terms])
        rest = [smaller.index((*chosen[:place], *chosen[place + 1 :])) for chosen, place in terms]
        products = w.add("Mul", factors, _gathered(w, minors, rest))
        signs = np.zeros((len(terms), len(larger)))
        for number, (chosen, place) in enumerate(terms):
            signs[number, larger.index(chosen)] = (-1) ** (row + place)
        minors = w.add("MatMul", products, w.constant(signs), shape=(rows, len(larger)))
    return minors


def _gathered(w: Writer, x: str, places: Sequence[int]) -> str:
    """Columns of rows."""
    index = w.constant(list(places), np.int64)
    return w.add("Gather", x, index, shape=(w.shape(x)[0], len(places)), axis=1)
