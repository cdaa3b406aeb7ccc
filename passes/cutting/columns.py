"""Column generation: what each core holds, cuts along the channels and packing chosen together.

A column is what one core may hold: units of channels of some items. A linear program takes as many copies of
each column as cover every item with the fewest cores; its prices say what a unit is worth, and a greedy
pricer fills new cores with what is worth most for each word (Gilmore and Gomory's cutting stock). Copies are
then fixed one after the other, the fullest first, and the rest is solved again.
"""

from collections.abc import Sequence

import numpy as np

from ...ir.deadline import NEVER, Deadline, in_time
from .filler import ANY, WHOLE, CoreSpace, Counts, Filler, Floats, Item
from .prices import Prices

ROUNDS = 60  # pricing rounds before the first copies are fixed
ROUNDS_KNOWN = 20  # where other prices have found columns
ROUNDS_LATER = 12  # and after each, when most columns are known
NEW_MOST = 250  # columns of a round: those of most gain
PATIENCE = 3  # rounds without a new column that end the pricing
EMPTIED_PART = (0.2, 0.7)  # of a core's items, at least and at most, before it is filled again
# What a search may take: the numbers of all linear programs that it solves, and as many again for each
# further ITEMS_FEW rows, for so the simplex's time grows. They are counted, not timed, so that the same input
# gives the same cores; large networks get fewer rounds.
EFFORT = 40e6
ITEMS_FEW = 100
NOISE = 0.15  # how far the pricer's restarts bend the prices
NEARLY = 0.2  # so near to the next whole number, copies are fixed as if they had reached it


class Columns:
    """Columns that were found at some prices and serve at others: what fits a core depends on none."""

    def __init__(self) -> None:
        self.found: list[Counts] = []


def fill_cores(
    items: Sequence[Item],
    space: CoreSpace,
    penalty: float = 0.0,
    seed: int = 0,
    known: Columns | None = None,
    is_over: Deadline = NEVER,
) -> list[dict[int, int]]:
    """What each core holds: channels by item. Every item's demand is covered, by few cores.

    `known`: columns of earlier searches among the same items and for the same space; they grow by this
    one's. Once time `is_over`, no more columns are made than it takes.
    """
    return _Search(items, space, penalty, seed, Columns() if known is None else known, is_over).cores()


class _Search:
    """The columns that are known, their prices, and what is left to cover."""

    def __init__(
        self,
        items: Sequence[Item],
        space: CoreSpace,
        penalty: float,
        seed: int,
        known: Columns,
        is_over: Deadline,
    ) -> None:
        self.filler = Filler(items, space, penalty)
        self.random = np.random.default_rng(seed)
        self.known, self.is_over = known, is_over
        self.demand = np.array([item.demand for item in items], dtype=np.int64)
        self.density = np.array([item.words[-1] / len(item.words) + item.states for item in items])
        self.density /= space.words
        self.left = EFFORT
        self.all = float(self.demand @ self.density)
        self.prices = Prices(self.demand, self.filler.apart, penalty / space.words)
        self.prices.add(self._filled_from_each(self.density))
        if known.found:
            self.prices.add(known.found[-1])

    def cores(self) -> list[dict[int, int]]:
        """Columns that cover the demand exactly: copies are fixed, and the program is solved for the rest."""
        cores: list[Counts] = []
        copies = self._priced(ROUNDS if not self.known.found else ROUNDS_KNOWN)
        self.known.found.append(self.prices.columns)
        while True:
            in_time("cores were filled")
            for column, count in self._whole(copies) or [(self._likely(copies), 1)]:
                self.demand = self.demand - count * column
                cores += [column.copy()] * count  # a row of its own: the program's columns are let go
            if not self.demand.any():
                return [{int(i): int(column[i]) for i in np.flatnonzero(column)} for column in cores]
            if self.is_over() or self.left < 0:
                copies = np.zeros(len(self.prices.columns))  # nothing more is solved: cores are only filled
                continue
            self.prices.reduce(self.demand)
            self.prices.add(self._filled_from_each(self._values()))  # so that every item is in a column
            copies = self._priced(ROUNDS_LATER)

    def _priced(self, rounds: int) -> Floats:
        """Copies of the columns, with those that `rounds` more of pricing have found.

        Every third round fills new cores. The others take cores that the program likes, empty them in part,
        and fill them again at the new prices: what is nearly right is better than what is made from nothing.
        """
        idle = 0
        copies = self._solved()
        # The first half is for the first prices; the rest lasts until everything is covered.
        reserve = EFFORT / 2 * float(self.demand @ self.density) / self.all
        for number in range(rounds):
            if self.is_over() or self.left < reserve:
                break
            found = self._new() if number % 3 == 0 else self._refilled(copies)
            gain = found @ self.prices.worth - self.prices.costs(found)
            best = np.sort(np.argsort(-gain, kind="stable")[:NEW_MOST])
            if self.prices.add(found[best[gain[best] > WHOLE]]):
                idle = 0
                copies = self._solved()
            else:
                idle += 1
            if idle == PATIENCE:
                break
        return copies

    def _solved(self) -> Floats:
        self.left -= self.prices.columns.size * max(1.0, self.prices.columns.shape[1] / ITEMS_FEW)
        return self.prices.solve()

    def _new(self) -> Counts:
        """Cores that begin with each of the items that are left, at the prices and at others near them."""
        starts = np.concatenate([np.flatnonzero(self.demand), [ANY]])
        worth = self.prices.worth
        values = np.tile(worth, (2 * len(starts), 1))
        values[len(starts) :] *= 1 + NOISE * self.random.uniform(-1, 1, (len(starts), len(worth)))
        reserve = self.filler.space.words * self.random.uniform(0, 0.8, 2 * len(starts)) ** 2
        reserve[: len(starts)][::2] = 0
        return self.filler.fill(values, self.demand, np.tile(starts, 2), reserve)

    def _refilled(self, copies: Floats) -> Counts:
        """Cores that the program likes, emptied in part and filled again."""
        rows = int(np.count_nonzero(self.demand)) + 1
        liked = self.prices.columns[np.flatnonzero(copies > WHOLE)]
        given = np.minimum(np.tile(liked, (-(-rows // len(liked)), 1)), self.demand)
        emptied = self.random.uniform(*EMPTIED_PART, (len(given), 1))
        given[self.random.random(given.shape) < emptied] = 0
        values = self.prices.worth * (1 + NOISE * self.random.uniform(-1, 1, given.shape))
        values[::2] = self.prices.worth
        return self.filler.fill(values, self.demand, np.full(len(given), ANY), np.zeros(len(given)), given)

    def _whole(self, copies: Floats) -> list[tuple[Counts, int]]:
        """The columns of which the program takes whole copies, or nearly, as many as the demand holds in
        full.
        """
        taken, demand, columns = [], self.demand, self.prices.columns
        for i in np.argsort(-copies, kind="stable").tolist():
            if copies[i] < 1 - NEARLY:
                break
            held = np.flatnonzero(columns[i])
            count = min(int(copies[i] + NEARLY), int((demand[held] // columns[i][held]).min()))
            if count > 0:
                taken.append((columns[i], count))
                demand = demand - count * columns[i]
        return taken

    def _likely(self, copies: Floats) -> Counts:
        """The column that is worth most for what is left, among the known ones and new ones."""
        values = self._values()
        made = self._filled_from_each(values)
        columns = np.concatenate([made, self.prices.columns])
        score = columns @ values + np.concatenate([np.zeros(len(made)), copies])
        score[(columns > self.demand).any(axis=1)] = -1.0
        return np.asarray(columns[int(score.argmax())])

    def _values(self) -> Floats:
        """What units are worth, the heavier first where that is nothing."""
        return self.prices.worth + WHOLE * self.density

    def _filled_from_each(self, values: Floats) -> Counts:
        """A core that begins with each of the items that are left."""
        starts = np.flatnonzero(self.demand)
        return self.filler.fill(np.tile(values, (len(starts), 1)), self.demand, starts, np.zeros(len(starts)))
