"""Partitioning: where each feature map is cut, by channel, row and column (paper 4.2), chosen by CP-SAT.

Every population has a list of options, each a grid of cuts whose fragments fit a core; a pair of options is
ruled out where an axon between two of their fragments has an offset that no field holds. The solver takes
one option for each population so that all limits hold, memory is least, and then fragments are fewest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..ir.chip import Chip
from ..ir.errors import DoesNotFit, raise_all
from ..ir.mapping import Fragment, Grid, Wiring
from ..ir.network import Network
from .kernels import Kernels
from .options import Option, Pair, options, pair

WEIGHT_OF_MEMORY = 1000  # a word outweighs this many fragments


@dataclass(frozen=True, slots=True)
class Solution:
    """The cuts of every population, and what the solver proved of them.

    `seats`: the core of each fragment, where that is chosen with the cuts. `least_cores`: no cuts need fewer.
    """

    grids: tuple[Grid, ...]
    status: str
    objective: float
    bound: float
    seats: Mapping[Fragment, int] = field(default_factory=lambda: MappingProxyType({}))
    least_cores: int = 1


@dataclass(frozen=True, slots=True)
class Partition:
    """One grid of cuts for every population: all limits hold, memory is least and then fragments are fewest.

    `effort` is CP-SAT's deterministic time, so the same input gives the same cuts on every machine. `plain`:
    where each population's own best cuts go together nothing is searched; the cuts along the channels are
    chosen anew by `Cut`.
    """

    effort: float = 4.0
    seed: int = 0
    plain: bool = False

    def __call__(self, network: Network, chip: Chip, wirings: Sequence[Wiring]) -> Solution:
        """The cuts. Raises DoesNotFit when there are none."""
        kernels = [Kernels(network, wiring, chip) for wiring in wirings]
        if self.plain:
            wholes = [options(network, p, chip, kernels, 1, 1) for p in range(len(network.populations))]
            grids = _own_best(chip, kernels, wholes) if all(wholes) else None
            if grids is not None:
                return Solution(grids, "feasible", 0.0, 0.0)
        for breadth in (6, 60):
            lists = [options(network, p, chip, kernels, breadth) for p in range(len(network.populations))]
            raise_all(
                DoesNotFit(
                    population.origin,
                    f"no cut of its {population.shape} feature map fits a core of {chip.core_words} words",
                    hint="take a target with larger cores, or weights of fewer bits",
                )
                for population, found in zip(network.populations, lists, strict=True)
                if not found
            )
            solution = self._solve(network, chip, kernels, lists)
            if solution is not None:
                return solution
        raise self._explain(network, chip, kernels, lists)

    def _solve(
        self, network: Network, chip: Chip, kernels: Sequence[Kernels], lists: Sequence[Sequence[Option]]
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
        for wired in kernels:
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
        solver.parameters.max_deterministic_time = self.effort
        solver.parameters.num_workers = 1
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

    def _explain(
        self, network: Network, chip: Chip, kernels: Sequence[Kernels], lists: Sequence[Sequence[Option]]
    ) -> DoesNotFit:
        for wired in kernels:
            source, target = wired.projection.source, wired.projection.target
            pairs = [pair(wired, a.grid, b.grid) for a in lists[source] for b in lists[target]]
            if not any(_reaches(facts, chip) for facts in pairs):
                low = min(min(facts.offsets) for facts in pairs)
                high = max(max(facts.offsets) for facts in pairs)
                return DoesNotFit(
                    wired.projection.origin,
                    f"its axons need offsets of {low} to {high}, "
                    f"a field holds {chip.offset_min} to {chip.offset_max}",
                    hint="take a target with wider offset fields",
                )
        return DoesNotFit(
            network.populations[0].origin,
            f"no choice of cuts keeps every population's axons below {chip.axons_max} and in its core",
            hint="take a target with larger cores",
        )


def _own_best(
    chip: Chip, kernels: Sequence[Kernels], lists: Sequence[Sequence[Option]]
) -> tuple[Grid, ...] | None:
    """Each population's cuts of least memory, if their axons are within all limits together."""
    best = [found[0] for found in lists]
    axons = dict.fromkeys(range(len(lists)), 0)
    for wired in kernels:
        source, target = wired.projection.source, wired.projection.target
        facts = pair(wired, best[source].grid, best[target].grid)
        axons[source] += facts.axons_most
        if not _reaches(facts, chip):
            return None
    if any(count > min(chip.axons_max, chip.core_words - best[p].words_most) for p, count in axons.items()):
        return None
    return tuple(option.grid for option in best)


def _reaches(facts: Pair, chip: Chip) -> bool:
    return chip.offset_min <= facts.offsets[0] and facts.offsets[1] <= chip.offset_max
