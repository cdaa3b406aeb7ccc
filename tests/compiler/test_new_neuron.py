"""A neuron model is one declaration and its number: mapping, listing, manual and machine follow from it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.backends.analysis.listing import disassemble
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.backends.manual.manual import manual
from snc.backends.words.codes import NEURONS
from snc.ir.errors import BadImage, VerifyError
from snc.ir.network import Network, Neuron, Population, Update
from snc.ir.neurons import Floats, NeuronModel, State, States

from .neurons import image_of, mapped, network_with
from .reference import truth


def squared(
    states: States, parameters: tuple[Floats, ...], function: Callable[[Floats], Floats], _: Floats
) -> tuple[Floats, States]:
    """The square of what has come, less a number of each channel; the second state keeps that square."""
    (threshold,) = parameters
    square = states[0] * states[0] - threshold
    return function(square), (states[0], square)


SQUARED = NeuronModel(
    "SQUARED",
    "its value is activation(scale * (state^2 - threshold))",
    (State("accumulator"), State("square", 32)),
    frozenset({Update.ADD}),
    squared,
    ("threshold",),
)
THRESHOLDS = 0.5, 0.25, 0.0, 1.0, 0.5


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEURONS.numbers, SQUARED, 15)


def model(*, square: bool) -> onnx.ModelProto:
    """A network with the square of a convolution, or with the convolution as it is in its place."""
    w = Writer(13, 7)
    y = w.add("Conv", w.input((1, 3, 7, 9)), w.weights((5, 3, 3, 3), 27), w.weights((5,), 1))
    weights = w.weights((5 * 5 * 7, 6), 100)
    if square:
        y = w.add("Sub", w.add("Mul", y, y), w.constant(np.array(THRESHOLDS, "f4").reshape(1, 5, 1, 1)))
    return w.model([w.add("Gemm", w.add("Flatten", w.add("Relu", y)), weights)], "squares")


def network() -> Network:
    """The chip's network of the square."""

    def changed(population: Population) -> Population:
        if population.shape.depth != len(THRESHOLDS):
            return population
        return replace(population, neuron=SQUARED, parameters=(THRESHOLDS, *population.parameters))

    return network_with(model(square=False), changed)


def image(states: str) -> Image:
    return image_of(mapped(network(), states), states)


@pytest.mark.parametrize("states", ["shared", "persistent"])
def test_it_maps_and_computes(states: str) -> None:
    wanted = model(square=True)
    inputs = random_input(wanted, 0)
    want = truth(wanted, inputs, inner=False)
    found = Machine(image(states)).run(inputs).outputs
    (got,), (expected,) = found.values(), want.values()
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=0, atol=tolerance)


def test_its_states_are_stored_and_billed() -> None:
    found = image("persistent")
    listing = disassemble(found)
    assert "neuron=SQUARED" in listing
    assert "unreferenced" not in listing
    neurons = 5 * 5 * 7
    words = -(-neurons * 16 // 64) + -(-neurons * 32 // 64)
    assert 8 * words - 8 < bill(found).total.neurons - 2 * 6 <= 8 * words


def test_the_manual_has_its_row() -> None:
    states = "accumulator (16 bits, within a frame), square (32 bits, within a frame)"
    assert f"| 15 | `SQUARED` | {states} | `ADD` | threshold | {SQUARED.text} |" in manual()


def test_what_it_does_not_integrate_is_refused() -> None:
    found = network()
    other = tuple(replace(p, update=Update.MAXIMUM) for p in found.projections)
    with pytest.raises(VerifyError, match="SQUARED population takes no MAXIMUM"):
        replace(found, projections=other).verify()


def test_an_image_with_too_few_parameters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = image("shared")
    monkeypatch.delitem(NEURONS.numbers, SQUARED)
    monkeypatch.setitem(NEURONS.numbers, replace(SQUARED, parameters=("threshold", "more")), 15)
    with pytest.raises(BadImage, match="SQUARED with RELU has 2 parameters, not 1"):
        Machine(made)
    assert Neuron.STANDARD in NEURONS.numbers
