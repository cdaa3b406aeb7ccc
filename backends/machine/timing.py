"""How long an image's steps take on the chip, from what fires: the cycles of `cycles.py`, added up.

A step begins when the chip is at rest. RESET walks states. While FIRE walks neurons, the PEG makes events of
those before, and the ESUs of the target cores work at events that have come: the slowest of them sets the
pace. What a core's ESU does for the events of a neuron is known before anything runs, by its place.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.compiled import compiled, kept
from ...ir.storage.skipping import Layout
from ..words.bits import WORD_BITS, words_for
from ..words.words import Order
from .cycles import TIMING, Timing
from .decode import Block, Program
from .kernels import distinct
from .loops.columns import (
    HEIGHT,
    KERNEL_BITS,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
    KERNEL_LAYOUT,
    KERNEL_SL,
    KERNEL_WEIGHTS,
    KH,
    KW,
    NUMBER,
    PORT,
    ROW,
    TARGET_D,
    TARGET_H,
    TARGET_W,
    US,
    WIDTH,
    X_OFF,
    Y_OFF,
)

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]


SHARES = 64  # in how many parts a share is counted
BITMAP_SHARES = 8  # the same of a bitmap: of few parts, many kernels have the same
PARTS = 16  # of a cycle: means over the places of channels in words are no whole cycles

# Columns of a population: what the walk over its neurons takes if none fires, how much more each takes that
# does, and each of its events; what FIRE takes besides; what resets take; and how often it fires in a frame.
SILENT, FIRED, SENT, DRAINED, RESETS, FIRES = range(6)


@compiled
def cycles_of(own: Integers, firing: int, events: int, busiest: int) -> Any:
    """The steps of a population in a frame. `busiest`: what events take in one core, at most, in parts."""
    walked = own[SILENT] + max(firing * own[FIRED] + events * own[SENT], 0)
    return own[RESETS] + own[FIRES] * (own[DRAINED] + max(walked, busiest // PARTS))


@kept()
def all_cycles(rows: Integers, firing: Integers, events: Integers, busiest: Integers, into: Integers) -> None:
    """The same of every population."""
    for i in range(into.size):
        into[i] = cycles_of(rows[i], firing[i], events[i], busiest[i])


class Work(NamedTuple):
    """What the events of a neuron that fires take in a core, in parts of a cycle: the number of its pixel in
    `plane` [H, W] times that of its channel.
    """

    core: int
    plane: Integers
    by_channel: Integers


class Clock:
    """The cycles of an image's steps, population by population."""

    def __init__(self, program: Program, timing: Timing = TIMING) -> None:
        self._timing = timing
        self._rows: dict[tuple[int, int], list[tuple[tuple[int, ...], Integers]]] = {}
        self._planes: dict[tuple[int, ...], Integers] = {}
        self.works = [self._work(program, index) for index in range(len(program.blocks))]
        fixed = np.array([_fixed(block, timing) for block in program.blocks], dtype=np.int64)
        reset = np.array([_reset(block, timing) for block in program.blocks], dtype=np.int64)
        neurons = np.array([block.neurons for block in program.blocks], dtype=np.int64)
        axons = np.array([block.word.axons for block in program.blocks], dtype=np.int64)
        each = np.array([_each(block, timing) for block in program.blocks], dtype=np.int64)
        fired = np.where(axons > 0, timing.taken + timing.axon * axons - each, 0)
        hops = np.array([max((int(b.hops.max()) for b in bundles), default=0) for bundles in program.bundles])
        drained = fixed + timing.drain + timing.hop * hops
        steps: dict[Order, Integers] = {o: np.zeros(len(program.blocks), dtype=np.int64) for o in Order}
        for act in program.body:
            steps[act.order][act.block] += not act.every  # what is done in one frame of many hardly counts
        resets, fires = steps[Order.RESET] * reset, steps[Order.FIRE]
        sent = np.full_like(fixed, timing.sent)
        self.columns = np.stack([neurons * each, fired, sent, drained, resets, fires], axis=1)

    def _work(self, program: Program, index: int) -> tuple[Work, ...]:
        """What events of a population take, by core; channels whose events take the same share a plane."""
        word = program.blocks[index].word
        found: dict[tuple[int, bytes], Integers] = {}
        heard: dict[int, list[list[int]]] = defaultdict(list)  # axons by their core, in the order of events
        for bundle in program.bundles[index]:
            heard[program.blocks[bundle.target].core] += bundle.axons[:, (NUMBER, PORT, ROW)].tolist()
        before: dict[int, list[int]] = {}
        for axons in heard.values():
            axons.sort()
            before |= {axon[0]: axons[place - 1] for place, axon in enumerate(axons)}
        for bundle in program.bundles[index]:
            target, t = program.blocks[bundle.target], self._timing
            other = t.port + t.extension * min(target.word.extensions, 1)
            for axon in bundle.axons.tolist():
                row = axon[ROW], word.depth
                _, port, kernels_at = before[axon[NUMBER]]
                switching = other if port != axon[PORT] else t.kernel if kernels_at != axon[ROW] else 0
                if row not in self._rows:
                    kernels = program.kernels[program.rows[row[0] : row[0] + word.depth]]
                    self._rows[row] = _alike(kernels, program.skipped)
                for shape, channels in self._rows[row]:
                    sizes = word.height, word.width, WORD_BITS // target.word.neuron.states[0].bits
                    place = *sizes, *axon[:ROW], *axon[TARGET_D:PORT], *shape, switching
                    if place not in self._planes:
                        self._planes[place] = _plane(*sizes, axon, shape, switching, t)
                    key = target.core, self._planes[place].tobytes()
                    found[key] = found[key] + channels if key in found else channels
        size = word.height, word.width
        return tuple(
            Work(core, np.frombuffer(plane, dtype=np.int64).reshape(size), channels)
            for (core, plane), channels in found.items()
        )

    def busiest(self, index: int, values: Floats, fires_on_zero: bool) -> int:
        """What the ESU takes that works longest at the events of a population, values [D, H, W], in parts."""
        firing = np.ones_like(values) if fires_on_zero else values != 0
        by_pixel = firing.reshape(len(firing), -1).astype(np.float64)
        taken: dict[int, float] = defaultdict(float)
        for work in self.works[index]:
            taken[work.core] += float(work.by_channel @ (by_pixel @ work.plane.ravel()))
        return round(max(taken.values(), default=0))

    def cycles(self, firing: Integers, events: Integers, busiest: Integers) -> Integers:
        """Each population's steps in a frame. `busiest`: what events take in one core, at most, in parts."""
        found = np.empty_like(firing)
        all_cycles(self.columns, firing, events, busiest, found)
        return found


def _step(block: Block, timing: Timing) -> int:
    return timing.step + timing.extension * block.word.extensions


def _each(block: Block, timing: Timing) -> int:
    """Of a FIRE step, a neuron that sends nothing."""
    if block.is_input:
        return timing.fed
    return timing.value + timing.change * block.word.neuron.sends_changes


def _fixed(block: Block, timing: Timing) -> int:
    """Of a FIRE step, what does not hang on its neurons."""
    if block.is_input:
        return _step(block, timing)
    apart = sum(not np.isscalar(each) and np.asarray(each).size > 1 for each in block.parameters)
    return _step(block, timing) + block.word.depth * (timing.channel + apart)


def _reset(block: Block, timing: Timing) -> int:
    word = block.word
    codec = word.bias.codec
    words = 0
    if codec is not None:
        each = words_for(word.depth, codec.bits)
        words = each * word.height * word.width if each > 1 else 1
    return _step(block, timing) + timing.first * block.neurons + timing.bias * words


def _alike(kernels: Integers, skipped: Integers) -> list[tuple[tuple[int, ...], Integers]]:
    """The shapes of kernels that events of a channel go through, and the channels that have it as ones. The
    last two numbers are the layout, and where zeros are skipped the share of weights that are stored, in
    parts.
    """
    live = kernels[:, KERNEL_WEIGHTS] >= 0
    columns = KERNEL_KD, KERNEL_KW, KERNEL_KH, KERNEL_SL, KERNEL_BITS, KERNEL_LAYOUT, KERNEL_LAYOUT
    shapes = kernels[:, columns] * live[:, None]
    if shapes[:, -1].any():
        first, counts = kernels[:, KERNEL_WEIGHTS], np.prod(shapes[:, :3], axis=1)
        lost = np.where(live, skipped[first + counts] - skipped[first], 0) if skipped.size else 0
        step = np.where(shapes[:, -1] == Layout.LIST, 1, SHARES // BITMAP_SHARES)
        stored = -(-SHARES * (counts - lost) // np.maximum(counts * step, 1)) * step
        shapes[:, -1] = np.where(shapes[:, -1] > 0, stored, 0)
    first, which = distinct(*shapes.T)
    return [
        (tuple(shapes[place].tolist()), (which == number).astype(np.int64))
        for number, place in enumerate(first.tolist())
    ]


def _plane(
    height: int,
    width: int,
    states: int,
    axon: Sequence[int],
    shape: Sequence[int],
    switching: int,
    timing: Timing,
) -> Integers:
    """Cycles of the target's ESU for an event of each pixel, along an axon and through a kernel. `states`: of
    the target in a word.
    """
    kd, kw, kh, sl, bits, layout, stored = shape
    in_y, down = along(height, axon[Y_OFF], axon[US], sl, axon[KH], axon[HEIGHT], axon[TARGET_H])
    in_x, across = along(width, axon[X_OFF], axon[US], sl, axon[KW], axon[WIDTH], axon[TARGET_W])
    passed = np.outer(in_y, in_x)
    taken = np.full(passed.shape, PARTS * timing.decoded)
    if kd:
        positions = np.outer(down.sum(axis=1), across.sum(axis=1))
        share = stored / SHARES if stored else None
        event, position = timing.synapses(kd, axon[TARGET_D], bits, kw * kh, share, states)
        if layout == Layout.LIST:
            position += timing.parted * kd * stored / SHARES
        if share is not None:  # bitmap or list is walked to where the last position is
            event = event + timing.walk(kd, kw * kh, share, layout) * positions / (positions + 1)
        taken = np.where(positions > 0, np.rint(PARTS * event) + positions * round(PARTS * position), taken)
    return np.asarray(passed * (taken + PARTS * switching), dtype=np.int64)


def along(
    size: int, offset: int, us: int, sl: int, taps: int, bound: int, targets: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Along an axis: which positions an axon lets through, and which taps of them meet a target."""
    begins = (np.arange(size) << us) + offset
    passed = (begins < bound) & (begins + taps > 0)
    met = begins[:, None] + np.arange(taps)[None, :]
    inside = (met >= 0) & (met < targets << sl) & (met & ((1 << sl) - 1) == 0)
    return passed, inside & passed[:, None]
