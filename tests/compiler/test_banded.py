"""Feature maps in bands of rows that fire depth first: fewer states at a time, and the same answers."""

import numpy as np
import onnx
import pytest
from backends.agreement import agree
from hypothesis import given
from hypothesis import strategies as st
from oracle.writer import Writer

from snc.backends.analysis.bill import Bill, bill
from snc.compiler.pipeline.options import Options
from snc.ir.aims import Objective, StateUse
from snc.models.digits import digits_model
from snc.passes.wiring.depth_first import depth_first

from .reference import CHIP, assert_computes, compiled, reread, shrunken

FRAMES = [
    {"input0": np.random.default_rng(seed).normal(size=(1, 3, 32, 32)).astype(np.float32)} for seed in (0, 1)
]


def residual() -> onnx.ModelProto:
    """A block with a way around it, 8 channels of 32 x 32, then 16 of 16 x 16."""
    net = Writer(13, 5)
    image = net.input((1, 3, 32, 32))

    def conv(read: str, inputs: int, outputs: int, stride: int = 1) -> str:
        weights = net.weights((outputs, inputs, 3, 3), 9 * inputs)
        return net.add("Conv", read, weights, pads=[1, 1, 1, 1], strides=[stride, stride])

    first = net.add("Relu", conv(image, 3, 8))
    second = net.add("Relu", conv(first, 8, 8))
    third = net.add("Relu", net.add("Add", conv(second, 8, 8), first))
    last = net.add("Relu", conv(third, 8, 16, stride=2))
    return net.model([net.add("GlobalAveragePool", last)], "residual")


def banded(objective: Objective = Objective.CORES, states: StateUse = StateUse.BANDED) -> Options:
    return Options("fixed8", states=states, objective=objective)


def bills(model: onnx.ModelProto, objective: Objective) -> dict[StateUse, Bill]:
    return {
        states: bill(compiled(model, CHIP, banded(objective, states)).image).total
        for states in (StateUse.SHARED, StateUse.BANDED)
    }


@pytest.mark.parametrize("objective", [Objective.CORES, Objective.MEMORY])
def test_fewer_states_are_in_use(objective: Objective) -> None:
    found = bills(residual(), objective)
    shared, bands = found[StateUse.SHARED], found[StateUse.BANDED]
    assert bands.neurons <= 0.55 * shared.neurons
    assert bands.parameters == shared.parameters
    assert bands.total < 0.75 * shared.total


@pytest.mark.parametrize("objective", [Objective.CORES, Objective.MEMORY])
def test_the_answers_are_the_models(objective: Objective) -> None:
    model = residual()
    image = reread(compiled(model, CHIP, banded(objective)).image)
    assert agree(image, FRAMES) == ""
    float_image = compiled(model, CHIP, Options("float32", states=StateUse.BANDED, objective=objective)).image
    for frame in FRAMES:
        assert_computes(float_image, model, frame)


def test_few_cores_stay_few() -> None:
    """A core has so many ports: more bands are for those who want little memory."""
    chip = shrunken(ports_max=8)
    cores = {
        objective: len(compiled(residual(), chip, banded(objective)).image.cores)
        for objective in (Objective.CORES, Objective.MEMORY)
    }
    assert cores[Objective.CORES] == 1 < cores[Objective.MEMORY]


def test_the_same_bytes_again() -> None:
    first, again = (compiled(residual(), CHIP, banded(Objective.MEMORY)).image.cores for _ in range(2))
    assert all((a.words == b.words).all() for a, b in zip(first, again, strict=True))


def test_where_bands_save_nothing_there_are_none() -> None:
    found = [
        compiled(digits_model(), shrunken(core_words=32768, ports_max=5), banded(states=states)).image
        for states in (StateUse.SHARED, StateUse.BANDED)
    ]
    assert len({len(core.words) for image in found for core in image.cores}) == 1


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_each_fires_once_behind_its_sources(count: int, random: object) -> None:
    draw = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    targets = [
        {int(t) for t in draw.integers(i + 1, count, size=draw.integers(0, 4))} if i + 1 < count else set()
        for i in range(count)
    ]
    order = depth_first(targets, lambda index: index)
    assert sorted(order) == list(range(count))
    places = {index: place for place, index in enumerate(order)}
    assert all(places[source] < places[target] for source in range(count) for target in targets[source])


def test_a_chain_of_bands_is_gone_through_band_by_band() -> None:
    """Maps of four bands, each of which hears a band of the map before and its neighbours."""

    def band(layer: int, row: int) -> int:
        return 4 * layer + row

    targets = [
        {band(layer + 1, near) for near in range(max(0, row - 1), min(4, row + 2))} if layer < 2 else set()
        for layer in range(3)
        for row in range(4)
    ]
    found = [divmod(index, 4) for index in depth_first(targets, lambda index: index)]
    assert found[:6] == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0)]
