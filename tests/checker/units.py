"""Units by chance, and what units compute, one after the other: knows no crossbar."""

import numpy as np
import numpy.typing as npt

from snc.ir.crossbar.units import INPUT, Rule, Units
from snc.ir.network import Activation, Network, Neuron, Tensor

Floats = npt.NDArray[np.float64]

LEAKY = Rule(Neuron.LIF, numbers=(0.75, 1.0, 0.0, 0.25))


def random_units(seed: int, *, is_recurrent: bool = False) -> Units:
    """Inputs, then units of random fan-in, rules and biases, that keep states or feed back in some cases."""
    random = np.random.default_rng(seed)
    inputs, computed = int(random.integers(1, 80)), int(random.integers(1, 12))
    rules = (Rule(), Rule(activation=Activation.RELU), Rule(activation=Activation.TANH, scale=0.5), LEAKY)
    total = inputs + computed
    sources, fan_in = [], [0] * inputs
    for unit in range(inputs, total):
        others = np.array([u for u in range(total if is_recurrent else unit) if u != unit])
        heard = np.sort(random.permutation(others)[: random.integers(0, others.size + 1)])
        sources.append(heard)
        fan_in.append(heard.size)
    rule = np.concatenate([np.full(inputs, INPUT), random.integers(0, len(rules), computed)])
    count = sum(fan_in)
    return Units(
        "random",
        rules,
        rule,
        np.where(rule == INPUT, 0.0, random.standard_normal(total)),
        np.concatenate([[0], np.cumsum(fan_in)]),
        np.concatenate(sources).astype(np.int64),
        random.standard_normal(count),
        np.where(rule == INPUT, 0, 1),
        np.zeros(total, dtype=np.bool_),
        np.arange(total),
        np.array([0, inputs, total]),
    )


class Run:
    """Units, frame by frame."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.values = np.zeros(units.count)
        self.states: dict[int, tuple[Floats, ...]] = {}

    def frame(self, inputs: Floats) -> Floats:
        """The values of all units, where those of the inputs are given for all (others are not read)."""
        units = self.units
        is_input = units.rule == INPUT
        self.values[is_input] = inputs[is_input]
        for unit in np.flatnonzero(~is_input).tolist():
            rule = units.rules[units.rule[unit]]
            heard = slice(int(units.first[unit]), int(units.first[unit + 1]))
            total = float(self.values[units.sources[heard]] @ units.weights[heard])
            begin = np.array([[units.bias[unit]]])
            count = len(rule.neuron.states)
            if not rule.neuron.lasts or unit not in self.states:
                self.states[unit] = (begin, *[np.zeros((1, 1))] * (count - 1))
            own = len(rule.neuron.parameters)
            numbers = tuple(np.float64(n) for n in rule.numbers)

            def function(
                x: Floats, rule: Rule = rule, after: tuple[np.float64, ...] = numbers[own:]
            ) -> Floats:
                return np.asarray(rule.activation.function(x * rule.scale, *after))

            before = self.states[unit]
            assert rule.neuron.fire is not None
            value, after = rule.neuron.fire((before[0] + total, *before[1:]), numbers[:own], function, begin)
            self.states[unit] = after
            self.values[unit] = float(value[0, 0])
        return self.values


def fed(network: Network, units: Units, arrays: dict[str, npt.NDArray[np.float32]]) -> Floats:
    """Values of the inputs' units."""
    found = np.zeros(units.count)
    for tensor in network.tensors:
        if tensor.kind == "input":
            for neuron, element in neurons(network, units, tensor):
                found[neuron] = arrays[tensor.name].reshape(-1)[element]
    return found


def read(network: Network, units: Units, values: Floats, name: str) -> Floats:
    """A tensor of the network."""
    tensor = next(t for t in network.tensors if t.name == name and t.kind != "input")
    found = np.zeros(int(np.prod(tensor.shape)))
    for neuron, element in neurons(network, units, tensor):
        found[element] = values[neuron]
    return found.reshape(tensor.shape)


def neurons(network: Network, units: Units, tensor: Tensor) -> list[tuple[int, int]]:
    """Unit and element, pair by pair."""
    pairs = []
    for piece in tensor.pieces:
        shape = network.populations[piece.population].shape
        of = units.neurons_of(piece.population).reshape(shape.depth, shape.height, shape.width)
        for c in range(piece.depth):
            for y in range(piece.height):
                for x in range(piece.width):
                    element = piece.base + c * piece.step_c + y * piece.step_y + x * piece.step_x
                    pairs.append((int(of[piece.c0 + c, piece.y0 + y, piece.x0 + x]), element))
    return pairs
