"""The firing order: what every frame must do to each population, so that every event is seen once.

An event is seen by the next FIRE of the population that it reaches, in this frame or the next. States that go
on from frame to frame are set once, before the first one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...ir.neurons import Lifetime, NeuronModel
from ...ir.schedule import is_lost
from ..words.words import Order


class Act(NamedTuple):
    """One step: what is done to which block, in each frame (`every` 0) or in those of a cycle."""

    order: Order
    block: int
    every: int = 0
    phase: int = 0

    def is_taken(self, frame: int) -> bool:
        """Whether it is a step of the frame with this number."""
        return not self.every or frame % self.every == self.phase


Steps = tuple[Act, ...]


def order_faults(
    prologue: Steps, body: Steps, models: Sequence[NeuronModel], targets: Sequence[Sequence[int]]
) -> Iterator[tuple[int, str]]:
    """Populations that the steps do not suit, and why, by their index.

    `models`: the neuron model of each. `targets`: where the axons of each lead.
    """
    begun, early = (_places(prologue, order, len(models), 0) for order in (Order.RESET, Order.FIRE))
    reset, fired = (_places(body, order, len(models), len(prologue)) for order in (Order.RESET, Order.FIRE))
    cyclic = _places(body, Order.RESET, len(models), len(prologue), in_cycles=True)
    sound = True
    for act in (*prologue, *body):
        if act.every and (found := _cycle_fault(act, models[act.block], act in prologue)):
            sound = False
            yield act.block, found
    for index, model in enumerate(models):
        # Who is reset behind its own firing is so for the next frame, and for the first one in the prologue.
        is_late = bool(begun[index]) and any(place > step for place in reset[index] for step in fired[index])
        counts = len(begun[index]), len(early[index]), len(reset[index]), len(fired[index])
        for found in _miscounted(model, model.lasts or is_late, *counts):
            sound = False
            yield index, found
    if not sound:
        return
    for source, reached in enumerate(targets):
        (step,) = fired[source]
        for place in reset[source]:
            if place > step and not begun[source]:
                yield source, f"is reset in step {place}, behind step {step}, in which it fires"
        for target in reached:
            if not models[target].states:
                continue  # a fault of the port, which names it
            (fire,) = fired[target]
            # Events go into the first state: a RESET of the others is nothing to them.
            wipes = reset[target] if models[target].states[0].lifetime is Lifetime.FRAME else []
            wipes = [*wipes, *cyclic[target]]
            for place in wipes:
                if fire > step and is_lost(step, place, fire):
                    yield target, f"is reset in step {place}, behind step {step}, whose events reach it"
            if target == source or (fire < step and any(is_lost(step, place, fire) for place in wipes)):
                yield target, f"fires in step {fire}, not behind step {step}, whose events reach it"


def _miscounted(
    model: NeuronModel, lasts: bool, begun: int, early: int, resets: int, fires: int
) -> Iterator[str]:
    if not model.states and begun + resets:
        yield "is an input population and has no states to reset"
    elif resets != model.is_reset_each_frame:
        yield f"is reset {resets} times in a frame, not {'once' if model.is_reset_each_frame else 'at all'}"
    elif begun != lasts:
        yield f"is reset {begun} times before the first frame, not {'once' if lasts else 'at all'}"
    if early:
        yield "fires before the first frame"
    if fires != 1:
        yield f"fires {fires} times in a frame, not once"


def _cycle_fault(act: Act, model: NeuronModel, is_early: bool) -> str:
    """What is wrong with a step of some frames, "" for nothing."""
    if act.order != Order.RESET or is_early or not model.lasts:
        return "has a step of some frames that is no RESET of states that go on from frame to frame"
    return ""


def _places(
    steps: Steps, order: Order, count: int, first: int, *, in_cycles: bool = False
) -> list[list[int]]:
    """The steps of an order, by population: those of each frame, or those of some. `first`: the number of the
    first step.
    """
    places: list[list[int]] = [[] for _ in range(count)]
    for number, act in enumerate(steps, first):
        if act.order == order and bool(act.every) == in_cycles:
            places[act.block].append(number)
    return places
