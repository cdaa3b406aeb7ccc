"""Absolute synapses: kernels that list the few weights they have, where that is smaller than a bitmap."""

from pathlib import Path

import nir
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from backends.agreement import agree
from backends.by_the_manual import Chip
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.backends.analysis.listing import disassemble
from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify
from snc.ir.storage.skipping import Layout, skipping

from .nir_graphs import chain, ends, graph, lif, saved
from .reference import CHIP, assert_layers, compiled, options
from .test_nir import assert_equal
from .test_nir import compiled as compiled_nir

Floats = npt.NDArray[np.float32]
WORD = 64


def irregular(seed: int, rows: int, columns: int, zeros: float) -> Floats:
    """Weights of which this share is zero, wherever."""
    random = np.random.default_rng([seed, 13])
    found = random.normal(0, 0.5, (rows, columns)) * (random.random((rows, columns)) >= zeros)
    return found.astype(np.float32)


def words(weights: Floats, lists: bool) -> int:
    """What each column of weights takes in numbers of 8 bits, as a bitmap or as a list."""
    count = len(weights)
    present = np.count_nonzero(weights, axis=0)
    before = (present + 1) * (count - 1).bit_length() if lists else count
    return int((-(-(before + 8 * present) // WORD)).sum())


def linear(weights: Floats) -> nir.NIRGraph:
    """Spikes through irregular weights into leaky neurons."""
    first, last = ends([weights.shape[1]], [len(weights)])
    neurons = lif([len(weights)], v_threshold=0.5)
    return chain({"input": first, "linear": nir.Linear(weights), "lif": neurons, "output": last})


def test_a_linear_node_with_few_weights_takes_a_third_less(tmp_path: Path) -> None:
    weights = irregular(1, 512, 300, 0.95)
    path = saved(tmp_path, linear(weights))
    found = compiled_nir(path, form="fixed8")
    layouts = bill(found.image).layouts
    taken = sum(layouts.values()) // 8
    assert taken <= words(weights, lists=True)
    assert taken <= 0.67 * words(weights, lists=False)
    assert layouts[Layout.LIST] > 0.95 * sum(layouts.values())
    assert_equal(verify(path, found.image, random_frames(found.image, 20, 3)))


def test_a_small_recurrent_layer_lists_its_weights(tmp_path: Path) -> None:
    first, last = ends([80], [80])
    weights = irregular(2, 80, 80, 0.94)
    nodes = {
        "input": first,
        "linear": nir.Linear(np.eye(80, dtype=np.float32)),
        "lif": lif([80], v_threshold=0.5),
        "back": nir.Linear(weights),
        "output": last,
    }
    edges = [("input", "linear"), ("linear", "lif"), ("lif", "output"), ("lif", "back"), ("back", "lif")]
    path = saved(tmp_path, graph(nodes, edges))
    found = compiled_nir(path, form="fixed8")
    assert bill(found.image).layouts[Layout.LIST] > 0
    assert words(weights, lists=True) < 0.85 * words(weights, lists=False)
    assert_equal(verify(path, found.image, random_frames(found.image, 20, 3)))


def convolutions(seed: int) -> onnx.ModelProto:
    """A convolution with strides, and a dense layer, of which one weight in 25 is not zero."""
    w = Writer(13, seed)
    wide = irregular(seed, 90, 40 * 9, 0.96).reshape(90, 40, 3, 3)
    x = w.add("Relu", w.add("Conv", w.input((1, 40, 7, 6)), w.constant(wide), strides=[2, 2]))
    flat = w.add("Flatten", w.add("GlobalAveragePool", x))
    return w.model([w.add("Gemm", flat, w.constant(irregular(seed, 90, 70, 0.96)))], "listed")


@pytest.mark.parametrize("weights", ["float32", "float16", "fixed8", "fixed3", "adaptive5e3"])
def test_it_computes_what_the_manual_says(weights: str) -> None:
    model = convolutions(1)
    found, picture = compiled(model, CHIP, options(weights)), random_input(model, 1)
    assert "the others listed" in disassemble(found.image)
    assert_layers(found, picture)
    assert agree(found.image, [picture]) == ""
    got, reader = Machine(found.image).run(picture), Chip(write_image(found.image))
    for name, want in reader.run(picture).items():
        np.testing.assert_allclose(got.outputs[name], want, rtol=1e-5, atol=1e-5)
    assert int(got.counters.synaptic_operations.sum()) == reader.counted("synaptic_operations")


def test_the_example_of_the_manual() -> None:
    codes = np.zeros(16, dtype=np.uint8)
    codes[[2, 9]] = 5, 0xFF
    found = skipping(codes, codes != 0, 8, Layout.LIST)
    assert sum(int(bit) << place for place, bit in enumerate(found.codes)) == 0x0FF05921
