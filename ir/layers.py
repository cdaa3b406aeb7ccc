"""The layers of a network: ONNX's operators with every shape known and every constant at hand. ir/ reads no
file.
"""

import copyreg
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Origin, SncError, VerifyError

# Operators whose result has the elements of the first operand, each once: in their order, or in another.
RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
PERMUTATIONS = (*RESHAPES, "Transpose")
# Operators that only name elements: of the network's inputs the host does them without asking the chip.
VIEWS = (*PERMUTATIONS, "Slice", "Split", "Gather")
# Operators whose result is made of elements of their operands, and of zeros.
COPIES = (
    *("Dropout", "Cast", "Expand", "Tile", "Concat", "Pad", "DepthToSpace", "SpaceToDepth"),
    *("GatherND", "GatherElements", "ReverseSequence", "Trilu", "CenterCropPad"),
)
ARRANGEMENTS = (*VIEWS, *COPIES)
COMPARISONS = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
# Operators whose constants may be infinite: bounds that bound nothing, what an extremum never takes, masks.
OPEN_ENDED = ("Clip", "Pad", "Add", "Sub", "Sum", "Max", "Min", "Where", "Concat", *COMPARISONS)

Array = NDArray[Any]


def read_only(entries: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """A view of a mapping that nobody may change."""
    return MappingProxyType(entries)


# Python pickles no such view; the values that hold them go into other processes.
copyreg.pickle(MappingProxyType, lambda view: (read_only, (dict(view),)))

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Array

# Operators that multiply, those on integers among them: which input holds the weights of a window.
WEIGHTS_OF_WINDOWS = {"Conv": 1, "ConvTranspose": 1, "ConvInteger": 1, "QLinearConv": 3}
PRODUCTS = ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul")
RECURRENT = ("LSTM", "GRU", "RNN")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One operator of the network. `inputs` and `outputs` are names, "" where an optional one is absent."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    origin: Origin

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        assert isinstance(value, int)
        return value

    def number(self, name: str, default: float) -> float:
        """A float attribute."""
        value = self.attributes.get(name, default)
        assert isinstance(value, (int, float))
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return str(self.attributes.get(name, default))

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """An attribute that lists integers."""
        value = self.attributes.get(name, default)
        assert isinstance(value, tuple)
        return tuple(int(item) for item in value)

    def numbers(self, name: str, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        """An attribute that lists floats."""
        value = self.attributes.get(name, default)
        assert isinstance(value, tuple)
        return tuple(float(item) for item in value)

    @property
    def result(self) -> str:
        """The first output that there is."""
        return next(name for name in self.outputs if name)

    def input(self, index: int) -> str:
        """The name of an input, "" when it is absent."""
        return self.inputs[index] if index < len(self.inputs) else ""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the network: name, shape and type (a numpy name)."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Carried:
    """What one step takes from the one before it: the input that the layers read it by, the output that they
    leave it in, and the constant that the first step begins with.
    """

    given: str
    made: str
    initial: str


@dataclass(frozen=True, slots=True, eq=False)
class LayerGraph:
    """Layers in an order in which they can be computed, with their constants.

    Operators mean what ONNX says they mean at `opset`. `values` holds every tensor's shape, constants' apart.
    `notes`: what a user must know of how the model was read.
    `twins`: tensors of the model that are no more, for another is the same, by that other's name.
    `is_whole`: the layers compute with whole numbers, and nothing may round them.
    `carried`: inputs that hold what the layers made in the frame before, which are one step of a sequence.
    `unmapped`: why layers are left as they were read, by their names.
    """

    name: str
    opset: int
    layers: tuple[Layer, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    values: Mapping[str, Value]
    notes: tuple[str, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    is_whole: bool = False
    carried: tuple[Carried, ...] = ()
    unmapped: Mapping[str, SncError] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def fed(self) -> tuple[Value, ...]:
        """The inputs that each frame brings."""
        own = {each.given for each in self.carried}
        return tuple(value for value in self.inputs if value.name not in own)

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of a tensor or constant."""
        if tensor in self.constants:
            return tuple(self.constants[tensor].shape)
        return self.values[tensor].shape

    def uses(self) -> Counter[str]:
        """How often each tensor is read by layers; an output of the network counts as one more use."""
        found = Counter(name for layer in self.layers for name in layer.inputs if name)
        found.update(output.name for output in self.outputs)
        return found

    def producers(self) -> dict[str, Layer]:
        """The layer that makes each tensor."""
        return {output: layer for layer in self.layers for output in layer.outputs if output}

    def with_constants(self, changed: Mapping[str, Array]) -> "LayerGraph":
        """The same layers with some constants replaced."""
        return replace(self, constants=MappingProxyType({**self.constants, **changed}))

    def without_unread(self) -> "LayerGraph":
        """The same layers without constants that neither layers nor outputs read, nor a first step."""
        read = self.uses().keys() | {each.initial for each in self.carried}
        kept = {name: array for name, array in self.constants.items() if name in read}
        return replace(self, constants=MappingProxyType(kept))

    def macs(self, layer: Layer) -> int:
        """Multiply-accumulate operations of a layer, dense; 0 for layers that have none."""
        if layer.op in WEIGHTS_OF_WINDOWS:
            weights = self.shape(layer.inputs[WEIGHTS_OF_WINDOWS[layer.op]])
            positions = self.shape(layer.inputs[0] if layer.op == "ConvTranspose" else layer.outputs[0])
            return int(np.prod(weights)) * int(np.prod(positions[2:]))
        if layer.op in PRODUCTS:
            first, result = self.shape(layer.inputs[0]), self.shape(layer.outputs[0])
            summed = first[0 if layer.op == "Gemm" and layer.integer("transA", 0) else -1]
            return summed * int(np.prod(result))
        if layer.op in RECURRENT:
            steps = int(np.prod(self.shape(layer.inputs[0])[:2]))
            return steps * sum(int(np.prod(self.shape(name))) for name in layer.inputs[1:3])
        return 0

    def verify(self) -> None:
        """Raises VerifyError when a layer reads a tensor that nothing before it makes."""
        known = {value.name for value in self.inputs} | set(self.constants) | {""}
        for layer in self.layers:
            for name in layer.inputs:
                if name not in known:
                    raise VerifyError(f"{layer.origin}: reads {name!r}, which is not made yet")
            known.update(layer.outputs)
        for output in self.outputs:
            if output.name not in known:
                raise VerifyError(f"output {output.name!r} is made by no layer")
