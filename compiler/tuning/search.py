"""The search of `snc tune`: proposals in rounds, each of them a point that a sweep makes and measures.

A round has a fixed size and follows from the seed and the figures of the rounds before. So a search whose
points are kept goes on where it was ended, and finds the same with one process or with several.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...ir.aims import NeuronUse
from ...ir.errors import BadInput, DoesNotFit, Origin
from ..sweeping.measure import Material, gather
from ..sweeping.points import Point, points
from ..sweeping.spec import Measure, Model, Stated, Sweep, Target
from ..sweeping.store import Outcome
from .proposals import Proposals
from .space import space_of

FIGURES = {"memory": "memory_bytes", "energy": "energy_nj", "cores": "cores"}
DIGITS = 9  # of a share of frames
ROUND = 8  # tries that are proposed together
DEFAULT: Stated = {}

Seen = Callable[[int, int, str], None]  # how many are done, of how many, and the name of the last
Make = Callable[[Sequence[Point], Seen], Mapping[str, Outcome]]  # by key


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be made less of (a key of FIGURES), how much of the answers that may cost (0.01: one in a
    hundred), and within how many tries.
    """

    model: Model
    target: Target
    measure: Measure
    minimise: str
    loss_max: float
    tries: int
    seed: int
    neurons: Sequence[NeuronUse] = (NeuronUse.STANDARD,)


@dataclass(frozen=True, slots=True)
class Try:
    """A point with what became of it. `loss`: the share of the answers that it costs, `value`: what is to be
    little; both None where there is no image.
    """

    point: Point
    outcome: Outcome
    loss: float | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Tuned:
    """All tries, the first with the default options, and the best: on the frames that it was chosen by, and
    on those held out, where there are any. `passed_over`: better ones that lost too much on these.
    """

    tries: tuple[Try, ...]
    best: Try
    held_out: Try | None
    passed_over: int


def tune(task: Task, make: Make, on_try: Seen = lambda done, total, name: None) -> Tuned:
    """Searches. Raises SncError: DoesNotFit where no try keeps as many of the answers as is wished."""
    on_try(0, task.tries, "the model is read")
    fitted, material = _bench(task, "fitted", make, on_try)
    if not material.frames:
        raise BadInput(
            Origin(file=task.model.name), "is to be measured on no frames", hint="give more --data"
        )
    proposals = Proposals(
        space_of(material, task.neurons, task.minimise),
        task.seed,
        task.loss_max,
    )
    del material
    tries = fitted.made([DEFAULT], 0)
    while len(tries) < task.tries:
        stated = proposals.next(min(ROUND, task.tries - len(tries)))
        if not stated:
            break
        found = fitted.made(stated, len(tries))
        for one in found:
            proposals.learn(one.point.stated, one.loss, one.value)
        tries += found
    return _chosen(task, tries, make, on_try)


def _chosen(task: Task, tries: Sequence[Try], make: Make, on_try: Seen) -> Tuned:
    """The best of the tries that holds on the frames held out."""
    origin, allowed = Origin(file=task.model.name), f"{100 * task.loss_max:.3g} %"
    known = [(one.value, one.loss, one) for one in tries if one.loss is not None and one.value is not None]
    if not known:
        raise DoesNotFit(origin, f"has no image in {len(tries)} tries: {tries[0].outcome.message}")
    good = [each for each in known if each[1] <= task.loss_max]
    if not good:
        least = 100 * min(loss for _, loss, _ in known)
        rule = f"loses {least:.3g} % of the answers in the best of {len(tries)} tries, {allowed} are allowed"
        raise DoesNotFit(origin, rule, hint="allow more, or more --tries")
    good.sort(key=lambda each: each[:2])
    held_out, material = _bench(task, "held-out", make, on_try)
    if not material.frames:
        return Tuned(tuple(tries), good[0][2], None, 0)
    for place, (_, _, one) in enumerate(good):
        (again,) = held_out.made([one.point.stated], len(tries))
        if again.loss is not None and again.loss <= task.loss_max:
            return Tuned(tuple(tries), one, again, place)
    rule = f"loses more than {allowed} of the answers on the frames held out, in all of {len(tries)} tries"
    raise DoesNotFit(origin, rule, hint="allow more, or give more --data")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tries are measured on a part of the frames. `accuracy`: the model's own, if there are labels."""

    task: Task
    measure: Measure
    accuracy: float | None
    make: Make
    on_try: Seen

    def made(self, stated: Sequence[Stated], begun: int) -> list[Try]:
        """Tries of these options, in this order, behind those that were begun before."""
        task = self.task
        wanted = points(Sweep((task.model,), (task.target,), tuple(stated), self.measure))
        found = self.make(
            wanted, lambda done, _, name: self.on_try(min(begun + done, task.tries), task.tries, name)
        )
        return [self._try(point, found[point.key]) for point in wanted]

    def _try(self, point: Point, outcome: Outcome) -> Try:
        figures = outcome.figures
        if outcome.has_failed:
            return Try(point, outcome, None, None)
        right, agreed = figures["accuracy"], figures["agreement"]
        if self.accuracy is not None and right is not None:
            loss = max(0.0, self.accuracy - right)
        elif agreed is not None:
            loss = 1.0 - agreed
        else:
            rule = "has no output that names a class, so no answers are counted"
            hint = "bound the error of its outputs: snc compile --weights auto --data .. --min-sqnr .."
            raise BadInput(Origin(file=self.task.model.name), rule, hint=hint)
        value = figures[FIGURES[self.task.minimise]]
        loss = round(loss, DIGITS)  # one of a hundred is no more than 1 %
        return Try(point, outcome, loss, math.inf if value is None else float(value))


def fewest(tries: Sequence[Try]) -> set[int]:
    """Which tries no other beats: none takes as little and loses as little, and less of one of them."""
    known = [
        (one.value, one.loss, number)
        for number, one in enumerate(tries)
        if one.value is not None and one.loss is not None
    ]
    found, least = set(), math.inf
    for _, loss, number in sorted(known):
        if loss < least:
            found.add(number)
            least = loss
    return found


def _bench(task: Task, part: str, make: Make, on_try: Seen) -> tuple[Bench, Material]:
    """A part of the frames, and what is known of them."""
    measure = replace(task.measure, part=part)
    material = gather(task.model, measure)
    return Bench(task, measure, material.accuracy(), make, on_try), material
