"""Predicted sizes are emitted sizes, fields are within their target, and an image never varies."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from checker.reading import Picture, wires
from oracle.graphs import Recipe, random_model, recipes

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.chip import Chip
from snc.ir.mapping import Contents, Mapping, core_size
from snc.ir.storage.bitrun import WORD_BYTES
from snc.models.digits import digits_model
from snc.passes.cutting.options import options as cuts
from snc.passes.cutting.options import pair
from snc.passes.wiring.connect import Connect
from snc.passes.wiring.wire import Wire

from .reference import CHIP, compiled, options, reread, shrunken
from .test_random import CHIPS, choices, compiled_if_it_fits, drawn_chip, examples

SEEDS = range(6)


@examples(18)
@hypothesis.given(recipes(), CHIPS, choices("fixed8", "float32", "float16"))
def test_sizes_and_limits_hold_of_any_network(recipe: Recipe, chip: Chip, chosen: Options) -> None:
    found = compiled_if_it_fits(recipe.model(), chip, chosen)
    hypothesis.assume(found is not None)
    assert found is not None
    check_bytes(found, chip)
    if chosen.objective == "memory":
        check_options(found, chip)
    check_limits(found.image, chip)


def check_bytes(found: Compiled, chip: Chip) -> None:
    """The predicted bytes of every core are the emitted ones."""
    predicted = [
        core_size(chip, (found.mapping.plans[fragment] for fragment in core)).words * WORD_BYTES
        for core in found.mapping.cores
    ]
    assert [core.words.nbytes for core in reread(found.image).cores] == predicted


def check_options(found: Compiled, chip: Chip) -> None:
    """What the partitioner estimated of the chosen cuts bounds what came of them, from above."""
    network, grids = found.network, found.mapping.grids[: len(found.network.populations)]
    kernels = Wire()(network, chip)
    mapping = Connect()(network, chip, kernels, grids)
    axons_of = dict.fromkeys(range(len(grids)), 0)
    for wired in kernels:
        projection = wired.projection
        facts = pair(wired, grids[projection.source], grids[projection.target])
        assert chip.offset_min <= facts.offsets[0] <= facts.offsets[1] <= chip.offset_max
        axons_of[projection.source] += facts.axons_most
    for population, members in mapping.of_population().items():
        every = cuts(network, population, chip, kernels, 10**6)
        chosen = next(option for option in every if option.grid == grids[population])
        plans = [mapping.plans[member] for member in members]
        words = [alone(mapping, member) - len(mapping.plans[member].axons) for member in members]
        assert sum(words) <= chosen.words
        assert max(words) <= chosen.words_most
        assert max(len(plan.axons) for plan in plans) <= axons_of[population] <= chip.axons_max
        assert axons_of[population] + chosen.words_most <= chip.core_words


def alone(mapping: Mapping, fragment: int) -> int:
    """The words of a fragment in a core of its own."""
    return Contents(mapping.chip).with_plan(mapping.plans[fragment]).words


def check_limits(image: Image, chip: Chip) -> None:
    """Every limit that a target states, read off the words."""
    picture = Picture(write_image(image))
    cores, populations = picture.cores, picture.populations
    assert all(0 <= core.x < chip.mesh[0] and 0 <= core.y < chip.mesh[1] for core in cores)
    assert len(picture.places) == len(cores) <= chip.mesh[0] * chip.mesh[1]
    assert max(core.words.size for core in cores) <= chip.core_words
    first = {core: min(address for index, address in populations if index == core) for core, _ in populations}
    assert max(first.values()) <= chip.ports_max  # ports stand before the first population
    for population in populations.values():
        assert population.width <= chip.width_max
        assert population.height <= chip.height_max
        assert population.depth <= chip.depth_max
        assert population.fields["axons"] <= chip.axons_max
        for wire in wires(picture, population):
            axon, target = wire.axon, wire.target
            assert chip.offset_min <= min(axon["x_off"], axon["y_off"])
            assert max(axon["x_off"], axon["y_off"]) <= chip.offset_max
            assert axon["c_off"] <= chip.channel_offset_max
            assert max(axon["kw"], axon["kh"]) <= chip.kernel_max
            assert 2 ** axon["us"] <= chip.upsampling_max
            assert chip.reach_min <= min(axon["core_x"], axon["core_y"])
            assert max(axon["core_x"], axon["core_y"]) <= chip.reach_max
            assert wire.port < first[target.core.index]
            assert chip.strided_tables or not wire.pairs.size
            real = wire.kernels["code"] != 0
            kernels = {name: values[real] for name, values in wire.kernels.items()}
            strides = 2 ** kernels["sl"]
            assert (kernels["kw"] == axon["kw"]).all()
            assert (kernels["kh"] == axon["kh"]).all()
            assert (strides <= chip.stride_max).all()
            assert (kernels["first"] + kernels["kd"] <= target.depth).all()
            # no event that hits is dropped, and no more pass than the field's eights make
            for name, size in (("width", target.width), ("height", target.height)):
                spare = 8 * axon[name] - size * strides
                assert ((spare >= 0) & (spare < 8)).all()


def test_a_narrow_reach_is_kept() -> None:
    chip = shrunken(core_words=128, mesh=(5, 5), reach_min=-3, reach_max=3)
    found = compiled(digits_model(), chip, options("fixed8"))
    assert len(found.image.cores) > 9
    check_limits(found.image, chip)


def test_every_population_fires_once_behind_its_sources() -> None:
    for seed in SEEDS:
        found = compiled_if_it_fits(random_model(seed), drawn_chip(seed))
        if found is None:
            continue
        picture = Picture(write_image(found.image))
        fired = {key: i for i, (order, key) in enumerate(picture.order) if order == 1}
        assert Counter(order for order, _ in picture.order)[1] == len(fired) == len(picture.populations)
        for key, population in picture.populations.items():
            for wire in wires(picture, population):
                assert fired[key] < fired[wire.target.key]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_input_gives_the_same_bytes(seed: int) -> None:
    weights, objective = ("fixed8", "float32", "float16")[seed % 3], ("cores", "memory")[seed % 2]
    model, chip, chosen = random_model(seed), drawn_chip(seed), options(weights, objective=objective)
    first, second = (compiled_if_it_fits(model, chip, chosen) for _ in range(2))
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert write_image(first.image) == write_image(second.image)


SCRIPT = """
import hashlib, sys
from pathlib import Path
from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target
for path in sys.argv[1:]:
    image = compile_model(Path(path), load_target("grai-vip"), Options(effort=1.0)).image
    sys.stdout.write(hashlib.sha256(write_image(image)).hexdigest() + "\\n")
"""


def test_other_processes_with_other_hashes_give_the_same_bytes() -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = {"digits": digits_model(), "seven": random_model(7), "nine": random_model(9)}
        paths = [Path(folder) / f"{name}.onnx" for name in models]
        for path, model in zip(paths, models.values(), strict=True):
            path.write_bytes(model.SerializeToString())
        said = [
            subprocess.run(
                [sys.executable, "-c", SCRIPT, *map(str, paths)],
                env={**os.environ, "PYTHONHASHSEED": seed},
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
            for seed in ("1", "2")
        ]
        here = [
            hashlib.sha256(write_image(compile_model(path, CHIP, Options(effort=1.0)).image)).hexdigest()
            for path in paths
        ]
    assert said == [here, here]


def test_states_take_no_more_than_two_bytes_a_neuron() -> None:
    found = compiled(digits_model())
    for plan in found.mapping.plans:
        shape = found.network.populations[plan.fragment.population]
        neurons = 0 if shape.neuron.is_fed else plan.fragment.neurons
        assert plan.state_bits == 16 * neurons
    assert np.sum([core.words.size for core in found.image.cores]) < CHIP.core_words
