"""Operators that are affine in their one map once all else is constant: y = A x + b, whatever they are.

A and b are what the operator itself makes of unit vectors and of zeros. They become a view where every result
is an element of the map, or zero, else a product with a constant.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir.errors import SncError
from ...ir.layers import Array, Layer, LayerGraph
from .layer_writer import COMPOSITIONS, Composition, Writer

MATRIX_MAX = 2**22  # elements of A
PROBED_AT_ONCE = 2**22  # elements of what is read or made
TOLERANCE = 1e-5  # of the largest sum that there could be
NOISE = 2.0**-40  # of the largest element of A: what is smaller is a rounding of double precision
SEED = 0


@dataclass(frozen=True, slots=True)
class Form:
    """The shapes that map and result have for an operator, and the axes of both, pair by pair, along which it
    does the same with every slice, however many there are.
    """

    source: tuple[int, ...]
    result: tuple[int, ...]
    alike: tuple[tuple[int, int], ...] = ()

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many slices there are, and the elements that each of them has before and behind."""
        slices = prod(self.source[axis] for axis, _ in self.alike)
        return slices, prod(self.source) // slices, prod(self.result) // slices

    def orders(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The axes of map and result, those of the slices first."""
        first = tuple(axis for axis, _ in self.alike), tuple(axis for _, axis in self.alike)
        source, result = (
            (*own, *(axis for axis in range(len(shape)) if axis not in own))
            for own, shape in zip(first, (self.source, self.result), strict=True)
        )
        return source, result

    def of(self, slices: int) -> "Form":
        """The same with so many slices, all along the first axis that they lie on."""
        source, result = list(self.source), list(self.result)
        for count, (before, behind) in zip((slices, *(1,) * len(self.alike)), self.alike, strict=False):
            source[before] = result[behind] = count
        return Form(tuple(source), tuple(result), self.alike)


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """A [results, elements] and b [results] of every slice."""

    matrix: Array
    shift: Array

    @property
    def picked(self) -> Array | None:
        """The element that each result is, -1 for zeros; None where they are not elements."""
        is_one = self.matrix == 1
        if self.shift.any() or not (is_one | (self.matrix == 0)).all() or (is_one.sum(axis=1) > 1).any():
            return None
        return np.where(is_one.any(axis=1), is_one.argmax(axis=1), -1)


def affine(w: Writer, layer: Layer, form: Form) -> str | None:
    """A layer that is affine in its one map, as other layers; None where it is not, or is too large."""
    (source,) = _maps(w.graph, layer)
    slices, elements, results = form.sizes
    if w.alone is None or elements * results > MATRIX_MAX:
        return None
    try:
        found = probed(w.alone(w.graph, layer), form)
    except SncError:
        return None  # it does not take what it is probed with
    if found is None:
        return None
    before, behind = form.orders()
    x = w.transposed(w.reshaped(source, form.source), before)
    made = _written(w, x, found, slices, elements, results)
    y = w.reshaped(made, [form.result[axis] for axis in behind])
    return w.transposed(y, [behind.index(axis) for axis in range(len(behind))])


def probed(alone: Callable[[Array], Array], form: Form) -> AffineMap | None:
    """What an operator computes, if it is affine, and does the same with all slices."""
    slices, elements, results = form.sizes
    shift = _rows(alone, np.zeros((1, elements), np.float32), form)[0]
    if not np.isfinite(shift).all():
        return None
    matrix = np.empty((results, elements))
    for begin, end in _batches(form):
        unit = np.zeros((end - begin, elements), np.float32)
        unit[np.arange(end - begin), np.arange(begin, end)] = 1
        matrix[:, begin:end] = (_rows(alone, unit, form) - shift).T
    if not np.isfinite(matrix).all():
        return None
    drawn = np.random.default_rng(SEED).standard_normal((slices, elements)).astype(np.float32)
    bound = np.abs(drawn) @ np.abs(matrix.T) + np.abs(shift)
    for given in (drawn, -drawn):  # the largest of elements is linear on each side of 0 alone
        got, want = _rows(alone, given, form, is_whole=True), given @ matrix.T + shift
        if not (np.abs(got - want) <= TOLERANCE * bound.max(initial=0)).all():
            return None
    peak = NOISE * np.abs(matrix).max(initial=0)
    matrix, shift = (np.where(np.abs(each) < peak, 0, each) for each in (matrix, shift))
    return AffineMap(matrix.astype(np.float32), shift.astype(np.float32))


def _batches(form: Form) -> Iterator[tuple[int, int]]:
    """The unit vectors that are given at once: as many as there may be slices."""
    _, elements, results = form.sizes
    step = max(1, PROBED_AT_ONCE // max(elements, results)) if form.alike else 1
    return ((begin, min(begin + step, elements)) for begin in range(0, elements, step))


def _rows(alone: Callable[[Array], Array], rows: Array, form: Form, *, is_whole: bool = False) -> Array:
    """What an operator makes of slices, a row each. `is_whole`: they lie as those of the network do."""
    placed = form if is_whole else form.of(len(rows))
    before, behind = placed.orders()
    x = rows.reshape([placed.source[axis] for axis in before]).transpose(np.argsort(before))
    y = alone(np.ascontiguousarray(x)).reshape(placed.result).transpose(behind)
    return np.asarray(y.reshape(len(rows), -1), np.float64)


def _written(w: Writer, x: str, found: AffineMap, slices: int, elements: int, results: int) -> str:
    """The layers that make of slices what they become."""
    picked = found.picked
    if picked is not None:
        rows = w.reshaped(x, (slices, elements))
        if (picked < 0).any():
            pads = w.constant([0, 0, 0, 1], np.int64)
            rows = w.add("Pad", rows, pads, shape=(slices, elements + 1))
        index = w.constant(np.where(picked < 0, elements, picked), np.int64)
        return w.add("Gather", rows, index, shape=(slices, results), axis=1)
    bias = [w.constant(np.tile(found.shift, slices))] if found.shift.any() else []
    if slices == 1:
        matrix = w.constant(found.matrix.T)
        return w.add("Gemm", w.reshaped(x, (1, elements)), matrix, *bias, shape=(1, results))
    if slices * found.matrix.size <= MATRIX_MAX:
        # Maps stay maps: each is a channel, whatever its rows are, with a kernel as large as itself.
        width = w.shape(x)[-1]
        maps = w.reshaped(x, (1, slices, elements // width, width))
        kernels = np.tile(found.matrix.reshape(results, 1, elements // width, width), (slices, 1, 1, 1))
        shape = (1, slices * results, 1, 1)
        return w.add("Conv", maps, w.constant(kernels), *bias, shape=shape, group=slices)
    rows = w.reshaped(x, (slices, elements))
    made = w.add("MatMul", rows, w.constant(found.matrix.T), shape=(slices, results))
    return w.add("Add", made, w.constant(found.shift)) if bias else made


def _maps(graph: LayerGraph, layer: Layer) -> list[str]:
    """The inputs that are not constant."""
    return [name for name in layer.inputs if name and name not in graph.constants]


def _by_channel(w: Writer, layer: Layer) -> Form:
    return Form(w.shape(layer.inputs[0]), w.graph.shape(layer.outputs[0]), ((1, 1),))


def _as_one(w: Writer, layer: Layer) -> Form:
    (source,) = _maps(w.graph, layer)
    return Form(w.shape(source), w.graph.shape(layer.outputs[0]))


def _by_block(w: Writer, layer: Layer) -> Form:
    """Col2Im: channel by channel, which its input has block by block."""
    frames, _, places = w.shape(layer.inputs[0])
    result = w.graph.shape(layer.outputs[0])
    block = prod(int(size) for size in w.held(layer.inputs[2]))
    maps = frames * result[1]
    return Form((maps, block, places), (maps, 1, *result[2:]), ((0, 0),))


def _by_line(w: Writer, layer: Layer) -> Form:
    """DFT: along one axis, of numbers that have one part or two."""
    source, result = w.shape(layer.inputs[0]), w.graph.shape(layer.outputs[0])
    axis = layer.integer("axis", 1)
    if layer.input(2):
        axis = int(w.held(layer.inputs[2]).ravel()[0])
    elif "axis" not in layer.attributes and w.graph.opset >= AXIS_BY_INPUT:
        axis = -2
    other = [each for each in range(len(source) - 1) if each != axis % len(source)]
    return Form(source, result, tuple((each, each) for each in other))


def _by_frame(w: Writer, layer: Layer) -> Form:
    return Form(w.shape(layer.inputs[0]), w.graph.shape(layer.outputs[0]), ((0, 0),))


AXIS_BY_INPUT = 20  # the opset from which on a DFT's axis is an input
# Operator, its form, and what the support table says.
AFFINE: tuple[tuple[str, Callable[[Writer, Layer], Form], str], ...] = (
    ("GridSample", _by_channel, "A constant grid, in every mode: a product with a constant, or a view."),
    ("Col2Im", _by_block, "Any constant shapes: a product with a constant, or a view."),
    ("DFT", _by_line, "Along a constant axis, of a constant length: a product with a constant."),
    ("STFT", _by_frame, "A constant step, window and length: a product with a constant."),
    ("DeformConv", _as_one, "Constant offsets, weights and mask: a product with a constant."),
    ("RoiAlign", _by_channel, "Means of constant regions: a product with a constant."),
    ("AffineGrid", _as_one, "A constant size: a product with a constant."),
    ("DequantizeLinear", _as_one, "Constant integers, and a computed scale: a product with a constant."),
)
MAPS = {"DequantizeLinear": 1}  # which input is the map, where it is not the first


def _enter(operator: str, form: Callable[[Writer, Layer], Form], summary: str) -> None:
    def compose(w: Writer, layer: Layer) -> str | None:
        return affine(w, layer, form(w, layer))

    def applies(graph: LayerGraph, layer: Layer) -> bool:
        return _maps(graph, layer) == [layer.inputs[MAPS.get(operator, 0)]]

    COMPOSITIONS[operator] = Composition(operator, compose, summary, applies=applies)


for _operator, _form, _summary in AFFINE:
    _enter(_operator, _form, _summary)
