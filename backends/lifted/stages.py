"""Plans as stages, which threads do together (loops/run.py): a stage makes the values of a map, or the states
that Python goes on with, or sends what the host or Python has made.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .layout import COLUMN_COUNT, HIGH, LOW, MIXED, MOST, SINGLE, TILE, WORD, channels_at_once, words_of
from .loops.pixels import AT_ONCE
from .plans import Floats, Integers, Plan

HALF_MOST = 65000.0  # a little less than what is rounded to no number
HALF_STEP = 2.0**-11  # by how much rounding to float16 makes a number larger, at most
UNLIMITED = np.float32(1), -np.float32(np.inf), np.float32(np.inf)

# In synapses: what a neuron takes to begin and to be sent, what is worth a unit of its own or another thread,
# and after how many Python looks for signals.
NEURON, UNIT, THREAD, BREATH = 8, 1 << 15, 1 << 20, 1 << 30
FEW = 64  # pixels, of which channels are cut


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Of a map: `begun` where its values have been computed, `sent` where its states become values that are
    sent. `half`: whether the chip rounds its states, or None.
    """

    plan: Plan
    begun: bool
    sent: bool
    half: bool | None

    @property
    def work(self) -> int:
        """Of a frame, in synapses."""
        return NEURON * self.plan.neurons + (0 if self.begun else self.plan.synapses)

    def units(self, frames: int, threads: int) -> Integers:
        """For so many threads, each the first and the last pixel of all frames, and channel, each last one no
        more of it.
        """
        pixels, words = frames * self.plan.map.height * self.plan.map.width, words_of(self.plan.map.depth)
        count, across = frames * self.work // UNIT, 1
        if threads == 1 or count < 2:
            count = 1
        elif pixels < FEW and words >= threads:
            count, across = 1, threads
        else:
            count = min(count, -(-pixels // AT_ONCE))
            count = min(pixels, -(-count // threads) * threads)
        low = pixels * np.arange(count + 1) // count
        begin = np.minimum(words * np.arange(across + 1) // across * WORD, self.plan.map.depth)
        ends = (np.repeat(low[:-1], across), np.repeat(low[1:], across))
        return np.stack([*ends, np.tile(begin[:-1], count), np.tile(begin[1:], count)], axis=1)


class Space(NamedTuple):
    """What a thread writes to and forgets, for so many pixels at once: their states, and lists of events."""

    pixels: int
    states: NDArray[np.floating]
    at: NDArray[np.int32]
    sent: Floats
    along: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """Stages, and what the compiled loops read of them. `initial`: what states begin with, by `half`."""

    all: tuple[Stage, ...]
    columns: Integers
    limits: Floats
    bounds: NDArray[np.float64]
    feeds: Integers
    most: NDArray[np.float64]
    lists: Integers
    initial: dict[bool | None, NDArray[np.floating]]

    def runs(self, frames: int, threads: int, maps: Container[int] = ()) -> tuple[tuple[int, int, int], ...]:
        """Stages from one on up to one that is no more of it, which threads do before Python goes on, behind
        each of these maps, too; and how many threads these are.
        """
        found, first, work = [], 0, 0
        for number, (stage, after) in enumerate(zip(self.all, (*self.all[1:], None), strict=True), 1):
            work += frames * stage.work
            goes_on = after is not None and stage.sent and after.half == stage.half and work < BREATH
            if not goes_on or stage.plan.map.index in maps:
                found.append((first, number, min(threads, 1 + work // THREAD)))
                first, work = number, 0
        return tuple(found)

    def units(self, frames: int, threads: int) -> tuple[Integers, Integers]:
        """Where those of each stage begin, and all of them."""
        found = [stage.units(frames, threads) for stage in self.all]
        return np.cumsum([0, *map(len, found)]), np.concatenate(found)

    def space(self, frames: int) -> dict[bool | None, Space]:
        """For a thread, by `half`."""
        maps = [stage.plan.map for stage in self.all]
        pixels = max(min(AT_ONCE, frames * each.height * each.width) for each in maps)
        depth = max(each.depth for each in maps)
        events = [(1 + channels_at_once(some, taps) * taps, mixed) for some, taps, mixed in self._heard()]
        slots = max((some for some, _ in events), default=1)
        slots_mixed = max((some for some, mixed in events if mixed), default=0)
        events_at_once = (pixels + TILE) * slots
        at, sent = np.empty(events_at_once, np.int32), np.empty(events_at_once, np.float32)
        along = np.empty(pixels * slots_mixed, np.int64)
        return {
            half: Space(pixels, np.empty(pixels * depth, _dtype(half)), at, sent, along)
            for half in {stage.half for stage in self.all}
        }

    def _heard(self) -> list[tuple[int, int, bool]]:
        """Of feeds that are listed: channels, taps, and whether some update is not ADD."""
        own = self.feeds[self.feeds[:, SINGLE] == 0]
        columns = own[:, HIGH] - own[:, LOW], own[:, MOST], own[:, MIXED] != 0
        return list(zip(*(column.tolist() for column in columns), strict=True))


def stages(plans: Sequence[Plan], chip: bool | None) -> Stages:
    """Of all maps. `chip`: of the chip's arithmetic, or None."""
    found: list[Stage] = []
    columns, limits, bounds = [], [], []
    calls = [call for plan in plans for call in plan.calls]
    initial: dict[bool | None, list[NDArray[np.floating]]] = {chip: [], None: []}
    sizes, heard = dict.fromkeys(initial, 0), 0
    for plan in plans:
        map_, begins = plan.map, sizes[plan.half]
        initial[plan.half].append(plan.initial)
        sizes[plan.half] += plan.initial.size
        own: list[Stage] = []
        if not plan.block.is_input:
            own.append(Stage(plan, begun=False, sent=plan.limits is not None, half=plan.half))
        if not own or not own[0].sent:
            own.append(Stage(plan, begun=True, sent=True, half=chip))
        for stage in own:
            end = heard if stage.begun else heard + len(plan.calls)
            columns.append(
                (
                    plan.place, plan.word, map_.height * map_.width, map_.depth, plan.block.fires_on_zero,
                    map_.height, map_.width, stage.sent, stage.begun, heard, end,
                    not stage.begun and plan.whole, begins, map_.index,
                )
            )  # fmt: skip
            limits.append(UNLIMITED if stage.begun else plan.limits or UNLIMITED)
            events = 0 if stage.begun else sum(call.events for call in plan.calls)
            limit = -np.inf if stage.half is None else HALF_MOST * math.exp(-HALF_STEP * events)
            bounds.append((0 if stage.begun else plan.most, limit))
        heard += len(plan.calls)
        found += own
    return Stages(
        tuple(found),
        np.array(columns, dtype=np.int64),
        np.array(limits, dtype=np.float32),
        np.array(bounds, dtype=np.float64),
        np.array([call.columns for call in calls], dtype=np.int64).reshape(-1, COLUMN_COUNT),
        np.array([call.most for call in calls], dtype=np.float64),
        np.concatenate([np.zeros(0, dtype=np.int64), *(call.lists for call in calls)]),
        {half: np.concatenate([np.zeros(0), *held]).astype(_dtype(half)) for half, held in initial.items()},
    )


def _dtype(half: bool | None) -> type[np.floating]:
    """Of states."""
    return np.float64 if half is None else np.float32
