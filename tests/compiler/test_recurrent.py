"""Recurrent projections: what fires later in a frame is seen in the next one, and the schedule says so."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from backends.agreement import agree
from backends.by_the_manual import Chip as ByTheManual
from checker.check import check
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.backends.words.words import Order, Step
from snc.ir.chip import Chip
from snc.ir.errors import BadImage, VerifyError
from snc.ir.mapping import Mapping
from snc.ir.network import Network
from snc.ir.schedule import Action, Schedule, is_lost

from .neurons import image_of, mapped, network_with
from .reference import CHIP, shrunken, truth

SMALL = shrunken(core_words=400, width_max=5, depth_max=4)
FRAMES = 4
SHAPE = 1, 5, 6, 8


def model(*, unrolled: bool) -> onnx.ModelProto:
    """Two convolutions, one after the other. Unrolled: what the second one was a frame ago is an operand of
    the first one, through the second one's weights.
    """
    w = Writer(13, 3)
    x = w.input((1, 3, 6, 8))
    first, bias = w.weights((5, 3, 3, 3), 27), w.weights((5,), 1)
    back, other = w.weights((5, 5, 3, 3), 45), w.weights((5,), 1)
    y = w.add("Conv", x, first, bias, pads=[1, 1, 1, 1])
    if unrolled:
        y = w.add("Add", y, w.add("Conv", w.input(SHAPE), back, pads=[1, 1, 1, 1]))
    y = w.add("Conv", w.add("Relu", y), back, other, pads=[1, 1, 1, 1])
    return w.model([w.add("Tanh", y)], "recurrent")


def network() -> Network:
    """The network of the two convolutions, with a projection from the second one back to the first one."""
    found = network_with(model(unrolled=False), lambda population: population)
    (last,) = (p for p in found.projections if p.source != 0)
    turned = replace(last, source=last.target, target=last.source, is_recurrent=True)
    return replace(found, projections=(*found.projections, turned))


def expected() -> Iterator[tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.float32]]]:
    """Each frame's input and output."""
    step, before = model(unrolled=True), np.zeros(SHAPE, np.float32)
    for seed in range(FRAMES):
        inputs = dict(random_input(model(unrolled=False), seed))
        (before,) = truth(step, {**inputs, "input1": before}, inner=False).values()
        yield inputs, before


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=lambda chip: chip.name)
@pytest.mark.parametrize("states", ["shared", "banded", "persistent"])
def test_it_maps_and_computes(states: str, chip: Chip) -> None:
    mapping = mapped(network(), states, chip)
    assert (len(mapping.plans) > 3) == (chip is SMALL)
    image = image_of(mapping, states)
    assert check(write_image(image)).faults == ()
    machine, other = Machine(image), ByTheManual(write_image(image))
    for _ in range(2):
        for inputs, want in expected():
            (got,) = machine.run(inputs).outputs.values()
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
            if not other.begun or chip is CHIP:
                (by_the_manual,) = other.run(inputs).values()
                np.testing.assert_allclose(by_the_manual, got, rtol=0, atol=1e-6)
        machine.restart()
        other.begun = False


def test_the_walk_leaves_it_to_the_machine() -> None:
    image = image_of(mapped(network(), "shared"), "shared")
    assert agree(image, [inputs for inputs, _ in expected()]) == "steps before the first frame"


def test_who_is_fed_later_is_reset_behind_its_firing_and_keeps_its_words() -> None:
    mapping = mapped(network(), "shared")
    body = [(step.action, mapping.plans[step.fragment].fragment.population) for step in mapping.schedule.body]
    fire, reset = Action.FIRE, Action.RESET
    assert body == [(fire, 0), (reset, 2), (fire, 1), (reset, 1), (fire, 2)]
    assert [step.fragment for step in mapping.schedule.prologue] == [1]
    assert mapping.plans[1].live_range is None
    assert mapping.plans[2].live_range is not None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_recurrent": False}, "fires backwards"),
        ({"source": 1, "target": 1}, "feeds itself"),
        ({"source": 1, "target": 2}, "fires forwards, and is recurrent"),
    ],
)
def test_a_network_says_which_way_its_projections_lead(changes: dict[str, int], message: str) -> None:
    found = network()
    wrong = replace(found.projections[-1], **changes)  # type: ignore[arg-type]
    with pytest.raises(VerifyError, match=message):
        replace(found, projections=(*found.projections[:-1], wrong)).verify()


def early(mapping: Mapping) -> Mapping:
    """Every RESET of the body first."""
    body = sorted(mapping.schedule.body, key=lambda step: step.action is Action.FIRE)
    return replace(mapping, schedule=Schedule(mapping.schedule.prologue, tuple(body)))


def test_a_schedule_that_loses_events_is_refused() -> None:
    with pytest.raises(VerifyError, match="is reset behind events that it has not seen"):
        early(mapped(network(), "shared")).verify()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([1, 2, 3, 4, 5], "is reset in step 3, behind step 2, in which it fires"),
        ([0, 1, 2, 3, 5, 4], "fires in step 3, not behind step 4, whose events reach it"),
        ([4, 1, 2, 3, 5], "fires in step 3, not behind step 4, whose events reach it"),
        ([0, 4, 1, 2, 3, 5], "is reset 1 times before the first frame, not at all"),
    ],
)
def test_a_machine_refuses_an_order_that_loses_events(order: list[int], message: str) -> None:
    image = image_of(mapped(network(), "persistent"), "persistent")
    steps = [Step.decode(word) for word in image.steps.tolist()]
    reset, fire = Order.RESET, Order.FIRE
    assert [step.order for step in steps] == [reset, reset, fire, fire, reset, fire]
    words = np.array([steps[i].encode() for i in order], dtype=np.uint64)
    with pytest.raises(BadImage, match=message):
        Machine(replace(image, steps=words))


def test_an_event_is_lost_by_a_reset_on_the_way_to_the_firing_that_sees_it() -> None:
    steps = range(5)
    for event, reset, fire in ((e, r, f) for e in steps for r in steps for f in steps):
        if len({event, reset, fire}) == 3:
            way = [(event + i) % 5 for i in range(1, 5)]
            assert is_lost(event, reset, fire) == (way.index(reset) < way.index(fire))
