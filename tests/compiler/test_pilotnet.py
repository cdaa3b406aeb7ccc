"""PilotNet as the paper counts it: neurons, weights, connectivity, cores; and what it computes."""

from typing import NamedTuple

import numpy as np
import onnx
import pytest
from checker.reading import WEIGHT_BITS, Picture, wires, words_of

from snc.backends.analysis.bill import bill
from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.running.runner import Runner
from snc.models.pilotnet import pilotnet

from .reference import CHIP, TOLERANCE, Arrays, compiled, noise, options, peak, reference, reread, run, truth

NEURONS_BYTES = 214_066  # two for each of 107,033, the input's not counted (paper, table 2: 0.20 MB)
WEIGHTS = 251_822
PARAMETERS_BYTES_MAX = 253_500
CONNECTIVITY_BYTES_MAX = 4_300
CORES_MAX = 3


class Kernel(NamedTuple):
    """What a descriptor says of its weights: the word where they begin, how many, and the bits of each."""

    address: int
    weights: int
    bits: int


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return pilotnet()


@pytest.fixture(scope="module")
def image(model: onnx.ModelProto) -> Arrays:
    """A smooth picture with noise on it: edges, gradients, and no two pixels alike."""
    y, x = np.mgrid[0:66, 0:200].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 66, 200))
    planes = [np.sin(x / 17), np.cos(y / 9), np.where(x > 3 * y, 0.5, -0.5)]
    return {model.graph.input[0].name: (np.stack(planes) + noise)[None].astype(np.float32)}


@pytest.fixture(scope="module")
def fixed8(model: onnx.ModelProto) -> Compiled:
    return compiled(model, CHIP, options("fixed8", states="persistent", objective="memory", effort=4.0))


def test_the_model_is_the_papers(model: onnx.ModelProto) -> None:
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) > 1]
    assert sum(int(np.prod(tensor.dims)) for tensor in weights) == WEIGHTS


def test_bytes_are_the_papers(fixed8: Compiled) -> None:
    found = bill(reread(fixed8.image)).total
    assert found.neurons == NEURONS_BYTES
    assert WEIGHTS <= found.parameters <= PARAMETERS_BYTES_MAX
    assert found.connectivity <= CONNECTIVITY_BYTES_MAX
    assert len(fixed8.image.cores) <= CORES_MAX


def test_parameters_are_the_weights_of_the_kernel_descriptors(fixed8: Compiled) -> None:
    """Counted again, from the words: every weight once, and at most the end of a word beside it."""
    picture = Picture(write_image(fixed8.image))
    kernels: dict[tuple[int, int], Kernel] = {}
    for population in picture.populations.values():
        for wire in wires(picture, population):
            for i, entry in enumerate(wire.entries.tolist()):
                fields = {name: int(values[i]) for name, values in wire.kernels.items()}
                if fields["code"]:
                    size = fields["kd"] * fields["kw"] * fields["kh"]
                    kernels[wire.target.core.index, entry] = Kernel(
                        fields["address"], size, WEIGHT_BITS[fields["code"]]
                    )
    assert sum(kernel.weights for kernel in kernels.values()) == WEIGHTS
    blocks = {(core, kernel.address): kernel for (core, _), kernel in kernels.items()}  # equal ones are one
    words = [words_of(kernel.weights, kernel.bits) for kernel in blocks.values()]
    assert 8 * sum(words) == bill(fixed8.image).total.parameters


def test_neurons_are_the_papers(fixed8: Compiled) -> None:
    populations = Picture(write_image(fixed8.image)).populations.values()
    sizes = [population.neurons for population in populations if not population.is_input]
    assert 2 * sum(sizes) == NEURONS_BYTES


def test_fixed8_is_the_reference_graph_layer_by_layer(fixed8: Compiled, image: Arrays) -> None:
    want = truth(reference(fixed8), image)
    found = Runner(reread(fixed8.image))(dict(image), keep_layers=True)
    assert len(found.run.layers) == 9
    for name, values in {**found.run.layers, **found.outputs}.items():
        assert np.abs(values - want[name]).max() <= TOLERANCE * peak([want[name]]), name


def test_float32_is_the_original(model: onnx.ModelProto, image: Arrays) -> None:
    found = compiled(model)
    (got,), want = run(found.image, image).values(), truth(model, image)
    assert np.abs(got - want[model.graph.output[0].name]).max() <= TOLERANCE * np.abs(got).max()


def test_float16_is_close_to_the_original_at_every_layer(model: onnx.ModelProto, image: Arrays) -> None:
    runner = Runner(compiled(model, CHIP, options("float16")).image)
    want = truth(model, image)
    for name, values in runner(dict(image), keep_layers=True).run.layers.items():
        assert noise(values, want[name]) >= 45.0, name
