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
    """One step: what is done to which block."""

    order: Order
    block: int


Steps = tuple[Act, ...]


def order_faults(
    prologue: Steps, body: Steps, models: Sequence[NeuronModel], targets: Sequence[Sequence[int]]
) -> Iterator[tuple[int, str]]:
    """Populations that the steps do not suit, and why, by their index.

    `models`: the neuron model of each. `targets`: where the axons of each lead.
    """
    begun, early = (_places(prologue, order, len(models), 0) for order in (Order.RESET, Order.FIRE))
    reset, fired = (_places(body, order, len(models), len(prologue)) for order in (Order.RESET, Order.FIRE))
    sound = True
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


def _places(steps: Steps, order: Order, count: int, first: int) -> list[list[int]]:
    """The steps of an order, by population. `first`: the number of the first step."""
    places: list[list[int]] = [[] for _ in range(count)]
    for number, act in enumerate(steps, first):
        if act.order == order:
            places[act.block].append(number)
    return places
