"""Layers that pick neurons by constant indices, lengths or triangles: views, like those of shapes.py."""

import math

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ..builder import Builder
from ..views import Ids
from .table import lowers


@lowers("GatherND")
def gather_nd(builder: Builder, layer: Layer) -> None:
    """Constant indices: a view."""
    ids = builder.operand(layer, 0)
    indices = builder.constant(layer, 1).astype(np.int64)
    batched = layer.integer("batch_dims", 0)
    rows = ids.reshape(-1, *ids.shape[batched:])
    index = indices.reshape(len(rows), *indices.shape[batched:])
    row = np.arange(len(rows)).reshape(-1, *(1,) * (index.ndim - 2))
    builder.define(layer.outputs[0], rows[(row, *np.moveaxis(index, -1, 0))])


@lowers("GatherElements")
def gather_elements(builder: Builder, layer: Layer) -> None:
    """Constant indices along one axis, for each element: a view."""
    ids = builder.operand(layer, 0)
    indices = builder.constant(layer, 1).astype(np.int64)
    index: list[Ids] = list(np.indices(indices.shape, sparse=True))
    index[layer.integer("axis", 0)] = indices
    builder.define(layer.outputs[0], ids[tuple(index)])


@lowers("ReverseSequence")
def reverse_sequence(builder: Builder, layer: Layer) -> None:
    """Constant lengths: a view."""
    ids = builder.operand(layer, 0)
    axes = layer.integer("time_axis", 0), layer.integer("batch_axis", 1)
    rows = np.moveaxis(ids, axes, (0, 1))
    time, lengths = np.arange(len(rows))[:, None], builder.constant(layer, 1).astype(np.int64)
    index = np.where(time < lengths, lengths - 1 - time, time)
    builder.define(layer.outputs[0], np.moveaxis(rows[index, np.arange(rows.shape[1])], (0, 1), axes))


@lowers("Trilu")
def triangle(builder: Builder, layer: Layer) -> None:
    """The upper or lower triangle, from a constant diagonal: a view with zeros."""
    ids = builder.operand(layer, 0)
    diagonal = int(builder.constant(layer, 1).ravel()[0]) if layer.input(1) else 0
    part = np.triu if layer.integer("upper", 1) else np.tril
    builder.define(layer.outputs[0], np.where(part(np.ones(ids.shape[-2:], np.bool_), diagonal), ids, -1))


@lowers("CenterCropPad")
def center_crop_pad(builder: Builder, layer: Layer) -> None:
    """Any constant sizes: a view, with zeros around it."""
    ids = builder.operand(layer, 0)
    sizes = [int(size) for size in builder.constant(layer, 1)]
    for axis, size in zip(layer.integers("axes", tuple(range(len(sizes)))), sizes, strict=True):
        less, more = max(ids.shape[axis] - size, 0), max(size - ids.shape[axis], 0)
        kept = np.arange(less // 2, less // 2 + min(size, ids.shape[axis]))
        widths = [(0, 0)] * ids.ndim
        widths[axis] = (more // 2, more - more // 2)
        ids = np.pad(np.take(ids, kept, axis=axis), widths, constant_values=-1)
    builder.define(layer.outputs[0], ids)


def scattered(layer: Layer, shape: tuple[int, ...], indices: Ids) -> Ids:
    """Where each update of a Scatter, ScatterElements or ScatterND goes: flat positions in its result."""
    positions = np.arange(math.prod(shape)).reshape(shape)
    if layer.op == "ScatterND":
        return np.asarray(positions[tuple(np.moveaxis(indices, -1, 0))])
    index: list[Ids] = list(np.indices(indices.shape, sparse=True))
    index[layer.integer("axis", 0)] = indices
    return np.asarray(positions[tuple(index)])


@lowers("Scatter", "ScatterElements", "ScatterND")
def scatter(builder: Builder, layer: Layer) -> None:
    """Constant indices: a view; with a reduction, so many of it as updates meet in one element."""
    if layer.text("reduction", "none") != "none":
        raise Unsupported(layer.origin, "it reduces", hint="see docs/operators.md")
    places = scattered(
        layer, builder.graph.shape(layer.inputs[0]), builder.constant(layer, 1).astype(np.int64)
    )
    _written(builder, layer, places, 2)


@lowers("TensorScatter")
def tensor_scatter(builder: Builder, layer: Layer) -> None:
    """Constant positions, linear or circular: a view."""
    shape, update = (builder.graph.shape(name) for name in layer.inputs[:2])
    axis = layer.integer("axis", -2) % len(shape)
    begins = builder.constant(layer, 2).astype(np.int64) if layer.input(2) else np.zeros(shape[0], np.int64)
    index: list[Ids] = list(np.indices(update, sparse=True))
    index[axis] = (index[axis] + begins.reshape(-1, *(1,) * (len(shape) - 1))) % shape[axis]
    _written(builder, layer, np.arange(math.prod(shape)).reshape(shape)[tuple(index)], 1)


def _written(builder: Builder, layer: Layer, places: Ids, updates: int) -> None:
    """The first operand, in which another one stands at flat positions."""
    found = builder.tensor_of(layer, 0).ravel().copy()
    found[places.ravel()] = builder.tensor_of(layer, updates).ravel()
    builder.define(layer.outputs[0], found)


@lowers("MaxUnpool")
def max_unpool(builder: Builder, layer: Layer) -> None:
    """Constant indices, and the size that its windows make: a view, with zeros where nothing was largest."""
    sizes, made = builder.graph.shape(layer.inputs[0])[2:], builder.graph.shape(layer.outputs[0])[2:]
    rank = len(sizes)
    windows = zip(
        sizes,
        layer.integers("strides", (1,) * rank),
        layer.integers("kernel_shape"),
        np.reshape(layer.integers("pads", (0,) * 2 * rank), (2, rank)).sum(axis=0).tolist(),
        strict=True,
    )
    if made != tuple((size - 1) * stride - pads + kernel for size, stride, kernel, pads in windows):
        rule = f"its result of {list(made)} is not of the size that its windows make"
        hint = "leave output_shape out: ONNX and ONNX Runtime read indices into such a result differently"
        raise Unsupported(layer.origin, rule, hint=hint)
    found = np.full(math.prod(builder.graph.shape(layer.outputs[0])), -1, np.int64)
    found[builder.constant(layer, 1).astype(np.int64).ravel()] = builder.operand(layer, 0).ravel()
    builder.define(layer.outputs[0], found)


@lowers("Compress")
def compress(builder: Builder, layer: Layer) -> None:
    """A constant condition: a view."""
    ids, condition = builder.operand(layer, 0), builder.constant(layer, 1)
    axis = layer.integer("axis", 0)
    if "axis" not in layer.attributes:
        ids, axis = ids.ravel(), 0
    kept = np.flatnonzero(condition[: ids.shape[axis]])  # ONNX Runtime does not read what is beyond
    builder.define(layer.outputs[0], np.take(ids, kept, axis=axis))
