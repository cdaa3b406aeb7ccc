"""Column generation: what each core holds, cuts along the channels and packing chosen together.

A column is what one core may hold: units of channels of some items. A linear program takes as many copies of
each column as cover every item with the fewest cores; its prices say what a unit is worth, and a greedy
pricer fills new cores with what is worth most for each word (Gilmore and Gomory's cutting stock). Copies are
then fixed one after the other, the fullest first, and the rest is solved again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

REPAIRS = 0  # times that some cores are emptied and filled anew
EMPTIED = 10  # how many of them
ROUNDS = 60  # pricing rounds before the first copies are fixed
ROUNDS_LATER = 4  # and after each, when most columns are known
PATIENCE = 3  # rounds without a new column that end the pricing
EMPTIED_PART = (0.2, 0.7)  # of a core's items, at least and at most, before it is filled again
NOISE = 0.15  # how far the pricer's restarts bend the prices
EVEN = 8  # channels whose 8-bit weights fill whole words
WHOLE = 1e-6  # nearer to a whole number than this is whole
NEARLY = 0.2  # so near to the next whole number, copies are fixed as if they had reached it


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A feature map, or a piece of one, and what a fragment of it takes in a core.

    A fragment of n channels takes words[n - 1] words for itself, and n * states words from step `first` to
    step `last` of the firing order, which items that live at other steps may use before and after. `demand`:
    all its channels; `len(words)`: the most that one fragment may have. `work`: synaptic operations of a
    channel.
    """

    words: Floats
    states: float
    first: int
    last: int
    demand: int
    ports: int
    work: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What a core has: words, ports, and the synaptic operations it may be given."""

    words: float
    ports: int
    work: float = np.inf

    def holds(self, item: Item) -> bool:
        """Whether an empty core has room for the smallest fragment of an item."""
        return (
            item.words[0] + item.states <= self.words and item.ports <= self.ports and item.work <= self.work
        )


class _Prices:
    """The linear program over the columns found so far."""

    def __init__(self, demand: Counts, costs: float) -> None:
        self.columns: list[Counts] = []
        self.known: set[bytes] = set()
        self.fragment_cost = costs
        self._begin(len(demand))

    def _begin(self, items: int, settings: str = "") -> None:
        """A program with the columns that are known."""
        from ortools.linear_solver import pywraplp

        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.solver.SetSolverSpecificParametersAsString(settings)
        self.solver.Objective().SetMinimization()
        self.rows = [self.solver.Constraint(0.0, self.solver.infinity()) for _ in range(items)]
        self.variables: list[pywraplp.Variable] = []
        for column in self.columns:
            self._variable(column)

    def _variable(self, column: Counts) -> None:
        variable = self.solver.NumVar(0.0, self.solver.infinity(), "")
        held = np.flatnonzero(column)
        self.solver.Objective().SetCoefficient(variable, 1.0 + self.fragment_cost * len(held))
        for row in held.tolist():
            self.rows[row].SetCoefficient(variable, float(column[row]))
        self.variables.append(variable)

    def add(self, columns: Sequence[Counts]) -> int:
        """Takes the columns that are new; says how many."""
        count = 0
        for column in columns:
            key = column.tobytes()
            if key in self.known:
                continue
            self.known.add(key)
            self.columns.append(column)
            self._variable(column)
            count += 1
        return count

    def solve(self, demand: Counts) -> tuple[Floats, Floats]:
        """How many copies of each column, and the price of a unit of each item."""
        status = self._solved(demand)
        for settings in ("", "use_dual_simplex: true", "use_preprocessing: false"):
            if status == self.solver.OPTIMAL:
                break
            # Going on from the basis of the last program, GLOP now and then loses its way: begin afresh.
            self._begin(len(demand), settings)
            status = self._solved(demand)
        assert status == self.solver.OPTIMAL, f"the linear program ends with {status}"
        copies = np.array([variable.solution_value() for variable in self.variables])
        return copies, np.maximum([row.dual_value() for row in self.rows], 0.0)

    def _solved(self, demand: Counts) -> int:
        for row, need in zip(self.rows, demand.tolist(), strict=True):
            row.SetBounds(float(need), self.solver.infinity())
        return int(self.solver.Solve())


class Filler:
    """Fills cores greedily with what is worth most for each word, many cores at once."""

    def __init__(
        self,
        items: Sequence[Item],
        room: Room,
        penalty: float = 0.0,
        hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        self.room, self.penalty, self.hurry = room, penalty, hurry
        self.states, self.work = (
            np.array([getattr(item, name) for item in items], dtype=np.float64) for name in ("states", "work")
        )
        self.first, self.last, self.ports = (
            np.array([getattr(item, name) for item in items], dtype=np.int64)
            for name in ("first", "last", "ports")
        )
        self.most = np.array([len(item.words) for item in items], dtype=np.int64)
        self.steps = int(self.last.max(initial=0)) + 1
        self.longest = int((self.last - self.first).max(initial=0)) + 1
        steps = np.arange(self.steps)
        self.alive = (self.first[:, None] <= steps) & (steps <= self.last[:, None])
        self.words = _Steps([item.words for item in items], room.words)
        channels = [np.arange(1, len(item.words) + 1) for item in items]
        self.all_words = _Steps(
            [i.words + i.states * n for i, n in zip(items, channels, strict=True)], room.words
        )

    def fill(
        self, values: Floats, demand: Counts, starts: Counts, reserve: Floats, given: Counts | None = None
    ) -> Counts:
        """One column for each row of `values` [rows, items]; it starts with item `starts[row]` (-1: any), and
        keeps `reserve[row]` words for states. `given` is in the columns already.
        """
        rows, items = values.shape
        counts = np.zeros((rows, items), dtype=np.int64) if given is None else given.copy()
        used = np.where(counts > 0, self.words.of(counts), 0.0).sum(axis=1)
        work, ports = counts @ self.work, (counts > 0) @ self.ports
        live = (counts * self.states) @ self.alive
        limit = np.minimum(demand, self.most)
        for turn in range(items):
            peak = np.maximum(live.max(axis=1), reserve)
            busy = self._busy(live)
            room = (self.room.words - used)[:, None]
            hold = np.minimum(self.words.below(room - peak[:, None]), self.all_words.below(room - busy))
            hold = np.minimum(hold, limit)
            if np.isfinite(self.room.work):
                left = (self.room.work - work)[:, None] / np.maximum(self.work, 1e-9)
                hold = np.minimum(hold, np.floor(left + WHOLE)).astype(np.int64)
            hold[(counts > 0) | (ports[:, None] + self.ports > self.room.ports)] = 0
            if turn == 0:
                forced = (starts < 0)[:, None] | (np.arange(items) == starts[:, None])
                hold[~forced] = 0
            chosen, amount = self._best(hold, values, busy, peak)
            for row in np.flatnonzero(amount).tolist():
                item, units = int(chosen[row]), int(amount[row])
                counts[row, item] = units
                used[row] += self.words.at(item, units)
                ports[row] += self.ports[item]
                work[row] += units * self.work[item]
                live[row, self.first[item] : self.last[item] + 1] += units * self.states[item]
            if not amount.any():
                break
        return counts

    def _best(self, hold: Counts, values: Floats, busy: Floats, peak: Floats) -> tuple[Counts, Counts]:
        """For each row the item and the channels that are worth most for each word they add."""
        every = np.arange(len(hold))
        free = np.minimum((peak[:, None] - busy) / np.maximum(self.states, 1e-9) + WHOLE, hold).astype(
            np.int64
        )
        best, chosen, amount = np.zeros(len(hold)), np.zeros_like(every), np.zeros_like(every)
        for units in (hold, hold // EVEN * EVEN, free, free // EVEN * EVEN):
            grown = np.maximum(busy + units * self.states - peak[:, None], 0.0)
            cost = self.words.of(units) + self.penalty + grown
            worth = np.where(units > 0, units * values / np.maximum(cost, 1.0), 0.0)
            pick = worth.argmax(axis=1)
            better = worth[every, pick] > best
            best = np.where(better, worth[every, pick], best)
            chosen = np.where(better, pick, chosen)
            amount = np.where(better, units[every, pick], amount)
        return chosen, amount

    def _busy(self, live: Floats) -> Floats:
        """The most states that live at any step of each item's life."""
        found = live[:, self.first]
        for later in range(1, self.longest):
            found = np.maximum(found, live[:, np.minimum(self.first + later, self.last)])
        return found


class _Steps:
    """For each item, words that grow with its channels; and, the other way, the most channels for words."""

    def __init__(self, words: Sequence[Floats], largest: float) -> None:
        self.apart = 4 * largest  # no item's words reach the next item's
        self.sizes = np.array([len(each) for each in words])
        self.begin = np.concatenate([[0], np.cumsum(self.sizes + 1)])[:-1]
        self.zero = np.arange(len(words)) * self.apart
        ends = [np.concatenate([[0.0], np.minimum(each, 2 * largest)]) for each in words]
        self.flat = np.concatenate(ends)
        self.sorted = np.concatenate([each + zero for each, zero in zip(ends, self.zero, strict=True)])

    def below(self, limits: Floats) -> Counts:
        """The most channels [rows, items] whose words stay within limits."""
        keys = np.clip(limits, 0.0, self.apart / 2 - 1) + self.zero
        return np.asarray(np.searchsorted(self.sorted, keys, side="right") - 1 - self.begin)

    def of(self, units: Counts) -> Floats:
        """The words of so many channels [rows, items]."""
        return np.asarray(self.flat[self.begin + units])

    def at(self, item: int, units: int) -> float:
        """The words of so many channels of one item."""
        return float(self.flat[self.begin[item] + units])


def fill_cores(
    items: Sequence[Item],
    room: Room,
    least: int = 0,
    repairs: int = REPAIRS,
    penalty: float = 0.0,
    seed: int = 0,
    hurry: Callable[[], bool] = lambda: False,
) -> list[dict[int, int]]:
    """What each core holds: channels by item. Every item's demand is covered, by few cores.

    `repairs`: how often some cores are emptied and filled anew, unless no more than `least` are left. Once
    `hurry` says so, no more columns are made than it takes.
    """
    demand = np.array([item.demand for item in items], dtype=np.int64)
    filler = Filler(items, room, penalty, hurry)
    random = np.random.default_rng(seed)
    prices = _Prices(demand, penalty / room.words)
    density = np.array([item.words[-1] / len(item.words) + item.states for item in items]) / room.words
    rows = len(items)
    prices.add(list(filler.fill(np.tile(density, (rows, 1)), demand, np.arange(rows), np.zeros(rows))))
    _, worth = _priced(prices, filler, demand, random, ROUNDS)
    cores = _dive(prices, filler, demand, random, density)
    for _ in range(repairs):
        if len(cores) <= max(least, 1):
            break
        value = np.array([column @ worth for column in cores]) + NOISE * random.uniform(-1, 1, len(cores))
        order = np.argsort(value, kind="stable")
        emptied, kept = order[:EMPTIED], order[EMPTIED:]
        freed = np.sum([cores[i] for i in emptied], axis=0)
        filled = _dive(prices, filler, freed, random, density)
        if len(filled) <= len(emptied):
            cores = [cores[i] for i in kept] + filled
    return [{int(i): int(column[i]) for i in np.flatnonzero(column)} for column in cores]


def _dive(
    prices: _Prices, filler: Filler, demand: Counts, random: np.random.Generator, density: Floats
) -> list[Counts]:
    """Columns that cover the demand exactly: copies are fixed, and the program is solved for the rest."""
    cores: list[Counts] = []
    while demand.any():
        copies, worth = _priced(prices, filler, demand, random, ROUNDS_LATER)
        taken = _whole(prices.columns, copies, demand)
        if not taken:
            starts = np.flatnonzero(demand)
            values = np.tile(worth + WHOLE * density, (len(starts), 1))
            made = filler.fill(values, demand, starts, np.zeros(len(starts)))
            columns = np.concatenate([made, np.array(prices.columns)])
            score = columns @ values[0] + np.concatenate([np.zeros(len(made)), copies])
            score[(columns > demand).any(axis=1)] = -1.0
            taken = [(columns[int(score.argmax())], 1)]
        for column, count in taken:
            demand = demand - count * column
            cores += [column] * count
    return cores


def _priced(
    prices: _Prices, filler: Filler, demand: Counts, random: np.random.Generator, rounds: int
) -> tuple[Floats, Floats]:
    """Prices and copies, with the columns that `rounds` more of pricing have found.

    Every third round fills new cores. The others take cores that the program likes, empty them in part, and
    fill them again at the new prices: what is nearly right is better than what is made from nothing.
    """
    starts = np.concatenate([np.flatnonzero(demand), [-1]])
    idle = 0
    for number in range(rounds):
        copies, worth = prices.solve(demand)
        if number % 3 == 0:
            values = np.tile(worth, (2 * len(starts), 1))
            values[len(starts) :] *= 1 + NOISE * random.uniform(-1, 1, (len(starts), len(worth)))
            reserve = filler.room.words * random.uniform(0, 0.8, 2 * len(starts)) ** 2
            reserve[: len(starts)][::2] = 0
            found = filler.fill(values, demand, np.tile(starts, 2), reserve)
        else:
            liked = np.array(prices.columns)[np.flatnonzero(copies > WHOLE)]
            given = np.minimum(np.tile(liked, (-(-len(starts) // len(liked)), 1)), demand)
            emptied = random.uniform(*EMPTIED_PART, (len(given), 1))
            given[random.random(given.shape) < emptied] = 0
            values = worth * (1 + NOISE * random.uniform(-1, 1, given.shape))
            values[::2] = worth
            found = filler.fill(values, demand, np.full(len(given), -1), np.zeros(len(given)), given)
        cost = 1 + prices.fragment_cost * (found > 0).sum(axis=1)
        added = prices.add(list(found[found @ worth > cost + WHOLE]))
        idle = 0 if added else idle + 1
        if idle == PATIENCE or filler.hurry():
            break
    return prices.solve(demand)


def _whole(columns: Sequence[Counts], copies: Floats, demand: Counts) -> list[tuple[Counts, int]]:
    """The columns of which the program takes whole copies, or nearly, as many as the demand holds in full."""
    taken = []
    for i in np.argsort(-copies, kind="stable").tolist():
        if copies[i] < 1 - NEARLY:
            break
        held = np.flatnonzero(columns[i])
        count = min(int(copies[i] + NEARLY), int((demand[held] // columns[i][held]).min()))
        if count > 0:
            taken.append((columns[i], count))
            demand = demand - count * columns[i]
    return taken
