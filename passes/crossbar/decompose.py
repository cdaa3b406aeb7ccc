"""Decomposition: neurons with more inputs than a crossbar has rows become several units of fewer inputs.

The units before the last are linear and their values are graded numbers: only the last one has the bias and
what the neuron does with its sum. On hardware that passes on spikes alone a partial sum would be rounded.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from ...ir.crossbar.units import LINEAR, Integers, Units
from .rewrite import Part, rewritten

PAIR = 2  # inputs of a unit of the chain, as published


class Method(StrEnum):
    """What becomes of a neuron with too many inputs.

    TREE: its inputs are cut in even blocks, each a partial sum, and these are summed, in as many levels as it
    takes. CHAIN: a unit takes the sum so far and one input more. NONE: the
    inputs go whose weights are least in magnitude.
    """

    TREE = "tree"
    CHAIN = "chain"
    NONE = "none"


@dataclass(frozen=True, slots=True, eq=False)
class Decomposed:
    """Units of few inputs; `lost`: synapses that are gone, of `synapses`."""

    units: Units
    lost: int
    synapses: int


@dataclass(frozen=True, slots=True)
class Decompose:
    """No unit has more than `fan_in` inputs. Blocks of a tree have at most `block` inputs, as many for each
    unit of as many inputs; units of a chain have `unit`. Sums stay what they were, but for NONE.
    """

    fan_in: int
    method: Method = Method.TREE
    block: int | None = None
    unit: int = PAIR

    def __call__(self, units: Units) -> Decomposed:
        """The units with few inputs."""
        which = np.flatnonzero(units.fan_in > self.fan_in)
        synapses = units.sources.size
        if self.method is Method.NONE:
            pruned = _pruned(units, which, self.fan_in)
            return Decomposed(pruned, synapses - pruned.sources.size, synapses)
        rules = units.rules if LINEAR in units.rules else (*units.rules, LINEAR)
        linear = rules.index(LINEAR)

        def parts(unit: int) -> list[Part]:
            heard = slice(int(units.first[unit]), int(units.first[unit + 1]))
            given = Part(
                units.sources[heard], units.weights[heard], int(units.rule[unit]), float(units.bias[unit])
            )
            return self._tree(given, linear) if self.method is Method.TREE else self._chain(given, linear)

        return Decomposed(rewritten(units, which, parts, rules), 0, synapses)

    def _tree(self, given: Part, linear: int) -> list[Part]:
        made: list[Part] = []
        sources, weights = given.sources, given.weights
        most = min(self.fan_in, self.block or self.fan_in)
        while sources.size > self.fan_in:
            count = -(-sources.size // most)
            blocks = np.array_split(np.arange(sources.size), count)
            begun = len(made)
            made += [Part(sources[block], weights[block], linear) for block in blocks]
            sources, weights = ~np.arange(begun, len(made)), np.ones(count)
            most = self.fan_in
        return [*made, replace(given, sources=sources, weights=weights)]

    def _chain(self, given: Part, linear: int) -> list[Part]:
        step = min(self.unit, self.fan_in) - 1
        cuts = np.arange(step + 1, given.sources.size, step)
        before = np.arange(cuts.size)
        sources = np.insert(given.sources, cuts, ~before)  # before what each unit adds, the unit before it
        weights = np.insert(given.weights, cuts, 1.0)
        begins = [0, *(cuts + before).tolist(), sources.size]
        made = [Part(sources[i:j], weights[i:j], linear) for i, j in pairwise(begins)]
        return [*made[:-1], replace(made[-1], rule=given.rule, bias=given.bias)]


def _pruned(units: Units, which: Integers, most: int) -> Units:
    """The largest weights of each unit, at most so many. Units with the same inputs keep the same ones, those
    whose weights are largest together; of equal ones the first.
    """
    alike: dict[bytes, list[int]] = {}
    for unit in which.tolist():
        alike.setdefault(units.sources[units.first[unit] : units.first[unit + 1]].tobytes(), []).append(unit)
    kept = np.ones(units.sources.size, dtype=np.bool_)
    for group in alike.values():
        places = units.first[group][:, None] + np.arange(units.fan_in[group[0]])
        order = np.argsort(-np.abs(units.weights[places]).sum(axis=0), kind="stable")
        kept[places[:, order[most:]]] = False
    fan_in = np.bincount(units.targets[kept], minlength=units.count)
    return replace(
        units,
        first=np.concatenate([[0], np.cumsum(fan_in)]),
        sources=units.sources[kept],
        weights=units.weights[kept],
    )
