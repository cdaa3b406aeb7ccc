"""Convolutions, dense layers and normalisation: the layers with trained weights."""

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import AxisMap, PopulationId, Shape
from .. import axis
from ..arrangement import like
from ..builder import Builder
from ..views import Ids, NotPlanar
from ..weights import Weights, ones, trained
from .table import lowers
from .windows import AXES, VOLUME, Window, halvings, spatial_windows, taps

Index = NDArray[np.int32]  # of weights in their constant


@lowers("Conv")
def conv(builder: Builder, layer: Layer) -> None:
    """Any stride, padding, dilation, group count and kernel size; 1-D, 2-D, and 3-D as slices."""
    weights = _windowed(builder, layer)
    maps = _slices(builder, layer)
    groups = layer.integer("group", 1)
    outputs, per_group = weights.shape[0] // groups, weights.shape[1]
    size = weights.shape[2:]
    if groups == 1 and _is_dense(builder, layer, maps, weights):
        _dense(builder, layer, maps, 1, outputs, transposed=True)
        return

    def arrange(index: np.ndarray) -> np.ndarray:
        parts = index.reshape(groups, outputs, per_group, *size)
        return parts.transpose(0, 2, 1, 3, 4, 5).reshape(groups * per_group, outputs, *size)

    first = np.repeat(np.arange(groups) * outputs, per_group)
    z, y, x = spatial_windows(layer, _sizes(maps), size, builder.graph.shape(layer.outputs[0]))
    kernels = list(_sliced(builder, layer, arrange, first, weights.shape[0], z.convolution()))
    flat = maps.reshape(-1, *maps.shape[2:])
    population = strided(builder, layer, flat, weights.shape[0] * z.target, kernels, y, x)
    _finish(builder, layer, population, z.target)


@lowers("ConvTranspose")
def conv_transpose(builder: Builder, layer: Layer) -> None:
    """Any stride, padding, output padding, dilation and group count; 1-D, 2-D, and 3-D as slices."""
    weights = _windowed(builder, layer)
    maps = _slices(builder, layer)
    groups = layer.integer("group", 1)
    channels, outputs = weights.shape[:2]
    first = np.repeat(np.arange(groups) * outputs, channels // groups)
    size = weights.shape[2:]
    z, y, x = spatial_windows(
        layer, _sizes(maps), size, builder.graph.shape(layer.outputs[0]), transposed=True
    )
    population = builder.add(layer, Shape(outputs * groups * z.target, y.target, x.target))
    flat = maps.reshape(-1, *maps.shape[2:])
    kernels = _sliced(
        builder, layer, lambda index: index.reshape(weights.shape), first, outputs * groups, z.transposed()
    )
    for kernel in kernels:
        builder.project(layer, flat, population, y.transposed(), x.transposed(), kernel)
    _finish(builder, layer, population, z.target)


def _is_dense(builder: Builder, layer: Layer, maps: Ids, weights: np.ndarray) -> bool:
    """Whether single pixels become single pixels, by single weights, and lie apart in their population."""
    result = prod(builder.graph.shape(layer.outputs[0]))
    if not maps.size == weights[0].size == weights.shape[1] or result != len(weights):
        return False
    try:
        builder.neurons.planes(maps.reshape(-1, 1, 1), 1)
    except NotPlanar:
        return True
    return False


def _windowed(builder: Builder, layer: Layer) -> np.ndarray:
    """The weights of a layer with windows, in z, y and x."""
    weights = builder.constant(layer, 1)
    rank = weights.ndim - 2
    if not 1 <= rank <= AXES:
        raise Unsupported(layer.origin, f"its kernel has {rank} dimensions", hint="use Conv over H and W")
    return np.asarray(weights.reshape(*weights.shape[:2], *(1,) * (AXES - rank), *weights.shape[2:]))


def _slices(builder: Builder, layer: Layer) -> Ids:
    """The operand of a layer that mixes channels, slice by slice [D, C, H, W]: one slice where it is flat."""
    ids = builder.operand(layer, 0)
    if ids.ndim == VOLUME and len(ids) == 1:
        return np.asarray(ids[0].transpose(1, 0, 2, 3))
    return builder.maps(layer, 0)[None]


def _sizes(slices: Ids) -> tuple[int, int, int]:
    """D, H and W."""
    depth, _, height, width = slices.shape
    return depth, height, width


def _sliced(
    builder: Builder, layer: Layer, arrange: Callable[[Index], Index], first: Ids, per_slice: int, z: AxisMap
) -> Iterator[Weights]:
    """The weights of each tap in depth, for slices [D, C] of channels and slices of `per_slice` targets.

    `arrange` brings indices of the weights into [C, KD, z, y, x]; `first`: where each channel reaches first.
    """
    for tap, reached in taps(z):

        def at_tap(index: Index, tap: int = tap, reached: Ids = reached) -> Index:
            part = arrange(index)[:, :, tap]
            if reached.tolist() == [0]:
                return part  # of maps without depth: a view where `arrange` makes one
            found = np.where((reached >= 0)[:, None, None, None, None], part, np.int32(-1))
            return np.asarray(found.reshape(-1, *part.shape[1:]))

        targets = np.where(reached[:, None] >= 0, reached[:, None] * per_slice + first, -1)
        yield trained(builder.constant(layer, 1), layer.input(1), at_tap, targets.ravel())


def strided(
    builder: Builder, layer: Layer, maps: Ids, depth: int, weights: Sequence[Weights], y: Window, x: Window
) -> PopulationId:
    """A population behind convolution windows; strides of 4, 8, ... go through identity layers of stride 2
    (paper 4.3).
    """
    levels = steps(builder, maps, y, x)
    y, x = levels[-1]
    found = builder.add(layer, Shape(depth, y.target, x.target))
    for kernel in weights:
        builder.project(layer, maps, found, y.convolution(), x.convolution(), kernel)
    return thinned(builder, layer, found, levels)


def steps(builder: Builder, maps: Ids, y: Window, x: Window) -> list[tuple[Window, Window]]:
    """The windows, then those before identity layers; none of these where the maps lie in phases."""
    found = halvings(y, x)
    return found[:1] if len(found) > 1 and builder.neurons.is_in_phases(maps) else found


def thinned(
    builder: Builder, layer: Layer, wide: PopulationId, levels: Sequence[tuple[Window, Window]]
) -> PopulationId:
    """The identity layers of stride 2 that lead from the last of some windows to the first."""
    for y, x in levels[-2::-1]:
        shape = builder.neurons.shapes[wide]
        found = builder.add(layer, Shape(shape.depth, y.target, x.target))
        builder.project(
            layer,
            builder.ids(wide),
            found,
            axis.convolution(shape.height, y.target, 1, 2, 0, 1),
            axis.convolution(shape.width, x.target, 1, 2, 0, 1),
            ones(shape.depth),
        )
        wide = found
    return wide


def _finish(builder: Builder, layer: Layer, population: PopulationId, slices: int = 1) -> None:
    biased(builder, layer, population)
    ids = builder.ids(population)
    by_slice = ids.reshape(slices, -1, *ids.shape[1:])
    builder.define(layer.outputs[0], by_slice.swapaxes(0, 1))


def biased(builder: Builder, layer: Layer, population: PopulationId) -> None:
    """Gives a population the constant bias that stands behind a layer's weights, in every slice."""
    if layer.input(2):
        depth = builder.neurons.shapes[population].depth
        bias = np.resize(builder.constant(layer, 2).astype(np.float32), depth)
        builder.change(population, bias=bias, bias_constants=(layer.input(2),))


@lowers("Gemm")
def gemm(builder: Builder, layer: Layer) -> None:
    """Product with a constant on either side, of one row or many; the bias is constant or computed."""
    left, right = layer.integer("transA", 0) != 0, layer.integer("transB", 0) != 0
    if layer.number("alpha", 1.0) != 1.0:
        raise Unsupported(layer.origin, "both of its operands are computed", hint="scale one before")
    _product(builder, layer, left, right, layer.number("beta", 1.0))


@lowers("MatMul")
def matmul(builder: Builder, layer: Layer) -> None:
    """Product with a constant on either side; rows are pixels, and batches groups of channels."""
    _product(builder, layer, False, False)


def _product(builder: Builder, layer: Layer, left: bool, right: bool, beta: float = 1.0) -> None:
    """One operand is constant. `left` and `right`: the operands' last two axes change places. `beta`: the
    factor of the bias.
    """
    data = 0 if layer.input(0) in builder.views else 1
    ids, weights = builder.operand(layer, data), builder.constant(layer, 1 - data)
    flip = weights.ndim > 1 and (right if data == 0 else not left)  # to become [.., features, outputs]
    rows = np.atleast_2d(ids) if data == 0 else ids if ids.ndim > 1 else ids[:, None]
    if (left if data == 0 else not right) and ids.ndim > 1:
        rows = np.swapaxes(rows, -1, -2)
    sizes = (weights if weights.ndim > 1 else weights[:, None]).shape
    features, outputs = sizes[-2:][:: -1 if flip else 1]
    is_plain = layer.input(2) not in builder.views and beta == 1.0
    if rows.size == features and len(sizes) == 2 and is_plain:
        _dense(builder, layer, rows, 1 - data, outputs, flip)
    else:
        _pointwise(builder, layer, rows, 1 - data, flip, beta)


def _pointwise(builder: Builder, layer: Layer, rows: Ids, index: int, flip: bool, beta: float) -> None:
    """Rows [.., N, features] times weights [.., features, outputs]: a convolution of 1 x 1 over N pixels."""
    array = builder.constant(layer, index)
    matrix: Ids = np.arange(array.size).reshape(array.shape if array.ndim > 1 else (array.size, 1))
    matrix = np.swapaxes(matrix, -1, -2) if flip else matrix
    features, outputs = matrix.shape[-2], matrix.shape[-1]
    batch = np.broadcast_shapes(rows.shape[:-2], matrix.shape[:-2])
    rows = np.broadcast_to(rows, (*batch, *rows.shape[-2:]))
    groups = 1
    if prod(matrix.shape[:-2]) > 1:  # each matrix has channels of its own
        groups = prod(batch)
        matrix = np.broadcast_to(matrix, (*batch, features, outputs))
    pixels = rows.reshape(groups, -1, features).transpose(0, 2, 1).reshape(groups * features, -1)
    maps = _folded(builder, layer, pixels)
    _, h, w = maps.shape
    kernel = matrix.reshape(groups * features, outputs, 1, 1).astype(np.int32)
    first = np.repeat(np.arange(groups) * outputs, features)
    target = builder.add(layer, Shape(groups * outputs, h, w))
    weights = trained(array, layer.input(index), lambda flat: flat.ravel()[kernel], first)
    builder.project(layer, maps, target, axis.identity(h), axis.identity(w), weights)
    found = builder.ids(target).reshape(groups, outputs, -1).transpose(0, 2, 1)
    found = found.reshape(*batch, rows.shape[-2], outputs)
    if index == 0:
        found = np.swapaxes(found, -1, -2)
    if layer.input(2):
        _add_rows(builder, layer, found, beta)
        return
    builder.define(layer.outputs[0], found)


def _add_rows(builder: Builder, layer: Layer, product: Ids, beta: float) -> None:
    """Adds `beta` times the bias of a Gemm: constant or computed, of any shape that can be broadcast."""
    stack = like(builder.neurons, product)
    assert stack is not None
    if layer.input(2) not in builder.views and beta == 1.0:
        bias = builder.constant(layer, 2)
        maps = np.broadcast_to(stack.maps(bias), stack.sizes)
        if (maps == maps[:, :1, :1]).all() and bias.size in (1, len(maps)):
            value = maps[:, 0, 0].astype(np.float32)
            target = builder.neurons.populations(product)[0]
            builder.change(target, bias=value, bias_constants=(layer.input(2),))
            builder.define(layer.outputs[0], product)
            return
    constant = builder.value(layer, 2, stack)
    d, h, w = stack.sizes
    total = builder.add(layer, Shape(d, h, w))
    builder.project(layer, stack.maps(product), total, axis.identity(h), axis.identity(w), ones(d))
    _, rows, columns = constant.shape
    y, x = axis.spread(rows, h), axis.spread(columns, w)
    weights = ones(d, weight=beta) if len(constant) == d else ones(1, depth=d, weight=beta)
    builder.project(layer, constant, total, y, x, weights)
    builder.define(layer.outputs[0], stack.tensor(builder.ids(total)))


def _folded(builder: Builder, layer: Layer, pixels: Ids) -> Ids:
    """Maps [D, N] as [D, H, W]: as wide as the rows that they were flattened from."""
    steps = np.diff(pixels[0])
    breaks = np.flatnonzero(steps != steps[:1])
    width = int(breaks[0]) + 1 if len(breaks) else pixels.shape[1]
    if pixels.shape[1] % width:
        width = pixels.shape[1]
    return pixels.reshape(len(pixels), -1, width)


def _dense(
    builder: Builder, layer: Layer, ids: Ids, index_of_weights: int, outputs: int, transposed: bool
) -> None:
    """A dense layer of one row is a convolution whose kernel is as large as the source's map (paper 4.4)."""
    weights = builder.constant(layer, index_of_weights)
    numbers = ids.ravel()
    target = builder.add(layer, Shape(outputs, 1, 1))
    for population in builder.neurons.populations(numbers):
        shape = builder.neurons.shapes[population]
        base = builder.neurons.bases[population]
        local = numbers - base
        mine = np.flatnonzero((numbers >= 0) & (local >= 0) & (local < shape.neurons))
        while len(mine):  # a neuron that is listed twice makes a second kernel
            _, once = np.unique(local[mine], return_index=True)
            now, mine = mine[once], np.setdiff1d(mine, mine[once])
            neurons = local[now]

            def arrange(
                index: np.ndarray, now: Ids = now, neurons: Ids = neurons, shape: Shape = shape
            ) -> np.ndarray:
                matrix = index.reshape(len(index), -1)
                rows = (matrix if transposed else matrix.T)[:, now]
                found = np.full((shape.neurons, outputs), -1, dtype=np.int32)
                found[neurons] = rows.T
                by_channel = found.reshape(shape.depth, shape.height * shape.width, outputs)
                return by_channel.transpose(0, 2, 1).reshape(shape.depth, outputs, shape.height, shape.width)

            first = np.where(
                np.isin(np.arange(shape.depth), neurons // (shape.height * shape.width)), 0, -1
            ).astype(np.int64)
            kernel = trained(weights, layer.input(index_of_weights), arrange, first)
            builder.project(
                layer,
                builder.ids(population),
                target,
                axis.gathered(shape.height),
                axis.gathered(shape.width),
                kernel,
            )
    _finish(builder, layer, target)
