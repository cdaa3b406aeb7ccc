"""The shipped digits network reads held-out digits as ONNX Runtime does, from its image."""

import numpy as np
import numpy.typing as npt
import pytest

from snc.backends.machine.machine import Arithmetic
from snc.compiler.running.runner import Runner
from snc.models.digits import digits_images, digits_model

from .reference import CHIP, TOLERANCE, Arrays, compiled, noise, options, peak, reference, reread, truth

COUNT = 100
# One population computes a convolution and its activation; a flattened map is the map, under its last name.
LAYERS = {"conv1.relu", "pool1", "conv2.relu", "flatten", "logits"}


@pytest.fixture(scope="module")
def frames() -> list[Arrays]:
    return [{"image": image[None]} for image in digits_images().images[:COUNT]]


def logits(weights: str, frames: list[Arrays]) -> npt.NDArray[np.float32]:
    """What the image says of each digit."""
    runner = Runner(reread(compiled(digits_model(), CHIP, options(weights)).image))
    return np.concatenate([runner(dict(frame)).outputs["logits"] for frame in frames])


def test_float32_reads_every_digit_as_onnx_runtime_does(frames: list[Arrays]) -> None:
    want = np.concatenate([truth(digits_model(), frame, inner=False)["logits"] for frame in frames])
    got = logits("float32", frames)
    assert np.array_equal(got.argmax(axis=1), want.argmax(axis=1))
    assert np.abs(got - want).max() <= TOLERANCE * np.abs(want).max()


@pytest.mark.parametrize("weights", ["fixed8", "float16"])
def test_quantised_weights_change_at_most_one_digit_in_a_hundred(weights: str, frames: list[Arrays]) -> None:
    want = np.concatenate([truth(digits_model(), frame, inner=False)["logits"] for frame in frames])
    assert np.sum(logits(weights, frames).argmax(axis=1) != want.argmax(axis=1)) <= COUNT // 100


@pytest.mark.parametrize(("arithmetic", "least"), [("float32", 45.0), ("chip", 40.0)])
def test_float16_is_close_to_the_original(arithmetic: Arithmetic, least: float, frames: list[Arrays]) -> None:
    runner = Runner(compiled(digits_model(), CHIP, options("float16")).image, arithmetic)
    got = np.concatenate([runner(dict(frame)).outputs["logits"] for frame in frames])
    want = np.concatenate([truth(digits_model(), frame, inner=False)["logits"] for frame in frames])
    assert noise(got, want) >= least


def test_most_held_out_digits_are_read_right(frames: list[Arrays]) -> None:
    labels = digits_images().labels[:COUNT]
    assert np.mean(logits("fixed8", frames).argmax(axis=1) == labels) >= 0.97


@pytest.mark.parametrize("weights", ["fixed8", "float16"])
def test_every_layer_is_that_of_the_reference_graph(weights: str, frames: list[Arrays]) -> None:
    found = compiled(digits_model(), CHIP, options(weights))
    runner, model = Runner(found.image), reference(found)
    for frame in frames[:5]:
        want = truth(model, frame)
        run = runner(dict(frame), keep_layers=True).run
        assert run.layers.keys() == LAYERS
        for name, values in run.layers.items():
            assert np.abs(values - want[name]).max() <= TOLERANCE * peak([want[name]]), name
