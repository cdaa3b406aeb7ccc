"""Nodes that pick elements by constant indices, lengths or triangles, drawn at random."""

import math

import numpy as np

from .drawing import Attribute, Draw, Drawing


def gather_nd(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    batched = d.between(0, min(1, len(shape) - 1)) if d.has("GatherND", "batch_dims") else 0
    count = d.between(1, len(shape) - batched)
    places = (d.pick(1, 2, 3), *([d.between(1, 3)] if d.chance(0.4) else []))
    form = (*shape[:batched], *places)
    parts = [
        d.random.integers(-size if d.chance(0.3) else 0, size, form)
        for size in shape[batched : batched + count]
    ]
    options: dict[str, Attribute] = {"batch_dims": batched} if batched else {}
    d.add("GatherND", [x, d.constant(np.stack(parts, axis=-1))], **options)


def gather_elements(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    axis = d.between(0, len(shape) - 1)
    form = [d.between(1, size + 1) if i == axis else d.pick(1, size, size) for i, size in enumerate(shape)]
    indices = d.random.integers(-shape[axis], shape[axis], form)
    d.add("GatherElements", [x, d.constant(indices)], axis=d.pick(axis, axis - len(shape)))


def reverse_sequence(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    time = d.pick(0, 1)
    shape = d.shape(x)
    lengths = d.random.integers(1, shape[time] + 1, shape[1 - time])
    d.add("ReverseSequence", [x, d.constant(lengths)], time_axis=time, batch_axis=1 - time)


def triangle(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    options: dict[str, Attribute] = {"upper": d.pick(0, 1)} if d.chance(0.8) else {}
    inputs = [x] if d.chance(0.4) else [x, d.constant(np.asarray(d.between(-2, 2)))]
    d.add("Trilu", inputs, **options)


def center_crop_pad(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1 and math.prod(shape) < 400)
    rank = len(d.shape(x))
    axes = [d.between(0, rank - 1)] if d.chance(0.5) else list(range(2, rank)) or [1]
    sizes = [max(1, d.shape(x)[axis] + d.between(-3, 3)) for axis in axes]
    signed = [axis - rank if d.chance(0.2) else axis for axis in axes]
    d.add("CenterCropPad", [x, d.constant(sizes)], axes=signed)


PICKING_NODES: dict[str, Draw] = {
    "GatherND": gather_nd,
    "GatherElements": gather_elements,
    "ReverseSequence": reverse_sequence,
    "Trilu": triangle,
    "CenterCropPad": center_crop_pad,
}
