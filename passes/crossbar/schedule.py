"""Scheduling: the step of a frame in which each unit fires."""

import numpy as np

from ...ir.compiled import kept
from ...ir.crossbar.units import Integers


@kept()
def steps(first: Integers, sources: Integers) -> Integers:
    """The earliest step of each unit: behind its sources, 0 for what has none. What it hears a frame later
    fires in the same step, or behind it.
    """
    found = np.zeros(first.size - 1, np.int64)
    for unit in range(found.size):
        for k in range(first[unit], first[unit + 1]):
            if sources[k] < unit:
                found[unit] = max(found[unit], found[sources[k]] + 1)
        for k in range(first[unit], first[unit + 1]):
            if sources[k] > unit:
                found[sources[k]] = max(found[sources[k]], found[unit])
    return found
