"""Compiled: units go to crossbars one after the other, in an order that is given."""

import numpy as np

from ...ir.compiled import kept
from ...ir.crossbar.units import Integers


@kept()
def gather(
    order: Integers,
    mains: int,
    most_rows: Integers,
    most_columns: Integers,
    first: Integers,
    sources: Integers,
    count: int,
    rows: int,
    columns: int,
) -> Integers:
    """The crossbar of each unit of `order`.

    The first `mains` fill one crossbar after the other: unit i goes where the one before it went, as long as
    that uses fewer than `most_columns[i]` columns and at most
    `most_rows[i]` rows. The others go where columns and rows are left, in the
    order of the crossbars, then to new ones.
    """
    found = np.empty(order.size, np.int64)
    mark = np.full(count, -1, np.int64)  # the last crossbar that has a row of the source
    begins = np.zeros(order.size + 2, np.int64)  # of the units of each crossbar that mains have
    made = 0
    used_rows = used_columns = 0
    for i in range(mains):
        unit = order[i]
        missing = 0
        for k in range(first[unit], first[unit + 1]):
            missing += mark[sources[k]] != made
        if used_columns and (used_columns >= most_columns[i] or used_rows + missing > most_rows[i]):
            made += 1
            used_rows = used_columns = 0
            begins[made] = i
        for k in range(first[unit], first[unit + 1]):
            if mark[sources[k]] != made:
                mark[sources[k]] = made
                used_rows += 1
        used_columns += 1
        found[i] = made
    full = made + 1 if mains else 0
    begins[full] = mains
    at = 0
    mark[:] = -1
    following = mains
    while following < order.size:
        used_rows = used_columns = 0
        if at < full:
            for i in range(begins[at], begins[at + 1]):
                used_columns += 1
                for k in range(first[order[i]], first[order[i] + 1]):
                    if mark[sources[k]] != at:
                        mark[sources[k]] = at
                        used_rows += 1
        while following < order.size and used_columns < columns:
            unit = order[following]
            missing = 0
            for k in range(first[unit], first[unit + 1]):
                missing += mark[sources[k]] != at
            if used_rows + missing > rows:
                break
            for k in range(first[unit], first[unit + 1]):
                mark[sources[k]] = at
            used_rows += missing
            used_columns += 1
            found[following] = at
            following += 1
        at += 1
    return found
