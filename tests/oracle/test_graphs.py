"""The generator keeps its word: every model loads, computes finite numbers, and every kind appears."""

from itertools import chain

import hypothesis
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from oracle.blocks import ELEMENTWISE
from oracle.graphs import (
    KINDS,
    Recipe,
    random_input,
    random_model,
    random_recipe,
    recipes,
    single_layer_cases,
)
from oracle.synapses import SUPPORTED
from oracle.writer import NEWEST_OPSET, OLDEST_OPSET

CASES = dict(single_layer_cases(thorough=True))


def run(model: onnx.ModelProto) -> None:
    """The model runs, and its outputs are finite, of the declared shape and of order one."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for info, values in zip(model.graph.output, session.run(None, random_input(model, 0)), strict=True):
        assert tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim) == values.shape
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 100


def test_names_of_cases_are_unique() -> None:
    names = [name for name, _ in single_layer_cases(thorough=True)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", CASES)
def test_each_case_runs(name: str) -> None:
    run(CASES[name])


@pytest.mark.parametrize("seed", range(60))
def test_each_random_model_runs(seed: int) -> None:
    run(random_model(seed))


def test_a_seed_gives_one_model() -> None:
    first, second = (random_model(5).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_longer_plan_begins_with_the_layers_of_a_shorter_one() -> None:
    recipe = random_recipe(5)
    shorter = Recipe(recipe.seed, recipe.plan[:-1], recipe.opset, recipe.shape).model().graph
    longer = Recipe(recipe.seed, recipe.plan, recipe.opset, recipe.shape).model().graph
    assert list(longer.node)[: len(shorter.node)] == list(shorter.node)


def test_every_kind_appears() -> None:
    drawn = [random_recipe(seed) for seed in range(200)]
    assert set(chain.from_iterable(recipe.plan for recipe in drawn)) == set(KINDS)
    assert {recipe.opset for recipe in drawn} == set(range(OLDEST_OPSET, NEWEST_OPSET + 1))
    graphs = [recipe.model().graph for recipe in drawn[:100]]
    operators = {node.op_type for graph in graphs for node in graph.node}
    assert operators == SUPPORTED - {"Transpose"} | {"Constant"}
    outputs = [len(graph.output) for graph in graphs]
    inputs = [
        len({each.name for each in graph.input} - {each.name for each in graph.initializer})
        for graph in graphs
    ]
    assert set(outputs) == set(inputs) == {1, 2}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_can_be_chosen(kind: str) -> None:
    assert set(random_recipe(3, [kind]).plan) == {kind}
    run(random_model(3, [kind]))


def test_elementwise_kinds_bring_no_other_layer() -> None:
    graph = random_model(3, ELEMENTWISE).graph
    assert {node.op_type for node in graph.node} <= {
        "Relu",
        "Clip",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "HardSigmoid",
    }


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no such kinds: concave"):
        random_model(0, ["conv", "concave"])


def test_inputs_have_both_signs_and_exact_zeros() -> None:
    for values in random_input(random_model(0), 0).values():
        assert values.min() < 0 < values.max()
        assert (values == 0).any()


@hypothesis.settings(max_examples=30, deadline=None, derandomize=True)
@hypothesis.given(recipes())
def test_each_drawn_recipe_runs(recipe: Recipe) -> None:
    run(recipe.model())
