"""RNN, GRU and LSTM: one step as dense layers, activation functions and products, by ONNX's equations.

Each gate is a dense layer of what comes in and of the state before, side by side.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin, Unsupported
from .writing import Writer

Array = NDArray[Any]
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}  # whether backwards
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
PEEPHOLES = 3
W, R, B, LENGTHS, INITIAL_H, INITIAL_C, P = 1, 2, 3, 4, 5, 6, 7  # inputs

# Activation functions of ONNX's recurrent operators with the numbers that they take where none are given.
FUNCTIONS: Mapping[str, dict[str, float]] = {
    "relu": {},
    "tanh": {},
    "sigmoid": {},
    "softsign": {},
    "softplus": {},
    "affine": {"alpha": 1.0, "beta": 0.0},
    "leakyrelu": {"alpha": 0.01},
    "thresholdedrelu": {"alpha": 1.0},
    "scaledtanh": {"alpha": 1.0, "beta": 1.0},
    "hardsigmoid": {"alpha": 0.2, "beta": 0.5},
    "elu": {"alpha": 1.0},
}
NODES = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softsign": "Softsign",
    "softplus": "Softplus",
    "leakyrelu": "LeakyRelu",
    "thresholdedrelu": "ThresholdedRelu",
    "hardsigmoid": "HardSigmoid",
    "elu": "Elu",
}


def directions(node: onnx.NodeProto) -> tuple[bool, ...]:
    """Of each direction of a recurrent node, whether it goes backwards through the sequence."""
    said = next((a.s.decode(errors="replace") for a in node.attribute if a.name == "direction"), "forward")
    return DIRECTIONS.get(said, (False,))


class Cell:
    """One step of a recurrent node of layout 0, in one of its directions. Raises Unsupported for what no step
    can be.

    `constant`: the array of a tensor that is constant, else None. `shape`: of what comes in. `steps`: of the
    sequence that the model states. `number`: of the direction.
    """

    def __init__(
        self,
        node: onnx.NodeProto,
        origin: Origin,
        writer: Writer,
        constant: Callable[[str], Array | None],
        shape: tuple[int, ...],
        steps: int,
        number: int = 0,
    ) -> None:
        self.node, self.origin, self.writer, self._constant = node, origin, writer, constant
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self.directions = directions(node)
        self._refuse_lengths(steps)
        own, back = self.held(W, "weights"), self.held(R, "recurrence weights")
        count = GATES[node.op_type]
        self._check(shape, own, back, count)
        self.number, self.title = number, "reverse." if number else ""
        self.weights, self.recurrence = own[number], back[number]
        self.batch = shape[1]
        self.hidden, self.features = self.recurrence.shape[1], self.weights.shape[1]
        bias = np.zeros((len(self.directions), 2 * count * self.hidden), np.float32)
        if self.input(B):
            bias = self._sized(self.held(B, "bias"), bias.size, "bias")
        self.biases = bias.reshape(-1, 2, count, self.hidden)[number]
        each = len(DEFAULTS[node.op_type])
        self.functions = list(self._functions())[number * each : (number + 1) * each]

    def write(self) -> None:
        """The nodes of one step of a stream. Raises Unsupported where the node goes backwards through it."""
        if any(self.directions):
            rule = "it goes backwards: its first step needs the last one of the sequence"
            raise Unsupported(self.origin, rule, hint="take it out of its branch")
        writer, shape = self.writer, (self.batch, self.hidden)
        x = writer.reshape(self.node.input[0], (self.batch, self.features))
        h = writer.carry("h", self.input(INITIAL_H), shape)
        c = writer.carry("c", self.input(INITIAL_C), shape) if self.node.op_type == "LSTM" else ""
        new, cell = self.step(x, h, c)
        if c:
            self._give(2, cell)
            writer.leave(c, cell)
        self._give(0, new)
        self._give(1, new)
        writer.leave(h, new)

    def step(self, x: str, h: str, c: str) -> tuple[str, str]:
        """The state and the cell state after a step, of what comes in and of those before, "" where these are
        zeros, or where there are none.
        """
        if self.node.op_type == "LSTM":
            return self._lstm(x, h, c)
        return (self._gru if self.node.op_type == "GRU" else self._rnn)(x, h), ""

    # -- equations

    def _rnn(self, x: str, h: str) -> str:
        return self.active(0, self.gate("h", 0, x, h), "state")

    def _gru(self, x: str, h: str) -> str:
        z = self.active(0, self.gate("update", 0, x, h), "z")
        w = self.writer
        is_linear = self.attributes.get("linear_before_reset", 0)
        r = self.active(0, self.gate("reset", 1, x, h), "r") if h or is_linear else ""
        if is_linear:
            seen = self._held("before.bias", self.biases[1, 2])
            if h:
                seen = self.dense("before", h, self.recurrence[self._rows(2)], self.biases[1, 2])
            own = self.dense("hidden", x, self.weights[self._rows(2)], self.biases[0, 2])
            hidden = w.add("Add", own, w.add("Mul", r, seen), name="hidden+")
        else:
            hidden = self.gate("hidden", 2, x, w.add("Mul", r, h, name="reset_h") if h else "")
        n = self.active(1, hidden, "n")
        if not h:
            return w.add("Sub", n, w.add("Mul", z, n), name="state")
        # (1 - z) n + z h, with one product.
        return w.add("Add", n, w.add("Mul", z, w.add("Sub", h, n)), name="state")

    def _lstm(self, x: str, h: str, c: str) -> tuple[str, str]:
        w = self.writer
        peep = np.zeros((PEEPHOLES, self.hidden), np.float32)
        if self.input(P):
            held = self._sized(self.held(P, "peepholes"), peep.size * len(self.directions), "peepholes")
            peep = held.reshape(-1, PEEPHOLES, self.hidden)[self.number]
        i = self.active(0, self._peeped(self.gate("input", 0, x, h), c, peep[0], "input"), "i")
        g = self.active(1, self.gate("cell", 3, x, h), "g")
        cell = w.add("Mul", i, g, name="" if c else "cell_state")
        if c:
            if self.attributes.get("input_forget", 0):
                f = w.add("Sub", w.number(1.0), i, name="f")
            else:
                f = self.active(0, self._peeped(self.gate("forget", 2, x, h), c, peep[2], "forget"), "f")
            cell = w.add("Add", w.add("Mul", f, c), cell, name="cell_state")
        o = self.active(0, self._peeped(self.gate("output", 1, x, h), cell, peep[1], "output"), "o")
        return w.add("Mul", o, self.active(2, cell, "shown", is_gate=False), name="state"), cell

    def _peeped(self, gate: str, c: str, weights: Array, name: str) -> str:
        """A gate that also sees the cell state, each neuron its own."""
        if not c or not weights.any():
            return gate
        held = self._held(f"{name}.peepholes", weights)
        return self.writer.add("Add", gate, self.writer.add("Mul", c, held))

    # -- what they are made of

    def gate(self, name: str, number: int, x: str, h: str) -> str:
        """A dense layer of what comes in and of the state before."""
        rows, bias = self._rows(number), self.biases[:, number].sum(axis=0)
        if not h:
            return self.dense(f"{name}.first", x, self.weights[rows], bias)
        both = self.writer.add("Concat", x, h, axis=1)
        weights = np.concatenate([self.weights[rows], self.recurrence[rows]], axis=1)
        return self.dense(name, both, weights, bias)

    def dense(self, name: str, x: str, weights: Array, bias: Array) -> str:
        """A dense layer."""
        held = [self._held(f"{name}.weights", weights)]
        if bias.any() or self.writer.opset < 11:  # before, Gemm had to have one
            held.append(self._held(f"{name}.bias", bias))
        return self.writer.add("Gemm", x, *held, name=name, transB=1)

    def active(self, number: int, tensor: str, name: str, *, is_gate: bool = True) -> str:
        """An activation function, of gates behind the bounds that the node clips to: no cell state is clipped
        in ONNX Runtime.
        """
        bound = float(self.attributes.get("clip", 0.0))
        w, (function, numbers) = self.writer, self.functions[number]
        if bound > 0 and is_gate:
            tensor = w.clip(tensor, bound)
        if function == "affine":
            scaled = w.add("Mul", tensor, w.number(numbers["alpha"]))
            return w.add("Add", scaled, w.number(numbers["beta"]), name=name)
        if function == "scaledtanh":
            inner = w.add("Tanh", w.add("Mul", tensor, w.number(numbers["beta"])))
            return w.add("Mul", inner, w.number(numbers["alpha"]), name=name)
        made = w.add(NODES[function], tensor, name=name)
        w.nodes[-1].attribute.extend(onnx.helper.make_attribute(key, value) for key, value in numbers.items())
        return made

    def input(self, index: int) -> str:
        """The name of an input, "" where it is absent."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def held(self, index: int, what: str) -> Array:
        """An input that must be constant. Raises Unsupported."""
        found = self._constant(self.input(index))
        if found is None:
            rule = f"its {what} ({self.input(index)}) must be constant"
            raise Unsupported(self.origin, rule, hint="freeze them into the model")
        return found

    def _held(self, name: str, array: Array) -> str:
        """A constant of the direction."""
        return self.writer.constant(f"{self.title}{name}", array.astype(np.float32))

    def _check(self, shape: tuple[int, ...], weights: Array, recurrence: Array, gates: int) -> None:
        """Raises BadInput for weights of other sizes: ONNX's shape inference does not mind them."""
        own, back = weights.shape, recurrence.shape
        is_right = len(shape) == len(own) == len(back) == 3 and own[0] == back[0] == len(self.directions)
        if not is_right or own[1] != back[1] or back[1] != gates * back[2] or own[2] != shape[2]:
            rule = f"its weights {list(own)} and {list(back)} do not fit its input {list(shape)}"
            raise BadInput(self.origin, rule, hint="export it again")

    def _sized(self, array: Array, size: int, what: str) -> Array:
        if array.size != size:
            rule = f"its {what} has {array.size} numbers, not {size}"
            raise BadInput(self.origin, rule, hint="export it again")
        return array

    def _rows(self, number: int) -> slice:
        return slice(number * self.hidden, (number + 1) * self.hidden)

    def _give(self, index: int, state: str) -> None:
        """An output of the node: all steps, which are one, or the last one."""
        name = self.node.output[index] if index < len(self.node.output) else ""
        if not name:
            return
        ones = [1] if index else [1, 1]
        self.writer.reshape(state, [*ones, self.batch, self.hidden], output=name)

    def _functions(self) -> Iterator[tuple[str, dict[str, float]]]:
        """The activation functions with their numbers. Raises Unsupported for one that is not known,
        BadInput where there are fewer than the node takes.
        """
        given = [bytes(name).decode(errors="replace") for name in self.attributes.get("activations", ())]
        alphas = [float(a) for a in self.attributes.get("activation_alpha", ())]
        betas = [float(b) for b in self.attributes.get("activation_beta", ())]
        taken = DEFAULTS[self.node.op_type] * len(self.directions)
        if given and len(given) < len(taken):
            rule = f"it states {len(given)} activation functions and takes {len(taken)}"
            raise BadInput(self.origin, rule, hint="export it again")
        for name in given or taken:
            numbers = FUNCTIONS.get(name.lower())
            if numbers is None:
                raise Unsupported(
                    self.origin, f"its activation function {name} is unknown", hint="use Sigmoid and Tanh"
                )
            found = dict(numbers)
            for key, listed in (("alpha", alphas), ("beta", betas)):
                if key in found and listed:
                    found[key] = listed.pop(0)
            yield name.lower(), found

    def _refuse_lengths(self, steps: int) -> None:
        if self.input(LENGTHS) and (lengths := self._constant(self.input(LENGTHS))) is not None:
            if (lengths >= steps).all():
                return
        elif not self.input(LENGTHS):
            return
        rule = "its sequences have lengths of their own"
        raise Unsupported(
            self.origin, rule, hint="leave sequence_lens out: a stream ends where its data does"
        )
