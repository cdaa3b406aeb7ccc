"""Nodes of truths, drawn at random: comparisons away from their jumps, what is made of them, and choices."""

import functools

import numpy as np
import onnx

from .drawing import Draw, Drawing, Rejected
from .function_nodes import NEAR
from .point_nodes import operands, partner

ORDERS = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
OF_TWO = ("And", "Or", "Xor")


def compared(name: str, d: Drawing) -> str:
    """A comparison of which no last place decides."""
    first, second = operands(d, 2, 0.5)
    for frame in range(d.frames):
        one, other = (d.constants[n] if n in d.constants else d.values[n][frame] for n in (first, second))
        apart = np.abs(one - other)
        if ((apart < NEAR) & ((apart > 0) | (first != second))).any() and not _are_whole(one, other):
            raise Rejected("near a jump")
    return d.add(name, [first, second])


def _are_whole(*arrays: np.ndarray) -> bool:
    return all(bool((array == np.round(array)).all()) for array in arrays)


def seen(d: Drawing, truth: str) -> None:
    """What reads a truth: a cast, or a choice between two tensors."""
    if d.chance(0.5):
        d.add("Cast", [truth], to=onnx.TensorProto.FLOAT)
        return
    first, second = operands(d, 2, 0.3)
    d.add("Where", [truth, first, second])


def truth(d: Drawing) -> str:
    """A truth of any shape."""
    x = d.tensor()
    bound = d.constant(d.weights(*partner(d, d.shape(x))))
    held = d.constants[bound]
    if any((np.abs(value - held) < NEAR).any() for value in d.values[x]):
        raise Rejected("near a jump")
    return d.add(d.pick("Less", "Greater"), [x, bound])


def comparison(name: str, d: Drawing) -> None:
    seen(d, compared(name, d))


def combination(name: str, d: Drawing) -> None:
    first = truth(d)
    shape = d.shape(first)
    second = d.constant(d.random.random(partner(d, shape)) < 0.5) if d.chance(0.3) else truth(d)
    seen(d, d.add(name, [first, second]))


def negation(d: Drawing) -> None:
    seen(d, d.add("Not", [truth(d)]))


def of_kind(name: str, d: Drawing) -> None:
    seen(d, d.add(name, [d.tensor()]))


TRUTH_NODES: dict[str, Draw] = {
    **{name: functools.partial(comparison, name) for name in (*ORDERS, "Equal")},
    **{name: functools.partial(combination, name) for name in OF_TWO},
    "Not": negation,
    **{name: functools.partial(of_kind, name) for name in ("IsInf", "IsNaN")},
}
