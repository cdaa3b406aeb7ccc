"""Column generation: what each core holds, cuts along the channels and packing chosen together.

A column is what one core may hold: units of channels of some items. A linear program takes as many copies of
each column as cover every item with the fewest cores; its prices say what a unit is worth, and a greedy
pricer fills new cores with what is worth most for each word (Gilmore and Gomory's cutting stock). Copies are
then fixed one after the other, the fullest first, and the rest is solved again.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .filler import ANY, WHOLE, Counts, Filler, Floats, Item, Room
from .prices import Prices

ROUNDS = 60  # pricing rounds before the first copies are fixed
ROUNDS_LATER = 4  # and after each, when most columns are known
PATIENCE = 3  # rounds without a new column that end the pricing
EMPTIED_PART = (0.2, 0.7)  # of a core's items, at least and at most, before it is filled again
NOISE = 0.15  # how far the pricer's restarts bend the prices
NEARLY = 0.2  # so near to the next whole number, copies are fixed as if they had reached it


def fill_cores(
    items: Sequence[Item],
    room: Room,
    penalty: float = 0.0,
    seed: int = 0,
    hurry: Callable[[], bool] = lambda: False,
) -> list[dict[int, int]]:
    """What each core holds: channels by item. Every item's demand is covered, by few cores.

    Once `hurry` says so, no more columns are made than it takes.
    """
    demand = np.array([item.demand for item in items], dtype=np.int64)
    filler = Filler(items, room, penalty)
    random = np.random.default_rng(seed)
    prices = Prices(demand, penalty / room.words)
    density = np.array([item.words[-1] / len(item.words) + item.states for item in items]) / room.words
    rows = len(items)
    prices.add(list(filler.fill(np.tile(density, (rows, 1)), demand, np.arange(rows), np.zeros(rows))))
    _priced(prices, filler, demand, random, ROUNDS, hurry)
    cores = _dive(prices, filler, demand, random, density, hurry)
    return [{int(i): int(column[i]) for i in np.flatnonzero(column)} for column in cores]


def _dive(
    prices: Prices,
    filler: Filler,
    demand: Counts,
    random: np.random.Generator,
    density: Floats,
    hurry: Callable[[], bool],
) -> list[Counts]:
    """Columns that cover the demand exactly: copies are fixed, and the program is solved for the rest."""
    cores: list[Counts] = []
    while demand.any():
        copies, worth = _priced(prices, filler, demand, random, ROUNDS_LATER, hurry)
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
    prices: Prices,
    filler: Filler,
    demand: Counts,
    random: np.random.Generator,
    rounds: int,
    hurry: Callable[[], bool],
) -> tuple[Floats, Floats]:
    """Prices and copies, with the columns that `rounds` more of pricing have found.

    Every third round fills new cores. The others take cores that the program likes, empty them in part, and
    fill them again at the new prices: what is nearly right is better than what is made from nothing.
    """
    starts = np.concatenate([np.flatnonzero(demand), [ANY]])
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
            found = filler.fill(values, demand, np.full(len(given), ANY), np.zeros(len(given)), given)
        cost = 1 + prices.fragment_cost * (found > 0).sum(axis=1)
        added = prices.add(list(found[found @ worth > cost + WHOLE]))
        idle = 0 if added else idle + 1
        if idle == PATIENCE or hurry():
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
