"""Einsum: transpositions, sums, products with constants and of maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir.layers import Layer
from .compositions import product
from .layer_writer import Writer, composes

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor, and the letter of each of its axes."""

    name: str
    axes: str


@composes("Einsum", is_weighted=True)
def einsum(w: Writer, layer: Layer) -> str | None:
    """Permutations, sums and products, of maps or with constants; without diagonals."""
    read = _read(w, layer)
    if read is None:
        return None
    operands, result = read
    sizes: dict[str, int] = {}
    for operand in operands:
        if len({*operand.axes}) < len(operand.axes):
            return None  # a diagonal
        for letter, size in zip(operand.axes, w.shape(operand.name), strict=True):
            if sizes.setdefault(letter, size) != size:
                return None  # one element stands for all
    found = operands[0]
    for number, other in enumerate(operands[1:], 2):
        needed = {*result, *(letter for later in operands[number:] for letter in later.axes)}
        first = _summed(w, found, needed | {*other.axes})
        second = _summed(w, other, needed | {*found.axes})
        made = _joined(w, first, second, needed, sizes)
        if made is None:
            return None
        found = made
    found = _summed(w, found, {*result})
    return _arranged(w, found, result).name


def _read(w: Writer, layer: Layer) -> tuple[list[Operand], str] | None:
    """The operands with a letter for each axis, and the letters of the result; "..." are further letters."""
    equation = layer.text("equation", "").replace(" ", "")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(layer.inputs):
        return None
    free = [letter for letter in LETTERS if letter not in equation]
    ranks = [len(w.shape(name)) for name in layer.inputs]
    more = [rank - len(term.replace("...", "")) for rank, term in zip(ranks, terms, strict=True)]
    dots = "".join(free[: max(more)])
    operands = [
        Operand(name, term.replace("...", dots[len(dots) - count :]))
        for name, term, count in zip(layer.inputs, terms, more, strict=True)
    ]
    if any(len(operand.axes) != rank for operand, rank in zip(operands, ranks, strict=True)):
        return None
    if not arrow:
        letters = "".join(terms).replace("...", "")
        result = "..." + "".join(sorted(letter for letter in letters if letters.count(letter) == 1))
    return operands, result.replace("...", dots)


def _summed(w: Writer, operand: Operand, needed: set[str]) -> Operand:
    """An operand, summed along the axes that nothing needs."""
    gone = [axis for axis, letter in enumerate(operand.axes) if letter not in needed]
    if not gone:
        return operand
    axes = "".join(letter for letter in operand.axes if letter in needed)
    if w.is_constant(operand.name):
        return Operand(w.constant(w.held(operand.name).sum(axis=tuple(gone))), axes)
    found = w.reduced("ReduceSum", operand.name, gone)
    shape = [size for axis, size in enumerate(w.shape(found)) if axis not in gone]
    return Operand(w.reshaped(found, shape), axes)


def _arranged(w: Writer, operand: Operand, axes: str) -> Operand:
    """An operand with its axes in another order."""
    order = [operand.axes.index(letter) for letter in axes]
    if order == list(range(len(order))):
        return operand
    if w.is_constant(operand.name):
        return Operand(w.constant(w.held(operand.name).transpose(order)), axes)
    return Operand(w.transposed(operand.name, order), axes)


def _joined(
    w: Writer, first: Operand, second: Operand, needed: set[str], sizes: Mapping[str, int]
) -> Operand | None:
    """Two operands as one: element by element where nothing is summed, else a product of matrices."""
    both = [letter for letter in first.axes if letter in second.axes]
    summed = [letter for letter in both if letter not in needed]
    batch = [letter for letter in both if letter in needed]
    rows = [letter for letter in first.axes if letter not in both]
    columns = [letter for letter in second.axes if letter not in both]
    axes = "".join((*batch, *rows, *columns))
    if w.is_constant(first.name) and w.is_constant(second.name):
        found = np.einsum(f"{first.axes},{second.axes}->{axes}", w.held(first.name), w.held(second.name))
        return Operand(w.constant(found), axes)

    def shaped(operand: Operand, *groups: Sequence[str]) -> str:
        """An operand with the axes of each group as one."""
        letters = "".join(letter for group in groups for letter in group)
        sides = [prod(sizes[letter] for letter in group) for group in groups]
        return w.reshaped(_arranged(w, operand, letters).name, sides)

    if not summed:
        pair = (
            shaped(each, *(letter if letter in each.axes else "" for letter in axes))
            for each in (first, second)
        )
        return Operand(w.add("Mul", *pair), axes)
    leading = [batch] if batch else []
    one, other = shaped(first, *leading, rows, summed), shaped(second, *leading, summed, columns)
    if w.is_constant(one) or w.is_constant(other):
        found = w.add("MatMul", one, other, shape=(*w.shape(one)[:-1], w.shape(other)[-1]))
    else:
        found = product(w, one, other)
    return None if found is None else Operand(w.reshaped(found, [sizes[letter] for letter in axes]), axes)
