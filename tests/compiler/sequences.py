"""Models that go through a sequence, for the tests of what becomes of them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

FEATURES, HIDDEN = 5, 6
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@dataclass
class Net:
    """A model while it is written. `steps`: of its sequence, a number or the name of an open size."""

    steps: int | str = "time"
    batch: int = 1
    seed: int = 0
    opset: int = 17
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def weights(self, *shape: int) -> str:
        return self.held((0.5 * self.random.standard_normal(shape)).astype(np.float32))

    def held(self, array: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        made = [f"{op.lower()}{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(
            helper.make_node(op, list(inputs), made, f"{op.lower()}{len(self.nodes)}", **attributes)
        )
        return made

    def cell(self, op: str, x: str, features: int = FEATURES, *more: str, **attributes: Any) -> list[str]:
        """A recurrent node with weights and a bias."""
        gates = GATES[op] * HIDDEN
        held = self.weights(1, gates, features), self.weights(1, gates, HIDDEN), self.weights(1, 2 * gates)
        outputs = 3 if op == "LSTM" else 2
        return self.add(op, x, *held, *more, outputs=outputs, hidden_size=HIDDEN, **attributes)

    def model(self, *outputs: str, shape: tuple[int | str, ...] | None = None) -> onnx.ModelProto:
        """The model of an input x [steps, batch, features]."""
        sizes = shape or (self.steps, self.batch, FEATURES)
        given = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, sizes)]
        ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "sequence", given, ends, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def sequence(steps: int, seed: int = 1, batch: int = 1) -> NDArray[np.float32]:
    """What a model is fed."""
    return np.random.default_rng(seed).standard_normal((steps, batch, FEATURES)).astype(np.float32)


def scan(net: Net, x: str, initial: str, **attributes: Any) -> list[str]:
    """The state h = tanh(A [x, h]), and its double, for each step of x [steps, features]."""
    h, row = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in ("h", "row"))
    weights = net.weights(FEATURES + HIDDEN, HIDDEN)
    body = helper.make_graph(
        [
            helper.make_node("Concat", ["row", "h"], ["both"], axis=0),
            helper.make_node("MatMul", ["both", weights], ["sum"]),
            helper.make_node("Tanh", ["sum"], ["next"]),
            helper.make_node("Add", ["next", "next"], ["shown"]),
        ],
        "body",
        [h, row],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in ("next", "shown")],
    )
    return net.add("Scan", initial, x, outputs=2, body=body, num_scan_inputs=1, **attributes)


def loop(net: Net, x: str, initial: str, steps: int, end: str = "") -> list[str]:
    """The state h = relu(h + x[i] A) for each step i of x; `end`: the condition is that its sum is above."""
    weights = net.weights(FEATURES, HIDDEN)
    kind = onnx.TensorProto
    condition = helper.make_node("Identity", ["go"], ["going"])
    if end:
        condition = helper.make_node("Greater", ["total", end], ["going"])
    body = helper.make_graph(
        [
            helper.make_node("Gather", [x, "i"], ["row"], axis=0),
            helper.make_node("MatMul", ["row", weights], ["in"]),
            helper.make_node("Add", ["in", "h"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["next"]),
            helper.make_node("Identity", ["next"], ["shown"]),
            helper.make_node("ReduceSum", ["next"], ["total"], keepdims=0),
            condition,
        ],
        "body",
        [
            helper.make_tensor_value_info("i", kind.INT64, ()),
            helper.make_tensor_value_info("go", kind.BOOL, ()),
            helper.make_tensor_value_info("h", kind.FLOAT, (HIDDEN,)),
        ],
        [
            helper.make_tensor_value_info("going", kind.BOOL, ()),
            helper.make_tensor_value_info("next", kind.FLOAT, (HIDDEN,)),
            helper.make_tensor_value_info("shown", kind.FLOAT, (HIDDEN,)),
        ],
    )
    count = net.held(np.asarray(steps, dtype=np.int64))
    return net.add("Loop", count, net.held(np.asarray(True)), initial, outputs=2, body=body)
