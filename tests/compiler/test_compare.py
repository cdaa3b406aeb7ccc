"""Bills of small networks against counts by hand, and our image's beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle.graphs import random_model
from oracle.layers import conv, flatten
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.compiler.billing.compare import Comparison, compare
from snc.compiler.billing.packed import packed_bill
from snc.compiler.billing.techniques import Memory, Widths, memory
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.ir.aims import StateUse
from snc.ir.chip import Chip
from snc.models.catalogue import build

from .reference import CHIP


def compared(model: onnx.ModelProto, folder: Path, chip: Chip = CHIP, *, ours: bool = False) -> Comparison:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return compare(prepare(path), chip, Options(effort=0.5), Widths(), ours=ours)


def one_conv(depth: int = 4, group: int = 1) -> onnx.ModelProto:
    w = Writer(13, 0)
    x = w.input((1, 4, 6, 5))
    weights = w.constant(np.ones((depth, 4 // group, 3, 3), np.float32))
    return w.model([w.add("Conv", x, weights, group=group)], "one")


def test_a_convolution_by_hand(tmp_path: Path) -> None:
    found = compared(one_conv(), tmp_path)
    synapses, sources, neurons, weights = 4 * 3 * 9 * 16, 4 * 6 * 5, 4 * 4 * 3, 16 * 9
    assert (found.synapses, found.neurons, found.weights) == (synapses, neurons, weights)
    assert found.padded_synapses == synapses
    assert found.hier_lut == memory(16 * neurons, 15 * synapses + 23 * sources, 8 * synapses)
    assert found.lut == memory(16 * neurons, 23 * synapses + 15 * sources, 8 * synapses)
    # Two descriptors, an axon, and a kernel descriptor for each of four source channels.
    assert found.paper_rules == memory(16 * neurons, 64 * (2 + 1 + 4), 8 * weights)


def test_a_depthwise_convolution_is_split_into_a_population_per_channel(tmp_path: Path) -> None:
    found = compared(one_conv(group=4), tmp_path)
    # The input's descriptor; for each channel a descriptor, an axon and a kernel descriptor.
    assert found.paper_rules == memory(16 * 4 * 4 * 3, 64 * (1 + 4 * 3), 8 * 4 * 9)
    assert sum(layer.fragments for layer in found.layers) == 1 + 4


def test_cuts_are_those_that_a_core_needs(tmp_path: Path) -> None:
    whole = compared(one_conv(8), tmp_path)
    small = compared(one_conv(8), tmp_path, replace(CHIP, core_words=60))
    (before, after) = (next(la for la in found.layers if la.op == "Conv") for found in (whole, small))
    assert before.fragments == 1
    # 8 * 12 states of two bytes, 288 bytes of weights, 5 words: 517 bytes; a core has 480.
    assert after.fragments == 2
    assert small.paper_rules.parameters_bytes == whole.paper_rules.parameters_bytes
    # One more descriptor, one more axon, four more kernel descriptors.
    assert small.paper_rules.connectivity_bytes == whole.paper_rules.connectivity_bytes + 8 * 6


def test_channels_too_large_for_a_core_are_cut_by_rows(tmp_path: Path) -> None:
    w = Writer(13, 0)
    model = w.model([conv(w, w.input((1, 1, 40, 40)), 1, (3, 3))], "rows")
    found = compared(model, tmp_path, replace(CHIP, core_words=200))
    layer = next(la for la in found.layers if la.op == "Conv")
    assert layer.fragments == 2  # 38 * 38 states of two bytes are 361 words
    assert found.paper_rules.parameters_bytes == 2 * 9  # each has the weights


def test_our_image_stands_beside_the_tables(tmp_path: Path) -> None:
    model = build("pilotnet")
    found = compared(model, tmp_path, ours=True)
    image = compile_model(tmp_path / "model.onnx", CHIP, Options(effort=0.5)).image
    total = bill(image).total
    assert found.snc is not None
    assert found.snc_compression is not None
    assert found.snc.total_bytes == total.total
    assert found.cores.snc == len(image.cores)
    assert sum(layer.snc.total_bytes for layer in found.layers if layer.snc) == total.total
    assert found.snc_compression.hier_lut.total == found.hier_lut.total_bytes / total.total


def test_both_forms_of_tables_are_billed(tmp_path: Path) -> None:
    model = build("digits")
    plain, strided = (
        compared(model, tmp_path, replace(CHIP, strided_tables=tables), ours=True) for tables in (0, 1)
    )
    for found in (plain, strided):
        assert found.snc_tables is not None
        assert found.snc_tables.listed == plain.snc
        assert found.snc_tables.strided == strided.snc
    assert plain.snc is not None
    assert strided.snc is not None
    assert strided.snc.connectivity_bytes < plain.snc.connectivity_bytes
    assert strided.snc.neurons_bytes == plain.snc.neurons_bytes
    assert strided.snc.biases_bytes == plain.snc.biases_bytes


@pytest.mark.parametrize(("states", "tables"), [("shared", 0), ("persistent", 0), ("shared", 1)])
@pytest.mark.parametrize("seed", range(8))
def test_the_bill_before_placing_is_the_images(seed: int, states: str, tables: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(random_model(seed).SerializeToString())
    chip = replace(CHIP, core_words=700, strided_tables=tables)
    compiled = compile_model(path, chip, Options(states=StateUse(states), effort=0.5))
    layers = {
        name: Memory(part.neurons, part.connectivity, part.parameters, part.biases, part.total)
        for name, part in bill(compiled.image).layers.items()
    }
    assert packed_bill(compiled.mapping) == layers


@pytest.mark.parametrize("mesh", [(1, 1), (1, 2)])
def test_a_network_too_large_for_the_chip_has_a_bill(mesh: tuple[int, int], tmp_path: Path) -> None:
    w = Writer(13, 0)
    model = w.model([conv(w, conv(w, w.input((1, 4, 12, 12)), 8, (3, 3)), 8, (3, 3))], "large")
    found = compared(model, tmp_path, replace(CHIP, core_words=200, mesh=mesh), ours=True)
    assert found.cores.available == mesh[0] * mesh[1]
    assert found.cores.snc is not None
    assert found.cores.snc > found.cores.available


@pytest.mark.parametrize("padded", [False, True])
def test_dense_layers_have_no_padding(padded: bool, tmp_path: Path) -> None:
    w = Writer(13, 0)
    x = flatten(w, w.input((1, 2, 3, 3)))
    model = w.model([w.add("MatMul", x, w.constant(np.ones((18, 5), np.float32)))], "dense")
    found = compared(model, tmp_path)
    assert (found.padded_synapses if padded else found.synapses) == 18 * 5
