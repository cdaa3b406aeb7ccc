"""Layers that one layer becomes, and the table of the operators that become several.

A function of the table returns the tensors that are the results, or None where it cannot express a layer.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ...ir.layers import Array, Attribute, Layer, LayerGraph, Value

REDUCES_BY_INPUT = {"ReduceSum": 13}  # the opset from which on axes are an input; of others it is 18
AXES_BY_INPUT = 18
SUMMED_AT_ONCE = 64  # elements of a mean
CLIPS_BY_INPUT = 11  # the opset from which on Clip's bounds are inputs


Alone = Callable[[LayerGraph, Layer], Callable[[Array], Array]]


class Writer:
    """The layers that one layer becomes, while they are written, with constants and tensors of their own.

    `alone`: what a layer makes of its one map, the other inputs being constant, if there is who computes it.
    """

    def __init__(self, graph: LayerGraph, layer: Layer, taken: set[str], alone: Alone | None = None) -> None:
        self.graph, self.layer, self.taken, self.alone = graph, layer, taken, alone
        self.layers: list[Layer] = []
        self.constants: dict[str, Array] = {}
        self.values: dict[str, Value] = {}

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor or constant."""
        if name in self.constants:
            return tuple(self.constants[name].shape)
        return self.values[name].shape if name in self.values else self.graph.shape(name)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is constant."""
        return name in self.constants or name in self.graph.constants

    def held(self, name: str) -> Array:
        """The value of a constant."""
        return self.constants[name] if name in self.constants else self.graph.constants[name]

    def constant(self, value: Array | float | Sequence[int], kind: type = np.float32) -> str:
        """A new constant."""
        name = self._free("constant")
        self.constants[name] = np.asarray(value, dtype=kind)
        return name

    def add(
        self, op: str, *inputs: str, shape: tuple[int, ...] | None = None, **attributes: Attribute
    ) -> str:
        """The result of a new layer, which is of the shape that its inputs broadcast to, or of another."""
        name = self._free(op)
        found = shape if shape is not None else np.broadcast_shapes(*(self.shape(each) for each in inputs))
        self.values[name] = Value(name, tuple(int(size) for size in found))
        origin = replace(self.layer.origin, output=name)
        made = Layer(name, op, inputs, (name,), MappingProxyType(attributes), origin)
        self.layers.append(made)
        return name

    def reduced(self, op: str, x: str, axes: Sequence[int]) -> str:
        """A reduction along some axes, which are then 1 long."""
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(self.shape(x)))
        if self.graph.opset >= REDUCES_BY_INPUT.get(op, AXES_BY_INPUT):
            return self.add(op, x, self.constant(list(axes), np.int64), shape=shape, keepdims=1)
        return self.add(op, x, shape=shape, axes=tuple(axes), keepdims=1)

    def mean(self, x: str, axes: Sequence[int]) -> str:
        """The mean along some axes, one after the other where these have many elements: a half does not count
        beyond 2048.
        """
        shape = self.shape(x)
        if math.prod(shape[axis] for axis in axes) <= SUMMED_AT_ONCE:
            return self.reduced("ReduceMean", x, axes)
        for axis in sorted(axes, reverse=True):
            x = x if shape[axis] == 1 else self.reduced("ReduceMean", x, [axis])
        return x

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        """The same elements in another shape."""
        if self.shape(x) == tuple(shape):
            return x
        if self.is_constant(x):
            return self.constant(self.held(x).reshape(shape))
        return self.add("Reshape", x, self.constant(list(shape), np.int64), shape=tuple(shape))

    def transposed(self, x: str, order: Sequence[int]) -> str:
        """The same elements with their axes in another order."""
        shape = tuple(self.shape(x)[axis] for axis in order)
        return self.add("Transpose", x, shape=shape, perm=tuple(order))

    def power(self, x: str, exponent: float) -> str:
        """A power with one exponent."""
        return x if exponent == 1 else self.add("Pow", x, self.constant(exponent))

    def at_most(self, x: str, bound: float) -> str:
        """The smaller of each element and a bound."""
        if self.graph.opset >= CLIPS_BY_INPUT:
            return self.add("Clip", x, "", self.constant(bound), shape=self.shape(x))
        return self.add("Clip", x, max=bound)

    def finished(self, results: Sequence[str]) -> list[Layer]:
        """The layers, of which some make what the given layer made; that of its first result has its name."""
        made = zip(results, self.layer.outputs, strict=False)
        own = {self._shaped(result, self.graph.shape(name)): name for result, name in made if name}
        layers = []
        for layer in self.layers:
            inputs = tuple(own.get(name, name) for name in layer.inputs)
            output = own.get(layer.outputs[0], layer.outputs[0])
            if output == self.layer.outputs[0]:
                layer = replace(layer, name=self.layer.name, origin=self.layer.origin)
            layers.append(replace(layer, inputs=inputs, outputs=(output,)))
        for name in own:
            del self.values[name]
        return layers

    def _shaped(self, result: str, shape: tuple[int, ...]) -> str:
        """A result in the shape that the given layer gave it, of a layer of its own."""
        found = self.reshaped(result, shape)
        return found if found in self.values else self.add("Identity", found)

    def _free(self, label: str) -> str:
        base = f"{self.layer.outputs[0]}/{label.lower()}"
        name, count = base, 2
        while name in self.taken:
            name, count = f"{base}{count}", count + 1
        self.taken.add(name)
        return name


Composed = Callable[[Writer, Layer], str | tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Composition:
    """What an operator is made of, and the words that the support table says of it. `is_weighted`: its
    constants may be weights, which are the chip's wherever it stands. `applies`: to which layers of it.
    """

    operator: str
    compose: Composed
    summary: str
    is_weighted: bool = False
    applies: Callable[[LayerGraph, Layer], bool] = lambda graph, layer: True


COMPOSITIONS: dict[str, Composition] = {}


def composes(*operators: str, is_weighted: bool = False) -> Callable[[Composed], Composed]:
    """Enters a function into the table; the first line of its docstring is what the support table says."""

    def enter(function: Composed) -> Composed:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        for operator in operators:
            COMPOSITIONS[operator] = Composition(operator, function, summary, is_weighted)
        return function

    return enter
