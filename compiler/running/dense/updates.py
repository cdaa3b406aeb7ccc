"""Updates that are no sums: the largest, the least and the product of what neurons hear."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ....backends.lifted.edges import Geometry
from ....backends.words.codes import UPDATES
from ....ir.neurons import Update
from .terms import Floats, NotDenseError, Term, reached
from .windows import Operand, Operands, Single

CHANNELS_MOST = 64  # that a neuron hears in an update that is no sum
TAPS_MOST = 2**22  # of all pixels of a map together


@dataclass(frozen=True, slots=True)
class Kind:
    """An update: how two numbers become one, how many do, and what changes none."""

    two: str
    many: str
    neutral: float


KINDS = {
    UPDATES.numbers[Update.MAXIMUM]: Kind("Max", "ReduceMax", -np.inf),
    UPDATES.numbers[Update.MINIMUM]: Kind("Min", "ReduceMin", np.inf),
    UPDATES.numbers[Update.MULTIPLY]: Kind("Mul", "ReduceProd", 1.0),
}


def updated(o: Operands, state: str | None, first: Floats, update: int, terms: Sequence[Term]) -> str:
    """States after a stage. `state`: before it, or None where nothing came but the first value of each."""
    kind, g = KINDS[update], o.graph
    groups: dict[Operand, list[Single]] = defaultdict(list)
    for single in o.assembled([single for term in terms for single in _singles(term)]):
        groups[single.operand].append(single)
    # Zeros that are no events change nothing where the states are on their other side.
    harmless = (
        state is None and kind.neutral != 1 and bool((first <= 0 if kind.neutral > 0 else first >= 0).all())
    )
    known = [_heard(o, group, kind, harmless, state is not None) for group in groups.values()]
    if state is None:
        least = min(group[0].least for group in groups.values())
        covered = len(groups) == 1 and all(whole for _, whole in known)
        is_idle = (first == kind.neutral).all() or (kind.neutral < 0 and covered and (first <= least).all())
        # A first state that changes nothing is left out.
        state = None if is_idle else g.constant(first[:, None, None])
    for name, _ in known:
        state = name if state is None else g.node(kind.two, [state, name])
    assert state is not None
    return state


def _heard(
    o: Operands, group: Sequence[Single], kind: Kind, harmless: bool, may_be_small: bool
) -> tuple[str, bool]:
    """What an operand makes of nothing yet, in the target's size, or in one that is broadcast to it; and
    whether each neuron is known to hear some of it.
    """
    g, one = o.graph, group[0]
    operand, geometry = one.operand, one.geometry
    all_fire = one.all_fire or harmless
    if all(single.heard.all() and (single.weights == 1).all() for single in group):
        in_place = len(group) == 1 and o.is_in_place(operand, geometry)
        pooled = len(group) == 1 and kind.neutral != 1 and not geometry.us
        is_one = operand.size.height == operand.size.width == 1
        once = may_be_small and is_one and all(len(each) == 1 for each in _hits(o, operand, group))
        if in_place or pooled or once:
            if not all_fire:
                silent = g.node("Equal", [operand.name, g.constant(0)])
                name = g.node("Where", [silent, g.constant(kind.neutral), operand.name])
                operand = Operand(name, operand.size)
            name, reaches_all = (
                (operand.name, True) if in_place or once else _pooled(o, operand, geometry, kind)
            )
            return name, reaches_all and all_fire
    return _gathered(o, operand, group, kind, all_fire), False


def _singles(term: Term) -> Iterator[Term]:
    """A term as terms in which each channel hears one at most."""
    if term.is_single:
        yield term
        return
    heard = (term.weights != 0).any(axis=(2, 3))
    if (most := int(heard.sum(axis=1).max())) > CHANNELS_MOST:
        raise NotDenseError("an update of which a neuron hears many channels")
    rows = np.arange(len(heard))
    for number in range(most):
        place = (heard & (np.cumsum(heard, axis=1) == number + 1)).argmax(axis=1)
        known = heard.sum(axis=1) > number
        channels = np.where(known, term.channels[place], -1)
        weights = term.weights[rows, place] * known[:, None, None]
        yield Term(term.source, term.window, term.geometry, channels, weights)


def _pooled(o: Operands, operand: Operand, geometry: Geometry, kind: Kind) -> tuple[str, bool]:
    """What a pool makes of an operand, and whether each of its windows has a number of it."""
    g = o.graph
    operand, pads = o.under(operand, geometry)
    name = operand.name
    least = kind.neutral > 0
    if least:
        name = g.node("Neg", [name])
    apart = max(pads[0], pads[2]) >= geometry.kh or max(pads[1], pads[3]) >= geometry.kw
    if apart:
        around = g.constant([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64)
        name, pads = g.node("Pad", [name, around, g.constant(-np.inf)]), (0, 0, 0, 0)
    name = g.node(
        "MaxPool",
        [name],
        kernel_shape=[geometry.kh, geometry.kw],
        strides=[2**geometry.sl] * 2,
        pads=list(pads),
    )
    return g.node("Neg", [name]) if least else name, not apart


def _hits(o: Operands, operand: Operand, group: Sequence[Single]) -> list[list[tuple[int, Floats]]]:
    """What each pixel of the target meets: a pixel of the source, and the tap's weights by channel."""
    hits: list[list[tuple[int, Floats]]] = [[] for _ in range(o.size.height * o.size.width)]
    count = 0
    for single in group:
        g = single.geometry
        rows, columns = (
            [
                (position, tap, at)
                for position in range(size)
                for tap, at in reached(position, offset, g.us, g.sl, taps, targets)
            ]
            for size, offset, taps, targets in (
                (operand.size.height, g.y, g.kh, o.size.height),
                (operand.size.width, g.x, g.kw, o.size.width),
            )
        )
        count += len(rows) * len(columns)
        if count > TAPS_MOST:
            raise NotDenseError("an update of too many pixels")
        for y, dy, row in rows:
            for x, dx, column in columns:
                weights = single.weights[:, dy, dx]
                if weights.any():
                    hits[row * o.size.width + column].append((y * operand.size.width + x, weights))
    return hits


def _gathered(o: Operands, operand: Operand, group: Sequence[Single], kind: Kind, all_fire: bool) -> str:
    """Pixel by pixel: what each target's taps meet, times their weights, then all of them together."""
    g, size = o.graph, operand.size
    hits = _hits(o, operand, group)
    most = max(1, max(map(len, hits)))
    nowhere = size.height * size.width
    index = np.full((len(hits), most), nowhere, dtype=np.int64)
    by = np.ones((size.depth, len(hits), most), dtype=np.float32)
    for pixel, found in enumerate(hits):
        for number, (place, weights) in enumerate(found):
            index[pixel, number] = place
            by[:, pixel, number] = weights
    # No tap, or one that some channels have not: what is there then changes nothing.
    idle = (index == nowhere) | (by == 0)
    idle = idle[:1] if (idle == idle[:1]).all() else idle
    name = g.node("Reshape", [operand.name, g.constant([0, 0, nowhere], np.int64)])
    name = g.node("Pad", [name, g.constant([0, 0, 0, 0, 0, 1], np.int64), g.constant(0)])
    name = met = g.node("Gather", [name, g.constant(index, np.int64)], axis=2)
    neutral = g.constant(kind.neutral)
    if (by != 1).any():
        name = g.node("Mul", [name, g.constant(by)])
    nothing = [g.constant(idle, np.bool_)] if idle.any() else []
    if not all_fire:
        nothing.append(g.node("Equal", [met, g.constant(0)]))
    if nothing:
        mask = nothing[0] if len(nothing) == 1 else g.node("Or", nothing)
        name = g.node("Where", [mask, neutral, name])
    name = g.node(kind.many, [name, g.constant([3], np.int64)], keepdims=0)
    return g.node("Reshape", [name, g.constant([0, 0, o.size.height, o.size.width], np.int64)])
