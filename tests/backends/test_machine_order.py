"""Orders of steps that are none: refused before the first frame, with the population and the step."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snc.backends.machine.machine import Machine
from snc.backends.words.words import BiasFormat, Order, Step
from snc.ir.errors import BadImage
from snc.ir.network import Activation

from .machine_toys import Toy

RESET, FIRE = Order.RESET, Order.FIRE
SOURCE, MIDDLE, TARGET = 0, 1, 2  # their addresses too, behind two ports


def toy() -> Toy:
    """An input, a population that it feeds, and one that this feeds."""
    made = Toy()
    source, middle, target = made.input("x", (1, 1, 1)), *(made.population((1, 1, 1)) for _ in range(2))
    one = np.ones((1, 1, 1, 1))
    return made.join(source, middle, one).join(middle, target, one).output("y", target)


SOUND = [(RESET, MIDDLE), (FIRE, SOURCE), (RESET, TARGET), (FIRE, MIDDLE), (FIRE, TARGET)]


def test_a_population_may_be_reset_after_others_have_fired() -> None:
    made = toy()
    made.order = SOUND
    assert Machine(made.image()).run({"x": np.full((1, 1, 1, 1), 3)}).outputs["y"].item() == 3


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (SOUND[1:], "address 3: is reset 0 times in a frame, not once"),
        ([*SOUND[:1], *SOUND], "address 3: is reset 2 times in a frame, not once"),
        ([(RESET, SOURCE), *SOUND], "address 2: is an input population and has no states to reset"),
        ([*SOUND, (FIRE, TARGET)], "address 4: fires 2 times in a frame, not once"),
        ([*SOUND[:3], *SOUND[4:]], "address 3: fires 0 times in a frame, not once"),
        (
            [SOUND[1], SOUND[0], *SOUND[2:]],
            "address 3: is reset in step 1, behind step 0, whose events reach it",
        ),
        (
            [*SOUND[:2], SOUND[3], SOUND[2], SOUND[4]],
            "address 4: is reset in step 3, behind step 2, whose events reach it",
        ),
        (
            [*SOUND[:3], SOUND[4], SOUND[3]],
            "address 4: fires in step 3, not behind step 4, whose events reach it",
        ),
    ],
    ids=str,
)
def test_another_order_is_refused(order: list[tuple[Order, int]], message: str) -> None:
    made = toy()
    made.order = order
    with pytest.raises(BadImage) as error:
        Machine(made.image(), file="a.snc")
    assert message in str(error.value)


def test_a_population_without_sources_is_reset_before_it_fires() -> None:
    made = Toy()
    alone = made.population((1, 1, 1), bias=np.array([2]))
    made.output("y", alone).order = [(FIRE, alone), (RESET, alone)]
    with pytest.raises(BadImage, match="address 0: is reset in step 1, behind step 0, in which it fires"):
        Machine(made.image())


@pytest.mark.parametrize(("every", "phase"), [(0, 1), (4, 4)])
def test_a_phase_is_below_its_cycle(every: int, phase: int) -> None:
    image = toy().image()
    steps = image.steps.copy()
    first = Step.decode(int(steps[0]))
    changed = Step(order=first.order, core=first.core, population=first.population, every=every, phase=phase)
    steps[0] = changed.encode()
    with pytest.raises(BadImage, match=f"step 0: is taken in frame {phase} of every {every}"):
        Machine(replace(image, steps=steps))


def test_no_population_feeds_itself() -> None:
    made = toy()
    made.join(TARGET, TARGET, np.ones((1, 1, 1, 1)))
    with pytest.raises(BadImage, match="fires in step 4, not behind step 4, whose events reach it"):
        Machine(made.image())


@pytest.mark.parametrize(
    "facts",
    [
        {"scale": 2.0},
        {"initial": 1.0},
        {"activation": Activation.RELU},
        {"bias": np.array([1]), "bias_format": BiasFormat.FLOAT16},
    ],
    ids=str,
)
def test_an_input_computes_nothing(facts: dict[str, Any]) -> None:
    made = Toy()
    made.input("x", (1, 1, 1), fires_on_zero=True)
    Machine(made.image())
    for name, value in facts.items():
        setattr(made.cells[0], name, value)
    with pytest.raises(BadImage, match="address 0: is an input population, which has no states, biases"):
        Machine(made.image())


def test_states_in_the_same_words_live_at_different_times() -> None:
    made = toy()
    made.cells[TARGET].states_of = MIDDLE
    made.join(TARGET, made.population((1, 1, 1)), np.ones((1, 1, 1, 1)))
    last = TARGET + 1
    made.order = [(RESET, last), *SOUND, (FIRE, last)]
    with pytest.raises(BadImage) as error:  # while MIDDLE fires, its states and those of TARGET live
        Machine(made.image())
    assert "address 5: is reset while the states of the population at 4 are in the same" in str(error.value)
    made.cells[TARGET].states_of, made.cells[last].states_of = None, MIDDLE
    made.order = [*SOUND[:4], (RESET, last), SOUND[4], (FIRE, last)]
    made.output("z", last)
    assert Machine(made.image()).run({"x": np.full((1, 1, 1, 1), 3)}).outputs["z"].item() == 3
