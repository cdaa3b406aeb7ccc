"""Recurrent nodes that go backwards, or both ways: a frame is a whole sequence, a step layers of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from snc.backends.analysis.bill import bill
from snc.backends.image.image import Image
from snc.compiler.frontend.read import read_onnx
from snc.compiler.frontend.recurrent.backwards import GATES_MOST, NOTE
from snc.compiler.running.runner import Runner
from snc.compiler.running.simulating.simulation import has_memory
from snc.compiler.running.verify import verify
from snc.ir.errors import SncError

from .sequences import FEATURES, GATES, HIDDEN, Net, scan, sequence
from .test_sequences import compiled, saved, whole

STEPS = 3
WAYS = {"reverse": 1, "bidirectional": 2}


def cell(
    net: Net, op: str, x: str, way: str, *more: str, features: int = FEATURES, **attributes: Any
) -> list[str]:
    """A recurrent node, with a bias."""
    gates, count = GATES[op] * HIDDEN, WAYS.get(way, 1)
    held = [net.weights(count, gates, size) for size in (features, HIDDEN)]
    outputs = 3 if op == "LSTM" else 2
    bias = net.weights(count, 2 * gates)
    return net.add(
        op, x, *held, bias, *more, outputs=outputs, hidden_size=HIDDEN, direction=way, **attributes
    )


def states(net: Net, op: str, way: str) -> list[str]:
    """Initial states, and peepholes where there are any."""
    found = ["", net.weights(WAYS[way], net.batch, HIDDEN)]
    if op == "LSTM":
        found += [net.weights(WAYS[way], net.batch, HIDDEN), net.weights(WAYS[way], 3 * HIDDEN)]
    return found


def assert_agrees(folder: Path, model: onnx.ModelProto, *frames: np.ndarray[Any, Any]) -> Image:
    """The image gives what ONNX Runtime gives of each whole sequence, whatever came before."""
    image = compiled(folder, model)
    assert not has_memory(image)
    assert not image.host_before
    runner = Runner(image)
    names = [value.name for value in model.graph.output]
    for frame in frames:
        got = runner({"x": frame}).outputs
        for name, want in zip(names, whole(model, frame), strict=True):
            assert got[name].shape == want.shape
            np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=2e-6, err_msg=name)
    return image


@pytest.mark.parametrize("op", GATES)
def test_each_node_backwards(tmp_path: Path, op: str) -> None:
    net = Net(STEPS)
    model = net.model(*cell(net, op, "x", "reverse"))
    assert_agrees(tmp_path, model, sequence(STEPS), sequence(STEPS, 2))
    assert NOTE in read_onnx(tmp_path / "model.onnx").notes


@pytest.mark.parametrize("op", GATES)
def test_each_node_both_ways_from_states_of_its_own(tmp_path: Path, op: str) -> None:
    net = Net(STEPS, seed=3)
    model = net.model(*cell(net, op, "x", "bidirectional", *states(net, op, "bidirectional")))
    assert_agrees(tmp_path, model, sequence(STEPS))


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear before reset": ("GRU", {"linear_before_reset": 1}),
    "input and forget are one": ("LSTM", {"input_forget": 1}),
    "clipped": ("LSTM", {"clip": 0.3}),
    "functions of their own": (
        "RNN",
        {"activations": ["LeakyRelu", "Elu"], "activation_alpha": [0.1, 0.7]},
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_each_attribute(tmp_path: Path, name: str) -> None:
    op, attributes = OTHERS[name]
    net = Net(STEPS, seed=4)
    assert_agrees(tmp_path, net.model(*cell(net, op, "x", "bidirectional", **attributes)), sequence(STEPS))


def test_a_sequence_of_one_step_and_streams_side_by_side(tmp_path: Path) -> None:
    net = Net(1, batch=3)
    assert_agrees(tmp_path, net.model(*cell(net, "LSTM", "x", "bidirectional")), sequence(1, batch=3))


def stacked() -> onnx.ModelProto:
    """Both ways, then forward, then a dense layer that sees the last state."""
    net = Net(STEPS, seed=5)
    y = cell(net, "LSTM", "x", "bidirectional")[0]
    y = net.add("Transpose", y, perm=[0, 2, 1, 3])[0]
    y = net.add("Reshape", y, net.held(np.asarray([STEPS, 1, 2 * HIDDEN])))[0]
    _, last = cell(net, "GRU", y, "forward", features=2 * HIDDEN)
    flat = net.add("Reshape", last, net.held(np.asarray([1, HIDDEN])))[0]
    return net.model(*net.add("Gemm", flat, net.weights(3, HIDDEN), net.weights(3), transB=1))


def test_networks_of_several_nodes(tmp_path: Path) -> None:
    image = assert_agrees(tmp_path, stacked(), sequence(STEPS), sequence(STEPS, 2))
    found = verify(tmp_path / "model.onnx", image, [{"x": sequence(STEPS, 7)}])
    assert found.is_right
    assert {"frontend", "mapping"} <= found.compared.keys()


def test_what_the_network_answers_may_be_no_number(tmp_path: Path) -> None:
    net = Net(STEPS)
    ends = cell(net, "GRU", "x", "reverse")
    above = net.add("Greater", ends[0], net.held(np.float32(0.1)))
    model = net.model(*above)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.BOOL
    graph = read_onnx(saved(tmp_path, model))
    assert (graph.unmapped, graph.outputs[0].dtype) == ({}, "bool")


def test_a_branch_that_goes_backwards_is_no_step(tmp_path: Path) -> None:
    """A model of one step is a stream, of which the last step would have to come first."""
    net = Net(1)
    forward, backward = cell(net, "RNN", "x", "forward"), cell(net, "RNN", "x", "reverse")
    node = net.nodes.pop()
    taken = onnx.helper.make_graph(
        [node], "taken", [], [onnx.helper.make_tensor_value_info(backward[0], onnx.TensorProto.FLOAT, None)]
    )
    chosen = net.add("If", net.held(np.asarray(True)), then_branch=taken, else_branch=taken)
    model = net.model(*net.add("Add", forward[0], *chosen))
    (problem,) = {str(each) for each in read_onnx(saved(tmp_path, model)).unmapped.values()}
    assert "it goes backwards: its first step needs the last one" in problem


@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
def test_too_few_activation_functions_are_refused(tmp_path: Path, way: str) -> None:
    net = Net(STEPS)
    model = net.model(*cell(net, "GRU", "x", way, activations=["Sigmoid"]))
    with pytest.raises(SncError, match="refuses the model"):
        read_onnx(saved(tmp_path, model))


def test_the_batch_may_come_first(tmp_path: Path) -> None:
    net = Net(STEPS, seed=6)
    turned = net.add("Transpose", "x", perm=[1, 0, 2])[0]
    made = cell(net, "RNN", turned, "bidirectional")
    model = net.model(*made, shape=("batch", STEPS, FEATURES))
    assert_agrees(tmp_path, model, sequence(STEPS).transpose(1, 0, 2))


def test_a_state_that_the_network_computes(tmp_path: Path) -> None:
    net = Net(STEPS, seed=7)
    first = net.add("Slice", "x", *(net.held(np.asarray([n])) for n in (0, 1, 0)))[0]
    state = net.add("MatMul", first, net.weights(FEATURES, HIDDEN))[0]
    both = net.add("Concat", state, state, axis=0)[0]
    model = net.model(*cell(net, "RNN", "x", "bidirectional", "", both))
    assert_agrees(tmp_path, model, sequence(STEPS))


def test_steps_share_their_constants_and_take_memory_of_their_own(tmp_path: Path) -> None:
    sizes, constants = [], []
    for steps in (3, 6):
        net = Net(steps)
        model = net.model(*cell(net, "GRU", "x", "reverse"))
        sizes.append(bill(compiled(tmp_path, model)).total)
        constants.append(len(read_onnx(tmp_path / "model.onnx").constants))
    assert sizes[1].connectivity > 1.5 * sizes[0].connectivity
    assert sizes[1].neurons >= sizes[0].neurons
    weights = [c for c in read_onnx(tmp_path / "model.onnx").constants if c.endswith(".weights")]
    assert len(weights) == 3 + 2  # of gates, and of those that the first step has without a state


def test_an_open_number_of_steps_is_asked_for(tmp_path: Path) -> None:
    net = Net()
    path = saved(tmp_path, net.model(*cell(net, "LSTM", "x", "reverse")))
    (problem,) = read_onnx(path).unmapped.values()
    assert "it goes backwards, and how many steps 'x' has is open (give --input-shape" in str(problem)
    assert not read_onnx(path, {"x": (3, 1, FEATURES)}).unmapped


def test_too_many_steps_are_refused_with_their_number(tmp_path: Path) -> None:
    steps = GATES_MOST // 8 + 1
    net = Net(steps)
    (problem,) = read_onnx(
        saved(tmp_path, net.model(*cell(net, "LSTM", "x", "bidirectional")))
    ).unmapped.values()
    assert f"each of its {steps} steps is layers of its own: {8 * steps} dense ones (at most 512" in str(
        problem
    )
    assert "direction forward is streamed" in str(problem)


def test_another_loop_beside_it_is_refused(tmp_path: Path) -> None:
    net = Net(STEPS)
    ends = cell(net, "RNN", "x", "reverse")
    flat = net.add("Reshape", "x", net.held(np.asarray([STEPS, FEATURES])))[0]
    model = net.model(*ends, *scan(net, flat, net.weights(HIDDEN)))
    with pytest.raises(SncError, match="goes through a sequence beside a node that goes backwards"):
        read_onnx(saved(tmp_path, model))


@pytest.mark.parametrize(
    ("name", "rule"),
    [("direction", r"\(RNN\): the shape of its output"), ("activations", "refuses the model")],
)
def test_words_that_are_no_text_are_refused(tmp_path: Path, name: str, rule: str) -> None:
    net = Net(STEPS)
    model = net.model(*cell(net, "RNN", "x", "reverse", activations=["Relu"]))
    (held,) = (each for node in model.graph.node for each in node.attribute if each.name == name)
    if name == "direction":
        held.s = b"\xff"
    else:
        held.strings[0] = b"\xff"
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SncError, match=rule):
        read_onnx(tmp_path / "model.onnx")
