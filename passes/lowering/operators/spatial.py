"""Pooling, pixel shuffles and interpolation: connectivity without trained weights."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Shape, Update
from .. import axis
from ..builder import Builder
from ..views import Ids
from ..weights import Weights, ones
from . import interpolation
from .linear import steps, strided, thinned
from .table import lowers
from .windows import Window, spatial_windows, taps, volume


@lowers("AveragePool")
def average_pool(builder: Builder, layer: Layer) -> None:
    """Any window, padding and stride; count_include_pad both ways; ceil_mode; 1-D, 2-D, and 3-D as slices."""
    z, y, x, maps = _windows(builder, layer)
    include = layer.integer("count_include_pad", 0) == 1
    of_slices, of_rows, of_columns = (w.kernel / _counts(w, include) for w in (z, y, x))
    maps_y, maps_x = axis.pooled(y.convolution(), of_rows), axis.pooled(x.convolution(), of_columns)
    kernels = list(_sliced(z, len(maps), of_slices))
    uneven = any((m.factors != 1).any() for m in (maps_y, maps_x))
    depth = len(maps) // z.source * z.target
    if len(steps(builder, maps, y, x)) > 1 and not uneven:
        wide = [
            replace(k, values=np.broadcast_to(k.values, (*k.values.shape[:2], y.kernel, x.kernel)))
            for k in kernels
        ]
        target = strided(builder, layer, maps, depth, wide, y, x)
    else:
        target = builder.add(layer, Shape(depth, y.target, x.target))
        for kernel in kernels:
            builder.project(layer, maps, target, maps_y, maps_x, kernel)
    builder.change(target, scale=1.0 / (z.kernel * y.kernel * x.kernel))
    builder.define(layer.outputs[0], builder.ids(target))


def _sliced(z: Window, channels: int, factors: np.ndarray) -> Iterator[Weights]:
    """What each tap in depth joins, for channels of which `z.source` follow each other as slices."""
    starts = np.arange(channels // z.source)[:, None] * z.target
    for _, reached in taps(z.convolution()):
        first = np.where(reached >= 0, starts + reached, -1).ravel()
        if (factors == 1).all():
            yield ones(channels, first)
        else:
            values = np.where(reached >= 0, factors[reached], 0).astype(np.float32)
            yield Weights(np.tile(values, len(starts)).reshape(-1, 1, 1, 1), first)


def _counts(window: Window, include_pad: bool) -> np.ndarray:
    """How many positions each window averages over."""
    start = np.arange(window.target) * window.stride - window.pad
    taps = start[:, None] + np.arange(window.kernel)[None, :] * window.dilation
    if include_pad:  # positions that only ceil_mode adds behind the padding never count
        inside = (taps >= -window.pad) & (taps < window.source + window.pad_end)
    else:
        inside = (taps >= 0) & (taps < window.source)
    return np.asarray(np.maximum(inside.sum(axis=1), 1), dtype=np.float64)


@lowers("MaxPool")
def max_pool(builder: Builder, layer: Layer) -> None:
    """Any window, padding, stride and dilation, 1-D, 2-D and 3-D; ceil_mode; without the second output."""
    if len(layer.outputs) > 1 and layer.outputs[1] and builder.uses_left[layer.outputs[1]]:
        raise Unsupported(
            layer.origin, "its second output (indices) is used", hint="export without the indices"
        )
    z, y, x, maps = _windows(builder, layer)
    # The largest value of each window; sources that can be negative fire on zeros.
    levels = steps(builder, maps, y, x)
    inner_y, inner_x = levels[-1]
    initial, maps = _neutral(builder, layer, maps)
    depth = len(maps) // z.source * z.target
    target = builder.add(layer, Shape(depth, inner_y.target, inner_x.target), initial=initial)
    pooled_y, pooled_x = axis.pooled(inner_y.convolution()), axis.pooled(inner_x.convolution())
    for kernel in _sliced(z, len(maps), np.ones(z.target)):
        builder.project(layer, maps, target, pooled_y, pooled_x, kernel, Update.MAXIMUM)
    target = thinned(builder, layer, target, levels)
    builder.define(layer.outputs[0], builder.ids(target))


def _neutral(builder: Builder, layer: Layer, maps: Ids) -> tuple[float, Ids]:
    """The first value of a maximum and its source: 0 where no source can be below, else minus infinity with
    sources that fire.
    """
    if not any(builder.can_be_negative(p) for p in builder.neurons.populations(maps)):
        return 0.0, maps
    return -math.inf, builder.heard(layer, maps)


def _windows(builder: Builder, layer: Layer) -> tuple[Window, Window, Window, Ids]:
    """The windows in z, y and x, and the maps in which the slices of a channel follow each other."""
    maps = volume(builder, layer, 0)
    kernel = layer.integers("kernel_shape")
    z, y, x = spatial_windows(layer, maps.shape[1:], kernel, builder.graph.shape(layer.outputs[0]))
    return z, y, x, maps.reshape(-1, *maps.shape[2:])


@lowers("Resize", "Upsample")
def resize(builder: Builder, layer: Layer) -> None:
    """Every mode of ONNX, in Y and X: interpolation is a depthwise layer with fixed weights."""
    maps = builder.channelwise(layer, 0)
    d, h, w = maps.shape
    shape = builder.graph.shape(layer.outputs[0])
    if shape[:2] != builder.graph.shape(layer.inputs[0])[:2]:
        raise Unsupported(layer.origin, "it resizes channels", hint="resize only H and W")
    result = (shape[2], shape[3]) if len(shape) == 4 else (1, shape[-1])
    rules = interpolation.rules(layer, builder, (h, w), result)
    value, one = layer.number("extrapolation_value", 0.0), None
    if value and any(rule(i) is None for rule, n in zip(rules, result, strict=True) for i in range(n)):
        one = builder.filled(layer, value, (1, 1, 1))
    target = builder.add(layer, Shape(d, *result))
    y, x = (axis.interpolated(n, m, r) for n, m, r in zip((h, w), result, rules, strict=True))
    builder.project(layer, maps, target, y, x, ones(d))
    if one is not None:
        # Outside is a row that is outside, or a column that is in a row that is not.
        rows, columns = ([rule(i) is None for i in range(n)] for rule, n in zip(rules, result, strict=True))
        inside = [not out for out in rows]
        for down, across in ((rows, [True] * result[1]), (inside, columns)):
            builder.project(layer, one, target, axis.chosen(down), axis.chosen(across), ones(1, depth=d))
    builder.define(layer.outputs[0], builder.ids(target))


@lowers("DepthToSpace")
def depth_to_space(builder: Builder, layer: Layer) -> None:
    """Both modes: a view; the layer behind it reads each group of channels with upsampling."""
    ids = builder.operand(layer, 0)
    n, d, h, w = ids.shape
    b = layer.integer("blocksize", 1)
    if layer.text("mode", "DCR") == "DCR":
        found = ids.reshape(n, b, b, d // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        found = ids.reshape(n, d // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    builder.define(layer.outputs[0], found)


@lowers("SpaceToDepth")
def space_to_depth(builder: Builder, layer: Layer) -> None:
    """Both modes: a view; the layer behind it reads every so many rows and columns, with a stride."""
    ids = builder.operand(layer, 0)
    n, d, h, w = ids.shape
    b = layer.integer("blocksize", 1)
    parts = ids.reshape(n, d, h // b, b, w // b, b)
    order = (0, 3, 5, 1, 2, 4) if layer.text("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    builder.define(layer.outputs[0], parts.transpose(order))
