"""The firing order: what every frame must do to each population, so that no frame depends on another."""

from collections.abc import Iterator, Sequence

from ..words.words import Order

Steps = Sequence[tuple[Order, int]]


def order_faults(
    steps: Steps, inputs: Sequence[bool], targets: Sequence[Sequence[int]]
) -> Iterator[tuple[int, str]]:
    """Populations that the steps do not suit, and why, by their index.

    `inputs`: which are inputs. `targets`: where the axons of each lead.
    """
    reset, fired = (_places(steps, order, len(inputs)) for order in (Order.RESET, Order.FIRE))
    sound = True
    for index, is_input in enumerate(inputs):
        for found in _miscounted(len(reset[index]), len(fired[index]), is_input):
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
            if inputs[target]:
                continue  # a fault of the port, which names it
            if reset[target][0] > step:
                what = f"is reset in step {reset[target][0]}, behind step {step}, whose events reach it"
                yield target, what
            if fired[target][0] <= step:
                yield (
                    target,
                    f"fires in step {fired[target][0]}, not behind step {step}, whose events reach it",
                )


def _miscounted(resets: int, fires: int, is_input: bool) -> Iterator[str]:
    if is_input and resets:
        yield "is an input population and has no states to reset"
    if not is_input and resets != 1:
        yield f"is reset {resets} times in a frame, not once"
    if fires != 1:
        yield f"fires {fires} times in a frame, not once"


def _places(steps: Steps, order: Order, count: int) -> list[list[int]]:
    """The steps of an order, by population."""
    places: list[list[int]] = [[] for _ in range(count)]
    for step, (what, index) in enumerate(steps):
        if what == order:
            places[index].append(step)
    return places
