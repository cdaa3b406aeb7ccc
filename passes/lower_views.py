"""Layers that only name neurons: they cost nothing on the chip, for they are resolved into channel and row
numbers.
"""

import numpy as np

from ..ir.errors import Unsupported
from ..ir.layers import Layer
from .builder import Builder
from .handlers import lowers
from .views import Ids


@lowers("Identity", "Dropout")
def identity(builder: Builder, layer: Layer) -> None:
    """Nothing happens at inference."""
    builder.define(layer.outputs[0], builder.operand(layer, 0))


@lowers("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(builder: Builder, layer: Layer) -> None:
    """Any constant shape."""
    builder.define(layer.outputs[0], builder.operand(layer, 0).reshape(builder.graph.shape(layer.outputs[0])))


@lowers("Transpose")
def transpose(builder: Builder, layer: Layer) -> None:
    """Any permutation that the layers behind it undo or that ends at an output."""
    ids = builder.operand(layer, 0)
    builder.define(layer.outputs[0], ids.transpose(layer.integers("perm", tuple(reversed(range(ids.ndim))))))


@lowers("Concat")
def concat(builder: Builder, layer: Layer) -> None:
    """Channels side by side: source channel offsets, no copy."""
    parts = [builder.operand(layer, index) for index in range(len(layer.inputs))]
    builder.define(layer.outputs[0], np.concatenate(parts, axis=layer.integer("axis", 1)))


@lowers("Split")
def split(builder: Builder, layer: Layer) -> None:
    """Parts along one axis: each reads its channels, no copy."""
    ids = builder.operand(layer, 0)
    start, axis = 0, layer.integer("axis", 0)
    for output in layer.outputs:
        size = builder.graph.shape(output)[axis]
        builder.define(output, np.take(ids, np.arange(start, start + size), axis=axis))
        start += size


@lowers("Slice")
def cut(builder: Builder, layer: Layer) -> None:
    """Any constant range along channels; along rows and columns where the layer behind it allows it."""
    ids = builder.operand(layer, 0)
    starts, ends, axes, steps = _slice_bounds(builder, layer)
    index = [slice(None)] * ids.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop: int | None = end
        if step < 0 and end < -ids.shape[axis]:
            stop = None
        index[axis] = slice(start, stop, step)
    builder.define(layer.outputs[0], ids[tuple(index)])


def _slice_bounds(builder: Builder, layer: Layer) -> tuple[list[int], list[int], list[int], list[int]]:
    """Starts, ends, axes and steps: attributes before opset 10, constant inputs since."""
    if layer.integers("starts"):
        starts, ends = list(layer.integers("starts")), list(layer.integers("ends"))
        return starts, ends, list(layer.integers("axes", tuple(range(len(starts))))), [1] * len(starts)

    def listed(position: int, default: list[int]) -> list[int]:
        name = layer.input(position)
        return [int(v) for v in builder.constant(layer, position)] if name else default

    starts = listed(1, [])
    return starts, listed(2, []), listed(3, list(range(len(starts)))), listed(4, [1] * len(starts))


@lowers("Gather")
def gather(builder: Builder, layer: Layer) -> None:
    """Constant indices along one axis."""
    ids = builder.operand(layer, 0)
    indices = builder.constant(layer, 1).astype(np.int64)
    builder.define(layer.outputs[0], np.take(ids, indices, axis=layer.integer("axis", 0)))


@lowers("Pad")
def pad(builder: Builder, layer: Layer) -> None:
    """Constant zeros: merged into the layer behind it."""
    ids = builder.operand(layer, 0)
    if layer.text("mode", "constant") != "constant":
        raise Unsupported(layer.origin, f"mode {layer.text('mode', '')} is not mapped", hint="pad with zeros")
    value = layer.number("value", 0.0)
    if layer.input(2):
        value = float(builder.constant(layer, 2).ravel()[0])
    if value != 0.0:
        raise Unsupported(layer.origin, f"it pads with {value}", hint="pad with zeros")
    amounts = layer.integers("pads") or tuple(int(v) for v in builder.constant(layer, 1))
    axes = [int(v) for v in builder.constant(layer, 3)] if layer.input(3) else list(range(ids.ndim))
    builder.define(layer.outputs[0], _padded(ids, amounts, axes))


def _padded(ids: Ids, amounts: tuple[int, ...], axes: list[int]) -> Ids:
    for position, axis in enumerate(axes):
        begin, end = amounts[position], amounts[len(axes) + position]
        index = [slice(None)] * ids.ndim
        index[axis] = slice(max(-begin, 0), ids.shape[axis] - max(-end, 0))
        widths = [(0, 0)] * ids.ndim
        widths[axis] = (max(begin, 0), max(end, 0))
        ids = np.pad(ids[tuple(index)], widths, constant_values=-1)
    return ids
