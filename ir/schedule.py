"""The schedule: what a run does to which fragment, step by step.

An event is seen by the next FIRE of the fragment that it reaches: in the same frame where that is still to
come, in the next frame where the fragment has fired (a recurrent projection). No RESET may stand between.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, NewType

from .neurons import Cycle

if TYPE_CHECKING:
    from .mapping import Plan
    from .network import Network

FragmentId = NewType("FragmentId", int)


class Action(Enum):
    """What a step does to a fragment."""

    RESET = "states get their first values: in the prologue all, in the body those of a frame"
    FIRE = "the values are computed, and the events sent"


class Step(NamedTuple):
    """One step of a schedule. With a cycle it is not taken in each frame, and a RESET sets all states."""

    action: Action
    fragment: FragmentId
    cycle: Cycle | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a run: the prologue once, then the body for each frame."""

    prologue: tuple[Step, ...] = ()
    body: tuple[Step, ...] = ()

    @property
    def firing(self) -> tuple[FragmentId, ...]:
        """The fragments in the order in which they fire."""
        return tuple(step.fragment for step in self.body if step.action is Action.FIRE)

    def unseen(self, targets: Sequence[Collection[FragmentId]]) -> Iterator[FragmentId]:
        """Fragments whose events are lost: a RESET comes between, or they are their own. `targets`: of the
        axons of each fragment.
        """
        resets, fires = self._places(Action.RESET), self._places(Action.FIRE)
        for source, reached in enumerate(targets):
            (event,) = fires[FragmentId(source)]
            for target in reached:
                (fire,) = fires[target]
                if target == source or any(is_lost(event, reset, fire) for reset in resets.get(target, ())):
                    yield target

    def _places(self, action: Action) -> dict[FragmentId, list[int]]:
        """The steps of the body that do this, by fragment."""
        found: dict[FragmentId, list[int]] = {}
        for number, step in enumerate(self.body):
            if step.action is action:
                found.setdefault(step.fragment, []).append(number)
        return found


def is_lost(event: int, reset: int, fire: int) -> bool:
    """Whether what an event brings in one step of the body is lost by a RESET in another, before the FIRE of
    this frame or of the next that would see it.
    """
    return event < reset < fire or fire < event < reset or reset < fire < event


def scheduled(network: "Network", plans: Sequence["Plan"], firing: Sequence[FragmentId]) -> Schedule:
    """The schedule in which fragments fire in this order, once a frame.

    States that last are reset in the prologue. Those of a frame are reset at its beginning, or, where others
    have their place at other times, when their live range begins; or, where events come from populations that
    fire later, behind their own firing, and in the prologue for the first frame. States that a population's
    cycle ends are reset behind its firing, before events for the next frame come.
    """
    later = network.recurrent_targets
    models = [network.populations[plan.fragment.population].neuron for plan in plans]
    prologue, body = [], []
    begins: dict[int, list[FragmentId]] = {}
    for index, (plan, model) in enumerate(zip(plans, models, strict=True)):
        reset = Step(Action.RESET, FragmentId(index))
        is_fed_later = plan.fragment.population in later
        if model.lasts or is_fed_later:
            prologue.append(reset)
        if is_fed_later:
            continue
        if plan.live_range is not None:
            begins.setdefault(plan.live_range.first, []).append(FragmentId(index))
        elif model.is_reset_each_frame:
            body.append(reset)
    for fragment in firing:
        living = begins.pop(plans[fragment].turn, ())
        body += [Step(Action.RESET, each) for each in living]
        body.append(Step(Action.FIRE, fragment))
        if models[fragment].is_reset_each_frame and plans[fragment].fragment.population in later:
            body.append(Step(Action.RESET, fragment))
        cycle = network.populations[plans[fragment].fragment.population].ends
        if cycle is not None:
            body.append(Step(Action.RESET, fragment, cycle))
    assert not begins, "a live range begins with a population that does not fire"
    return Schedule(tuple(prologue), tuple(body))
