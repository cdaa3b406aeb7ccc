"""Nodes that put elements where constant indices say, or keep what a condition names, drawn at random."""

import math

import numpy as np

from .drawing import Array, Attribute, Draw, Drawing, Rejected

REDUCTIONS = {"add": 16, "mul": 16, "max": 18, "min": 18}  # the opset from which on there is one
UPDATES_MAX = 60


def _updates(d: Drawing, shape: tuple[int, ...]) -> str:
    """Constant updates, or a tensor that is reshaped to them where one has as many elements."""
    count = math.prod(shape)
    if d.chance(0.4):
        return d.constant(d.weights(*shape))
    x = d.tensor(lambda other: math.prod(other) >= count)
    flat = d.add("Reshape", [x, d.constant([-1])])
    kept = d.add("Gather", [flat, d.constant(d.random.permutation(math.prod(d.shape(x)))[:count])], axis=0)
    return d.add("Reshape", [kept, d.constant(list(shape))])


def _reduction(d: Drawing) -> dict[str, Attribute]:
    known = [name for name, since in REDUCTIONS.items() if d.opset >= since]
    return {"reduction": d.pick(*known)} if known and d.chance(0.6) else {}


def scatter_elements(name: str, d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    axis = d.between(0, len(shape) - 1)
    form = [d.between(1, min(size, 4)) for size in shape]
    if math.prod(form) > UPDATES_MAX:
        raise Rejected("too many updates")
    options = _reduction(d) if name == "ScatterElements" else {}
    if options:
        indices = d.random.integers(-shape[axis], shape[axis], form)
    else:  # no two of them meet: ONNX does not say which is the last
        order = d.random.random([*form[:axis], shape[axis], *form[axis + 1 :]]).argsort(axis=axis)
        indices = np.take(order, range(form[axis]), axis=axis)
    d.add(name, [x, d.constant(indices), _updates(d, tuple(form))], axis=axis, **options)


def scatter_nd(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    depth = d.between(1, len(shape))
    options = _reduction(d)
    places = math.prod(shape[:depth])
    count = d.between(1, min(places, 4))
    flat = d.random.integers(0, places, count) if options else d.random.permutation(places)[:count]
    if count * math.prod(shape[depth:]) > UPDATES_MAX:
        raise Rejected("too many updates")
    indices: Array = np.stack(np.unravel_index(flat, shape[:depth]), axis=-1)
    d.add("ScatterND", [x, d.constant(indices), _updates(d, (count, *shape[depth:]))], **options)


def tensor_scatter(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    most = UPDATES_MAX * shape[axis] // math.prod(shape)
    if most == 0:
        raise Rejected("too many updates")
    length = d.between(1, min(most, shape[axis]))
    form = tuple(length if each == axis else size for each, size in enumerate(shape))
    is_circular = d.chance(0.5)
    most = shape[axis] - 1 if is_circular else shape[axis] - length
    begins = d.constant(d.random.integers(0, most + 1, shape[0]))
    mode = "circular" if is_circular else "linear"
    d.add("TensorScatter", [x, _updates(d, form), begins], axis=d.pick(axis, axis - len(shape)), mode=mode)


def max_unpool(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and math.prod(shape) <= UPDATES_MAX)
    n, c, h, w = d.shape(x)
    pads = d.pick([0, 0, 0, 0], [0, 0, 1, 0])
    size = n * c * (2 * h - pads[0] - pads[2]) * (2 * w - pads[1] - pads[3])
    if size < math.prod(d.shape(x)):
        raise Rejected("nothing left")
    indices = d.random.permutation(size)[: math.prod(d.shape(x))].reshape(n, c, h, w)
    d.add("MaxUnpool", [x, d.constant(indices)], kernel_shape=[2, 2], strides=[2, 2], pads=pads)


def compress(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    axis = d.between(-len(shape), len(shape) - 1)
    is_flat = d.chance(0.3)
    count = math.prod(shape) if is_flat else shape[axis]
    kept = d.random.random(d.between(1, count)) < 0.6
    kept[0] = True
    d.add("Compress", [x, d.constant(kept)], **({} if is_flat else {"axis": axis}))


def _old(d: Drawing) -> None:
    scatter_elements("Scatter", d)


SCATTER_NODES: dict[str, Draw] = {
    "Scatter": _old,
    "ScatterElements": lambda d: scatter_elements("ScatterElements", d),
    "ScatterND": scatter_nd,
    "TensorScatter": tensor_scatter,
    "MaxUnpool": max_unpool,
    "Compress": compress,
}
