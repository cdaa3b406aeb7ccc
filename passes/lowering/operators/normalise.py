"""Local response normalisation: a channel by the squares of those around it."""

import numpy as np

from ....ir.layers import Layer
from ....ir.network import Activation, Shape, Update
from .. import axis
from ..builder import Builder
from ..weights import Weights
from .pointwise import join
from .table import lowers


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
