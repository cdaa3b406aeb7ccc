"""Normalisation: a scale and a shift for each channel, or a channel by the squares of those around it."""

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Shape, Update
from .. import axis
from ..arrangement import Arrangement
from ..builder import Builder
from ..views import Ids
from ..weights import Weights, trained
from .linear import biased
from .pointwise import join, multiplied
from .table import lowers


@lowers("BatchNormalization")
def batch_normalization(builder: Builder, layer: Layer) -> None:
    """Folded into the layer before it, or a layer of its own: one weight and one bias a channel."""
    if layer.integer("training_mode", 0) or any(layer.outputs[1:]):  # with statistics, it is training
        raise Unsupported(layer.origin, "it is in training mode", hint="export it for inference")
    scale = builder.constant(layer, 1)
    ids = builder.operand(layer, 0)
    rest = tuple(a for a in range(2, ids.ndim))
    stack = Arrangement(ids.shape, ((1,), (0, *rest[:-1]), rest[-1:]))
    d, h, w = stack.sizes
    maps = np.moveaxis(ids, 1, 0).reshape(d, h, w)
    if not builder.is_planar(maps):
        _element_by_element(builder, layer, ids)
        return
    population = builder.add(layer, Shape(d, h, w))
    kernel = trained(scale, layer.input(1), lambda index: index.reshape(d, 1, 1, 1), np.arange(d))
    builder.project(layer, maps, population, axis.identity(h), axis.identity(w), kernel)
    biased(builder, layer, population)
    builder.define(layer.outputs[0], stack.tensor(builder.ids(population)))


def _element_by_element(builder: Builder, layer: Layer, ids: Ids) -> None:
    """A scale and a shift of what lies with its channels along rows or columns: rows times a matrix do."""
    scale, shift = builder.constant(layer, 1), builder.constant(layer, 2)
    stack = builder.arrangement(layer, [ids])
    along = (1, -1, *(1,) * (ids.ndim - 2))
    maps, factor = stack.maps(ids), 1.0
    if (scale == scale.flat[0]).all():
        factor = float(scale.flat[0])
    else:
        target = multiplied(builder, layer, stack, maps, builder.value(layer, 1, stack, along))
        maps = builder.ids(target)
    if shift.any() or factor != 1.0:
        added = [builder.value(layer, 2, stack, along)] if shift.any() else []
        target = builder.add(layer, Shape(*stack.sizes))
        join(builder, layer, maps, target, Update.ADD, factor)
        for each in added:
            join(builder, layer, each, target, Update.ADD)
        maps = builder.ids(target)
    builder.define(layer.outputs[0], stack.tensor(maps))


@lowers("LRN")
def local_response_normalization(builder: Builder, layer: Layer) -> None:
    """Any number of channels around each: squares, their sums, and a product with a power of these."""
    ids = builder.maps(layer, 0)
    sizes = ids.shape[0], ids.shape[1], ids.shape[2]
    around = layer.integer("size", 1)
    squares = builder.copied(layer, ids, sizes, activation=Activation.POWER, parameters=(2.0,))
    factors = builder.add(
        layer,
        Shape(*sizes),
        initial=layer.number("bias", 1.0),
        activation=Activation.POWER,
        parameters=(-layer.number("beta", 0.75),),
    )
    weights = _band(sizes[0], around, layer.number("alpha", 1e-4) / around)
    y, x = axis.identity(sizes[1]), axis.identity(sizes[2])
    builder.project(layer, builder.ids(squares), factors, y, x, weights)
    target = builder.add(layer, Shape(*sizes))
    join(builder, layer, ids, target, Update.ADD)
    join(builder, layer, builder.heard(layer, builder.ids(factors)), target, Update.MULTIPLY)
    shape = builder.operand(layer, 0).shape
    builder.define(layer.outputs[0], builder.ids(target).reshape(shape))


def _band(channels: int, around: int, weight: float) -> Weights:
    """Each channel reaches those that it is around, (around - 1) // 2 of them behind it."""
    depth = min(around, channels)
    nearest = np.arange(channels) - around // 2  # the first that it reaches, were there channels on all sides
    first = np.clip(nearest, 0, channels - depth)
    reached = first[:, None] + np.arange(depth) - nearest[:, None]
    values = np.where((reached >= 0) & (reached < around), np.float32(weight), np.float32(0))
    return Weights(values.reshape(channels, depth, 1, 1), first)
