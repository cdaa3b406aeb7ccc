"""A random ONNX graph while it is drawn: ONNX Runtime computes every node, on every frame, as it is added."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]
Attribute = int | float | str | Sequence[int] | Sequence[float]
Shape = tuple[int, ...]
T = TypeVar("T")

ELEMENTS_MAX = 1500  # of a tensor: a case shall take milliseconds
RANK_MAX = 5
PEAK_MAX = 1e4  # of a tensor: far from what overflows a layer later
FATAL = 4  # of ONNX Runtime's severities, the one that it prints
INTEGERS = np.dtype(np.int64)


class Rejected(Exception):
    """A node that cannot stand here: no operand fits, or ONNX Runtime does not take it, or its numbers are
    of no use.
    """


def quick_session(model: onnx.ModelProto) -> ort.InferenceSession:
    """ONNX Runtime as it computes each node by itself, on one thread, in silence."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = FATAL
    return ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def ir_version(opset: int) -> int:
    """The oldest IR version that holds an opset."""
    return int(helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))


def factors(random: np.random.Generator, count: int, rank: int) -> Shape:
    """A random shape of `rank` sizes that holds `count` elements."""
    sizes = [1] * rank
    for prime in primes(count):
        sizes[int(random.integers(rank))] *= prime
    return tuple(sizes)


def primes(count: int) -> list[int]:
    """The prime factors of a number."""
    found, divisor = [], 2
    while count > 1:
        while count % divisor == 0:
            found.append(divisor)
            count //= divisor
        divisor += 1
    return found


class Drawing:
    """Nodes, constants, inputs, and the values that every tensor has in every frame."""

    def __init__(self, seed: Sequence[int], opset: int, frames: int) -> None:
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.frames = frames
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.values: dict[str, list[Array]] = {}
        self.inputs: dict[str, list[Array]] = {}
        self.rejected: list[str] = []  # what ONNX Runtime refused: the generator's faults

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def pick(self, *items: T) -> T:
        return items[int(self.random.integers(len(items)))]

    def between(self, least: int, most: int) -> int:
        return int(self.random.integers(least, most + 1))

    def shape(self, name: str) -> Shape:
        return tuple(int(size) for size in self.values[name][0].shape)

    def input(self, shape: Shape) -> str:
        """A further input: frames of both signs, sparse, constant, or all negative."""
        name = f"in{len(self.inputs)}"
        self.inputs[name] = self.values[name] = [self._frame(shape) for _ in range(self.frames)]
        return name

    def _frame(self, shape: Shape) -> Array:
        kind = self.pick("plain", "plain", "negative", "sparse", "constant", "positive")
        drawn = self.random.normal(0, 1, shape)
        if kind == "negative":
            drawn = -np.abs(drawn) - 0.01
        elif kind == "positive":
            drawn = np.abs(drawn)
        elif kind == "sparse":
            drawn = np.where(self.random.random(shape) < 0.7, 0.0, drawn)
        elif kind == "constant":
            drawn = np.full(shape, float(self.pick(0.0, 1.0, -0.5)))
        return np.asarray(drawn, dtype=np.float32)

    def weights(self, *shape: int, fan_in: int = 1) -> Array:
        """Numbers of both signs, some of them zero; sometimes all equal, or small integers."""
        drawn = self.random.normal(0, 1.2 / math.sqrt(max(fan_in, 1)), shape)
        kind = self.pick("plain", "plain", "plain", "sparse", "equal", "whole")
        if kind == "sparse":
            drawn = np.where(self.random.random(shape) < 0.4, 0.0, drawn)
        elif kind == "equal":
            drawn = np.full(shape, float(self.random.normal()))
        elif kind == "whole":
            drawn = np.clip(np.round(2 * drawn), -2, 2)
        return np.asarray(drawn, dtype=np.float32)

    def constant(self, value: Array | Sequence[int] | Sequence[float] | float) -> str:
        """A constant, by name; sometimes one that other nodes read already."""
        array = np.asarray(value)
        if array.dtype.kind in "iu" and array.dtype != np.bool_:
            array = array.astype(np.int64)
        elif array.dtype.kind == "f":
            array = array.astype(np.float32)
        alike = [n for n, a in self.constants.items() if a.shape == array.shape and a.dtype == array.dtype]
        if array.dtype.kind == "f" and array.size > 1 and alike and self.chance(0.3):
            return self.pick(*alike)
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def tensor(self, fits: Callable[[Shape], bool] = lambda shape: True) -> str:
        """A tensor whose shape fits, more often a late one. Raises Rejected."""
        fitting = [n for n, v in self.values.items() if v[0].dtype == np.float32 and fits(self.shape(n))]
        if not fitting:
            raise Rejected("no operand")
        late = fitting[-3:]
        return self.pick(*late) if self.chance(0.7) else self.pick(*fitting)

    def maps(self, *, volumes: bool = False) -> str:
        """A tensor of feature maps: of rank 4 mostly, else 3, or 5; reshaped where there is none."""
        rank = 4 if self.chance(0.85) else self.pick(3, 5) if volumes else 3

        def fits(shape: Shape) -> bool:
            return len(shape) == rank and (shape[0] == 1 or self.chance(0.1))

        try:
            return self.tensor(fits)
        except Rejected:
            x = self.tensor()
            count = math.prod(self.shape(x))
            target = (1, *factors(self.random, count, rank - 1))
            return self.add("Reshape", [x, self.constant(target)])

    def since(self, operator: str) -> int:
        """The opset since which an operator has the form that it has here. Raises Rejected."""
        if not onnx.defs.has(operator, self.opset):
            raise Rejected("no such operator")
        schema = onnx.defs.get_schema(operator, self.opset)
        if schema.deprecated:
            raise Rejected("no such operator")
        return int(schema.since_version)

    def has(self, operator: str, attribute: str) -> bool:
        """Whether an operator has an attribute at this opset."""
        self.since(operator)
        return attribute in onnx.defs.get_schema(operator, self.opset).attributes

    def add(self, operator: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """The one output of a new node. Raises Rejected."""
        return self.add_many(operator, inputs, 1, **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Attribute
    ) -> list[str]:
        """The outputs of a new node; attributes that are at their default may be left out or not. Raises
        Rejected.
        """
        self.since(operator)
        schema = onnx.defs.get_schema(operator, self.opset)
        names = [f"t{len(self.nodes)}" if i == 0 else f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        node = helper.make_node(operator, inputs, names)
        for key, value in attributes.items():
            made = helper.make_attribute(key, value)
            default = schema.attributes[key].default_value
            if not (default.name and made == default and self.chance(0.5)):
                node.attribute.append(made)
        for key, attribute in schema.attributes.items():
            if attribute.default_value.name and key not in attributes and self.chance(0.15):
                node.attribute.append(attribute.default_value)
        self._compute(node)
        self.nodes.append(node)
        return names

    def _compute(self, node: onnx.NodeProto) -> None:
        data = [name for name in dict.fromkeys(node.input) if name in self.values]
        declared = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(self.values[name][0].dtype), self.shape(name)
            )
            for name in data
        ]
        held = {name: self.constants[name] for name in node.input if name in self.constants}
        initializers = [numpy_helper.from_array(array, name) for name, array in held.items()]
        old = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in held.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
        graph = helper.make_graph([node], "node", declared + old, outputs, initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version(self.opset))
        try:
            session = quick_session(model)
            runs = [session.run(None, {n: self.values[n][i] for n in data}) for i in range(self.frames)]
        except Exception as error:  # a dozen kinds of ONNX Runtime's
            self.rejected.append(f"{node.op_type}: {str(error).splitlines()[0]}")
            raise Rejected("refused") from None
        if not all(useful(value) for run in runs for value in run):
            raise Rejected("numbers or sizes of no use")
        self.values |= {name: [run[i] for run in runs] for i, name in enumerate(node.output)}


Draw = Callable[[Drawing], None]  # adds one node, or raises Rejected


def useful(value: Array) -> bool:
    """Whether a result is small, of some size, and finite."""
    return bool(
        0 < value.size <= ELEMENTS_MAX
        and value.ndim <= RANK_MAX
        and (value.dtype.kind != "f" or (np.isfinite(value).all() and np.abs(value).max() <= PEAK_MAX))
    )
