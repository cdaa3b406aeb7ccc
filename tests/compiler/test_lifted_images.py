"""Images that the compiler makes are lifted, and run as the literal machine runs them."""

import numpy as np
import pytest
from backends.agreement import agree, assert_same
from oracle.graphs import random_input, random_model, single_layer_cases

from snc.backends.image.image import Image
from snc.backends.machine.machine import Arithmetic
from snc.compiler.frontend.runtime import Arrays, HostPart
from snc.compiler.running.engines import ENGINES
from snc.compiler.running.runner import Runner
from snc.models.digits import digits_images, digits_model

from .reference import CHIP, compiled, options, reread
from .test_random import THOROUGH, compiled_if_it_fits, drawn_chip


def fed(image: Image, inputs: Arrays) -> Arrays:
    """What the chip is fed where these are the network's inputs."""
    known = dict(inputs)
    if image.host_before is not None:
        known |= HostPart(image.host_before)(known)
    return {tensor.name: known[tensor.name] for tensor in image.tensors if tensor.kind == "input"}


@pytest.mark.parametrize("first", range(0, 32, 8))
def test_random_networks_on_small_targets(first: int) -> None:
    for seed in range(first * THOROUGH, (first + 8) * THOROUGH):
        model = random_model(seed)
        weights = ("float32", "float16", "fixed8")[seed % 3]
        found = compiled_if_it_fits(model, drawn_chip(seed), options(weights))
        if found is not None:
            image = reread(found.image)
            frames = [fed(image, dict(random_input(model, seed)))]
            assert agree(image, frames, threads=1 + seed % 2) == "", seed


@pytest.mark.slow
def test_all_layers() -> None:
    for name, model in single_layer_cases(thorough=True):
        image = reread(compiled(model, CHIP).image)
        assert agree(image, [fed(image, dict(random_input(model, 1)))]) == "", name


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
def test_the_digits(weights: str, arithmetic: Arithmetic) -> None:
    image = reread(compiled(digits_model(), CHIP, options(weights)).image)
    name = next(tensor.name for tensor in image.tensors if tensor.kind == "input")
    frames = [{name: each[None]} for each in digits_images().images[:5]]
    assert agree(image, frames, [arithmetic]) == ""
    assert {Runner(image, arithmetic)(frame).run.engine for frame in frames} == {"walk"}


def test_engines_are_chosen_by_name() -> None:
    image = compiled(digits_model(), CHIP).image
    frame = {tensor.name: np.ones(tensor.shape, "f4") for tensor in image.tensors if tensor.kind == "input"}
    runs = [Runner(image, engine=engine)(frame).run for engine in ENGINES]
    assert [run.engine for run in runs] == ["walk", "walk", "literal", "dense"]
    assert_same(runs[0], runs[2])
    assert_same(runs[1], runs[2])
