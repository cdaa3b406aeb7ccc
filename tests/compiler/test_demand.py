"""The views of what a fragment takes: the exact one lies between the least and the most."""

import hypothesis
import numpy as np
from oracle.graphs import Recipe, recipes
from oracle.writer import Writer

from snc.compiler.pipeline.options import Options
from snc.ir.chip import Chip
from snc.ir.mapping import Contents, Plan, core_size
from snc.ir.network import PopulationId
from snc.passes.cutting.bound import least
from snc.passes.cutting.cut import MARGIN_WORDS
from snc.passes.wiring.connect import Connect
from snc.passes.wiring.demand import Demand
from snc.passes.wiring.wire import Wire

from .reference import compiled, shrunken
from .test_random import CHIPS, choices, compiled_if_it_fits, examples


def exact(chip: Chip, plan: Plan) -> tuple[int, int]:
    """The words of a fragment in a core of its own, axons apart, and its ports."""
    size = Contents(chip).with_plan(plan)
    return size.words - len(plan.axons), size.ports


@examples(10)
@hypothesis.given(recipes(), CHIPS, choices("fixed8", "float32", "float16"))
def test_the_exact_size_lies_between_the_least_and_the_most(
    recipe: Recipe, chip: Chip, chosen: Options
) -> None:
    found = compiled_if_it_fits(recipe.model(), chip, chosen)
    hypothesis.assume(found is not None)
    assert found is not None
    network, shared = found.network, chosen.states == "shared"
    grids = found.mapping.grids[: len(network.populations)]
    wiring = Wire()(network, chip)
    mapping = Connect(shared)(network, chip, wiring, grids)  # no relays yet
    bound = least(network, chip, wiring, shared)
    for p, members in mapping.of_population().items():
        demand, plans = Demand(network, p, chip, wiring, shared), [mapping.plans[f] for f in members]
        for plan in plans:
            most = demand.most(plan.fragment)
            words, ports = exact(chip, plan)
            assert words <= most.words
            assert ports <= most.ports
        needs = demand.least()
        assert needs.each * len(plans) + needs.once + needs.states <= sum(exact(chip, p)[0] for p in plans)
        assert bound.fragments[p] <= len(plans)
    assert bound.cores <= len(found.mapping.cores)
    held = [core_size(chip, (found.mapping.plans[f] for f in core)).words for core in found.mapping.cores]
    assert bound.static_words + bound.state_words <= sum(held)


@examples(8)
@hypothesis.given(recipes(), CHIPS, choices("fixed8", "float32"))
def test_what_is_said_to_fit_a_core_of_its_own_does(recipe: Recipe, chip: Chip, chosen: Options) -> None:
    """An estimate, with the descriptors that it may lack and a margin, is no less than the exact size."""
    found = compiled_if_it_fits(recipe.model(), chip, chosen)
    hypothesis.assume(found is not None)
    assert found is not None
    network, shared = found.network, chosen.states == "shared"
    wiring = Wire()(network, chip)
    grids = found.mapping.grids[: len(network.populations)]
    mapping = Connect(shared)(network, chip, wiring, grids)
    together = {PopulationId(p): 1 for p in range(len(network.populations))}
    for plan in mapping.plans:
        demand = Demand(network, plan.fragment.population, chip, wiring, shared)
        about = demand.about(plan.fragment, np.array([len(plan.fragment.c)]), together)
        states = -(-plan.state_bits // 64)
        words, _ = exact(chip, plan)  # a port more than was thought of is the packer's to move
        assert words - states <= about.words[0] + about.more[0] + MARGIN_WORDS


def test_channels_without_weights_are_stored_once_and_bound_nothing() -> None:
    weights = np.random.default_rng(0).standard_normal((32, 64, 3, 3)).astype(np.float32)
    weights[:, 8:] = 0  # as a pruned network has them
    w = Writer(13, 0)
    y = w.add("Conv", w.input((1, 64, 6, 6)), w.constant(weights), pads=[1, 1, 1, 1])
    found = compiled(
        w.model([w.add("Relu", y)], "pruned"), shrunken(core_words=1500), Options(weights="fixed8")
    )
    chip, network = found.mapping.chip, found.network
    held = [core_size(chip, (found.mapping.plans[f] for f in core)).words for core in found.mapping.cores]
    bound = least(network, chip, Wire()(network, chip), shared=True)
    assert bound.static_words + bound.state_words <= sum(held)
    assert bound.cores <= len(held)
