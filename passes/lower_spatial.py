"""Pooling and interpolation: connectivity without trained weights."""

import math
from collections.abc import Callable

import numpy as np

from ..ir.errors import Unsupported
from ..ir.layers import Layer
from ..ir.network import AxisMap, Shape, Update
from . import axis, interpolation
from .builder import Builder, Weights, ones
from .geometry import Window, spatial_windows
from .handlers import lowers
from .lower_linear import strided
from .views import Ids


@lowers("AveragePool")
def average_pool(builder: Builder, layer: Layer) -> None:
    """Any window, padding and stride; count_include_pad both ways; ceil_mode."""
    maps = builder.maps(layer, 0)
    y, x = _windows(builder, layer, maps)
    full = y.kernel * x.kernel
    include = layer.integer("count_include_pad", 0) == 1
    maps_y, maps_x = (axis.pooled(w.convolution(), w.kernel / _counts(w, include)) for w in (y, x))
    shape = Shape(len(maps), y.target, x.target)
    uneven = any((m.factors != 1).any() for m in (maps_y, maps_x))
    if y.needs_identity and x.needs_identity and not uneven and y.target * x.target > 1:
        target = strided(builder, layer, maps, len(maps), _window_of_ones(len(maps), y, x), y, x)
    else:
        target = builder.add(layer, shape)
        builder.project(layer, maps, target, maps_y, maps_x, ones(len(maps)))
    builder.change(target, scale=1.0 / full)
    builder.define(layer.outputs[0], builder.ids(target))


def _window_of_ones(channels: int, y: Window, x: Window) -> Weights:
    values = np.broadcast_to(np.ones((1, 1, 1, 1), dtype=np.float32), (channels, 1, y.kernel, x.kernel))
    return Weights(values, np.arange(channels))


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
    """Any window, padding, stride and dilation; ceil_mode. The second output (indices) is not made."""
    if len(layer.outputs) > 1 and layer.outputs[1] and builder.uses_left[layer.outputs[1]]:
        raise Unsupported(
            layer.origin, "its second output (indices) is used", hint="export without the indices"
        )
    maps = builder.maps(layer, 0)
    y, x = _windows(builder, layer, maps)
    _extreme(builder, layer, maps, y, x)


def _extreme(builder: Builder, layer: Layer, maps: Ids, y: Window, x: Window) -> None:
    """The largest value of each window; sources that can be negative fire on zeros."""
    halve = y.needs_identity and x.needs_identity and y.target * x.target > 1
    inner_y, inner_x = (y.halved(), x.halved()) if halve else (y, x)
    initial = _neutral(builder, maps)
    target = builder.add(layer, Shape(len(maps), inner_y.target, inner_x.target), initial=initial)
    builder.project(
        layer,
        maps,
        target,
        axis.pooled(inner_y.convolution()),
        axis.pooled(inner_x.convolution()),
        ones(len(maps)),
        Update.MAXIMUM,
    )
    if halve:
        shape = builder.neurons.shapes[target]
        kept = (axis.convolution(n, t.target, 1, 2, 0, 1) for n, t in ((shape.height, y), (shape.width, x)))
        thin = builder.add(layer, Shape(len(maps), y.target, x.target))
        builder.project(layer, builder.ids(target), thin, next(kept), next(kept), ones(len(maps)))
        target = thin
    builder.define(layer.outputs[0], builder.ids(target))


def _neutral(builder: Builder, maps: Ids) -> float:
    """The first value of a maximum: 0 where no source can be below, else minus infinity with sources that
    fire.
    """
    if not any(builder.can_be_negative(p) for p in builder.neurons.populations(maps)):
        return 0.0
    builder.fire_on_zero(maps)
    return -math.inf


def _windows(builder: Builder, layer: Layer, maps: Ids) -> tuple[Window, Window]:
    kernel = layer.integers("kernel_shape")
    pair = (kernel[0], kernel[1]) if len(kernel) == 2 else (1, kernel[0])
    return spatial_windows(layer, maps.shape[1:], pair, builder.graph.shape(layer.outputs[0]))


@lowers("GlobalAveragePool")
def global_average_pool(builder: Builder, layer: Layer) -> None:
    """Any map size: one kernel of ones."""
    maps = builder.maps(layer, 0)
    d, h, w = maps.shape
    target = builder.add(layer, Shape(d, 1, 1), scale=1.0 / (h * w))
    builder.project(layer, maps, target, _all(h), _all(w), ones(d))
    builder.define(layer.outputs[0], builder.ids(target))


@lowers("GlobalMaxPool")
def global_max_pool(builder: Builder, layer: Layer) -> None:
    """Any map size."""
    maps = builder.maps(layer, 0)
    _, h, w = maps.shape
    _extreme(builder, layer, maps, Window(h, 1, h, 1, 0, 0, 1), Window(w, 1, w, 1, 0, 0, 1))


def _all(size: int) -> AxisMap:
    return axis.pooled(axis.gathered(size))


@lowers("Resize", "Upsample")
def resize(builder: Builder, layer: Layer) -> None:
    """Nearest and linear in Y and X: interpolation is a depthwise layer with fixed weights."""
    maps = builder.maps(layer, 0)
    d, h, w = maps.shape
    result = builder.graph.shape(layer.outputs[0])
    if len(result) != 4 or result[1] != d:
        raise Unsupported(layer.origin, "it resizes channels", hint="resize only H and W")
    rules: list[Callable[[int], dict[int, float]]] = interpolation.rules(layer, builder, (h, w), result[2:])
    target = builder.add(layer, Shape(d, result[2], result[3]))
    builder.project(
        layer,
        maps,
        target,
        axis.interpolated(h, result[2], rules[0]),
        axis.interpolated(w, result[3], rules[1]),
        ones(d),
    )
    builder.define(layer.outputs[0], builder.ids(target))
