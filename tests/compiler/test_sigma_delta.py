"""Sigma-delta neurons: what they compute from changes is what the frame network computes, in every frame."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from backends.by_the_manual import Chip as ByTheManual
from oracle.graphs import random_input, random_model
from oracle.writer import Writer

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Arithmetic, Machine
from snc.compiler.choosing.integers import Style, quantised
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.ir.aims import NeuronUse
from snc.ir.chip import Chip
from snc.ir.errors import SncError
from snc.ir.network import PopulationId, Update
from snc.models.digits import digits_images, digits_model
from snc.passes.sigma_delta import SigmaDelta

from .movies import movie
from .reference import CHIP, compiled, difference, options, shrunken, truth
from .whole_cases import CASES, frames, model

Floats = npt.NDArray[np.float32]
SMALL = shrunken(mesh=(24, 24), core_words=900, width_max=6, depth_max=5)
SIZE = 1, 2, 8, 8


def whole(*, products: bool = False) -> onnx.ModelProto:
    """A network of whole numbers, with windows of every kind."""
    random = np.random.default_rng(6)

    def weights(*shape: int) -> str:
        return w.constant(random.integers(-3, 4, shape).astype(np.float32))

    w = Writer(13, 3)
    x = w.input(SIZE)
    y = w.add("Relu", w.add("Conv", x, weights(4, 2, 3, 3), weights(4), pads=[1, 1, 1, 1]))
    pooled = w.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    wide = w.add(
        "MaxPool", w.add("Conv", x, weights(4, 2, 2, 2), strides=[2, 2]), kernel_shape=[3, 3], pads=[1] * 4
    )
    y = w.add("Max", w.add("Min", pooled, wide), w.add("Neg", wide))
    if products:
        y = w.add("Mul", y, w.add("Floor", w.add("Conv", wide, weights(4, 4, 1, 1))))
    y = w.add("Clip", y, w.constant(np.array(-20, np.float32)), w.constant(np.array(100, np.float32)))
    y = w.add("Gemm", w.add("Flatten", y), weights(64, 5), weights(5))
    return w.model([y, pooled], "whole")


def changing(
    model: onnx.ModelProto, chip: Chip = CHIP, threshold: float | None = 0.0, form: str = "float32"
) -> Compiled:
    chosen = replace(options(form), neurons=NeuronUse.SIGMA_DELTA, threshold=threshold)
    return compiled(model, chip, chosen)


def moving(steps: int = 14) -> Iterator[dict[str, Floats]]:
    """A patch that moves over a picture of whole numbers, and stands still for a frame now and then."""
    picture = np.random.default_rng(2).integers(0, 9, SIZE).astype(np.float32)
    for step in range(steps):
        frame = picture.copy()
        at = step - step % 3
        frame[:, :, 2:5, at % 6 : at % 6 + 3] = 12.0
        yield {"input0": frame}


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=["whole", "small"])
@pytest.mark.parametrize("products", [False, True])
def test_whole_numbers_are_equal_in_every_frame(chip: Chip, products: bool) -> None:
    model = whole(products=products)
    found = changing(model, chip)
    assert all(p.update is Update.ADD for p in found.network.projections)
    runner, plain = Runner(found.image), Runner(compiled(model, chip).image)
    events = []
    for frame in moving():
        got, want = runner(frame), plain(frame)
        for name, values in want.outputs.items():
            np.testing.assert_array_equal(got.outputs[name], values, err_msg=name)
            np.testing.assert_array_equal(values, truth(model, frame)[name], err_msg=name)
        events.append(got.run.counters.total.events)
    assert events[1] == events[2] == events[4] == 0, "a still picture sends nothing"
    assert events[0] > max(events[3:]) > 0


@pytest.mark.parametrize("operator", ["ReduceMax", "ReduceMin", "ReduceProd"])
@pytest.mark.parametrize("shape", [(1, 5, 1, 1), (1, 4, 2, 3)])
def test_channels_are_compared_and_multiplied_one_with_the_other(
    operator: str, shape: tuple[int, ...]
) -> None:
    w = Writer(18, 1)
    model = w.model([w.add(operator, w.add("Neg", w.input(shape)), w.integers([1]))], "reduced")
    runner, random = Runner(changing(model).image), np.random.default_rng(5)
    for _ in range(3):
        frame = {"input0": random.integers(-3, 4, shape).astype(np.float32)}
        want = truth(model, frame)
        for name, got in runner(frame).outputs.items():
            np.testing.assert_array_equal(got, want[name])


def test_a_mask_is_a_large_number_and_other_infinities_are_refused() -> None:
    w = Writer(18, 1)
    mask = np.triu(np.full((4, 5), -np.inf, dtype=np.float32), 1)
    masked = w.model([w.add("Softmax", w.add("Add", w.input((1, 4, 5)), w.constant(mask)))], "masked")
    runner, random = Runner(changing(masked).image), np.random.default_rng(5)
    for _ in range(3):
        frame = {"input0": random.normal(0, 2, (1, 4, 5)).astype(np.float32)}
        assert difference(runner(frame).outputs, masked, frame).error <= 1e-5
    for operator in ("Where", "IsInf"):
        w = Writer(20, 1)
        x, zero = w.input((1, 4)), w.constant(np.zeros(1, np.float32))
        made = w.add("Where", w.add("Less", zero, x), x, zero) if operator == "Where" else w.add("IsInf", x)
        with pytest.raises(SncError, match="computes with infinities, whose changes are not numbers"):
            changing(w.model([w.add("Cast", made, to=onnx.TensorProto.FLOAT)], "infinite"))
    peaks = SigmaDelta(peaks=[1.0] * 99)
    with pytest.raises(SncError, match="computes with infinities"):
        peaks(compiled(masked).network)


@pytest.mark.parametrize("seed", range(16))
def test_random_networks_are_what_they_are_frame_by_frame(seed: int) -> None:
    model = random_model(seed)
    runner = Runner(changing(model).image)
    for step in (0, 1, 1, 2, 0):
        inputs = random_input(model, 100 * seed + step)
        worst = difference(runner(dict(inputs)).outputs, model, inputs)
        assert worst.error <= 1e-4, worst  # squares of sums, and changes: more than the last bit


def test_what_is_left_of_a_threshold_is_sent_later() -> None:
    """One layer: what it shows is never further off than the threshold times its weights."""
    w = Writer(13, 1)
    model = w.model([w.add("Gemm", w.add("Relu", w.input((1, 6))), w.weights((6, 3), 6))], "small")
    found = changing(model, threshold=0.5)
    weights = np.abs(found.network.projections[-1].kernel.weights).sum(axis=(0, 2, 3))
    runner, random = Runner(found.image), np.random.default_rng(0)
    frame, off = np.zeros((1, 6), np.float32), 0.0
    for _ in range(40):
        frame = (frame + random.normal(0, 0.2, frame.shape)).astype(np.float32)
        inputs = {model.graph.input[0].name: frame}
        (got,), (want,) = runner(inputs).outputs.values(), truth(model, inputs, inner=False).values()
        error = np.abs(got - want)
        assert (error <= 2 * 0.5 * weights + 1e-5).all()
        off = max(off, float(error.max()))
    assert off > 0.1


def test_the_reader_of_the_manual_runs_it() -> None:
    found = changing(whole())
    machine, other = Machine(found.image), ByTheManual(write_image(found.image))
    for frame in moving(5):
        run, want = machine.run(frame), other.run(frame)
        for name, values in run.outputs.items():
            np.testing.assert_array_equal(values, want[name])
    assert sum(other.counts["events"].values()) > 0


def test_in_chip_arithmetic_both_readers_agree() -> None:
    found = changing(whole())
    machine, other = Machine(found.image, "chip"), ByTheManual(write_image(found.image), "chip")
    for frame in moving(5):
        run, want = machine.run(frame), other.run(frame)
        for name, values in run.outputs.items():
            np.testing.assert_array_equal(values, want[name])


def test_the_chips_accumulators_are_float32_after_every_update() -> None:
    w = Writer(13, 1)
    y = w.add("Relu", w.add("Conv", w.input((1, 2, 6, 6)), w.weights((3, 2, 3, 3), 18)))
    found = changing(w.model([w.add("Gemm", w.add("Flatten", y), w.weights((48, 4), 48))], "real"))
    machine, other = Machine(found.image, "chip"), ByTheManual(write_image(found.image), "chip")
    random = np.random.default_rng(4)
    compared = 0
    for _ in range(3):
        frame = {name: random.normal(size=shape).astype(np.float32) for name, shape in machine.inputs.items()}
        machine.run(frame)
        other.run(frame)
        for place, population in other.populations.items():
            for neuron in population.neurons() if population.is_single else ():
                accumulator = machine.states(*place)[0][neuron]
                assert accumulator == population.core.states[population.slot(neuron)]
                compared += 1
    assert compared == 3 * (48 + 4)


def test_sums_pass_changes_on_and_keep_nothing() -> None:
    w = Writer(13, 1)
    y = w.add("Relu", w.add("Conv", w.input((1, 2, 6, 6)), w.weights((3, 2, 3, 3), 18)))
    y = w.add("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2])
    model = w.model([w.add("Gemm", w.add("Flatten", y), w.weights((12, 4), 12))], "pooled")
    found = changing(model)
    kinds = [p.neuron.name for p in found.network.populations]
    assert kinds == ["INPUT", "SIGMA_DELTA", "STANDARD", "SIGMA_DELTA"]
    runner = Runner(found.image)
    for seed in range(4):
        inputs = random_input(model, seed)
        assert difference(runner(dict(inputs)).outputs, model, inputs).error < 1e-5


def test_a_window_takes_a_state_for_each_of_its_sources() -> None:
    w = Writer(13, 1)
    y = w.add("Conv", w.input((1, 2, 8, 8)), w.weights((3, 2, 1, 1), 2))
    model = w.model([w.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])], "window")
    found = changing(model)
    pool = next(layer for layer in found.network.layers if layer.operator == "MaxPool")
    shapes = [found.network.populations[p].shape.neurons for p in pool.populations]
    assert shapes == [3 * 4 * 4] * 4
    into = [
        p
        for p in found.network.projections
        if p.target in pool.populations and p.source not in pool.populations
    ]
    assert len(into) == 4, "the sources of a window reach a population through one kernel"


@pytest.mark.parametrize("form", ["fixed8", "int8"])
def test_verify_compares_frame_by_frame(tmp_path: Path, form: str) -> None:
    path = tmp_path / "whole.onnx"
    model = whole()
    path.write_bytes(model.SerializeToString())
    found = changing(model, form=form)
    result = verify(path, found.image, [dict(frame) for frame in moving(6)])
    assert result.is_right
    assert found.image.about.dynamics == "neurons=sigma-delta threshold=0.0"


def test_a_machine_that_starts_again_forgets_what_was_sent() -> None:
    machine = Machine(changing(whole()).image)
    first, *rest = moving(4)
    begin = machine.run(first)
    for frame in rest:
        machine.run(frame)
    machine.restart()
    again = machine.run(first)
    assert again.counters.total.events == begin.counters.total.events
    for name, values in begin.outputs.items():
        np.testing.assert_array_equal(again.outputs[name], values)


@pytest.mark.parametrize("name", CASES)
def test_a_quantised_model_is_equal_bit_for_bit(name: str) -> None:
    """Whole numbers of 32 bits in the accumulators, clamps and roundings behind them."""
    made = model(CASES[name])
    runner, frame_by_frame = Runner(changing(made).image), Runner(compiled(made).image)
    given = [each for frame in frames(CASES[name]) for each in (frame, frame)]
    for step, each in enumerate(given):
        got, want = (run({"x": each}, keep_layers=True) for run in (runner, frame_by_frame))
        for layer, values in got.run.layers.items():
            if layer.endswith(":whole"):
                np.testing.assert_array_equal(values, want.run.layers[layer])
        for output, values in want.outputs.items():  # which may be scaled, and no whole numbers any more
            np.testing.assert_array_equal(got.outputs[output], values)
        if step == 1:
            assert got.run.counters.total.events == 0


def test_a_moving_patch_takes_few_events_and_every_frame_is_equal(tmp_path: Path) -> None:
    """The shipped digits as integers: a quarter of the side moves over a digit, 200 frames."""
    path, digits = tmp_path / "digits.onnx", digits_images().images
    path.write_bytes(digits_model().SerializeToString())
    calibration = [{"image": digit[None]} for digit in digits[:40]]
    made = quantised(path, lambda _: calibration, Style(), {}).model
    found, plain = changing(made), compiled(made)
    assert found.network.is_whole
    runner, frame_by_frame = Runner(found.image), Runner(plain.image)
    events, of_frames, dense = 0, 0, 0
    for pixels in movie(digits[3][0], digits[5][0][2:4, 2:4]):
        inputs = {"image": np.asarray(pixels, np.float32)[None, None]}
        got, want = runner(inputs), frame_by_frame(inputs)
        np.testing.assert_array_equal(got.outputs["logits"], want.outputs["logits"])
        events += got.run.counters.total.events
        of_frames += want.run.counters.total.events
        dense += sum(population.shape.neurons for population in plain.network.populations)
    assert runner(inputs).run.counters.total.events == 0
    assert events < 0.3 * dense
    assert events < 0.4 * of_frames


def test_weights_of_neurons_with_one_synapse_multiply_what_is_accumulated() -> None:
    """Their changes would be rounded one by one: the integers behind them would not be those of frames."""
    case = CASES["a sigmoid"]
    found = changing(model(case)).network
    into = {index: found.into(PopulationId(index)) for index in range(len(found.populations))}
    scaled = [p for index, p in enumerate(found.populations) if into[index] and p.scales]
    assert [p.activation.name for p in scaled] == ["SIGMOID", "IDENTITY"]
    assert all(set(p.scales) <= {np.float32(0.02), np.float32(0.031)} for p in scaled)
    assert not any(p.scales for p in compiled(model(case)).network.populations)


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
def test_real_numbers_come_to_rest(arithmetic: Arithmetic) -> None:
    """A neuron that has sent its value, to the bits that an event has, sends nothing more, and what receivers
    hold does not run away. `restart` takes what is left of the difference.
    """
    w = Writer(13, 1)
    y = w.add("Tanh", w.add("Conv", w.input((1, 2, 8, 8)), w.weights((6, 2, 3, 3), 18)))
    model = w.model([w.add("Gemm", w.add("Flatten", y), w.weights((216, 4), 216))], "real")
    found = changing(model)
    machine, again = Machine(found.image, arithmetic), Machine(compiled(model).image, arithmetic)
    still, other = (np.random.default_rng(7).normal(size=(2, 1, 2, 8, 8)) * 3).astype(np.float32)
    frames = list(movie(still[0].transpose(1, 2, 0), other[0, :, :2, :2].transpose(1, 2, 0), 60))
    errors, peak = [], 0.0
    for frame in [*frames, *[frames[-1]] * 3]:
        inputs = {"input0": frame.transpose(2, 0, 1)[None]}
        run = machine.run(inputs)
        (got,), (want,) = run.outputs.values(), again.run(inputs).outputs.values()
        errors.append(float(np.abs(got - want).max()))
        peak = max(peak, float(np.abs(want).max()))
    assert run.counters.total.events == 0
    assert max(errors) < (5e-3 if arithmetic == "chip" else 1e-6) * peak
    machine.restart()
    (got,) = machine.run(inputs).outputs.values()
    assert float(np.abs(got - want).max()) < (2e-3 if arithmetic == "chip" else 1e-6) * peak


def test_thresholds_are_steps_of_what_layers_hold_on_frames(tmp_path: Path) -> None:
    w = Writer(13, 1)
    hidden = w.add("Relu", w.add("Gemm", w.input((1, 6)), w.weights((6, 5), 6)))
    made = w.model([w.add("Gemm", hidden, w.weights((5, 3), 5))], "small")
    path = tmp_path / "small.onnx"
    path.write_bytes(made.SerializeToString())
    frames = np.random.default_rng(0).normal(0, 3, (20, 1, 6)).astype(np.float32)
    chosen = Options(
        weights="float32",
        neurons=NeuronUse.SIGMA_DELTA,
        threshold=None,
        percentile=100.0,
        data=lambda inputs: [{inputs[0].name: frame} for frame in frames],
    )
    found = compile_model(path, CHIP, chosen)
    given, inner, last = found.network.populations
    name = next(node.output[0] for node in made.graph.node if node.op_type == "Relu")
    values = np.concatenate([truth(made, {"input0": frame})[name] for frame in frames])
    assert given.changes_above == pytest.approx(np.abs(frames).max() / 256)
    assert inner.parameters[0] == pytest.approx(np.abs(values).max() / 256)
    assert last.parameters == (0.0,)
    assert found.image.about.dynamics == "neurons=sigma-delta threshold=auto"
    with pytest.raises(SncError, match="changes of real numbers are chosen on frames"):
        compile_model(path, CHIP, replace(chosen, data=None))
    integers = changing(model(CASES["a rectifier"]), threshold=None).network
    assert {p.parameters[0] for p in integers.populations if p.parameters} == {0.0}
