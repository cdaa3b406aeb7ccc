"""Layers that only name neurons: they cost nothing on the chip, for they are resolved into channel and row
numbers.
"""

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ..builder import Builder
from ..views import Ids
from .table import lowers

MASKED = 12  # the first opset where the mask of a Dropout that drops nothing is true, and not zero


@lowers("Identity", "Dropout")
def identity(builder: Builder, layer: Layer) -> None:
    """Nothing happens at inference."""
    if layer.op == "Dropout" and _drops(builder, layer):
        raise Unsupported(layer.origin, "it is in training mode", hint="export it for inference")
    builder.define(layer.outputs[0], builder.operand(layer, 0))
    if len(layer.outputs) > 1 and builder.uses_left[layer.outputs[1]]:
        shape = builder.graph.shape(layer.outputs[1])
        kept = float(builder.graph.opset >= MASKED)
        builder.define(layer.outputs[1], builder.filled(layer, kept, shape))


def _drops(builder: Builder, layer: Layer) -> bool:
    """Whether a Dropout is in training mode, and its ratio is not 0."""
    if not layer.input(2) or not builder.constant(layer, 2).any():
        return False
    return not layer.input(1) or bool(builder.constant(layer, 1).any())


@lowers("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(builder: Builder, layer: Layer) -> None:
    """Any constant shape."""
    builder.define(layer.outputs[0], builder.operand(layer, 0).reshape(builder.graph.shape(layer.outputs[0])))


@lowers("Transpose")
def transpose(builder: Builder, layer: Layer) -> None:
    """Any permutation: a view."""
    ids = builder.operand(layer, 0)
    builder.define(layer.outputs[0], ids.transpose(layer.integers("perm", tuple(reversed(range(ids.ndim))))))


@lowers("Expand")
def expand(builder: Builder, layer: Layer) -> None:
    """Any constant shape: the same neurons under several names."""
    shape = builder.graph.shape(layer.outputs[0])
    builder.define(layer.outputs[0], np.broadcast_to(builder.operand(layer, 0), shape))


@lowers("Tile")
def tile(builder: Builder, layer: Layer) -> None:
    """Any constant repeats: the same neurons under several names."""
    repeats = [int(n) for n in builder.constant(layer, 1)]
    builder.define(layer.outputs[0], np.tile(builder.operand(layer, 0), repeats))


@lowers("Concat")
def concat(builder: Builder, layer: Layer) -> None:
    """Along any axis, of feature maps and constants: source offsets, no copy."""
    parts = [builder.tensor_of(layer, index) for index in range(len(layer.inputs))]
    builder.define(layer.outputs[0], np.concatenate(parts, axis=layer.integer("axis", 1)))


@lowers("Split")
def split(builder: Builder, layer: Layer) -> None:
    """Parts along one axis: each reads its channels, no copy."""
    ids = builder.operand(layer, 0)
    axis = layer.integer("axis", 0)
    sizes = [builder.graph.shape(output)[axis] for output in layer.outputs]
    parts = np.split(ids, np.cumsum(sizes)[:-1], axis=axis)
    for output, part in zip(layer.outputs, parts, strict=True):
        builder.define(output, part)


@lowers("Slice")
def cut(builder: Builder, layer: Layer) -> None:
    """Any constant range and step along any axis: a view."""
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
    """Constant indices along one axis: a view."""
    ids = builder.operand(layer, 0)
    indices = builder.constant(layer, 1).astype(np.int64)
    builder.define(layer.outputs[0], np.take(ids, indices, axis=layer.integer("axis", 0)))


# numpy's names for what ONNX calls its modes.
PADDINGS = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@lowers("Pad")
def pad(builder: Builder, layer: Layer) -> None:
    """Every mode: zeros are merged into the layer behind it, other values are a neuron for each channel."""
    ids = builder.operand(layer, 0)
    mode = layer.text("mode", "constant")
    if mode not in PADDINGS:
        raise Unsupported(layer.origin, f"its mode {mode} is not ONNX's", hint="pad with zeros")
    value = layer.number("value", 0.0)
    if layer.input(2):
        value = float(builder.constant(layer, 2).ravel()[0])
    amounts = layer.integers("pads") or layer.integers("paddings")
    if not amounts:
        amounts = tuple(int(v) for v in builder.constant(layer, 1))
    axes = [int(v) for v in builder.constant(layer, 3)] if layer.input(3) else list(range(ids.ndim))
    found = _padded(ids, amounts, axes, PADDINGS[mode])
    if mode == "constant" and value:
        outside = _padded(np.zeros_like(ids), amounts, axes, mode) < 0
        found = np.where(outside, builder.filled(layer, value, found.shape), found)
    builder.define(layer.outputs[0], found)


def _padded(ids: Ids, amounts: tuple[int, ...], axes: list[int], mode: str) -> Ids:
    for position, axis in enumerate(axes):
        begin, end = amounts[position], amounts[len(axes) + position]
        index = [slice(None)] * ids.ndim
        index[axis] = slice(max(-begin, 0), ids.shape[axis] - max(-end, 0))
        widths = [(0, 0)] * ids.ndim
        widths[axis] = (max(begin, 0), max(end, 0))
        inner = ids[tuple(index)]
        if mode == "constant":
            ids = np.pad(inner, widths, constant_values=-1)
        else:
            ids = np.pad(inner, widths, mode=mode)  # type: ignore[call-overload]
    return ids
