"""Convolutions, dense layers and normalisation: the layers with trained weights."""

import numpy as np

from ..ir.errors import Unsupported
from ..ir.layers import Layer
from ..ir.network import PopulationId, Shape
from . import axis
from .builder import Builder, Weights, ones, trained
from .geometry import Window, spatial_windows
from .handlers import lowers
from .views import Ids


@lowers("Conv")
def conv(builder: Builder, layer: Layer) -> None:
    """Any stride, padding, dilation, group count and kernel size; 1-D and 2-D."""
    weights = builder.constant(layer, 1)
    maps = builder.maps(layer, 0)
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    if weights.ndim != 4:
        raise Unsupported(
            layer.origin, f"its kernel has {weights.ndim - 2} dimensions", hint="use Conv over H and W"
        )
    groups = layer.integer("group", 1)
    outputs, per_group = weights.shape[0] // groups, weights.shape[1]
    channels = groups * per_group

    def arrange(index: np.ndarray) -> np.ndarray:
        parts = index.reshape(groups, outputs, per_group, *weights.shape[2:])
        return parts.transpose(0, 2, 1, 3, 4).reshape(channels, outputs, *weights.shape[2:])

    first = np.repeat(np.arange(groups) * outputs, per_group)
    kernel = trained(weights, layer.input(1), arrange, first)
    y, x = spatial_windows(layer, maps.shape[1:], weights.shape[2:], builder.graph.shape(layer.outputs[0]))
    population = strided(builder, layer, maps, weights.shape[0], kernel, y, x)
    _finish(builder, layer, population)


@lowers("ConvTranspose")
def conv_transpose(builder: Builder, layer: Layer) -> None:
    """Any stride, padding, output padding, dilation and group count."""
    weights = builder.constant(layer, 1)
    maps = builder.maps(layer, 0)
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    groups = layer.integer("group", 1)
    channels, outputs = weights.shape[:2]
    first = np.repeat(np.arange(groups) * outputs, channels // groups)
    kernel = trained(weights, layer.input(1), lambda index: index, first)
    y, x = spatial_windows(
        layer, maps.shape[1:], weights.shape[2:], builder.graph.shape(layer.outputs[0]), transposed=True
    )
    population = builder.add(layer, Shape(outputs * groups, y.target, x.target))
    builder.project(layer, maps, population, y.transposed(), x.transposed(), kernel)
    _finish(builder, layer, population)


def strided(
    builder: Builder, layer: Layer, maps: Ids, depth: int, weights: Weights, y: Window, x: Window
) -> PopulationId:
    """A population behind convolution windows; strides of 4, 8, ... go through identity layers of stride 2
    (paper 4.3).
    """
    if y.needs_identity and x.needs_identity and y.target * x.target > 1:
        wide = strided(builder, layer, maps, depth, weights, y.halved(), x.halved())
        found = builder.add(layer, Shape(depth, y.target, x.target))
        shape = builder.neurons.shapes[wide]
        builder.project(
            layer,
            builder.ids(wide),
            found,
            axis.convolution(shape.height, y.target, 1, 2, 0, 1),
            axis.convolution(shape.width, x.target, 1, 2, 0, 1),
            ones(depth),
        )
        return found
    found = builder.add(layer, Shape(depth, y.target, x.target))
    builder.project(layer, maps, found, y.convolution(), x.convolution(), weights)
    return found


def _finish(builder: Builder, layer: Layer, population: PopulationId) -> None:
    if layer.input(2):
        bias = builder.constant(layer, 2).astype(np.float32).ravel()
        builder.change(population, bias=bias, bias_constants=(layer.input(2),))
    builder.define(layer.outputs[0], builder.ids(population))


@lowers("Gemm")
def gemm(builder: Builder, layer: Layer) -> None:
    """Dense layer of one row with constant weights, whatever its input was flattened from."""
    weights = builder.constant(layer, 1)
    if layer.integer("transA", 0) or layer.number("alpha", 1.0) != 1.0 or layer.number("beta", 1.0) != 1.0:
        raise Unsupported(
            layer.origin, "transA, alpha and beta must be 0, 1 and 1", hint="fold them into the weights"
        )
    _dense(
        builder, layer, weights.shape[0 if layer.integer("transB", 0) else 1], layer.integer("transB", 0) == 1
    )


@lowers("MatMul")
def matmul(builder: Builder, layer: Layer) -> None:
    """Dense layer of one row with constant weights on the right."""
    weights = builder.constant(layer, 1)
    if weights.ndim != 2:
        raise Unsupported(layer.origin, f"its weights have {weights.ndim} dimensions", hint="use a matrix")
    _dense(builder, layer, weights.shape[1], False)


def _dense(builder: Builder, layer: Layer, outputs: int, transposed: bool) -> None:
    """A dense layer is a convolution whose kernel is as large as the source's map (paper 4.4)."""
    weights = builder.constant(layer, 1)
    ids = builder.operand(layer, 0)
    features = weights.shape[1] if transposed else weights.shape[0]
    if ids.size != features:
        raise Unsupported(
            layer.origin, f"it multiplies {ids.size // features} rows", hint="the chip takes one row a frame"
        )
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
                rows = (index if transposed else index.T)[:, now]
                found = np.full((shape.neurons, outputs), -1, dtype=np.int32)
                found[neurons] = rows.T
                by_channel = found.reshape(shape.depth, shape.height * shape.width, outputs)
                return by_channel.transpose(0, 2, 1).reshape(shape.depth, outputs, shape.height, shape.width)

            first = np.where(
                np.isin(np.arange(shape.depth), neurons // (shape.height * shape.width)), 0, -1
            ).astype(np.int64)
            kernel = trained(weights, layer.input(1), arrange, first)
            builder.project(
                layer,
                builder.ids(population),
                target,
                axis.gathered(shape.height),
                axis.gathered(shape.width),
                kernel,
            )
    _finish(builder, layer, target)


@lowers("BatchNormalization")
def batch_normalization(builder: Builder, layer: Layer) -> None:
    """Folded into the layer before it, or a layer of its own: one weight and one bias a channel."""
    scale = builder.constant(layer, 1)
    maps = builder.maps(layer, 0)
    d, h, w = maps.shape
    population = builder.add(layer, Shape(d, h, w))
    kernel = trained(scale, layer.input(1), lambda index: index.reshape(d, 1, 1, 1), np.arange(d))
    builder.project(layer, maps, population, axis.identity(h), axis.identity(w), kernel)
    _finish(builder, layer, population)
