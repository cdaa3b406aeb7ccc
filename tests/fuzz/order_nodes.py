"""Nodes that ask which elements are the largest, and products of many, drawn at random."""

import math

import numpy as np

from .drawing import Draw, Drawing, Rejected
from .function_nodes import positive

GAP = 1e-3  # between elements that are compared: a rounding decides nothing


def _apart(d: Drawing, x: str, axis: int) -> None:
    """Raises Rejected where elements along an axis are nearly equal, or equal."""
    for value in d.values[x]:
        if (np.diff(np.sort(np.asarray(value, np.float64), axis=axis), axis=axis) < GAP).any():
            raise Rejected("too near to each other")


def hardmax(d: Drawing) -> None:
    if d.opset < 13:
        raise Rejected("along all axes from one on")
    x = d.tensor(lambda shape: len(shape) > 0)
    rank = len(d.shape(x))
    axis = d.between(-rank, rank - 1)
    _apart(d, x, axis)
    d.add("Hardmax", [x], axis=axis)


def top_k(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0 and math.prod(shape) < 400)
    shape = d.shape(x)
    axis = d.between(0, len(shape) - 1)
    if shape[axis] > 12:
        raise Rejected("too many pairs")
    _apart(d, x, axis)
    count = d.between(1, shape[axis])
    if d.opset < 10:
        d.add_many("TopK", [x], 2, k=count, axis=axis)
    else:
        options = {"largest": d.pick(0, 1)} if d.has("TopK", "largest") else {}
        d.add_many("TopK", [x, d.constant([count])], 2, axis=axis, **options)


def reduce_prod(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    if shape[axis] > 8 or max(float(np.abs(value).max()) for value in d.values[x]) > 4:
        raise Rejected("too large a product")
    kept = d.pick(0, 1)
    if d.opset >= 18:
        d.add("ReduceProd", [x, d.constant([axis])], keepdims=kept)
    else:
        d.add("ReduceProd", [x], axes=[axis], keepdims=kept)


def det(d: Drawing) -> None:
    size = d.between(1, 3)
    x = d.tensor(lambda shape: math.prod(shape) % (size * size) == 0 and math.prod(shape) < 200)
    matrices = d.add("Reshape", [x, d.constant([1, -1, size, size])])
    d.add("Det", [matrices])


def mod(d: Drawing) -> None:
    """By a constant, or by a tensor that is above zero; away from where the result jumps."""
    x = d.tensor()
    if d.chance(0.5):
        size = d.shape(x)[-1] if d.shape(x) and d.chance(0.5) else 1
        divisor = np.asarray(d.random.uniform(0.5, 2, size) * d.pick(1, -1), np.float32)
        y, held = d.constant(divisor), [divisor] * d.frames
    else:
        y = positive(d)
        held = d.values[y]
    for one, other in zip(d.values[x], held, strict=True):
        with np.errstate(all="ignore"):
            try:
                turns = np.asarray(one, np.float64) / other
            except ValueError:
                raise Rejected("other shapes") from None
        if np.abs(turns).max() > 100 or (np.abs(turns - np.round(turns)) < GAP).any():
            raise Rejected("near a jump")
    d.add("Mod", [x, y], fmod=1)


ORDER_NODES: dict[str, Draw] = {
    "Hardmax": hardmax,
    "TopK": top_k,
    "ReduceProd": reduce_prod,
    "Det": det,
    "Mod": mod,
}
