"""Random networks of any neurons: several inputs, any edges forwards and back, states that end, any target.

Each is drawn from a seed: who fires when, who hears whom through kernels of which sizes, what each neuron
does. The equations below are the manual's, written again.
"""

import os
from collections import Counter
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
from snc.ir.activations import Activation
from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit, SncError
from snc.ir.network import (
    Cycle,
    Network,
    Neuron,
    Population,
    PopulationId,
    Projection,
    Shape,
    neuron_layer,
)
from snc.ir.neurons import NeuronModel
from snc.passes.lowering import axis

from .neurons import image_of, mapped, matrix
from .reference import CHIP, shrunken
from .test_spiking import RANGES, _rounded, _tensor

Floats = npt.NDArray[np.float32]
SPIKING = (Neuron.LIF, Neuron.COUNTING_LIF, Neuron.CUBA_LIF)
MODELS = (*SPIKING, Neuron.LI, Neuron.SIGMA_DELTA, Neuron.STANDARD, Neuron.WIDE)
FUNCTIONS: tuple[tuple[Activation, tuple[float, ...]], ...] = (
    (Activation.IDENTITY, ()),
    (Activation.RELU, ()),
    (Activation.CLIP, (-0.75, 1.25)),
    (Activation.LEAKY_RELU, (0.125,)),
)
THOROUGH = int(os.environ.get("SNC_EXAMPLES", "1"))
SEEDS = range(24 * THOROUGH)
STEPS = 9
EXTENSIONS = 7  # words that say what is unusual about a population


def network(seed: int) -> Network:
    """Populations in a random firing order, each heard by one other at least."""
    random = np.random.default_rng([seed, 11])
    count = int(random.integers(3, 8))
    size = Shape(1, *random.integers(1, 7, 2).tolist())
    populations = [_population(random, "input", replace(size, depth=_depth(random)), Neuron.INPUT)]
    for index in range(1, count):
        flat = random.random() < 0.25
        shape = Shape(_depth(random), 1, 1) if flat else replace(size, depth=_depth(random))
        model = MODELS[int(random.integers(len(MODELS)))]
        populations.append(_population(random, f"layer{index}", shape, model))
    if random.random() < 0.4:  # its events are seen in the next frame
        populations.append(_population(random, "late", replace(size, depth=_depth(random)), Neuron.INPUT))
    pairs = _pairs(random, populations)
    projections = tuple(_edge(random, populations, *pair, seed) for pair in pairs)
    layers = tuple(
        neuron_layer(p.name, "Conv", populations, [PopulationId(i)]) for i, p in enumerate(populations)
    )
    tensors = tuple(
        replace(_tensor(index, each), kind="input" if each.neuron is Neuron.INPUT else "output")
        for index, each in enumerate(populations)
    )
    return Network("any", tuple(populations), projections, tensors, "float32", layers)


def _depth(random: np.random.Generator) -> int:
    return int(random.integers(1, 6))


def _population(random: np.random.Generator, name: str, shape: Shape, model: NeuronModel) -> Population:
    found = population(name, shape, model)
    if model is Neuron.INPUT:
        least = None if random.random() < 0.5 else float(random.choice([0.0, 0.25]))
        return replace(found, changes_above=least)
    ranges = {**RANGES, **({"threshold": (0.0, 0.3)} if model is Neuron.SIGMA_DELTA else {})}
    parameters: list[float | tuple[float, ...]] = []
    for each in model.parameters:
        low, high = ranges[each]
        drawn = _rounded(random.uniform(low, high, shape.depth)).tolist()
        if each == "keep":
            drawn = random.integers(0, 2, shape.depth).astype(float).tolist()
        parameters.append(drawn[0] if random.random() < 0.5 else tuple(drawn))
    functions = _functions(model)
    activation, more = functions[int(random.integers(len(functions)))]
    ends = None
    if model.lasts and random.random() < 0.3:
        every = int(random.integers(1, 5))
        ends = Cycle(every, int(random.integers(every)))
    return replace(
        found,
        activation=activation,
        parameters=(*parameters, *more),
        bias=_rounded(random.normal(0.0, 0.3, shape.depth)) if random.random() < 0.5 else None,
        scale=float(random.choice([1.0, 2.0, 0.375])),
        ends=ends,
    )


def _functions(model: NeuronModel) -> tuple[tuple[Activation, tuple[float, ...]], ...]:
    """Those that a descriptor has words for behind the model's parameters, and a scale."""
    return tuple(each for each in FUNCTIONS if len(model.parameters) + len(each[1]) < EXTENSIONS)


def _pairs(random: np.random.Generator, populations: list[Population]) -> list[tuple[int, int]]:
    """Who is heard by whom: one edge into each population, and further ones, forwards and back."""
    targets = [index for index, p in enumerate(populations) if p.neuron is not Neuron.INPUT]
    found = {(int(random.integers(target)), target) for target in targets}
    for source in range(len(populations)):
        for target in targets:
            if source != target and random.random() < 0.2:
                found.add((source, target))
        if not any(pair[0] == source for pair in found):
            found.add((source, next(t for t in random.permutation(targets).tolist() if t != source)))
    return sorted(found)


def _edge(
    random: np.random.Generator, populations: list[Population], source: int, target: int, seed: int
) -> Projection:
    one, other = populations[source].shape, populations[target].shape
    reach = int(random.choice([1, 2, 3, 5]))
    dilation = int(random.integers(1, 3)) if reach == 3 else 1
    before, after = (one.height, one.width), (other.height, other.width)
    if before == after:
        pad = dilation * (reach - 1) // 2
        maps = [axis.convolution(n, n, reach, 1, pad, dilation) for n in before]
        taps = reach, reach
    elif after == (1, 1):
        maps, taps = [axis.convolution(n, 1, n, 1, 0, 1) for n in before], before
    else:
        maps, taps = [axis.spread(1, n) for n in after], (1, 1)
    weights = kernel(one.depth, other.depth, *taps, seed * 100 + source * 10 + target)
    size = (1.5 if source < target else 0.1) / np.sqrt(taps[0] * taps[1] * one.depth)
    numbers = weights.weights * np.float32(size)
    if random.random() < 0.3:  # as pruning leaves them
        numbers = np.where(random.random(numbers.shape) < 0.6, np.float32(0), numbers)
    found = projection(source, target, maps[0], maps[1], replace(weights, weights=numbers))
    return replace(found, is_recurrent=target < source)


class Plain:
    """The same network, with a matrix for each projection."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.matrices = [matrix(each) for each in network.projections]
        self.first = [
            _of_channels(each, 0.0 if each.bias is None else each.bias) for each in network.populations
        ]
        self.events = [first.astype(np.float64) for first in self.first]
        self.other = [np.zeros_like(first) for first in self.first]  # a voltage, or what was sent
        self.frame = 0

    def __call__(self, given: dict[str, Floats]) -> dict[str, Floats]:
        shown: dict[str, Floats] = {}
        for index, each in enumerate(self.network.populations):
            if each.neuron is Neuron.INPUT:
                value, seen = self._fed(index, each, given[each.name].ravel())
            else:
                value, seen = self._fired(index, each)
            if each.ends is not None and self.frame % each.ends.every == each.ends.phase:
                self.events[index] = self.first[index].astype(np.float64)
                self.other[index] = np.zeros_like(self.first[index])
            shape = each.shape
            shown[each.name] = seen.reshape(1, shape.depth, shape.height, shape.width)
            for way, weights in zip(self.network.projections, self.matrices, strict=True):
                if way.source == index:
                    self.events[way.target] += weights @ value.astype(np.float64)
        self.frame += 1
        return shown

    def _fed(self, index: int, each: Population, elements: Floats) -> tuple[Floats, Floats]:
        if each.changes_above is None:
            return elements, elements
        sent = self.other[index]
        value = _worth(elements - sent, sent, np.full_like(sent, each.changes_above))
        self.other[index] = sent + value
        return value, self.other[index]

    def _fired(self, index: int, each: Population) -> tuple[Floats, Floats]:
        """What neurons send, and what outputs show."""
        state, first, names = self.events[index].astype(np.float32), self.first[index], each.neuron.parameters
        own, more = each.parameters[: len(names)], each.parameters[len(names) :]
        p = {name: _of_channels(each, numbers) for name, numbers in zip(names, own, strict=True)}
        model = each.neuron
        shown: Floats | None = None
        now = first
        if model is Neuron.SIGMA_DELTA:
            shown = _activated(each, more, state)
            value = _worth(shown - self.other[index], self.other[index], p["threshold"])
            self.other[index], now = self.other[index] + value, state
        elif model in (Neuron.STANDARD, Neuron.WIDE):
            value = _activated(each, more, state)
        elif model is Neuron.LI:
            value, now = _activated(each, more, p["gain"] * state), p["decay"] * state + first
        elif model is Neuron.COUNTING_LIF:
            spikes = np.maximum(np.floor(state / p["threshold"]), np.float32(0))
            value = _activated(each, more, spikes)
            now = p["decay"] * (state - spikes * p["threshold"]) + first
        else:
            is_driven = model is Neuron.CUBA_LIF
            v = p["decay"] * self.other[index] + p["leak"] + state if is_driven else state
            spikes = (v > p["threshold"]).astype(np.float32)
            value = _activated(each, more, spikes)
            after = np.where(spikes > 0, p["keep"] * v + p["reset"], v)
            if is_driven:
                self.other[index], now = after, p["current_decay"] * state + first
            else:
                now = p["decay"] * after + first
        self.events[index] = now.astype(np.float64) if now is not state else self.events[index]
        return value, value if shown is None else shown


def _of_channels(each: Population, numbers: npt.ArrayLike) -> Floats:
    held = np.broadcast_to(np.asarray(numbers, np.float32), (each.shape.depth,))
    return np.repeat(held, each.shape.height * each.shape.width)


def _activated(each: Population, more: tuple[object, ...], numbers: Floats) -> Floats:
    s = np.float32(each.scale) * numbers
    one, *others = (np.float32(n) for n in (*more, 0))  # type: ignore[arg-type]
    match each.activation:
        case Activation.RELU:
            return np.asarray(np.maximum(s, np.float32(0)))
        case Activation.CLIP:
            return np.asarray(np.minimum(np.maximum(s, one), others[0]))
        case Activation.LEAKY_RELU:
            return np.where(s < 0, one * s, s)
    return s


def _worth(change: Floats, sent: Floats, threshold: Floats) -> Floats:
    return np.where(np.abs(change) > threshold + np.abs(sent) * np.float32(2**-22), change, np.float32(0))


def target(seed: int) -> Chip:
    """The shipped target, or one on which most populations are cut."""
    random = np.random.default_rng([seed, 12])
    if random.random() < 0.2:
        return CHIP

    def pick(*choices: int) -> int:
        return int(random.choice(choices))

    return shrunken(
        mesh=(16, 16),
        core_words=pick(150, 200, 300, 500, 1000),
        width_max=pick(3, 4, 8, 64),
        height_max=pick(3, 4, 8, 64),
        depth_max=pick(2, 3, 4, 64),
        kernel_max=pick(2, 3, 5, 16),
        ports_max=pick(8, 32),
        strided_tables=pick(0, 1),
    )


def frames(network: Network, seed: int) -> Iterator[dict[str, Floats]]:
    """Spikes, and numbers that mostly stay as they were."""
    random = np.random.default_rng([seed, 13])
    tensors = [tensor for tensor in network.tensors if tensor.kind == "input"]
    held = {tensor.name: np.zeros(tensor.shape, np.float32) for tensor in tensors}
    for _ in range(STEPS):
        for name, before in held.items():
            spikes = (random.random(before.shape) < 0.3).astype(np.float32)
            drawn = random.normal(0, 1, before.shape).astype(np.float32)
            stays = random.random(before.shape) < 0.6
            held[name] = spikes if seed % 2 else np.where(stays, before, drawn)
        yield dict(held)


def drawn(seed: int) -> tuple[Network, bytes, Machine] | None:
    """A network and its image, which the independent checker has read; None where the target is too small."""
    found, states = network(seed), "shared" if seed % 3 else "persistent"
    found.verify()
    try:
        image = image_of(mapped(found, states, target(seed)), states)
    except SncError as error:
        if error.exit_code != DoesNotFit.exit_code:
            raise
        return None
    written = write_image(image)
    assert not check(written).faults
    return found, written, Machine(image)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_computes_what_the_equations_say_in_every_step(seed: int) -> None:
    made = drawn(seed)
    if made is None:
        pytest.skip("the target is too small")
    found, _, machine = made
    for _ in range(2):
        plain = Plain(found)
        for given in frames(found, seed):
            got, want = machine.run(given).outputs, plain(given)
            assert got.keys() <= want.keys()
            for name, values in got.items():
                peak = max(1.0, float(np.abs(want[name]).max()))
                np.testing.assert_allclose(values, want[name], rtol=0, atol=1e-5 * peak, err_msg=name)
        machine.restart()


@pytest.mark.parametrize("seed", range(6))
def test_the_reader_of_the_manual_runs_them(seed: int) -> None:
    made = drawn(seed)
    assert made is not None
    found, written, machine = made
    other = ByTheManual(written)
    for given in frames(found, seed):
        got, want = machine.run(given).outputs, other.run(given)
        for name, values in got.items():
            np.testing.assert_allclose(values, want[name], rtol=1e-6, atol=1e-6, err_msg=name)


def test_what_is_drawn_is_everything() -> None:
    """Every model and function, inputs of changes and late ones, states that end, edges back, cut maps."""
    networks = [network(seed) for seed in range(40)]
    populations = [p for each in networks for p in each.populations]
    assert {p.neuron for p in populations} == {*MODELS, Neuron.INPUT}
    assert {(p.neuron.name, p.activation) for p in populations} >= {
        (model.name, activation) for model in MODELS for activation, _ in _functions(model)
    }
    assert {p.neuron.name for p in populations if p.ends} >= {model.name for model in MODELS if model.lasts}
    assert {p.changes_above for p in populations if p.neuron is Neuron.INPUT} == {None, 0.0, 0.25}
    assert sum(each.populations[-1].neuron is Neuron.INPUT for each in networks) > 8
    assert sum(p.is_recurrent for each in networks for p in each.projections) > 40
    assert sum(len(p.neuron.states) > 1 for p in populations) > 20
    fitting = [made for seed in range(12) if (made := drawn(seed)) is not None]
    assert len(fitting) >= 10
    assert any(len(machine.image.cores) > 3 for _, _, machine in fitting)
    both: Counter[NeuronModel] = Counter()  # frames in which some neurons of a population spike, not all
    for seed, each in enumerate(networks):
        plain = Plain(each)
        for shown in map(plain, frames(each, seed)):
            both.update(p.neuron for p in each.populations if len(np.unique(shown[p.name])) > 1)
    assert all(both[model] > 10 for model in SPIKING), both
