"""The slow oracle agrees with ONNX Runtime: its synapses, applied as a matrix, give every node's output."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from oracle.graphs import random_input, random_model, single_layer_cases
from oracle.layers import flatten, split
from oracle.reading import Reading, number
from oracle.synapses import ELEMENTWISE, Synapses, node_bias, node_synapses
from oracle.views import origins
from oracle.writer import Writer

Values = dict[str, npt.NDArray[np.float32]]

CASES = dict(single_layer_cases(thorough=True))


def every_tensor(model: onnx.ModelProto, reading: Reading) -> Values:
    """What ONNX Runtime computes for every tensor of a model on a random input."""
    every = onnx.ModelProto()
    every.CopyFrom(model)
    known = {each.name for each in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name not in known]
    every.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, reading.shapes[name])
        for name in names
        if name not in reading.constants
    )
    inputs = random_input(model, 1)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(every.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [each.name for each in session.get_outputs()]
    return {**inputs, **dict(zip(outputs, session.run(outputs, inputs), strict=True))}


def combine(synapses: Synapses, values: Values, kind: str, bias: list[float]) -> npt.NDArray[np.float64]:
    """The output elements: weighted sums, or maxima or products of the connected inputs."""
    result = np.array(bias, np.float64)
    connected: defaultdict[int, list[float]] = defaultdict(list)
    flat = {
        name: values[name].ravel().astype(np.float64).tolist() for name in {key[0][0] for key in synapses}
    }
    for ((name, source), target), weight in synapses.items():
        connected[target].append(weight * flat[name][source])
    for target, products in connected.items():
        if kind in ("MaxPool", "GlobalMaxPool"):
            result[target] = max(products)
        elif kind == "Mul":
            result[target] = np.prod(products)
        else:
            result[target] += sum(products)
    return result


def function(node: onnx.NodeProto, x: npt.NDArray[np.float64], reading: Reading) -> npt.NDArray[np.float64]:
    """What an activation does behind its synapses."""
    match node.op_type:
        case "Clip":
            bounds = [number(node, "min", -np.inf), number(node, "max", np.inf)]
            for position, name in enumerate(node.input[1:]):
                if name:
                    bounds[position] = float(reading.values(name)[()])
            return np.minimum(np.maximum(x, bounds[0]), bounds[1])
        case "Relu":
            return np.maximum(x, 0)
        case "LeakyRelu":
            return np.where(x < 0, x * number(node, "alpha", 0.01), x)
        case "Sigmoid":
            return 1 / (1 + np.exp(-x))
        case "Tanh":
            return np.tanh(x)
        case "HardSigmoid":
            return np.clip(x * number(node, "alpha", 0.2) + number(node, "beta", 0.5), 0, 1)
        case _:
            assert node.op_type not in ELEMENTWISE, node.op_type
            return x


def check(model: onnx.ModelProto) -> None:
    """Every node of the model, each from ONNX Runtime's values of its inputs."""
    reading = Reading.of(model)
    values = every_tensor(model, reading)
    for node in model.graph.node:
        for position, name in enumerate(node.output):
            if node.op_type == "Constant":
                continue
            synapses = node_synapses(reading, node, position)
            bias = node_bias(reading, node, position)
            if node.op_type == "Mul" and node.input[0] == node.input[1]:
                got = values[node.input[0]].ravel().astype(np.float64) ** 2  # two synapses between one pair
            else:
                got = function(node, combine(synapses, values, node.op_type, bias), reading)
            expected = values[name].ravel()
            peak = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * peak, err_msg=str(node))


@pytest.mark.parametrize("name", CASES)
def test_synapses_give_the_output_of_each_case(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize("seed", range(20))
def test_synapses_give_every_tensor_of_a_random_network(seed: int) -> None:
    check(random_model(seed))


def test_taps_in_the_padding_and_holes_of_a_dilation_connect_nothing() -> None:
    w = Writer(13, 0)
    x = w.input((1, 1, 3, 4))
    model = w.model([w.add("Conv", x, w.constant(np.zeros((1, 1, 2, 2), np.float32)), dilations=[2, 1])], "g")
    synapses = node_synapses(model, model.graph.node[0])
    assert {source for (_, source), target in synapses if target == 1} == {1, 2, 9, 10}
    assert set(synapses.values()) == {0.0}
    assert len(synapses) == 3 * 4


def test_a_depthwise_channel_reads_itself() -> None:
    model = CASES["conv-depthwise"]
    reading = Reading.of(model)
    node = next(each for each in model.graph.node if each.op_type == "Conv")
    _, _, rows, columns = reading.shapes[node.output[0]]
    for (_, source), target in node_synapses(reading, node):
        assert source // (6 * 7) == target // (rows * columns)


def test_origins_see_through_views() -> None:
    w = Writer(13, 0)
    x = w.input((1, 4, 1, 2))
    first, second = split(w, x, (1, 3))
    y = flatten(w, w.add("Identity", w.add("Concat", second, first, axis=1)))
    reading = Reading.of(w.model([y], "g"))
    assert origins(reading, y) == [(x, i) for i in (2, 3, 4, 5, 6, 7, 0, 1)]
