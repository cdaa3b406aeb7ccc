"""RNN, GRU, LSTM, Scan and Loop: a step on the chip, what it carries in neurons, the sequence as a stream."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from backends.by_the_manual import Chip as ByTheManual
from checker.check import check

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.compiler.frontend.recurrent.cells import FUNCTIONS
from snc.compiler.pipeline.check import check as checked
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.splitting.compile import compile_split
from snc.compiler.running.data.dataset import frames_for
from snc.compiler.running.runner import Runner
from snc.compiler.running.simulating.simulation import has_memory
from snc.compiler.running.verify import verify
from snc.compiler.sweeping.measure import gather
from snc.compiler.sweeping.spec import Measure, Model
from snc.ir.aims import NeuronUse
from snc.ir.errors import BadInput, SncError, Unsupported

from .reference import CHIP, shrunken
from .sequences import FEATURES, GATES, HIDDEN, Net, loop, scan, sequence

OPTIONS = Options(weights="float32", effort=0.5)
STEPS = 7
SMALL = shrunken(core_words=150, depth_max=8)


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def compiled(folder: Path, model: onnx.ModelProto, weights: str = "float32") -> Image:
    found = compile_model(saved(folder, model), CHIP, replace(OPTIONS, weights=weights), refused=None)
    assert check(write_image(found.image)).faults == ()
    return found.image


def whole(model: onnx.ModelProto, x: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """What ONNX Runtime computes of a sequence."""
    runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(each) for each in runtime.run(None, {"x": x})]


def agree(folder: Path, model: onnx.ModelProto, x: np.ndarray[Any, Any], axis: int = 0) -> Image:
    """The image gives, step by step, what ONNX Runtime gives of the sequence."""
    image = compiled(folder, model)
    assert has_memory(image)
    runner, by_the_manual = Runner(image), ByTheManual(write_image(image))
    for _ in range(2):
        found = [runner({"x": np.take(x, [step], axis)}).outputs for step in range(x.shape[axis])]
        for want, name in zip(whole(model, x), [value.name for value in model.graph.output], strict=True):
            steps = [each[name] for each in found]
            along = next((i for i in range(want.ndim) if want.shape[i] != steps[0].shape[i]), None)
            got = steps[-1] if along is None else np.concatenate(steps, along)
            np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)
        runner.restart()
    if not image.host_before and not image.host_after:
        for step, outputs in enumerate(found):
            other = by_the_manual.run({"x": np.take(x, [step], axis)})
            for name, array in other.items():
                np.testing.assert_allclose(array, outputs[name], rtol=0, atol=1e-6)
    return image


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_cell_is_its_steps(op: str, batch: int, tmp_path: Path) -> None:
    net = Net(batch=batch)
    agree(tmp_path, net.model(*net.cell(op, "x")), sequence(STEPS, batch=batch))


@pytest.mark.parametrize("op", GATES)
def test_sequences_of_a_batch_may_stand_first(op: str, tmp_path: Path) -> None:
    """ONNX Runtime has no layout 1: the same node of layout 0 says what is right."""
    net, same = Net(STEPS, batch=2), Net(STEPS, batch=2)
    image = compiled(tmp_path, net.model(*net.cell(op, "x", layout=1), shape=(2, STEPS, FEATURES)))
    runner, x = Runner(image), sequence(STEPS, batch=2)
    found = [list(runner({"x": row[:, None]}).outputs.values()) for row in x]
    want = whole(same.model(*same.cell(op, "x")), x)
    got = np.concatenate([each[0] for each in found], axis=1)
    np.testing.assert_allclose(got, want[0].transpose(2, 0, 1, 3), rtol=0, atol=2e-6)
    np.testing.assert_allclose(found[-1][1], want[1].transpose(1, 0, 2), rtol=0, atol=2e-6)
    verdict = verify(tmp_path / "model.onnx", image, [{"x": row[:, None]} for row in x])
    assert verdict.is_right


@pytest.mark.parametrize("before", [0, 1])
def test_a_gru_is_reset_before_or_behind_its_weights(before: int, tmp_path: Path) -> None:
    net = Net(STEPS)
    agree(tmp_path, net.model(*net.cell("GRU", "x", linear_before_reset=before)), sequence(STEPS))


def test_states_begin_with_constants(tmp_path: Path) -> None:
    net = Net(batch=2)
    shape = 1, 2, HIDDEN
    cells = net.cell("LSTM", "x", FEATURES, "", net.weights(*shape), net.weights(*shape))
    agree(tmp_path, net.model(*cells), sequence(STEPS, batch=2))


def test_peepholes_bounds_and_one_gate_for_two(tmp_path: Path) -> None:
    net = Net()
    more = "", "", "", net.weights(1, 3 * HIDDEN)
    x = net.cell("LSTM", "x", FEATURES, *more, clip=0.4)[0]
    flat = net.add("Squeeze", x, net.held(np.asarray([1])))[0]
    agree(tmp_path, net.model(*net.cell("LSTM", flat, HIDDEN, input_forget=1)), sequence(STEPS))


@pytest.mark.parametrize(
    "name", ["Relu", "Softsign", "Affine", "LeakyRelu", "ScaledTanh", "HardSigmoid", "Elu"]
)
def test_activation_functions(name: str, tmp_path: Path) -> None:
    net, takes = Net(), FUNCTIONS[name.lower()]
    numbers: dict[str, Any] = {f"activation_{key}": [0.5] for key in takes}
    cells = net.cell("RNN", "x", FEATURES, activations=[name], **numbers)
    agree(tmp_path, net.model(*cells), sequence(STEPS))


def test_layers_before_and_behind_go_with_the_steps(tmp_path: Path) -> None:
    net = Net()
    turned = net.add("Transpose", "x", perm=[1, 0, 2])[0]
    dense = net.add("Relu", net.add("MatMul", turned, net.weights(FEATURES, 4))[0])[0]
    rows = net.add("Squeeze", net.cell("LSTM", dense, 4)[0], net.held(np.asarray([1])))[0]
    end, last = net.cell("GRU", rows, HIDDEN)
    flat = net.add("Squeeze", end, net.held(np.asarray([1])))[0]
    scores = net.add("Softmax", net.add("MatMul", flat, net.weights(HIDDEN, 3))[0], axis=-1)[0]
    shown = net.add("Transpose", scores, perm=[1, 0, 2])[0]
    model = net.model(shown, last, shape=("batch", "time", FEATURES))
    image = agree(tmp_path, model, sequence(STEPS).transpose(1, 0, 2).copy(), axis=1)
    assert [tuple(t.shape) for t in image.tensors if t.kind == "input"] == [(1, 1, FEATURES)]


@pytest.mark.parametrize("initial", [0.0, 0.25])
def test_a_scan_is_its_body(initial: float, tmp_path: Path) -> None:
    net = Net()
    start = net.held(np.full(HIDDEN, initial, np.float32))
    model = net.model(*scan(net, "x", start), shape=("time", FEATURES))
    agree(tmp_path, model, sequence(STEPS)[:, 0])


def test_a_scan_along_another_axis(tmp_path: Path) -> None:
    net = Net()
    ends = scan(net, "x", net.weights(HIDDEN), scan_input_axes=[1], scan_output_axes=[1])
    agree(tmp_path, net.model(*ends, shape=(FEATURES, STEPS)), sequence(STEPS)[:, 0].T.copy(), axis=1)


def test_a_loop_that_gathers_its_steps(tmp_path: Path) -> None:
    net = Net()
    ends = loop(net, "x", net.held(np.zeros(HIDDEN, np.float32)), STEPS)
    agree(tmp_path, net.model(*ends, shape=(STEPS, FEATURES)), sequence(STEPS)[:, 0])


@pytest.mark.parametrize("seed", range(4))
def test_random_cells_are_cut_onto_small_chips(seed: int, tmp_path: Path) -> None:
    """Two cells of drawn kinds, one behind the other, on cores that hold a part of a gate each."""
    random = np.random.default_rng(seed)
    net = Net(batch=int(random.integers(1, 3)), seed=seed)
    first, second = random.choice(list(GATES), 2)
    constant = net.weights(1, net.batch, HIDDEN)
    rows = net.add("Squeeze", net.cell(first, "x", FEATURES, "", constant)[0], net.held(np.asarray([1])))[0]
    path = saved(tmp_path, net.model(*net.cell(second, rows, HIDDEN)[:2]))
    image = compile_model(path, SMALL, OPTIONS, refused=None).image
    assert check(write_image(image)).faults == ()
    assert len(image.cores) > 1
    runner, x = Runner(image), sequence(STEPS, seed, net.batch)
    found = [list(runner({"x": row[None]}).outputs.values()) for row in x]
    want = whole(onnx.load(path), x)
    np.testing.assert_allclose(np.concatenate([each[0] for each in found]), want[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(found[-1][1], want[1], rtol=0, atol=2e-6)


def test_words_are_looked_up_by_the_host(tmp_path: Path) -> None:
    """A table of vectors before the cell: numbers of words go in."""
    net = Net()
    vectors = net.add("Gather", net.weights(9, FEATURES), "x")[0]
    model = net.model(*net.cell("LSTM", vectors), shape=("time", 1))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    image = compiled(tmp_path, model)
    words = np.random.default_rng(2).integers(0, 9, (STEPS, 1))
    runner = Runner(image)
    found = [next(iter(runner({"x": word[None]}).outputs.values())) for word in words]
    np.testing.assert_allclose(np.concatenate(found), whole(model, words)[0], rtol=0, atol=2e-6)
    assert image.host_before


# -- what cannot be


def mixed(net: Net) -> onnx.ModelProto:
    """All steps at once behind the cell."""
    end = net.cell("RNN", "x")[0]
    return net.model(*net.add("ReduceMean", end, axes=[0]))


def of_lengths(net: Net) -> onnx.ModelProto:
    return net.model(*net.cell("GRU", "x", FEATURES, net.held(np.asarray([2], dtype=np.int32))))


def hidden_steps(net: Net) -> onnx.ModelProto:
    """A sequence that is no axis of the input."""
    shape = net.held(np.asarray([STEPS, 1, FEATURES]))
    return net.model(*net.cell("RNN", net.add("Reshape", "x", shape)[0]), shape=(1, STEPS * FEATURES))


def of_moving_weights(net: Net) -> onnx.ModelProto:
    weights = net.add(
        "Reshape", net.add("ReduceMean", "x", axes=[0])[0], net.held(np.asarray([1, 1, FEATURES]))
    )
    return net.model(*net.add("RNN", "x", weights[0], net.weights(1, 1, 1), outputs=2, hidden_size=1))


def given_states(net: Net) -> onnx.ModelProto:
    state = net.add("ReduceMean", "x", axes=[0])[0]
    state = net.add("MatMul", state, net.weights(FEATURES, HIDDEN))[0]
    return net.model(*net.cell("RNN", "x", FEATURES, "", state))


def other_weights(net: Net) -> onnx.ModelProto:
    held = net.weights(1, 3 * HIDDEN, FEATURES), net.weights(1, 3 * HIDDEN, HIDDEN)
    return net.model(*net.add("LSTM", "x", *held, outputs=3, hidden_size=HIDDEN))


def flat_weights(net: Net) -> onnx.ModelProto:
    held = net.weights(HIDDEN, FEATURES), net.weights(HIDDEN, HIDDEN)
    return net.model(*net.add("RNN", "x", *held, outputs=2, hidden_size=HIDDEN))


def short_bias(net: Net) -> onnx.ModelProto:
    held = net.weights(1, HIDDEN, FEATURES), net.weights(1, HIDDEN, HIDDEN), net.weights(1, HIDDEN)
    return net.model(*net.add("RNN", "x", *held, outputs=2, hidden_size=HIDDEN))


def other_body(net: Net) -> onnx.ModelProto:
    ends = scan(net, "x", net.weights(HIDDEN))
    del net.nodes[-1].input[0]
    return net.model(*ends, shape=(STEPS, FEATURES))


def backwards_scan(net: Net) -> onnx.ModelProto:
    return net.model(*scan(net, "x", net.weights(HIDDEN), scan_input_directions=[1]), shape=(STEPS, FEATURES))


def ending_loop(net: Net) -> onnx.ModelProto:
    zero = net.held(np.asarray(0, np.float32))
    return net.model(*loop(net, "x", net.weights(HIDDEN), STEPS, zero), shape=(STEPS, FEATURES))


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (mixed, r"because of rnn0 \(RNN\): its output '.*' is not what its steps give one by one"),
        (of_lengths, r"node gru0 \(GRU\): its sequences have lengths of their own"),
        (hidden_steps, r"because of rnn1 \(RNN\): the steps of its sequence .* are no axis of an input"),
        (of_moving_weights, r"because of rnn2 \(RNN\): its weights .* must be constant"),
        (given_states, r"its initial state .* must be constant"),
        (other_weights, r"lstm0 \(LSTM\): .*\{1,24,5\}. Actual:\{1,18,5\}"),
        (flat_weights, r"rnn0 \(RNN\)"),
        (short_bias, r"rnn0 \(RNN\)"),
        (other_body, r"scan0 \(Scan\)"),
        (backwards_scan, r"node scan0 \(Scan\): it runs backwards"),
        (ending_loop, r"node loop0 \(Loop\): it ends when its values say so"),
    ],
)
def test_what_no_step_is_is_refused(
    make: Callable[[Net], onnx.ModelProto], rule: str, tmp_path: Path
) -> None:
    with pytest.raises(SncError, match=rule):
        compiled(tmp_path, make(Net(STEPS)))


def test_check_says_what_a_frame_is(tmp_path: Path) -> None:
    net = Net()
    found = checked(saved(tmp_path, net.model(*net.cell("LSTM", "x"))), CHIP, OPTIONS)
    assert found.is_supported
    assert any("a frame is one step of 'x' along axis 0" in note for note in found.notes)


# -- verify


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
def test_verify_holds_steps_against_the_sequence(weights: str, tmp_path: Path) -> None:
    net = Net(batch=2)
    shape = 1, 2, HIDDEN
    ends = net.cell("LSTM", "x", FEATURES, "", net.weights(*shape), net.weights(*shape))
    image = compiled(tmp_path, net.model(*ends), weights)
    frames = [{"x": row[None]} for row in sequence(STEPS, batch=2)]
    verdict = verify(tmp_path / "model.onnx", image, frames)
    assert verdict.is_right
    assert {figure.name for figure in verdict.outputs} == set(ends)
    assert (max(figure.max_rel_error for figure in verdict.outputs) < 1e-5) == (weights == "float32")


def test_verify_begins_anew_after_the_steps_that_the_model_states(tmp_path: Path) -> None:
    net = Net(3)
    image = compiled(tmp_path, net.model(*net.cell("GRU", "x")))
    frames = [{"x": row[None]} for row in sequence(STEPS)]
    assert verify(tmp_path / "model.onnx", image, frames).is_right


def test_verify_finds_another_model_wrong(tmp_path: Path) -> None:
    net, other = Net(), Net(seed=1)
    image = compiled(tmp_path, net.model(*net.cell("GRU", "x")))
    saved(tmp_path, other.model(*other.cell("GRU", "x")))
    frames = [{"x": row[None]} for row in sequence(STEPS)]
    assert not verify(tmp_path / "model.onnx", image, frames).is_right


def test_inputs_of_different_lengths_are_refused(tmp_path: Path) -> None:
    net = Net()
    model = net.model(*net.cell("RNN", net.add("Add", "x", "y")[0]))
    for name, steps in (("x", 3), ("y", 4)):
        value = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (steps, 1, FEATURES))
        model.graph.input.append(value)
    del model.graph.input[0]
    with pytest.raises((BadInput, Unsupported)):
        compiled(tmp_path, model)


@pytest.mark.parametrize("op", GATES)
def test_changes_alone_are_sent(op: str, tmp_path: Path) -> None:
    """Sigma-delta: sums of changes are the values, whatever way they go round."""
    net, x = Net(), np.repeat(sequence(3), 2, axis=0)
    path = saved(tmp_path, net.model(*net.cell(op, "x")[:1]))
    found = compile_model(path, CHIP, replace(OPTIONS, neurons=NeuronUse.SIGMA_DELTA), refused=None)
    runner = Runner(found.image)
    got = [next(iter(runner({"x": row[None]}).outputs.values())) for row in x]
    np.testing.assert_allclose(np.concatenate(got), whole(onnx.load(path), x)[0], rtol=0, atol=2e-6)


def test_parts_and_formats_are_refused(tmp_path: Path) -> None:
    net = Net()
    path = saved(tmp_path, net.model(*net.cell("RNN", "x")))
    with pytest.raises(BadInput, match=r"goes through a sequence: .* without --split"):
        compile_split(path, CHIP, OPTIONS)
    frames = frames_for(tmp_path)
    wish = replace(OPTIONS, weights="auto", data=frames, cores=1)
    with pytest.raises(BadInput, match="runs over time: no formats are chosen"):
        compile_model(path, CHIP, wish, refused=None)


def test_a_sweep_reads_the_model_without_an_answer_for_each_frame(tmp_path: Path) -> None:
    """A frame is a step: what the model makes of it alone is no measure."""
    net = Net()
    found = gather(Model("cell", saved(tmp_path, net.model(*net.cell("LSTM", "x")))), Measure(frames=3))
    assert not found.wanted
    assert [set(frame) for frame in found.frames] == [{"x"}] * 3
