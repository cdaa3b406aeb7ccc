"""The synapses of one neuron, from a decoded image: who sends to it, and whom it sends to.

Algorithms 5 and 4 of the paper, for a single event or backwards for a single neuron.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..words.codes import UPDATES
from .decode import Bundle, Program
from .loops.columns import (
    HEIGHT,
    KERNEL_FIRST,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
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

Integers = NDArray[np.int64]
Tap = tuple[int, int]  # where along an axis a neuron lies, and the kernel's position that reaches it


@dataclass(frozen=True, slots=True)
class Neuron:
    """A neuron: the index of its block in the program, channel, row and column."""

    block: int
    c: int
    y: int
    x: int


@dataclass(frozen=True, slots=True)
class Synapse:
    """A synapse. `axon`: which of the source's axons makes it, counted among those to the target's block."""

    source: Neuron
    target: Neuron
    weight: float
    update: str
    axon: int


def sources(program: Program, target: Neuron) -> Iterator[Synapse]:
    """The synapses that end in a neuron, block by block in firing order. Those of weight 0 are none."""
    for index, bundles in enumerate(program.bundles):
        for bundle in bundles:
            if bundle.target == target.block:
                yield from _into(program, index, bundle, target)


def targets(program: Program, source: Neuron) -> Iterator[Synapse]:
    """The synapses that begin at a neuron. Those of weight 0 are none."""
    for bundle in program.bundles[source.block]:
        yield from _from(program, bundle, source)


def _into(program: Program, index: int, bundle: Bundle, target: Neuron) -> Iterator[Synapse]:
    word = program.blocks[index].word
    for number, axon in enumerate(bundle.axons):
        kernels = program.kernels[program.rows[axon[ROW] : axon[ROW] + word.depth]]
        first = kernels[:, KERNEL_FIRST]
        heard = (kernels[:, KERNEL_WEIGHTS] >= 0) & (first <= target.c)
        for c in np.flatnonzero(heard & (target.c < first + kernels[:, KERNEL_KD])).tolist():
            kernel = kernels[c]
            rows = list(_origins(axon, kernel, target.y, word.height, Y_OFF, HEIGHT, KH, KERNEL_KH))
            columns = list(_origins(axon, kernel, target.x, word.width, X_OFF, WIDTH, KW, KERNEL_KW))
            for y, dy in rows:
                for x, dx in columns:
                    weight = _weight(program, kernel, dx, dy, target.c - int(kernel[KERNEL_FIRST]))
                    if weight:
                        yield Synapse(Neuron(index, c, y, x), target, weight, _update(axon), number)


def _from(program: Program, bundle: Bundle, source: Neuron) -> Iterator[Synapse]:
    word = program.blocks[bundle.target].word
    for number, axon in enumerate(bundle.axons):
        kernel = program.kernels[program.rows[axon[ROW] + source.c]]
        if kernel[KERNEL_WEIGHTS] < 0:
            continue
        rows = list(reached(axon, kernel, source.y, word.height, Y_OFF, HEIGHT, KH, KERNEL_KH))
        columns = list(reached(axon, kernel, source.x, word.width, X_OFF, WIDTH, KW, KERNEL_KW))
        for y, dy in rows:
            for x, dx in columns:
                for k in range(int(kernel[KERNEL_KD])):
                    weight = _weight(program, kernel, dx, dy, k)
                    if weight:
                        target = Neuron(bundle.target, int(kernel[KERNEL_FIRST]) + k, y, x)
                        yield Synapse(source, target, weight, _update(axon), number)


def _origins(
    axon: Integers, kernel: Integers, at: int, size: int, offset: int, end: int, side: int, extent: int
) -> Iterator[Tap]:
    """Along one axis, the source neurons whose events reach a target neuron."""
    us = int(axon[US])
    for tap in reversed(range(int(kernel[extent]))):
        least = (at << int(kernel[KERNEL_SL])) - tap
        place = least - int(axon[offset])
        source = place >> us
        if place == source << us and 0 <= source < size and -axon[side] < least < axon[end]:
            yield source, tap


def reached(
    axon: Integers, kernel: Integers, at: int, size: int, offset: int, end: int, side: int, extent: int
) -> Iterator[Tap]:
    """Along one axis, the target neurons that an event reaches."""
    sl = int(kernel[KERNEL_SL])
    least = (at << int(axon[US])) + int(axon[offset])
    if not -axon[side] < least < axon[end]:
        return
    for tap in range(int(kernel[extent])):
        place = least + tap
        if place >= 0 and place == place >> sl << sl and place >> sl < size:
            yield place >> sl, tap


def _weight(program: Program, kernel: Integers, dx: int, dy: int, k: int) -> float:
    kw, kh = int(kernel[KERNEL_KW]), int(kernel[KERNEL_KH])
    order = tap_order(kw, kh, int(kernel[KERNEL_SL])).tolist()
    at = order.index(dx * kh + dy) * int(kernel[KERNEL_KD]) + k
    return float(program.weights[int(kernel[KERNEL_WEIGHTS]) + at])


def _update(axon: Integers) -> str:
    update = UPDATES.thing(int(axon[UPDATE]))
    assert update is not None, "decoding knows the codes"
    return update.name
