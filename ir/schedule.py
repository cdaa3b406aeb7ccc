"""The schedule: what a run does to which fragment, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, NewType

if TYPE_CHECKING:
    from .mapping import Plan
    from .network import Network

FragmentId = NewType("FragmentId", int)


class Action(Enum):
    """What a step does to a fragment."""

    RESET = "states get their first values: in the prologue all, in the body those of a frame"
    FIRE = "the values are computed, and the events sent"


class Step(NamedTuple):
    """One step of a schedule."""

    action: Action
    fragment: FragmentId


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a run: the prologue once, then the body for each frame."""

    prologue: tuple[Step, ...] = ()
    body: tuple[Step, ...] = ()

    @property
    def firing(self) -> tuple[FragmentId, ...]:
        """The fragments in the order in which they fire."""
        return tuple(step.fragment for step in self.body if step.action is Action.FIRE)


def scheduled(network: "Network", plans: Sequence["Plan"], firing: Sequence[FragmentId]) -> Schedule:
    """The schedule in which fragments fire in this order, once a frame.

    States that last are reset in the prologue. Those of a frame are reset at its beginning, or, where others
    have their place at other times, when their life begins.
    """
    models = [network.populations[plan.fragment.population].neuron for plan in plans]
    prologue, body = [], []
    begins: dict[int, list[FragmentId]] = {}
    for index, (plan, model) in enumerate(zip(plans, models, strict=True)):
        reset = Step(Action.RESET, FragmentId(index))
        if model.lasts:
            prologue.append(reset)
        if plan.life is not None:
            begins.setdefault(plan.life.first, []).append(FragmentId(index))
        elif model.is_reset_each_frame:
            body.append(reset)
    for fragment in firing:
        living = begins.pop(plans[fragment].fragment.population, ())
        body += [Step(Action.RESET, each) for each in living]
        body.append(Step(Action.FIRE, fragment))
    assert not begins, "a life begins with a population that does not fire"
    return Schedule(tuple(prologue), tuple(body))
