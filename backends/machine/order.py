"""The firing order: what every frame must do to each population, so that no frame depends on another.

States that go on from frame to frame are set once, before the first one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...ir.neurons import NeuronModel
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
        counts = len(begun[index]), len(early[index]), len(reset[index]), len(fired[index])
        for found in _miscounted(model, *counts):
            sound = False
            yield index, found
    if not sound:
        return
    for source, reached in enumerate(targets):
        (step,) = fired[source]
        for place in reset[source]:
            if place > step:
                yield source, f"is reset in step {place}, behind step {step}, in which it fires"
        for target in reached:
            if not models[target].states:
                continue  # a fault of the port, which names it
            for place in reset[target]:
                if place > step:
                    yield target, f"is reset in step {place}, behind step {step}, whose events reach it"
            if fired[target][0] <= step:
                yield (
                    target,
                    f"fires in step {fired[target][0]}, not behind step {step}, whose events reach it",
                )


def _miscounted(model: NeuronModel, begun: int, early: int, resets: int, fires: int) -> Iterator[str]:
    if not model.states and begun + resets:
        yield "is an input population and has no states to reset"
    elif resets != model.is_reset_each_frame:
        yield f"is reset {resets} times in a frame, not {'once' if model.is_reset_each_frame else 'at all'}"
    elif begun != model.lasts:
        yield f"is reset {begun} times before the first frame, not {'once' if model.lasts else 'at all'}"
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
