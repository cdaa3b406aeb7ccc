"""Rewriting units: some of them become several, of which the last one stands in the old one's place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...ir.crossbar.units import Floats, Integers, Rule, Units
from ...ir.deadline import in_time


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One of the units that an old one becomes. `sources`: old units by their numbers, or ~k: the k-th part
    before it. `rule` indexes the new units' rules.
    """

    sources: Integers
    weights: Floats
    rule: int
    bias: float = 0.0


Parts = Callable[[int], Sequence[Part]]


def rewritten(units: Units, which: Integers, parts: Parts, rules: Sequence[Rule]) -> Units:
    """The units with `parts` in place of each one in `which`; what the parts do is a row of `rules`."""
    made: dict[int, tuple[Part, ...]] = {}
    for unit in which.tolist():
        in_time("units were taken apart")
        made[unit] = tuple(parts(unit))
    counts = np.ones(units.count, dtype=np.int64)
    for unit, found in made.items():
        counts[unit] = len(found)
    last = np.cumsum(counts) - 1  # the new number of each old unit
    total = int(counts.sum())
    rule, bias = np.zeros(total, dtype=np.int64), np.zeros(total)
    fan_in, is_helper = np.zeros(total, dtype=np.int64), np.ones(total, dtype=np.bool_)
    rule[last], bias[last], fan_in[last] = units.rule, units.bias, units.fan_in
    is_helper[last] = units.is_helper
    kept = ~np.isin(units.targets, which)
    every = [part for found in made.values() for part in found]
    begun = {unit: int(last[unit]) - len(found) + 1 for unit, found in made.items()}
    bases = np.repeat(list(begun.values()), [len(found) for found in made.values()]).astype(np.int64)
    numbers = [np.arange(begun[unit], begun[unit] + len(found)) for unit, found in made.items()]
    places = np.concatenate([np.empty(0, dtype=np.int64), *numbers])
    sizes = np.array([part.sources.size for part in every], dtype=np.int64)
    rule[places], bias[places] = [part.rule for part in every], [part.bias for part in every]
    fan_in[places] = sizes
    given = np.concatenate([np.empty(0, dtype=np.int64), *(part.sources for part in every)])
    is_own = given < 0
    given = np.where(is_own, np.repeat(bases, sizes) + ~given, last[np.where(is_own, 0, given)])
    of_all = np.concatenate([last[units.targets[kept]], np.repeat(places, sizes)])
    from_all = np.concatenate([last[units.sources[kept]], given])
    weights = [units.weights[kept], *(part.weights for part in every)]
    order = np.lexsort((from_all, of_all))
    return replace(
        units,
        rules=tuple(rules),
        rule=rule,
        bias=bias,
        first=np.concatenate([[0], np.cumsum(fan_in)]),
        sources=from_all[order],
        weights=np.concatenate(weights)[order],
        population=np.repeat(units.population, counts),
        is_helper=is_helper,
        neurons=last[units.neurons],
    )
