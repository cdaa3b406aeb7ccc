"""`explain` names the synapses that the graph has, and the words that lead to a word."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle.graphs import single_layer_cases
from oracle.reading import Reading
from oracle.synapses import node_synapses

from snc.backends.analysis.claims import Role
from snc.backends.analysis.regions import regions
from snc.backends.image.image import Image
from snc.backends.words.words import Kernel
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.explanation import Link, explain, explain_neuron, explain_word
from snc.compiler.targets.target import load_target
from snc.ir.errors import BadInput

from .reference import CHIP

Place = tuple[int, int, int]
KINDS = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "Gemm", "Add", "GlobalMaxPool")
OPTIONS = Options(weights="float32")


def cases() -> dict[str, onnx.ModelProto]:
    """Models of one layer, of maps or rows of channels."""
    found = {}
    for name, model in single_layer_cases(thorough=False):
        shapes = Reading.of(model).shapes
        is_plain = all(
            len(shapes[value.name]) in (2, 4) for value in (*model.graph.input, *model.graph.output)
        )
        if is_plain and len(model.graph.node) == 1 and model.graph.node[0].op_type in KINDS:
            found[name] = model
    return found


CASES = cases()


def compiled(model: onnx.ModelProto, folder: Path) -> Image:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return compile_model(path, CHIP, OPTIONS).image


def sides(shape: Sequence[int]) -> tuple[int, ...]:
    """Channels, rows and columns of a tensor."""
    return (*shape[1:], 1, 1)[:3]


def place(flat: int, shape: Sequence[int]) -> Place:
    """Channel, row and column of an element of a layer's result."""
    c, y, x = np.unravel_index(flat, sides(shape))
    return int(c), int(y), int(x)


def summed(links: Sequence[Link]) -> dict[str, float]:
    """By the element of a tensor that the other neuron is, what all synapses with it weigh."""
    found: defaultdict[str, float] = defaultdict(float)
    for link in links:
        found[link.neuron.element] += link.weight
    return dict(found)


@pytest.mark.parametrize("name", CASES)
def test_the_synapses_of_a_neuron_are_those_of_the_graph(name: str, tmp_path: Path) -> None:
    model, reading = CASES[name], Reading.of(CASES[name])
    image = compiled(model, tmp_path)
    shown = {layer.name: layer for layer in image.about.layers}
    node, output = model.graph.node[0], model.graph.output[0].name
    layer = next(each.name for each in image.about.layers if node.name in each.nodes)
    by_target: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for ((source, index), target), weight in node_synapses(reading, node).items():
        if weight and source in shown:
            element = ",".join(str(int(i)) for i in np.unravel_index(index, reading.shapes[source]))
            by_target[target][f"{source}[{element}]"] = weight
    size = int(np.prod(reading.shapes[output]))
    for target in np.random.default_rng(0).choice(size, min(size, 12), replace=False).tolist():
        here = place(target, reading.shapes[output])
        found = explain_neuron(image, layer, here)
        if not all(link.neuron.element for link in found.sources):
            pytest.skip("a population between takes the input's events: the graph has no such neurons")
        got = summed(found.sources)
        want = by_target[target]
        if found.scale != 1:
            got = {key: weight * found.scale for key, weight in got.items()}
        assert got.keys() == want.keys()
        assert all(got[key] == pytest.approx(want[key], rel=1e-6) for key in want)
        for link in found.sources[:3]:  # and from the other side
            there = link.neuron
            back = explain_neuron(image, there.layer, (there.c, there.y, there.x))
            assert found.neuron.element in summed(back.targets)


def test_enough_kinds_are_looked_at() -> None:
    assert {model.graph.node[0].op_type for model in CASES.values()} == set(KINDS)


def test_every_word_of_the_digits_is_explained(digits_image: Image) -> None:
    """What a pointer leads to names the pointer; kernels and their weights name each other."""
    for region in regions(digits_image, 0):
        found = explain_word(digits_image, 0, region.address)
        assert (found.first, found.count, found.role) == (region.address, region.count, region.role)
        assert found.referred_by, region
        if isinstance(region.word, Kernel):
            below = explain_word(digits_image, 0, region.word.address)
            assert below.role == Role.WEIGHTS
            assert any(way.address == region.address for way in below.referred_by)


@pytest.fixture(scope="module")
def digits_image() -> Image:
    path = Path(__file__).parents[2] / "models" / "digits.onnx"
    return compile_model(path, load_target("grai-vip"), Options()).image


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("conv9[0,0,0]", "there is no layer 'conv9'"),
        ("conv2[0,9,9]", r"conv2 has no neuron \[0,9,9\] \(it is 32x4x4\)"),
        ("99999", "core 0 has no word 99999"),
        ("7:0", "there is no core 7"),
        ("conv2", "is neither a word nor a neuron"),
    ],
)
def test_what_is_not_there(digits_image: Image, what: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        explain(digits_image, what)
