"""Choices: the ways in which a network's fragments may fill cores, and which of them is taken.

A fragment has a price beside its words: the higher it is, the fewer pairs of cores exchange events, and the
more cores there may be. Which price fits a network best is tried, not known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

from ...ir.aims import Objective, StateUse
from ...ir.chip import Chip
from ...ir.counts import operations
from ...ir.deadline import NEVER, Deadline
from ...ir.errors import DoesNotFit
from ...ir.mapping import Mapping, core_size
from ...ir.network import Network
from ...passes.cutting.bound import Least
from ...passes.cutting.columns import Columns
from ...passes.cutting.cut import Cut, pieces_of
from ...passes.cutting.pack import Pack, too_large
from ...passes.cutting.partition import Assigned, Solution
from ...passes.placing.locate import Locate
from ...passes.wiring.connect import Connect
from ...passes.wiring.wired import Wired
from .clock import Progress, unreported
from .options import Options

PENALTIES = (800.0, 400.0, 200.0)  # words of a fragment beside its own
FEWER_PAIRS = (1600.0, 3200.0)  # the same, where places that reach each other are hard to find
RELAYS_FEW = 100  # where there are more, the others would need as many
EVEN_FRAGMENTS_MAX = 150  # more of the cuts of least memory are packed only where there are no others
BISECTIONS = 6  # steps towards the least work of the busiest core
EASING = 0.8  # the busiest core's work at each further point of the front


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Fragments in cores that have no places yet, and the cuts they come from."""

    solution: Solution
    mapping: Mapping

    @property
    def rank(self) -> tuple[int, int, int]:
        """What makes a choice better: fewer cores, then fewer fragments, then fewer words."""
        chip, plans = self.mapping.chip, self.mapping.plans
        held = sum(core_size(chip, (plans[f] for f in core)).words for core in self.mapping.cores)
        return len(self.mapping.cores), len(plans), held

    @property
    def busiest(self) -> int:
        """Synaptic operations of the busiest core when every neuron fires."""
        return max(operations(self.mapping))


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the front of cores against work."""

    cores: int
    busiest_core_operations: int
    fragments: int
    words: int


class Packer:
    """A network's ways into cores. `even`: the cuts of least memory, from which `Cut` goes on. Once time
    `is_over`, what is not begun is left out. `progress` is called with each candidate.
    """

    def __init__(
        self,
        network: Network,
        chip: Chip,
        options: Options,
        wiring: Sequence[Wired],
        even: Solution,
        limits: Least,
        is_over: Deadline = NEVER,
        progress: Progress = unreported,
    ) -> None:
        self.network, self.chip, self.options, self.is_over = network, chip, options, is_over
        self.progress = progress
        self.wiring, self.even = wiring, even
        self.shared = options.states.is_shared
        self.banded = options.states is StateUse.BANDED
        self.pieces = pieces_of(network, chip, wiring, even, limits, self.shared)
        self.columns = Columns()

    def choices(self) -> list[Choice]:
        """The ways that were found, the best first. Raises DoesNotFit where the chip has too few cores."""
        found: list[Choice] = []
        refused: list[DoesNotFit] = []
        for solution in self._solutions():
            is_even = not isinstance(solution, Assigned)
            if found and is_even and solution.fragments > EVEN_FRAGMENTS_MAX:
                break
            try:
                choice = self.packed(solution)
            except DoesNotFit as error:
                refused.append(error)
            else:
                found += [choice] if choice is not None else []
            # The next solution is not even searched.
            if found and (len(found[-1].mapping.cores) <= solution.least_cores or self.is_over()):
                break
        if not found:
            raise min(refused, key=lambda error: min(way.get("cores", inf) for way in error.ways))
        return sorted(found, key=lambda choice: choice.rank)

    def _solutions(self) -> Iterator[Solution]:
        """The cuts of least memory come first where they are few: they have the fewest fragments, and where
        they fill no more cores than any must, nothing is searched.
        """
        even = replace(self.even, least_cores=self.pieces.least_cores)
        is_first = even.fragments <= EVEN_FRAGMENTS_MAX
        if is_first:
            yield even
        for penalty in PENALTIES:
            self.progress(f"partition: a candidate at {penalty:g} words a fragment")
            solution = self.cut(penalty)
            if not isinstance(solution, Assigned) or solution == even:
                break
            yield solution
        if not is_first:
            yield even

    def cut(self, penalty: float, work_max: float = inf) -> Solution:
        """The cuts at a price; those of least memory where cores are not chosen with the cuts."""
        cut = Cut(self.options.objective, penalty, work_max, self.options.seed)
        return cut(self.chip, self.pieces, self.columns, self.is_over)

    def packed(self, solution: Solution, merge: bool = True) -> Choice | None:
        """The cores of these cuts; None where a size was guessed too small. Raises DoesNotFit."""
        mapping = Connect(self.shared, self.banded)(self.network, self.chip, self.wiring, solution.grids)
        assignment = solution.assignment if isinstance(solution, Assigned) else {}
        if assignment and too_large(mapping):
            return None
        return Choice(solution, Pack(assignment, merge)(mapping))

    def balanced(self, choice: Choice) -> Choice:
        """The choice whose busiest core has least to do, as bisection finds it: cores are spent on it."""
        low, best = sum(operations(choice.mapping)) / self.chip.cores, choice
        for _ in range(BISECTIONS):
            if self.is_over():
                break
            middle = sqrt(low * best.busiest)
            found = self._within(middle)
            if found is not None and found.busiest < best.busiest:
                best = found
            else:
                low = middle
        return best

    def front(self) -> tuple[Point, ...]:
        """Points from the fewest cores to the least work of the busiest core, none worse in both."""
        found = [self.choices()[0]]
        while not self.is_over():
            choice = self._within(EASING * found[-1].busiest)
            if choice is None or choice.busiest >= found[-1].busiest:
                break
            found.append(choice)
        points = [Point(c.rank[0], c.busiest, c.rank[1], c.rank[2]) for c in found]
        return tuple(
            point
            for i, point in enumerate(points)
            if not any(other.cores <= point.cores for other in points[i + 1 :])
        )

    def _within(self, work: float) -> Choice | None:
        """Cores of which none is given more work, or None where that is not found."""
        solution = self.cut(PENALTIES[-1], work)
        if not isinstance(solution, Assigned):
            return None
        try:
            return self.packed(solution, merge=False)
        except DoesNotFit:
            return None

    def located(self, choices: Sequence[Choice], is_over: Deadline = NEVER) -> Choice:
        """The first choice whose cores reach each other without relays, or else that with the fewest cores,
        relays among them. Raises DoesNotFit.
        """
        best: Choice | None = None
        refused: list[DoesNotFit] = []
        tried: set[object] = set()
        for choice in self._fewer_pairs(choices, is_over):
            if best is not None and len(choice.mapping.cores) >= len(best.mapping.cores):
                break
            if (cores := (choice.mapping.grids, choice.mapping.cores)) in tried:
                continue  # at two prices the same, as small networks are
            tried.add(cores)
            self.progress(f"place: candidate {len(tried)} of {len(choice.mapping.cores)} cores")
            try:
                placed = Locate(self.options.seed, is_over)(choice.mapping)
            except DoesNotFit as error:
                refused.append(error)
                continue
            if best is None or len(placed.cores) < len(best.mapping.cores):
                best = Choice(choice.solution, placed)
            if not 0 < len(placed.plans) - len(choice.mapping.plans) <= RELAYS_FEW:
                break
        if best is None:
            raise refused[0]
        return best

    def _fewer_pairs(self, choices: Sequence[Choice], is_over: Deadline) -> Iterator[Choice]:
        """The choices, then others with fewer and fewer pairs of cores that exchange events."""
        yield from choices
        if not isinstance(choices[0].solution, Assigned) or self.options.objective is Objective.THROUGHPUT:
            return
        for penalty in FEWER_PAIRS:
            if is_over():
                return
            try:
                choice = self.packed(self.cut(penalty))
            except DoesNotFit:
                return
            if choice is not None:
                yield choice
