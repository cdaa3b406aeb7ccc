"""The axons of a decoded image as edges between populations, each with its source channels' kernels."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...ir.neurons import Neuron, Update
from ..machine.decode import Program
from ..machine.loops.columns import (
    HEIGHT,
    KERNEL_FIRST,
    KERNEL_KD,
    KERNEL_SL,
    KERNEL_WEIGHTS,
    KH,
    KW,
    ROW,
    UPDATE,
    US,
    WIDTH,
    X_OFF,
    Y_OFF,
    tap_order,
)
from ..words.codes import UPDATES
from ..words.words import Order

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
N = TypeVar("N", bound=np.generic)

ADD = UPDATES.numbers[Update.ADD]


class Unliftable(Exception):
    """What an image has that cannot be lifted: the literal machine runs it."""


class Geometry(NamedTuple):
    """Which positions an axon joins: target (Y, X) hears source (y, x) where
    (Y << sl) == (y << us) + y_off + dy with 0 <= dy < kh, and likewise for X. `update`: its number.

    `repeat` tells axons apart that are alike and join the same two populations.
    """

    us: int
    sl: int
    kw: int
    kh: int
    y: int
    x: int
    update: int
    repeat: int = 0

    def moved(self, y: int, x: int) -> "Geometry":
        """With other offsets."""
        return self._replace(y=y, x=x)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """An axon. `live`: the source's channels that have a kernel; of these `firsts`, `depths` (KD) and where
    the weights of each begin. `number` orders the axons of a source to one target. `mark`: the same for edges
    whose kernels are the same. `bounds`: the axon's H and W, in neurons.
    """

    source: int
    target: int
    number: int
    hops: int
    geometry: Geometry
    bounds: tuple[int, int]
    live: Integers
    firsts: Integers
    depths: Integers
    weights: Integers
    mark: bytes


@lru_cache(maxsize=65536)
def reaches(offset: int, us: int, sl: int, taps: int, sources: int, targets: int) -> bool:
    """Whether, along an axis, some source position reaches a target position."""
    reached = (np.arange(sources) << us)[:, None] + offset + np.arange(taps)[None, :]
    inside = (reached >= 0) & (reached < targets << sl) & (reached & ((1 << sl) - 1) == 0)
    return bool(inside.any())


def edges(program: Program) -> list[Edge]:
    """All axons of an image. Raises Unliftable for what only the literal machine knows."""
    for block in program.blocks:
        if block.word.neuron not in (Neuron.STANDARD, Neuron.WIDE, Neuron.INPUT):
            raise Unliftable(f"{block.word.neuron.name} neurons")
        if block.changes_above is not None:
            raise Unliftable("an input that sends changes")
    if program.prologue:
        raise Unliftable("steps before the first frame")
    order = fired(program)
    known = {UPDATES.numbers[update] for update in Update}
    marks: dict[tuple[int, int], bytes] = {}
    found: list[Edge] = []
    for source, bundles in enumerate(program.bundles):
        depth = program.blocks[source].word.depth
        for bundle in bundles:
            target = program.blocks[bundle.target].word
            repeats: dict[Geometry, int] = {}
            for number, (axon, hops) in enumerate(
                zip(bundle.axons.tolist(), bundle.hops.tolist(), strict=True)
            ):
                row = axon[ROW]
                kernels = program.kernels[program.rows[row : row + depth]]
                live = np.flatnonzero(kernels[:, KERNEL_WEIGHTS] >= 0)
                kernels = kernels[live]
                strides = np.unique(kernels[:, KERNEL_SL]).tolist() or [0]
                if len(strides) > 1:
                    raise Unliftable("kernels of two strides in one axon")
                if order[source] >= order[bundle.target]:
                    raise Unliftable("events for the next frame")
                if axon[UPDATE] not in known:
                    raise Unliftable(f"update {axon[UPDATE]}")
                sl = strides[0]
                if live.size and (axon[HEIGHT] < target.height << sl or axon[WIDTH] < target.width << sl):
                    raise Unliftable("an axon whose width or height ends within its target")
                geometry = Geometry(axon[US], sl, axon[KW], axon[KH], axon[Y_OFF], axon[X_OFF], axon[UPDATE])
                geometry = geometry._replace(repeat=repeats.setdefault(geometry, 0))
                if live.size:
                    repeats[geometry._replace(repeat=0)] += 1
                if (row, depth) not in marks:
                    marks[row, depth] = _mark(kernels, live, program.weights, axon[KW] * axon[KH])
                found.append(
                    Edge(
                        source,
                        bundle.target,
                        number,
                        hops,
                        geometry,
                        (axon[HEIGHT], axon[WIDTH]),
                        live,
                        kernels[:, KERNEL_FIRST],
                        kernels[:, KERNEL_KD],
                        kernels[:, KERNEL_WEIGHTS],
                        marks[row, depth],
                    )
                )
    return found


def fired(program: Program) -> dict[int, int]:
    """In which step of a frame each population fires."""
    return {act.block: step for step, act in enumerate(program.body) if act.order == Order.FIRE}


def weights_of(edge: Edge, program: Program, chosen: Integers) -> Floats:
    """The weights of some of an edge's live channels, which have the same KD: [channels, KH, KW, KD], taps
    as the chip counts them.
    """
    return by_tap(edge, program.weights, chosen)


def by_tap(edge: Edge, numbers: NDArray[N], chosen: Integers) -> NDArray[N]:
    """The same of any numbers that stand as the weights do."""
    geometry, kd = edge.geometry, int(edge.depths[chosen[0]])
    begins, count = edge.weights[chosen], geometry.kh * geometry.kw * kd
    steps = np.diff(begins)
    if chosen.size == 1 or (steps == count).all():
        taken = numbers[begins[0] : begins[0] + count * chosen.size]
    else:
        taken = numbers[begins[:, None] + np.arange(count)]
    shaped = taken.reshape(chosen.size, geometry.kh, geometry.kw, kd)
    return shaped[:, :, np.argsort(tap_order(geometry.kw, 1, 1))] if geometry.sl else shaped


def synapses(edge: Edge, program: Program) -> Integers:
    """How many synapses an event of each live channel has through each tap, [channels, KH, KW]."""
    g = edge.geometry
    if g.update == ADD and not program.skipped.size:
        return np.broadcast_to(edge.depths[:, None, None], (edge.live.size, g.kh, g.kw))
    counted = np.zeros((edge.live.size, g.kh, g.kw), dtype=np.int64)
    present = np.diff(program.skipped) == 0 if g.update == ADD else program.weights != 0
    for depth in np.unique(edge.depths):
        alike = np.flatnonzero(edge.depths == depth)
        counted[alike] = by_tap(edge, present, alike).sum(axis=3)
    return counted


def _mark(kernels: Integers, live: Integers, weights: Floats, taps: int) -> bytes:
    digest = blake2b(live.tobytes(), digest_size=16)
    digest.update(np.ascontiguousarray(kernels[:, [KERNEL_KD, KERNEL_FIRST]]).tobytes())
    begins, counts = kernels[:, KERNEL_WEIGHTS], kernels[:, KERNEL_KD] * taps
    cuts = [0, *(np.flatnonzero(begins[1:] != begins[:-1] + counts[:-1]) + 1).tolist(), live.size]
    for first, last in pairwise(cuts):
        if last > first:
            digest.update(weights[begins[first] : begins[last - 1] + counts[last - 1]].data)
    return digest.digest()
