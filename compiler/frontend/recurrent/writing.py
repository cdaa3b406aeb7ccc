"""Nodes that are written in place of one node: its step, or all its steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

CLIP_TAKES_TENSORS = 11  # the first opset where Clip reads its bounds
AXES_ARE_TENSORS = 13  # the first opset where Squeeze and Unsqueeze read their axes


@dataclass(frozen=True, slots=True)
class State:
    """What a step takes from the one before: the tensor that it reads, the one that it leaves, and the tensor
    that the first step begins with ("": zeros).
    """

    given: str
    made: str
    initial: str
    shape: tuple[int, ...]


@dataclass(slots=True)
class Writer:
    """Nodes, constants and states while they are written. `base`: what their names begin with, and `at` those
    of nodes behind it.
    """

    base: str
    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    at: str = ""

    def add(self, op: str, *inputs: str, name: str = "", output: str = "", **attributes: Any) -> str:
        """A node, by default one with a name of its own; gives the name of its result."""
        title = f"{self.base}/{self.at}{name or f'{op.lower()}{len(self.nodes)}'}"
        made = output or title
        self.nodes.append(onnx.helper.make_node(op, list(inputs), [made], title, **attributes))
        return made

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A constant."""
        title = f"{self.base}/{name}"
        if title not in (tensor.name for tensor in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), title))
        return title

    def number(self, value: float) -> str:
        """A constant of one number."""
        return self.constant(f"{value:g}", np.asarray([value], dtype=np.float32))

    def reshape(self, tensor: str, shape: Sequence[int], output: str = "") -> str:
        """A view in another shape."""
        sizes = "x".join(map(str, shape))
        held = self.constant(f"shape{sizes}", np.asarray(shape, dtype=np.int64))
        return self.add("Reshape", tensor, held, output=output)

    def picked(self, tensor: str, index: int, name: str = "", axis: int = 0) -> str:
        """One of what lies along an axis, without that axis."""
        held = self.constant(f"at{index}", np.asarray(index, dtype=np.int64))
        return self.add("Gather", tensor, held, name=name, axis=axis)

    def joined(self, tensors: Sequence[str], axis: int, output: str = "") -> str:
        """Tensors side by side."""
        return self.add("Concat", *tensors, axis=axis, output=output)

    def moved(self, op: str, tensor: str, axis: int, output: str = "") -> str:
        """Squeeze, or Unsqueeze, along one axis."""
        if self.opset < AXES_ARE_TENSORS:
            return self.add(op, tensor, output=output, axes=[axis])
        held = self.constant(f"axis{axis}", np.asarray([axis], dtype=np.int64))
        return self.add(op, tensor, held, output=output)

    def clip(self, tensor: str, bound: float) -> str:
        """Between a bound and its negative."""
        if self.opset < CLIP_TAKES_TENSORS:
            return self.add("Clip", tensor, min=-bound, max=bound)
        ends = [self.constant(f"{end:g}'", np.asarray(end, dtype=np.float32)) for end in (-bound, bound)]
        return self.add("Clip", tensor, *ends)

    def carry(self, what: str, initial: str, shape: tuple[int, ...]) -> str:
        """A tensor of the step before; gives the name by which the step reads it."""
        found = State(f"{self.base}~{what}", f"{self.base}~{what}~next", initial, shape)
        self.states.append(found)
        return found.given

    def leave(self, given: str, tensor: str) -> None:
        """What the next step finds under a name."""
        made = next(each.made for each in self.states if each.given == given)
        self.add("Identity", tensor, output=made)
