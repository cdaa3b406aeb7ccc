"""Layers that pick neurons by constant indices, lengths or triangles: views, like those of shapes.py."""

import numpy as np

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
