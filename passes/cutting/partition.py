"""Partitioning: where each feature map is cut, by channel, row and column (paper 4.2), chosen by CP-SAT.

Every population has a list of options, each a grid of cuts whose fragments fit a core; a pair of options is
ruled out where an axon between two of their fragments has an offset that no field holds. The solver takes
one option for each population so that all limits hold, memory is least, and then fragments are fewest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf

from ...ir.chip import Chip
from ...ir.deadline import NEVER, Deadline, in_time
from ...ir.errors import DoesNotFit, Origin, raise_all
from ...ir.mapping import Fragment, Grid
from ...ir.network import Network
from ..wiring.demand import Demand
from ..wiring.wired import Wired
from .options import HALVINGS, Option, Pair, Spans, options, pair, smallest, within_reach

BREADTH, BREADTH_MOST = 6, 60  # cuts of a feature map that are looked at, and where none go together
WEIGHT_OF_MEMORY = 1000  # a word outweighs this many fragments
SEARCH_LEAST = 1.0  # seconds, or the solver's own time, that are left to it where time is over


@dataclass(frozen=True, slots=True)
class Solution:
    """The cuts of every population, and what the solver proved of them. `least_cores`: no cuts need fewer."""

    grids: tuple[Grid, ...]
    status: str
    objective: float
    bound: float
    least_cores: int = 1

    @property
    def fragments(self) -> int:
        """How many fragments the cuts make."""
        return sum(grid.fragments for grid in self.grids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(Solution):
    """Cuts with which the core of each fragment was chosen."""

    assignment: Mapping[Fragment, int]


@dataclass(frozen=True, slots=True)
class Partition:
    """One grid of cuts for every population: all limits hold, memory is least and then fragments are fewest.

    `effort` is CP-SAT's deterministic time, so the same input gives the same cuts on every machine. `plain`:
    where each population's own best cuts go together nothing is searched; the cuts along the channels are
    chosen anew by `Cut`. `shared`: states may have the place of others that live at other times. Once time
    `is_over`, few cuts are looked at, and the first that go together are taken.
    """

    effort: float = 4.0
    seed: int = 0
    plain: bool = False
    shared: bool = False
    is_over: Deadline = NEVER

    def __call__(self, network: Network, chip: Chip, wiring: Sequence[Wired]) -> Solution:
        """The cuts. Raises DoesNotFit when there are none."""
        near = _near(network, chip, wiring)
        for breadth, most in ((BREADTH, None), *([(BREADTH, near)] if near else []), (BREADTH_MOST, None)):
            if (self.plain or self.is_over()) and breadth == BREADTH:
                wholes = self._lists(network, chip, wiring, 1, most, 1)
                grids = _own_best(chip, wiring, wholes) if all(wholes) else None
                if grids is not None:
                    return Solution(grids, "feasible", 0.0, 0.0)
            if breadth == BREADTH_MOST and self.is_over():
                break
            lists = self._lists(network, chip, wiring, breadth, most)
            raise_all(
                _no_cut(network, p, chip, *smallest(network, p, chip, wiring, self.shared))
                for p, found in enumerate(lists)
                if not found
            )
            if _far(wiring, lists, chip) is None:
                solution = self._solve(network, chip, wiring, lists)
                if solution is not None:
                    return solution
        tried = [lists, *([self._lists(network, chip, wiring, breadth, near)] if near else [])]
        raise _explained(network, chip, wiring, min(tried, key=lambda each: _lack(wiring, each, chip)))

    def _lists(
        self,
        network: Network,
        chip: Chip,
        wiring: Sequence[Wired],
        breadth: int,
        most: Sequence[Spans] | None,
        halvings: int = HALVINGS,
    ) -> list[list[Option]]:
        """The options of every population."""
        return [
            options(network, p, chip, wiring, breadth, halvings, self.shared, most[p] if most else None)
            for p in range(len(network.populations))
        ]

    def _solve(
        self, network: Network, chip: Chip, wiring: Sequence[Wired], lists: Sequence[Sequence[Option]]
    ) -> Solution | None:
        from ortools.sat.python import cp_model

        model = cp_model.CpModel()
        chosen = [
            [model.new_bool_var(f"{p}:{i}") for i in range(len(found))] for p, found in enumerate(lists)
        ]
        cost: list[cp_model.LinearExprT] = []
        for found, variables in zip(lists, chosen, strict=True):
            model.add_exactly_one(variables)
            cost += [
                (WEIGHT_OF_MEMORY * option.words + option.grid.fragments) * v
                for option, v in zip(found, variables, strict=True)
            ]
        axons: dict[tuple[int, int], list[cp_model.LinearExprT]] = {}
        for wired in wiring:
            in_time("cuts were looked at")
            source, target = wired.projection.source, wired.projection.target
            for i, a in enumerate(lists[source]):
                for j, b in enumerate(lists[target]):
                    facts = pair(wired, a.grid, b.grid)
                    if not _reaches(facts, chip):
                        model.add_bool_or(chosen[source][i].negated(), chosen[target][j].negated())
                        continue
                    both: cp_model.LinearExprT
                    if len(lists[source]) == 1:
                        both = chosen[target][j]
                    elif len(lists[target]) == 1:
                        both = chosen[source][i]
                    else:
                        both = model.new_bool_var("")
                        model.add(both >= chosen[source][i] + chosen[target][j] - 1)
                    cost.append(WEIGHT_OF_MEMORY * facts.axons * both)
                    axons.setdefault((source, i), []).append(facts.axons_most * both)
        for (population, i), terms in axons.items():
            most = min(chip.axons_max, chip.core_words - lists[population][i].words_most)
            model.add(sum(terms) <= most).only_enforce_if(chosen[population][i])
        model.minimize(sum(cost))
        solver = cp_model.CpSolver()
        solver.parameters.max_deterministic_time = min(self.effort, SEARCH_LEAST if self.is_over() else inf)
        if -inf < self.is_over.end < inf:
            solver.parameters.max_time_in_seconds = max(self.is_over.left, SEARCH_LEAST)
        solver.parameters.num_workers = 1
        solver.parameters.catch_sigint_signal = False  # an interrupt is not the end of a search
        solver.parameters.random_seed = self.seed
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        grids = [
            next(option.grid for option, v in zip(found, variables, strict=True) if solver.boolean_value(v))
            for found, variables in zip(lists, chosen, strict=True)
        ]
        name = "optimal" if status == cp_model.OPTIMAL else "feasible"
        return Solution(tuple(grids), name, solver.objective_value, solver.best_objective_bound)


def without_cut(network: Network, chip: Chip, wiring: Sequence[Wired], shared: bool) -> Iterator[DoesNotFit]:
    """The populations of which no core holds a single neuron: found without a search."""
    for p in range(len(network.populations)):
        in_time("cuts were looked at")
        most = Demand(network, p, chip, wiring, shared).single()
        if most is not None and most.words <= chip.core_words and most.ports <= chip.ports_max:
            continue
        words, ports = smallest(network, p, chip, wiring, shared)
        if words > chip.core_words or ports > chip.ports_max:
            yield _no_cut(network, p, chip, words, ports)


def _no_cut(network: Network, p: int, chip: Chip, words: int, ports: int) -> DoesNotFit:
    """Why a population has no option: what its smallest fragments take."""
    population = network.populations[p]
    offsets = -(-ports * (chip.channel_offset_max + 1) // chip.ports_max) - 1
    also = f" and {ports} ports of {chip.ports_max}" if ports > chip.ports_max else ""
    return DoesNotFit(
        population.origin,
        f"no cut of its {population.shape} feature map fits a core of {chip.core_words} words: "
        f"a fragment of one neuron takes {words}{also}",
        hint="take a target with larger cores, or weights of fewer bits",
        ways=(
            # What is needed besides is not known where those neurons fit that stand for all.
            _beyond(chip, core_words=words, ports_max=ports) or {"core_words": words},
            _beyond(chip, core_words=words, channel_offset_max=offsets) or {"core_words": words},
        ),
    )


def _beyond(chip: Chip, **needs: int) -> dict[str, int]:
    """Those of some needs that a chip does not meet."""
    return {name: need for name, need in needs.items() if need > getattr(chip, name)}


def _explained(
    network: Network, chip: Chip, wiring: Sequence[Wired], lists: Sequence[Sequence[Option]]
) -> DoesNotFit:
    """Why there is no choice among all options: the offsets of a pair, the axons of one, or all together."""
    far = _far(wiring, lists, chip)
    if far is not None:
        wired, (low, high) = far
        return DoesNotFit(
            wired.projection.origin,
            f"its axons need offsets of {low} to {high}, "
            f"a field holds {chip.offset_min} to {chip.offset_max}",
            hint="take a target with wider offset fields",
            ways=({"offset_min": low, "offset_max": high},),
        )
    for p, population in enumerate(network.populations):
        into = [wired for wired in wiring if wired.projection.source == p]
        needs = [_axons(option, into, lists, chip) for option in lists[p]]
        axons, words = min(
            needs, key=lambda n: max(0, n[0] - chip.axons_max) + max(0, n[1] - chip.core_words)
        )
        ways = (_beyond(chip, axons_max=axons, core_words=words),)
        if axons > chip.axons_max:
            rule = f"a fragment has {axons} axons at least, {chip.axons_max} are allowed"
            return DoesNotFit(population.origin, rule, "take a target with more axons", ways)
        if words > chip.core_words:
            rule = f"a fragment takes {words} words with its {axons} axons, a core has {chip.core_words}"
            return DoesNotFit(population.origin, rule, "take a target with larger cores", ways)
    return DoesNotFit(
        Origin(file=network.name),
        f"no choice of cuts was found that keeps the axons of all fragments within {chip.axons_max} and in "
        f"cores of {chip.core_words} words",
        hint="take a target with larger cores",
        ways=({"core_words": chip.core_words, "axons_max": chip.axons_max},),
    )


def _near(network: Network, chip: Chip, wiring: Sequence[Wired]) -> list[Spans] | None:
    """Sizes of fragments that reach each other in any case; None where every feature map is within them."""
    found = [within_reach(network, p, chip, wiring) for p in range(len(network.populations))]
    shapes = [population.shape for population in network.populations]
    if all(shape.height <= y and shape.width <= x for shape, (y, x) in zip(shapes, found, strict=True)):
        return None
    return found


def _far(
    wiring: Sequence[Wired], lists: Sequence[Sequence[Option]], chip: Chip
) -> tuple[Wired, tuple[int, int]] | None:
    """A wiring none of whose pairs of options reach each other, and the offsets of the nearest."""
    for wired in wiring:
        in_time("cuts were looked at")
        source, target = wired.projection.source, wired.projection.target
        nearest: tuple[int, int] | None = None
        for a, b in product(lists[source], lists[target]):
            found = pair(wired, a.grid, b.grid).offsets
            if nearest is None or _excess(found, chip) < _excess(nearest, chip):
                nearest = found
            if not _excess(nearest, chip):
                break
        else:
            assert nearest is not None, "every population has options"
            return wired, nearest
    return None


def _lack(wiring: Sequence[Wired], lists: Sequence[Sequence[Option]], chip: Chip) -> int:
    """By how much the first wiring that does not reach is beyond the field of offsets."""
    far = _far(wiring, lists, chip)
    return 0 if far is None else _excess(far[1], chip)


def _axons(
    option: Option, into: Sequence[Wired], lists: Sequence[Sequence[Option]], chip: Chip
) -> tuple[int, int]:
    """The axons that a fragment has at least with one option, and the words that it takes with them."""
    axons = 0
    for wired in into:
        facts = [pair(wired, option.grid, other.grid) for other in lists[wired.projection.target]]
        axons += min((each.axons_most for each in facts if _reaches(each, chip)), default=0)
    return axons, option.words_most + axons


def _excess(offsets: tuple[int, int], chip: Chip) -> int:
    """By how much offsets are beyond their field."""
    return max(0, chip.offset_min - offsets[0]) + max(0, offsets[1] - chip.offset_max)


def _own_best(
    chip: Chip, wiring: Sequence[Wired], lists: Sequence[Sequence[Option]]
) -> tuple[Grid, ...] | None:
    """Each population's cuts of least memory, if their axons are within all limits together."""
    best = [found[0] for found in lists]
    axons = dict.fromkeys(range(len(lists)), 0)
    for wired in wiring:
        source, target = wired.projection.source, wired.projection.target
        facts = pair(wired, best[source].grid, best[target].grid)
        axons[source] += facts.axons_most
        if not _reaches(facts, chip):
            return None
    if any(count > min(chip.axons_max, chip.core_words - best[p].words_most) for p, count in axons.items()):
        return None
    return tuple(option.grid for option in best)


def _reaches(facts: Pair, chip: Chip) -> bool:
    return not _excess(facts.offsets, chip)
