"""States that last: the schedule sets them once, and a run of several frames goes on where it was."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from backends.by_the_manual import Chip as ByTheManual
from oracle.graphs import random_input
from oracle.writer import Writer

from backends import by_the_manual
from snc.backends.analysis.listing import disassemble
from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.backends.manual.manual import manual
from snc.backends.words.codes import NEURONS
from snc.backends.words.words import Order, Step
from snc.compiler.running.simulating.simulation import has_memory
from snc.ir.errors import BadImage
from snc.ir.network import Neuron, Population
from snc.ir.neurons import Floats, Lifetime, NeuronModel, State, States
from snc.ir.schedule import Action, Schedule

from .neurons import image_of, mapped, network_with
from .reference import truth

KEEPS = replace(Neuron.STANDARD, name="KEEPS", states=(State("accumulator", 16, Lifetime.RUN),))


def change(
    states: States, _: tuple[Floats, ...], function: Callable[[Floats], Floats], first: Floats
) -> tuple[Floats, States]:
    """What the value is more than in the frame before."""
    value = function(states[0])
    return value - states[1], (states[0], value)


CHANGES = NeuronModel(
    "CHANGES",
    "sends what activation(scale * state) is more than in the frame before",
    (State("accumulator"), State("before", 32, Lifetime.RUN)),
    Neuron.STANDARD.updates,
    change,
)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**NEURONS.numbers, CHANGES: 14, KEEPS: 15}
    monkeypatch.setattr(NEURONS, "numbers", known)
    monkeypatch.setitem(by_the_manual.NEURONS, 15, by_the_manual.NEURONS[0])


def model() -> onnx.ModelProto:
    w = Writer(13, 3)
    y = w.add("Conv", w.input((1, 3, 6, 8)), w.weights((5, 3, 3, 3), 27), w.weights((5,), 1))
    y = w.add("Flatten", w.add("Relu", y))
    return w.model([w.add("Gemm", y, w.weights((5 * 4 * 6, 7), 100), w.weights((7,), 1))], "small")


def changed(population: Population) -> Population:
    """Changes go out of the convolution; the dense layer keeps their sum."""
    models = {5: CHANGES, 7: KEEPS}
    return replace(population, neuron=models.get(population.shape.depth, population.neuron))


@pytest.fixture(params=["shared", "persistent"])
def image(request: pytest.FixtureRequest) -> Image:
    states: str = request.param
    mapping = mapped(network_with(model(), changed), states)
    assert {step.action for step in mapping.schedule.prologue} == {Action.RESET}
    assert len(mapping.schedule.prologue) == 2
    return image_of(mapping, states)


def test_changes_and_their_sum_are_the_values_in_every_frame(image: Image) -> None:
    assert has_memory(image)
    machine = Machine(image)
    for _ in range(2):
        events = []
        for seed in (0, 1, 1, 2):
            inputs = random_input(model(), seed)
            run = machine.run(inputs)
            (got,), (want,) = run.outputs.values(), truth(model(), inputs, inner=False).values()
            np.testing.assert_allclose(got.reshape(want.shape), want, rtol=0, atol=1e-5 * np.abs(want).max())
            events.append(run.counters.total.events)
        assert events[2] < events[1], "what stays as it is sends nothing"
        machine.restart()


def test_without_a_restart_a_second_run_is_not_the_first() -> None:
    mapping = mapped(network_with(model(), lambda p: changed(p) if p.shape.depth == 7 else p), "shared")
    machine = Machine(image_of(mapping, "shared"))
    inputs = random_input(model(), 0)
    first, second = (next(iter(machine.run(inputs).outputs.values())) for _ in range(2))
    machine.restart()
    again = next(iter(machine.run(inputs).outputs.values()))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second)


def test_the_manuals_reader_takes_the_prologue_once() -> None:
    mapping = mapped(network_with(model(), lambda p: changed(p) if p.shape.depth == 7 else p), "shared")
    image = image_of(mapping, "shared")
    machine, other = Machine(image), ByTheManual(write_image(image))
    for seed in (0, 1):
        inputs = dict(random_input(model(), seed))
        (got,), (want,) = machine.run(inputs).outputs.values(), other.run(inputs).values()
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-6 * np.abs(want).max())


def test_the_schedule_of_a_mapping_is_what_runs() -> None:
    """Another order of the same steps, which suits as well, is emitted as it is."""
    mapping = mapped(network_with(model(), lambda p: p), "persistent")
    body = mapping.schedule.body
    resets = [step for step in body if step.action is Action.RESET]
    fires = [step for step in body if step.action is Action.FIRE]
    other = replace(mapping, schedule=Schedule(body=(*reversed(resets), *fires)))
    first, second = image_of(mapping, "persistent"), image_of(other, "persistent")
    assert first.steps.tolist() != second.steps.tolist()
    assert sorted(first.steps.tolist()) == sorted(second.steps.tolist())
    inputs = random_input(model(), 0)
    (one,), (two,) = (Machine(each).run(inputs).outputs.values() for each in (first, second))
    np.testing.assert_array_equal(one, two)


def test_the_listing_and_the_manual_say_so(image: Image) -> None:
    assert disassemble(image).count("once=1") == 2
    assert "before (32 bits, from frame to frame)" in manual()


def with_steps(image: Image, change: Callable[[list[Step]], list[Step]]) -> Image:
    steps = change([Step.decode(word) for word in image.steps.tolist()])
    return replace(image, steps=np.array([step.encode() for step in steps], dtype=np.uint64))


def again(step: Step, **fields: object) -> Step:
    return Step(**{**dict(step.items()), **fields})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda steps: [*steps[1:], steps[0]], "is taken once, and stands behind steps of each frame"),
        (lambda steps: steps[1:], "is reset 0 times before the first frame, not once"),
        (lambda steps: [steps[0], *steps], "is reset 2 times before the first frame, not once"),
        (lambda steps: [*steps[:2], again(steps[1], once=0), *steps[2:]], "times in a frame, not"),
        (lambda steps: [again(steps[0], order=Order.FIRE), *steps], "fires before the first frame"),
    ],
)
def test_a_prologue_that_does_not_suit_is_refused(
    image: Image, change: Callable[[list[Step]], list[Step]], message: str
) -> None:
    with pytest.raises(BadImage, match=message):
        Machine(with_steps(image, change))
