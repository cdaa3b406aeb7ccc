"""Random networks on random small targets, in every weight format: what they must be."""

import os
from collections import Counter
from unittest import mock

import hypothesis
import numpy as np
import onnx
import pytest
from hypothesis import strategies as st
from oracle import layers
from oracle.graphs import Recipe, random_input, random_model, recipes
from oracle.writer import Writer

from snc.compiler.pipeline.driver import Compiled
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit, SncError
from snc.models.digits import digits_images, digits_model

from .reference import (
    CHIP,
    TOLERANCE,
    assert_computes,
    compiled,
    difference,
    options,
    reference,
    run,
    shrunken,
)

# SNC_EXAMPLES=20 looks twenty times as long.
THOROUGH = int(os.environ.get("SNC_EXAMPLES", "1"))


def examples(count: int) -> hypothesis.settings:
    """The same examples in every run."""
    return hypothesis.settings(
        max_examples=count * THOROUGH,
        deadline=None,
        derandomize=True,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )


# Every number shrinks towards the shipped target's, or towards one that cuts nothing.
CHIPS: st.SearchStrategy[Chip] = st.builds(
    shrunken,
    mesh=st.just((24, 24)),
    core_words=st.sampled_from([32768, 16384, 8192, 4096, 2048, 1024]),
    width_max=st.sampled_from([64, 32, 16, 9, 8, 5, 4]),
    height_max=st.sampled_from([64, 32, 16, 9, 8, 5, 4]),
    depth_max=st.sampled_from([64, 16, 8, 5, 3, 2]),
    kernel_max=st.sampled_from([16, 8, 5, 4, 3, 2, 1]),
    channel_offset_max=st.sampled_from([1023, 63, 15, 7]),
    ports_max=st.sampled_from([32, 16, 8, 4]),
    axons_max=st.sampled_from([511, 200, 40]),
    upsampling_max=st.sampled_from([128, 4, 2, 1]),
    stride_max=st.sampled_from([2, 1]),
    strided_tables=st.sampled_from([0, 1, 8]),
)


def choices(*weights: str) -> st.SearchStrategy[Options]:
    """Options in one of these weight formats."""
    return st.builds(
        options,
        weights=st.sampled_from(weights),
        states=st.sampled_from(["persistent", "shared", "banded"]),
        objective=st.sampled_from(["memory", "cores"]),
    )


def drawn_chip(seed: int) -> Chip:
    """A small target of a seed."""
    random = np.random.default_rng([seed, 7])

    def pick(*choices: int) -> int:
        return int(random.choice(choices))

    return shrunken(
        mesh=(24, 24),
        core_words=pick(1024, 2048, 4096, 8192, 16384, 32768),
        width_max=pick(4, 5, 8, 16, 64),
        height_max=pick(4, 5, 8, 16, 64),
        depth_max=pick(2, 3, 8, 16, 64),
        kernel_max=pick(1, 2, 3, 4, 8, 16),
        channel_offset_max=pick(7, 15, 63, 1023),
        ports_max=pick(4, 8, 16, 32),
        axons_max=pick(40, 200, 511),
        upsampling_max=pick(1, 2, 8, 128),
        stride_max=pick(1, 2),
        strided_tables=pick(0, 1, 8),
    )


def compiled_if_it_fits(model: onnx.ModelProto, chip: Chip, chosen: Options | None = None) -> Compiled | None:
    """None when the target is too small (what would help is test_remedy's question); other refusals are
    errors.
    """
    try:
        with mock.patch("snc.compiler.pipeline.driver.remedied", lambda error, *_: error):
            return compiled(model, chip, chosen)
    except SncError as error:
        if error.exit_code != DoesNotFit.exit_code:
            raise
        return None


@examples(40)
@hypothesis.given(recipes(), CHIPS, choices("float32"))
def test_a_random_network_computes_the_same_on_any_target(
    recipe: Recipe, chip: Chip, chosen: Options
) -> None:
    model = recipe.model()
    found = compiled_if_it_fits(model, chip, chosen)
    hypothesis.assume(found is not None)
    assert found is not None
    assert_computes(found.image, model, random_input(model, recipe.seed))


def test_most_random_networks_fit_a_small_target() -> None:
    seeds = range(40 * THOROUGH)
    refused = [seed for seed in seeds if compiled_if_it_fits(random_model(seed), drawn_chip(seed)) is None]
    assert len(refused) <= 0.2 * len(seeds), refused


@pytest.mark.parametrize("weights", ["float16", "fixed8"])
@examples(15)
@hypothesis.given(recipe=recipes())
def test_an_image_computes_what_its_own_weights_say(weights: str, recipe: Recipe) -> None:
    model = recipe.model()
    found = compiled(model, CHIP, options(weights))
    assert_computes(found.image, reference(found), random_input(model, recipe.seed))


@examples(20)
@hypothesis.given(recipes(), CHIPS, choices("fixed8", "float16"))
def test_weight_formats_do_not_depend_on_the_cuts(recipe: Recipe, chip: Chip, chosen: Options) -> None:
    model = recipe.model()
    found = compiled_if_it_fits(model, chip, chosen)
    hypothesis.assume(found is not None)
    assert found is not None
    assert_computes(found.image, reference(found), random_input(model, recipe.seed))


@examples(15)
@hypothesis.given(recipes(), choices("fixed8", "float16", "float32"))
def test_strided_tables_hold_the_same_numbers(recipe: Recipe, chosen: Options) -> None:
    model = recipe.model()
    plain, strided = (compiled(model, shrunken(strided_tables=tables), chosen) for tables in (0, 8))
    inputs = random_input(model, recipe.seed)
    assert_computes(strided.image, reference(strided), inputs)
    hypothesis.assume(plain.mapping.grids == strided.mapping.grids)
    hypothesis.assume(plain.mapping.cores == strided.mapping.cores)
    before, after = (run(found.image, inputs) for found in (plain, strided))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def cuts(found: Compiled) -> Counter[str]:
    """How much a mapping is cut."""
    return Counter(
        fragments=len(found.mapping.plans), axons=sum(len(plan.axons) for plan in found.mapping.plans)
    )


SMALLER = {
    "core-memory-16-kB": ({"core_words": 2048}, "fragments"),
    "widths-of-6-bits": ({"width_max": 64}, "fragments"),
    "heights-of-6-bits": ({"height_max": 64}, "fragments"),
    "kernels-of-2-bits": ({"kernel_max": 4}, "axons"),
}


def wide_network() -> onnx.ModelProto:
    """A network with kernels above 4, maps above 64 and weights above 16 kB."""
    w = Writer(13, 5)
    x = w.input((1, 3, 70, 90))
    x = w.add("Relu", layers.conv(w, x, 8, (5, 5), pads=(2, 2, 2, 2)))
    x = layers.max_pool(w, x)
    x = w.add("Relu", layers.conv(w, x, 16, (7, 6), stride=(2, 2), pads=(3, 2, 3, 3)))
    x = w.add("Add", x, layers.conv(w, x, 16, (3, 3), pads=(1, 1, 1, 1)))
    return w.model([w.add("GlobalAveragePool", x)], "wide")


@pytest.fixture(scope="module")
def wide() -> Compiled:
    return compiled(wide_network())


@pytest.mark.parametrize("name", SMALLER)
def test_a_smaller_number_cuts_more_and_computes_the_same(name: str, wide: Compiled) -> None:
    numbers, counted = SMALLER[name]
    model = wide_network()
    found = compiled(model, shrunken(mesh=(24, 24), **numbers))
    assert cuts(found)[counted] > cuts(wide)[counted]
    inputs = random_input(model, 1)
    assert_computes(found.image, model, inputs)
    (before,), (after,) = (run(image, inputs).values() for image in (wide.image, found.image))
    assert np.abs(before - after).max() <= TOLERANCE * np.abs(before).max()


def test_all_numbers_smaller_at_once() -> None:
    model = wide_network()
    chip = shrunken(mesh=(24, 24), core_words=2048, width_max=64, height_max=64, kernel_max=4)
    assert_computes(compiled(model, chip).image, model, random_input(model, 2))


@pytest.mark.parametrize("numbers", [{"core_words": 2048}, {"width_max": 4}, {"kernel_max": 2}], ids=str)
def test_the_digits_network_on_a_smaller_target(numbers: dict[str, int]) -> None:
    model = digits_model()
    whole, cut = cuts(compiled(model)), cuts(found := compiled(model, shrunken(**numbers)))
    assert cut["fragments"] > whole["fragments"] or "kernel_max" in numbers
    assert cut["axons"] > whole["axons"]
    for image in digits_images().images[:10]:
        worst = difference(run(found.image, {"image": image[None]}), model, {"image": image[None]})
        assert worst.error <= TOLERANCE


def test_the_reference_graph_is_valid_at_old_opsets() -> None:
    for opset in (7, 10, 11):
        w = Writer(opset, 1)
        x = layers.matmul(w, w.input((1, 6)), 5, bias=False)
        model = w.model([layers.matmul(w, w.add("Relu", x), 3)], "dense")
        found = compiled(model, CHIP, options("fixed8"))
        assert_computes(found.image, reference(found), random_input(model, 0))


@examples(12)
@hypothesis.given(recipes(), choices("float32", "fixed8"))
def test_a_frame_leaves_nothing_to_the_next(recipe: Recipe, chosen: Options) -> None:
    model = recipe.model()
    image = compiled(model, CHIP, chosen).image
    runner, frames = Runner(image), [dict(random_input(model, seed)) for seed in (1, 2, 1)]
    kept = [runner(frame).outputs for frame in frames]
    for got, frame in zip(kept, frames, strict=True):
        fresh = Runner(image)(frame).outputs
        assert all(np.array_equal(got[name], fresh[name]) for name in fresh)


def test_cores_too_small_for_what_is_guessed_of_axons() -> None:
    """Column generation has no column for a map that fits a core by its real size only."""
    chip = shrunken(
        mesh=(24, 24),
        core_words=256,
        height_max=8,
        depth_max=16,
        kernel_max=4,
        upsampling_max=2,
        ports_max=4,
        channel_offset_max=7,
    )
    model = random_model(5360)
    found = compiled(model, chip, options("float32", "persistent", "cores"))
    assert_computes(found.image, model, random_input(model, 0))
