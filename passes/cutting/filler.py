"""Filling cores greedily with what is worth most for each word: the pricer of the column generation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.compiled import kept

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

EVEN = 8  # channels whose 8-bit weights fill whole words
WHOLE = 1e-6  # nearer to a whole number than this is whole
ANY = -1  # a core may start with any item


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A feature map, or a piece of one, and what a fragment of it takes in a core.

    A fragment of n channels takes words[n - 1] words for itself, and n * states words from step `first` to
    step `last` of the firing order, which items that live at other steps may use before and after. `demand`:
    all its channels; `len(words)`: the most that one fragment may have. `work`: synaptic operations of a
    channel. `apart`: the channels are pieces of which each is a fragment of its own, with `ports` each.
    """

    words: Floats
    states: float
    first: int
    last: int
    demand: int
    ports: int
    work: float = 0.0
    apart: bool = False


@dataclass(frozen=True, slots=True)
class CoreSpace:
    """What a core has: words, ports, and the synaptic operations it may be given."""

    words: float
    ports: int
    work: float = np.inf

    def holds(self, item: Item) -> bool:
        """Whether the smallest fragment of an item fits an empty core."""
        return (
            item.words[0] + item.states <= self.words and item.ports <= self.ports and item.work <= self.work
        )


class Filler:
    """The items as arrays, for the compiled pricer."""

    def __init__(self, items: Sequence[Item], space: CoreSpace, penalty: float = 0.0) -> None:
        self.space, self.penalty = space, penalty
        self.states, self.work = (
            np.array([getattr(item, name) for item in items], dtype=np.float64) for name in ("states", "work")
        )
        self.first, self.last, self.ports = (
            np.array([getattr(item, name) for item in items], dtype=np.int64)
            for name in ("first", "last", "ports")
        )
        sizes = [len(item.words) for item in items]
        self.most = np.array(sizes, dtype=np.int64)
        # Words of 0, 1, 2, ... channels of each item, end to end; item i's begin at begin[i].
        self.begin = np.concatenate([[0], np.cumsum(self.most + 1)])[:-1]
        self.words = np.concatenate([part for item in items for part in ([0.0], item.words)])
        self.apart = np.array([item.apart for item in items], dtype=np.bool_)
        self.steps = int(self.last.max(initial=0)) + 1

    def fill(
        self, values: Floats, demand: Counts, starts: Counts, reserve: Floats, given: Counts | None = None
    ) -> Counts:
        """One column for each row of `values` [rows, items]; it starts with item `starts[row]` (or ANY), and
        keeps `reserve[row]` words for states. `given` is in the columns already.
        """
        counts = np.zeros(values.shape, dtype=np.int64) if given is None else given.copy()
        _fill(
            counts,
            np.ascontiguousarray(values),
            np.minimum(demand, self.most),
            starts,
            reserve,
            self.begin,
            self.words,
            self.states,
            self.work,
            self.first,
            self.last,
            self.ports,
            self.apart,
            self.steps,
            float(self.space.words),
            self.space.ports,
            self.space.work,
            self.penalty,
        )
        return counts


@kept()
def _fill(
    counts: Counts,
    values: Floats,
    limit: Counts,
    starts: Counts,
    reserve: Floats,
    begin: Counts,
    words: Floats,
    states: Floats,
    work: Floats,
    first: Counts,
    last: Counts,
    ports: Counts,
    apart: NDArray[np.bool_],
    steps: int,
    core_words: float,
    core_ports: int,
    core_work: float,
    penalty: float,
) -> None:
    """Each row of `counts` is filled until nothing more fits, or is worth anything."""
    rows, items = counts.shape
    is_work_bound = np.isfinite(core_work)
    live = np.empty(steps)
    open_items = np.empty(items, dtype=np.int64)  # those that may still be taken
    hold = np.empty(items, dtype=np.int64)  # at most so many of their channels
    busy = np.empty(items)  # the most states that live at any step of an item's live range
    for row in range(rows):
        live[:] = 0.0
        used, spent, taken = 0.0, 0.0, 0
        for item in range(items):
            units = counts[row, item]
            if units:
                used += words[begin[item] + units]
                spent += units * work[item]
                taken += ports[item] * (units if apart[item] else 1)
                live[first[item] : last[item] + 1] += units * states[item]
        peak = reserve[row]
        for step in range(steps):
            peak = max(peak, live[step])
        left = 0
        for item in range(items):
            if counts[row, item] or not limit[item] or (starts[row] != ANY and item != starts[row]):
                continue
            open_items[left] = item
            left += 1
            hold[item] = limit[item]
            busy[item] = live[first[item] : last[item] + 1].max()
        started = starts[row] == ANY
        while True:
            best, best_kind, best_item, best_units = 0.0, 4, -1, 0
            still = 0
            for place in range(left):
                item = open_items[place]
                if taken + ports[item] > core_ports:
                    continue
                most = hold[item]
                at, each = begin[item], states[item]
                left_words = core_words - used
                if (
                    words[at + most] > left_words - peak
                    or words[at + most] + most * each > left_words - busy[item]
                ):
                    low, high = 0, most  # low channels fit, high do not
                    while high - low > 1:
                        middle = (low + high) // 2
                        if (
                            words[at + middle] <= left_words - peak
                            and words[at + middle] + middle * each <= left_words - busy[item]
                        ):
                            low = middle
                        else:
                            high = middle
                    most = low
                if is_work_bound and work[item] > 0.0:
                    most = min(most, int(max(core_work - spent, 0.0) / work[item] + WHOLE))
                if apart[item] and ports[item]:
                    most = min(most, (core_ports - taken) // ports[item])
                if not most:
                    continue  # nor will any fit later: cores only get fuller
                hold[item] = most
                open_items[still] = item
                still += 1
                # Channels that need no states beyond those that are kept for others.
                free = most
                if most * each > peak - busy[item]:
                    free = min(most, int((peak - busy[item]) / each + WHOLE))
                for kind in range(4):
                    units = most if kind < 2 else free
                    if kind % 2:
                        units = units // EVEN * EVEN
                    if not units:
                        continue
                    grown = max(busy[item] + units * each - peak, 0.0)
                    cost = words[at + units] + penalty * (units if apart[item] else 1) + grown
                    worth = units * values[row, item] / max(cost, 1.0)
                    if worth > best or (worth == best and best_item >= 0 and kind < best_kind):
                        best, best_kind, best_item, best_units = worth, kind, item, units
            left = still
            if best_item < 0 and started:
                break
            low, high = 0, -1
            if best_item >= 0:
                counts[row, best_item] = best_units
                used += words[begin[best_item] + best_units]
                spent += best_units * work[best_item]
                taken += ports[best_item] * (best_units if apart[best_item] else 1)
                low, high = first[best_item], last[best_item]
                for step in range(low, high + 1):
                    live[step] += best_units * states[best_item]
                    peak = max(peak, live[step])
            if not started:  # also where there is no space for the item to start with
                started = True
                left = 0
                for item in range(items):
                    if not counts[row, item] and limit[item]:
                        open_items[left] = item
                        left += 1
                        hold[item] = limit[item]
                        busy[item] = live[first[item] : last[item] + 1].max()
                continue
            still = 0
            for place in range(left):
                item = open_items[place]
                if item == best_item:
                    continue
                open_items[still] = item
                still += 1
                for step in range(max(low, first[item]), min(high, last[item]) + 1):
                    busy[item] = max(busy[item], live[step])
            left = still
