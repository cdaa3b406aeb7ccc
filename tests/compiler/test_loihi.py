"""Loihi's neurons: random networks of whole numbers, recurrent, with states that end, against integers."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from backends.by_the_manual import Chip as ByTheManual
from checker.check import check
from hypothesis import given, settings
from hypothesis import strategies as st
from passes.networks import population, projection

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.backends.rtl import needs
from snc.backends.words.words import Order, Step
from snc.ir.activations import Activation
from snc.ir.errors import BadImage, Unsupported, VerifyError
from snc.ir.network import (
    Cycle,
    Kernel,
    Network,
    Neuron,
    Piece,
    Population,
    PopulationId,
    Projection,
    Shape,
    Tensor,
    neuron_layer,
)
from snc.ir.neurons import NeuronModel
from snc.passes.lowering import axis

from .neurons import image_of, mapped, matrix
from .reference import CHIP, shrunken

Integers = npt.NDArray[np.int64]
MODELS = Neuron.LOIHI_CUBA, Neuron.LOIHI_SIGMA_DELTA, Neuron.SIGMA
STEPS = 9
SEEDS = range(8)


def network(seed: int) -> Network:
    """Convolutions of small integers, with further projections forwards and back."""
    random = np.random.default_rng([seed, 7])
    depths = random.integers(1, 4, 5).tolist()
    size = Shape(1, *random.integers(2, 6, 2).tolist())
    populations = [_population(random, "input", replace(size, depth=depths[0]), Neuron.INPUT)]
    for index, depth in enumerate(depths[1:]):
        model = MODELS[0 if random.random() < 0.5 else int(random.integers(3))]
        populations.append(_population(random, f"layer{index}", replace(size, depth=depth), model))
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (1, 3), (4, 2), (3, 1)]
    sound = [pair for pair in pairs if _stays_small(populations[pair[0]].neuron, *pair)]
    projections = tuple(_conv(random, populations, *pair) for pair in sound)
    layers = tuple(
        neuron_layer(p.name, "Conv", populations, [PopulationId(i)]) for i, p in enumerate(populations)
    )
    tensors = tuple(_tensor(index, each) for index, each in enumerate(populations))
    return Network("loihi", tuple(populations), projections, tensors, "float32", layers, is_whole=True)


def _stays_small(model: NeuronModel, source: int, target: int) -> bool:
    """Whether what comes along a projection does not grow from step to step, as spikes do not."""
    return model is not Neuron.SIGMA and (source < target or model is Neuron.LOIHI_CUBA)


def _population(random: np.random.Generator, name: str, shape: Shape, model: NeuronModel) -> Population:
    found = population(name, shape, model)
    if model is Neuron.INPUT:
        return found
    highs = {"current_decay": 4097, "decay": 4097, "threshold": 20 * 64, "delay": 5}
    parameters = []
    for each in found.neuron.parameters:
        high = int(random.choice([200, 2**22])) if each == "drive" else highs[each]
        drawn = random.integers(-high if each == "drive" else 0, high, shape.depth)
        parameters.append(float(drawn[0]) if random.random() < 0.5 else tuple(map(float, drawn)))
    bias = None
    if model is Neuron.LOIHI_SIGMA_DELTA:
        bias = random.integers(-300, 300, shape.depth).astype(np.float32)
    ends = None
    if random.random() < 0.5:
        every = int(random.integers(1, 6))
        ends = Cycle(every, int(random.integers(every)))
    rectifies = model is Neuron.LOIHI_SIGMA_DELTA and random.random() < 0.5
    activation = Activation.RELU if rectifies else Activation.IDENTITY
    return replace(found, parameters=tuple(parameters), bias=bias, ends=ends, activation=activation)


def _conv(random: np.random.Generator, populations: list[Population], source: int, target: int) -> Projection:
    shape, depth = populations[source].shape, populations[target].shape.depth
    y, x = (axis.convolution(size, size, 3, 1, 1, 1) for size in (shape.height, shape.width))
    drawn = random.integers(-3, 4, (shape.depth, depth, 3, 3)) * (
        random.random((shape.depth, depth, 3, 3)) < 0.3
    )
    kernel = Kernel((64 * drawn).astype(np.float32), np.zeros(shape.depth, np.int64))
    return replace(projection(source, target, y, x, kernel), is_recurrent=target < source)


def _tensor(index: int, each: Population) -> Tensor:
    d, h, w = each.shape.depth, each.shape.height, each.shape.width
    piece = Piece(PopulationId(index), 0, 0, 0, d, h, w, 0, h * w, w, 1)
    return Tensor(each.name, "output" if index else "input", (1, d, h, w), "float32", (piece,))


class Plain:
    """The same network in integers of 64 bits, with a matrix for each projection."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.matrices = [matrix(each).astype(np.int64) for each in network.projections]
        self.states = [self._begun(each) for each in network.populations]
        self.frame = 0

    def _begun(self, each: Population) -> list[Integers]:
        first = self._of_channels(each, 0 if each.bias is None else each.bias)
        return [first, *(np.zeros_like(first) for _ in each.neuron.states[1:])]

    @staticmethod
    def _of_channels(each: Population, numbers: npt.ArrayLike) -> Integers:
        held = np.broadcast_to(np.asarray(numbers, np.int64), (each.shape.depth,))
        return np.repeat(held, each.shape.height * each.shape.width)

    def __call__(self, given: npt.NDArray[np.float32]) -> list[Integers]:
        values = []
        for index, each in enumerate(self.network.populations):
            values.append(given.ravel().astype(np.int64) if index == 0 else self._fired(index, each))
            if each.ends is not None and self.frame % each.ends.every == each.ends.phase:
                self.states[index] = self._begun(each)
            for way, weights in zip(self.network.projections, self.matrices, strict=True):
                if way.source == index:
                    self.states[way.target][0] += weights @ values[-1]
        self.frame += 1
        return values

    def _fired(self, index: int, each: Population) -> Integers:
        states = self.states[index]
        p = {
            name: self._of_channels(each, numbers)
            for name, numbers in zip(each.neuron.parameters, each.parameters, strict=True)
        }
        if each.neuron is Neuron.LOIHI_CUBA:
            found = [loihi(*map(int, numbers)) for numbers in zip(*states, *p.values(), strict=True)]
            spikes, *after = (np.array(each, dtype=np.int64) for each in zip(*found, strict=True))
            self.states[index] = after
            return spikes
        value = states[0] if each.activation is Activation.IDENTITY else np.maximum(states[0], 0)
        if each.neuron is Neuron.SIGMA:
            return value.copy()
        change = value - states[1]
        change[np.abs(change) < p["threshold"]] = 0
        states[1] = states[1] + change
        return change >> 6


def loihi(
    current: int,
    voltage: int,
    wait: int,
    current_decay: int,
    decay: int,
    drive: int,
    threshold: int,
    delay: int,
) -> tuple[int, int, int, int]:
    """A step of one neuron, in integers: its spike, and its states as they go on."""
    if current > 2**23:
        current -= 2**24
    if current <= -(2**23):
        current += 2**24
    later = (abs(current) * (4096 - current_decay) >> 12) * (1 if current > 0 else -1)
    if wait > 1:
        return 0, later, (wait - 1) << 7, wait - 1
    if wait == 1:
        voltage = 0
    left = (abs(voltage) * (4096 - decay) >> 12) * (1 if voltage > 0 else -1)
    voltage = sorted((1 - 2**23, left + current + drive, 2**23 - 1))[1]
    if voltage > threshold:
        return 1, later, delay << 7, delay
    return 0, later, voltage, 0


def frames(network: Network, seed: int) -> list[npt.NDArray[np.float32]]:
    random = np.random.default_rng([seed, 8])
    return [random.integers(-2, 3, network.tensors[0].shape).astype(np.float32) for _ in range(STEPS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_computes_what_integers_do_step_by_step(seed: int) -> None:
    found = network(seed)
    chip = CHIP if seed % 4 == 0 else shrunken(mesh=(12, 12), core_words=900, width_max=8, depth_max=2)
    image = image_of(mapped(found, "shared", chip), "shared")
    assert not check(write_image(image)).faults
    machine = Machine(image)
    for _ in range(2):
        plain = Plain(found)
        for frame in frames(found, seed):
            got, want = machine.run({"input": frame}).outputs, plain(frame)
            for each, values in zip(found.populations[1:], want[1:], strict=True):
                np.testing.assert_array_equal(got[each.name].ravel(), values, err_msg=each.name)
        machine.restart()


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_reader_of_the_manual_runs_them(seed: int, arithmetic: str) -> None:
    found = network(seed)
    image = image_of(mapped(found, "shared"), "shared")
    machine, other = Machine(image, arithmetic), ByTheManual(write_image(image), arithmetic)  # type: ignore[arg-type]
    for frame in frames(found, seed):
        got, want = machine.run({"input": frame}).outputs, other.run({"input": frame})
        for name, values in got.items():
            np.testing.assert_array_equal(values, want[name], err_msg=name)


REGISTER = st.integers(-(2**25), 2**25) | st.sampled_from([2**23, -(2**23), 2**23 + 1, 0])
DECAY = st.integers(0, 4096)


@settings(deadline=None)
@given(
    st.tuples(REGISTER, st.integers(1 - 2**23, 2**23 - 1), st.integers(0, 3)),
    st.tuples(DECAY, DECAY, st.integers(-(2**19), 2**19), st.integers(0, 2**23), st.integers(0, 63)),
)
def test_registers_are_whole_to_their_ends(states: tuple[int, int, int], parameters: tuple[int, ...]) -> None:
    model = Neuron.LOIHI_CUBA
    assert model.fire is not None
    value, after = model.fire(
        tuple(np.array([[each]], model.dtype) for each in states),
        tuple(np.float32(each) for each in parameters),  # type: ignore[misc]
        lambda numbers: numbers,
        np.zeros(1, np.float32),
    )
    got = [int(each.item()) for each in (value, *after)]
    assert tuple(got) == loihi(*states, *parameters)


def test_the_networks_spike_wait_and_end() -> None:
    spikes, waiting, ends = 0, 0, 0
    for seed in SEEDS:
        found, plain = network(seed), Plain(network(seed))
        ends += sum(each.ends is not None for each in found.populations)
        for frame in frames(found, seed):
            for index, values in enumerate(plain(frame)):
                if found.populations[index].neuron is Neuron.LOIHI_CUBA:
                    spikes += int(values.sum())
                    waiting += int((plain.states[index][2] > 1).sum())
    assert min(spikes, waiting, ends) > 10


def test_cycles_are_not_in_verilog() -> None:
    with pytest.raises(Unsupported, match=r"of one frame in .*, is not in Verilog"):
        needs.check(image_of(mapped(network(0), "shared"), "shared"), "loihi.snc", (1, 1))


def test_a_cycle_that_loses_events_is_no_image() -> None:
    image = image_of(mapped(network(0), "shared"), "shared")
    steps = image.steps.tolist()
    cyclic = next(i for i, word in enumerate(steps) if Step.decode(word).every)
    step = Step.decode(steps[cyclic])
    assert Step.decode(steps[cyclic - 1]).order == Order.FIRE  # of the same population
    moved = [*steps[: cyclic - 1], steps[cyclic], steps[cyclic - 1], *steps[cyclic + 1 :]]
    with pytest.raises(BadImage, match="whose events reach it"):
        Machine(replace(image, steps=np.array(moved, dtype=np.uint64)))
    late = Step(
        order=Order.RESET, core=step.core, population=step.population, every=step.every, phase=step.every
    ).encode()
    with pytest.raises(VerifyError, match=f"in frame {step.every} of every {step.every}"):
        write_image(
            replace(image, steps=np.array([*steps[:cyclic], late, *steps[cyclic + 1 :]], dtype=np.uint64))
        )
