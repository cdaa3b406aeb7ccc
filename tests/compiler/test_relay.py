"""Relays: where an axon would not reach its target, results are the same; a refusal says why."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from checker.check import assert_obeys
from hypothesis import event, given, settings
from oracle.graphs import Recipe, random_input, random_recipe, recipes
from oracle.writer import Writer

from snc.backends.emit import emit
from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.compiler.pipeline.about import about
from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.pipeline.steps import Step, verified
from snc.compiler.reports.report import report
from snc.ir.chip import Chip
from snc.ir.counts import operations
from snc.ir.deadline import Deadline
from snc.ir.errors import DoesNotFit
from snc.ir.mapping import FragmentId, Mapping
from snc.passes.placing.locate import Locate, Pass
from snc.passes.placing.place import Place, out_of_reach

from .reference import assert_computes, compiled, options, shrunken

# Small pieces make many cores, and an axon reaches only the eight around its own.
TINY = shrunken(
    core_words=300, width_max=5, height_max=5, depth_max=2, reach_min=-1, reach_max=1, mesh=(20, 20)
)
ROW = replace(TINY, mesh=(600, 3))


class Apart(Place):
    """Places in a row, two free cores between neighbours: hardly any axon reaches its target."""

    def __call__(self, mapping: Mapping) -> Mapping:
        return replace(mapping, places=tuple((3 * i, 1) for i in range(len(mapping.cores))))


def unsettled(seed: int, is_over: Deadline) -> Pass:
    """No search for cores: it would find a way without relays."""
    return lambda mapping: mapping


def located(folder: Path, model: onnx.ModelProto, chip: Chip, locate: Locate) -> tuple[Mapping, Image]:
    """What a model becomes where places are found so, and its image, checked against every limit."""
    path, chosen = folder / "model.onnx", options()
    path.write_bytes(model.SerializeToString())
    prepared = prepare(path, chosen.input_shapes)
    packed = packer_of(quantised(prepared, chosen.weights), chip, chosen).choices()[0]
    choice = replace(packed, mapping=verified(Step.PLACED, locate(packed.mapping)))
    image = emit(choice.mapping, about(prepared, choice, chosen))
    file = path.with_suffix(".snc")
    file.write_bytes(write_image(image))
    assert_obeys(file.read_bytes(), report(image, file))
    return choice.mapping, image


def assert_within_reach(mapping: Mapping) -> None:
    core_of, places = mapping.core_of(), np.array(mapping.places)
    for index, plan in enumerate(mapping.plans):
        for axon in plan.axons:
            delta = places[core_of[axon.target]] - places[core_of[FragmentId(index)]]
            assert out_of_reach(mapping.chip, delta) == 0


def relays(mapping: Mapping) -> int:
    return sum(population.origin.operator == "Relay" for population in mapping.network.populations)


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_relays_pass_on_what_they_get(seed: int, tmp_path: Path) -> None:
    model = random_recipe(seed).model()
    mapping, image = located(tmp_path, model, ROW, Locate(place=Apart))
    assert_within_reach(mapping)
    assert relays(mapping)
    assert_computes(image, model, random_input(model, 0))


def test_the_report_names_relays_as_layers_of_their_own(tmp_path: Path) -> None:
    _, image = located(tmp_path, random_recipe(4).model(), ROW, Locate(place=Apart))
    names = [layer.name for layer in image.about.layers if layer.op == "Relay"]
    assert names
    assert all(name.startswith("relay of ") for name in names)


@settings(deadline=None, max_examples=10)
@given(recipes())
def test_a_short_reach_is_kept_or_refused_with_a_reason(recipe: Recipe) -> None:
    model = recipe.model()
    try:
        found = compiled(model, TINY)
    except DoesNotFit as refusal:
        reason = refusal.origin, refusal.message, refusal.hint
        assert all(reason)
        event("refused")
        return
    assert_within_reach(found.mapping)
    assert_computes(found.image, model, random_input(model, 0))


def test_a_short_reach_is_kept_by_most_networks() -> None:
    kept = 0
    for seed in range(8):
        with suppress(DoesNotFit):
            assert_within_reach(compiled(random_recipe(seed).model(), TINY).mapping)
            kept += 1
    assert kept >= 6


def test_a_fan_out_and_a_fan_in_beyond_the_window_take_relays() -> None:
    w = Writer(13, 0)
    y = w.add("Gemm", w.input((1, 24)), w.weights((24, 160), 24))
    z = w.add("Gemm", w.add("Relu", y), w.weights((160, 40), 160))
    model = w.model([z], "dense")
    chip = replace(TINY, depth_max=24, core_words=420)
    found = compiled(model, chip)
    window = (chip.reach_max - chip.reach_min + 1) ** 2
    assert len(found.mapping.cores) > window
    assert relays(found.mapping)
    assert_within_reach(found.mapping)
    assert_computes(found.image, model, random_input(model, 0))


def test_the_work_of_relays_is_counted() -> None:
    """Nothing is ever 0 in a linear network: each core has all the operations that its synapses make."""
    w, random = Writer(13, 0), np.random.default_rng(0)
    first, second = (random.normal(0, 0.2, shape).astype(np.float32) for shape in ((24, 160), (160, 40)))
    y = w.add("Gemm", w.input((1, 24)), w.constant(first))  # no weight is 0: none is skipped
    model = w.model([w.add("Gemm", y, w.constant(second))], "dense")
    found = compiled(model, replace(TINY, depth_max=24, core_words=420))
    assert relays(found.mapping)
    loud = {name: np.abs(values) + 1 for name, values in random_input(model, 0).items()}
    run = Machine(found.image).run(loud)
    counted = [tally.synaptic_operations for tally in run.counters.per_core(len(found.image.cores))]
    assert counted == operations(found.mapping)


def test_no_space_for_a_relay_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    locate = Locate(place=Apart, settle=unsettled)
    with pytest.raises(DoesNotFit, match=r"no chain of cores with \d+ words and 1 ports left leads there"):
        located(tmp_path, random_recipe(4).model(), replace(ROW, reach_min=0), locate)
