"""Neuron models that integrate over time: random networks of them, recurrent ones too, on random targets."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from backends.by_the_manual import Chip as ByTheManual
from checker.check import check
from passes.networks import kernel, population, projection

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.ir.chip import Chip
from snc.ir.network import (
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

Floats = npt.NDArray[np.float32]
MODELS = (Neuron.LIF, Neuron.COUNTING_LIF, Neuron.LI, Neuron.CUBA_LIF, Neuron.STANDARD)
STEPS = 8
SEEDS = range(16)
RANGES = {
    "decay": (0.0, 1.0),
    "current_decay": (0.0, 0.9),
    "threshold": (0.4, 1.5),
    "keep": (0.0, 1.0),
    "reset": (-0.5, 0.1),
    "leak": (-0.1, 0.1),
    "gain": (0.2, 1.0),
}


def network(seed: int) -> Network:
    """Convolutions one after the other, with further projections forwards and back."""
    random = np.random.default_rng([seed, 5])
    depths = random.integers(1, 5, 5).tolist()
    height, width = random.integers(2, 7, 2).tolist()
    populations = [population("input", Shape(depths[0], height, width), Neuron.INPUT)]
    for index, depth in enumerate(depths[1:]):
        model = MODELS[int(random.integers(len(MODELS)))]
        found = population(f"layer{index}", Shape(depth, height, width), model)
        populations.append(
            replace(
                found,
                parameters=tuple(_parameter(random, name, depth) for name in model.parameters),
                bias=_rounded(random.normal(0.0, 0.2, depth)) if random.random() < 0.5 else None,
                scale=float(random.choice([1.0, 2.0])),
            )
        )
    pairs = {(index, index + 1) for index in range(4)} | {(1, 3), (4, 2), (3, 1)}
    projections = [_conv(populations, *pair, seed) for pair in sorted(pairs)]
    layers = tuple(
        neuron_layer(p.name, "Conv", populations, [PopulationId(i)]) for i, p in enumerate(populations)
    )
    tensors = tuple(_tensor(index, each) for index, each in enumerate(populations))
    return Network("spiking", tuple(populations), tuple(projections), tensors, "float32", layers)


def _parameter(random: np.random.Generator, name: str, depth: int) -> float | tuple[float, ...]:
    low, high = RANGES[name]
    if name == "keep":
        return float(random.integers(2))
    if random.random() < 0.5:
        return float(np.float32(random.uniform(low, high)))
    return tuple(_rounded(random.uniform(low, high, depth)).tolist())


def _rounded(numbers: npt.NDArray[np.float64]) -> Floats:
    return numbers.astype(np.float32)


def _conv(populations: list[Population], source: int, target: int, seed: int) -> Projection:
    shape = populations[source].shape
    y, x = (axis.convolution(size, size, 3, 1, 1, 1) for size in (shape.height, shape.width))
    weights = kernel(shape.depth, populations[target].shape.depth, 3, 3, seed * 25 + source * 5 + target)
    size = (1.5 if source < target else 0.1) / np.sqrt(9 * shape.depth)  # what comes back must not grow
    weights = replace(weights, weights=weights.weights * np.float32(size))
    found = projection(source, target, y, x, weights)
    return replace(found, is_recurrent=target < source)


def _tensor(index: int, each: Population) -> Tensor:
    d, h, w = each.shape.depth, each.shape.height, each.shape.width
    piece = Piece(PopulationId(index), 0, 0, 0, d, h, w, 0, h * w, w, 1)
    kind = "input" if index == 0 else "output"
    return Tensor(each.name, kind, (1, d, h, w), "float32", (piece,))


class Reference:
    """The same network, with a matrix for each projection."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.matrices = [matrix(each) for each in network.projections]
        self.first = [
            self._of_channels(each, 0.0 if each.bias is None else each.bias) for each in network.populations
        ]
        self.events = [first.astype(np.float64) for first in self.first]
        self.voltage = [np.zeros_like(first) for first in self.first]

    @staticmethod
    def _of_channels(each: Population, numbers: npt.ArrayLike) -> Floats:
        shape = each.shape.depth, each.shape.height, each.shape.width
        held = np.broadcast_to(np.asarray(numbers, np.float32), (each.shape.depth,))
        return np.broadcast_to(held[:, None, None], shape).ravel().copy()

    def __call__(self, given: Floats) -> dict[str, Floats]:
        values: dict[str, Floats] = {}
        for index, each in enumerate(self.network.populations):
            value = given.ravel() if index == 0 else self._fired(index, each)
            values[each.name] = value.reshape(1, each.shape.depth, each.shape.height, each.shape.width)
            for way, weights in zip(self.network.projections, self.matrices, strict=True):
                if way.source == index:
                    self.events[way.target] += weights @ value.astype(np.float64)
        return values

    def _fired(self, index: int, each: Population) -> Floats:
        """What section 3 of the manual says of each neuron type, for all neurons at once."""
        state, first = self.events[index].astype(np.float32), self.first[index]
        names = each.neuron.parameters
        p = {
            name: self._of_channels(each, numbers)
            for name, numbers in zip(names, each.parameters, strict=True)
        }
        scale, model = np.float32(each.scale), each.neuron
        v = state
        if "leak" in p:
            v = p["decay"] * self.voltage[index] + p["leak"] + state
        if model is Neuron.COUNTING_LIF:
            value = np.maximum(np.floor(v / p["threshold"]), np.float32(0))
            after = v - value * p["threshold"]
        elif "threshold" in p:
            value = (v > p["threshold"]).astype(np.float32)
            after = np.where(value > 0, p["keep"] * v + p["reset"], v)
        else:
            value, after = p.get("gain", np.float32(1)) * v, v
        if "leak" in p:
            self.voltage[index] = after
            now = p["current_decay"] * state + first
        else:
            now = first if model is Neuron.STANDARD else p["decay"] * after + first
        self.events[index] = now.astype(np.float64)
        return np.asarray(scale * value, dtype=np.float32)


def frames(network: Network, seed: int) -> Iterator[Floats]:
    random = np.random.default_rng([seed, 6])
    for _ in range(STEPS):
        yield (random.random(network.tensors[0].shape) < 0.3).astype(np.float32)


def target(seed: int) -> Chip:
    """The shipped target, or one on which most layers are cut."""
    if seed % 4 == 0:
        return CHIP
    sizes = (600, 3, 4) if seed % 2 else (900, 8, 2)
    return shrunken(mesh=(12, 12), core_words=sizes[0], width_max=sizes[1], depth_max=sizes[2])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_computes_what_the_equations_say_step_by_step(seed: int) -> None:
    found = network(seed)
    states = "shared" if seed % 3 else "persistent"
    image = image_of(mapped(found, states, target(seed)), states)
    assert not check(write_image(image)).faults
    machine = Machine(image)
    for _ in range(2):
        reference = Reference(found)
        for given in frames(found, seed):
            got, want = machine.run({"input": given}).outputs, reference(given)
            for name, values in got.items():
                peak = max(1.0, float(np.abs(want[name]).max()))
                np.testing.assert_allclose(values, want[name], rtol=0, atol=1e-5 * peak, err_msg=name)
        machine.restart()


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
@pytest.mark.parametrize("seed", SEEDS[:6])
def test_the_reader_of_the_manual_runs_them(seed: int, arithmetic: str) -> None:
    found = network(seed)
    image = image_of(mapped(found, "shared"), "shared")
    machine, other = Machine(image, arithmetic), ByTheManual(write_image(image), arithmetic)  # type: ignore[arg-type]
    for given in frames(found, seed):
        got, want = machine.run({"input": given}).outputs, other.run({"input": given})
        for name, values in got.items():
            np.testing.assert_allclose(
                values, want[name], rtol=1e-6 if arithmetic == "float32" else 0, atol=1e-6
            )


@pytest.mark.parametrize("model", [each for each in MODELS if each.lasts], ids=lambda each: each.name)
def test_every_model_does_something_in_these_networks(model: NeuronModel) -> None:
    differing = 0
    for seed in SEEDS:
        found = network(seed)
        reference = Reference(found)
        for given in frames(found, seed):
            values = reference(given)
            differing += sum(
                len(np.unique(values[p.name])) > 1 for p in found.populations if p.neuron is model
            )
    assert differing


def test_states_of_every_step_are_counted_as_they_are_stored() -> None:
    single, double = Neuron.LIF.state_words(10), Neuron.CUBA_LIF.state_words(10)
    assert (single, double) == (3, 6)
