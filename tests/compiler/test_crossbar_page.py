"""The table of docs/crossbar.md is what the compiler finds."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.backends.crossbar.machine import CrossbarMachine
from snc.compiler.pipeline.clock import Clock
from snc.compiler.pipeline.crossbar.compile import load_crossbar
from snc.compiler.pipeline.crossbar.map import emit_choice, gathered, map_crossbars
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import Prepared, prepare
from snc.compiler.pipeline.steps import unwatched
from snc.models.digits import digits_images, digits_model
from snc.models.lenet import lenet, perceptron
from snc.passes.crossbar.cluster import Greedy
from snc.passes.crossbar.decompose import Method

PAGE = Path(__file__).parents[2] / "docs" / "crossbar.md"
BEGIN, END = "<!-- table: the compiler's -->\n", "<!-- end of the table -->\n"
HEAD = """\
| network | decomposed | synapses lost | units | crossbars | at least | in order | in use | wasted | right |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
MODELS = {"LeNet": lenet, "784-100-10": perceptron, "digits": digits_model}
PICTURES = 200
CHIP = replace(load_crossbar("crossbar-128"), mesh=(60, 60))


def row(name: str, prepared: Prepared, method: Method) -> str:
    options = Options("float32", decompose=method)
    decomposed, clusters = gathered(prepared.network, CHIP, options)
    units = clusters.units
    synapses = units.sources.size
    rows = clusters.rows[0].size
    greedy = Greedy(128, 128)(units).count
    lost = f"{100 * decomposed.lost / decomposed.synapses:.1f} %" if decomposed.lost else "0"
    used = 100 * synapses / (clusters.count * 128 * 128)
    wasted = 100 * (1 - synapses / (rows * 128))
    return (
        f"| {name} | {method} | {lost} | {units.computed.size:,} | {clusters.count:,} | {clusters.bound:,} "
        f"| {greedy:,} | {used:.1f} % | {wasted:.1f} % | {right(name, prepared, options)} |\n"
    )


def right(name: str, prepared: Prepared, options: Options) -> str:
    """How many of the shipped digits are recognised; other networks have seeded weights."""
    if name != "digits" or options.decompose is Method.CHAIN:
        return "-"
    _, choice = map_crossbars(prepared, CHIP, options, Clock(), unwatched)
    machine = CrossbarMachine(emit_choice(prepared, choice, options, None, None))
    images, labels = digits_images()
    answers = [
        int(np.argmax(machine.run({"image": image[None].astype(np.float32)}).outputs["logits"]))
        for image in images[:PICTURES]
    ]
    return f"{100 * float(np.mean(np.array(answers) == labels[:PICTURES])):.1f} %"


def table(methods: tuple[Method, ...], folder: Path) -> Iterator[str]:
    for name, build in MODELS.items():
        path = folder / "model.onnx"
        onnx.save(build(), path)
        prepared = prepare(path)
        for method in methods:
            yield row(name, prepared, method)


def shown() -> str:
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


def test_trees_and_pruning_are_as_the_page_says(tmp_path: Path) -> None:
    if os.environ.get("SNC_BLESS") == "1":
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        rows = HEAD + "".join(table((Method.TREE, Method.CHAIN, Method.NONE), tmp_path))
        PAGE.write_text(f"{before}{BEGIN}{rows}{END}{rest.split(END)[1]}", encoding="utf-8", newline="\n")
    assert shown().startswith(HEAD)
    for line in table((Method.TREE, Method.NONE), tmp_path):
        assert line in shown(), "docs/crossbar.md differs: make bless"


@pytest.mark.slow
def test_chains_are_as_the_page_says(tmp_path: Path) -> None:
    for line in table((Method.CHAIN,), tmp_path):
        assert line in shown(), "docs/crossbar.md differs: make bless"
