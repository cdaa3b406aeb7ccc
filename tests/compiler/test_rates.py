"""Rate coding: integrate-and-fire neurons whose rates near the values of a network, step by step."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from backends.by_the_manual import Chip as ByTheManual
from checker.check import check
from numpy.typing import NDArray
from oracle.writer import Writer

from snc.backends.image.container import write_image
from snc.compiler.choosing.peaks import evaluated, peaks_of
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.running.chain import runner_of
from snc.compiler.running.data.dataset import frames_for
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.ir.aims import NeuronUse
from snc.ir.errors import BadInput, SncError
from snc.models.digits import MODEL_FILE, digits_images
from snc.passes.rate_coding import summed

from .reference import CHIP

DIGITS = Path(__file__).parents[2] / "models" / MODEL_FILE


def options(data: Path, steps: int) -> Options:
    return Options(weights="float32", effort=0.5, neurons=NeuronUse.IF, steps=steps, data=frames_for(data))


def two_layers(seed: int = 0) -> tuple[onnx.ModelProto, list[NDArray[np.float32]]]:
    """Two dense layers with a ReLU between, and their weights."""
    random = np.random.default_rng(seed)
    held = [random.standard_normal(shape).astype(np.float32) for shape in ((7, 6), (7,), (4, 7), (4,))]
    w = Writer(13, 0)
    names = [w.constant(array) for array in held]
    x = w.add("Relu", w.add("Gemm", w.input((1, 6)), *names[:2], transB=1))
    return w.model([w.add("Gemm", x, *names[2:], transB=1)], "rates"), held


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def data_for(folder: Path, *shape: int) -> Path:
    """Frames in a folder of their own."""
    (folder / "data").mkdir()
    random = np.random.default_rng(1)
    np.save(folder / "data" / "x.npy", random.random((8, *shape)).astype(np.float32))
    return folder / "data" / "x.npy"


def test_neurons_integrate_fire_and_lose_the_threshold(tmp_path: Path) -> None:
    """Step by step what the equations say, also by the manual alone."""
    model, (first, bias, last, other) = two_layers()
    data, steps = data_for(tmp_path, 6), 9
    chosen = replace(options(data, steps), percentile=100.0)
    image = compile_model(saved(tmp_path, model), CHIP, chosen, refused=None).image
    assert check(write_image(image)).faults == ()
    frames = np.load(data)
    threshold = np.float32(max(0.0, (frames @ first.T + bias).max()))
    runner, by_the_manual = Runner(image), ByTheManual(write_image(image))
    (source,) = (tensor.name for tensor in image.tensors if tensor.kind == "input")
    held, voltage, total = runner_of(image)({source: frames[:1]}), np.zeros(7), np.zeros(4)
    for step in range(steps):
        voltage += first @ frames[0] + bias
        spikes = voltage > threshold
        voltage -= spikes * threshold
        total += last @ (spikes * threshold) + other
        for found in (
            *runner({source: frames[:1]}).outputs.values(),
            *by_the_manual.run({source: frames[:1]}).values(),
            *held.steps[step].values(),
        ):
            np.testing.assert_allclose(found[0], total / steps, rtol=0, atol=1e-4)
    assert len(held.steps) == steps


def test_values_of_a_network_of_sums() -> None:
    """What thresholds are made of is what the network computes, pools of sums and all."""
    prepared = prepare(DIGITS)
    image = compile_model(DIGITS, CHIP, Options(weights="float32", effort=0.5)).image
    digits = digits_images().images[:3].astype(np.float32)
    network = summed(prepared.network)
    runner = Runner(image)
    for digit in digits[:, None]:
        *_, logits = evaluated(network, {"image": digit})
        np.testing.assert_allclose(logits.ravel(), runner({"image": digit}).outputs["logits"][0], rtol=1e-5)
    frames = [{"image": digit} for digit in digits[:, None]]
    largest, most = (peaks_of(network, None, frames, share) for share in (100.0, 99.0))
    assert all(a <= b for a, b in zip(most, largest, strict=True))
    assert largest[0] == digits.max()


def test_more_steps_come_nearer(tmp_path: Path) -> None:
    digits = digits_images()
    data = tmp_path / "digits.npy"
    np.save(data, digits.images[:30])
    frame = Runner(compile_model(DIGITS, CHIP, Options(weights="float32", effort=0.5)).image)
    errors, right = [], []
    for steps in (4, 48):
        runner = runner_of(compile_model(DIGITS, CHIP, options(data, steps)).image)
        found = [runner({"image": image[None]}).outputs["logits"] for image in digits.images[:16]]
        want = [frame({"image": image[None]}).outputs["logits"] for image in digits.images[:16]]
        errors.append(float(np.abs(np.array(found) - np.array(want)).mean()))
        right.append(int(sum(f.argmax() == label for f, label in zip(found, digits.labels, strict=False))))
    assert errors[1] < errors[0] / 3
    assert right[1] >= 15


def activated(op: str) -> onnx.ModelProto:
    w = Writer(13, 0)
    x = w.add(op, w.add("Conv", w.input((1, 2, 6, 6)), w.weights((3, 2, 3, 3), 18)))
    return w.model([w.add("Conv", x, w.weights((2, 3, 3, 3), 27))], "rates")


def multiplied() -> onnx.ModelProto:
    w = Writer(13, 0)
    x = w.add("Relu", w.add("Conv", w.input((1, 2, 6, 6)), w.weights((3, 2, 3, 3), 18)))
    x = w.add("Mul", x, w.add("Relu", w.add("Conv", "input0", w.weights((3, 2, 3, 3), 18))))
    return w.model([w.add("Conv", x, w.weights((2, 3, 3, 3), 27))], "rates")


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (activated("Sigmoid"), "SIGMOID is no rate, which begins at 0"),
        (activated("LeakyRelu"), "LEAKY_RELU is no rate"),
        (multiplied(), "a product of rates is no rate"),
    ],
)
def test_what_has_no_rate_is_refused(model: onnx.ModelProto, rule: str, tmp_path: Path) -> None:
    chosen = options(data_for(tmp_path, 1, 2, 6, 6), 8)
    with pytest.raises(SncError, match=rule):
        compile_model(saved(tmp_path, model), CHIP, chosen, refused=None)


def test_without_frames_there_are_no_thresholds(tmp_path: Path) -> None:
    chosen = Options(neurons=NeuronUse.IF)
    with pytest.raises(BadInput, match=r"thresholds .* are balanced on frames \(give frames: --data\)"):
        compile_model(saved(tmp_path, two_layers()[0]), CHIP, chosen, refused=None)


def test_verify_says_that_rates_are_near_and_not_equal(tmp_path: Path) -> None:
    path, data = saved(tmp_path, two_layers()[0]), data_for(tmp_path, 6)
    image = compile_model(path, CHIP, options(data, 8), refused=None).image
    frames: list[dict[str, Any]] = [{"input0": np.load(data)[:1]}]
    with pytest.raises(BadInput, match=r"as rates, .*simulate --labels"):
        verify(path, image, frames)
