"""Zero skipping: pruned networks take less memory and fewer operations, and compute the same."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from backends.agreement import agree
from backends.by_the_manual import Chip
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.backends.analysis.listing import disassemble
from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.compiler.running.runner import Runner
from snc.ir.storage.bitrun import BitRun
from snc.ir.storage.skipping import Layout, dense, skipping
from snc.ir.storage.weights import FORMATS, Codec

from .reference import CHIP, assert_layers, compiled, options, reread


def pruned(share: float, seed: int = 0) -> onnx.ModelProto:
    """Convolutions, a depthwise one, and a dense layer, of whose weights this share is zero."""
    w, random = Writer(13, seed), np.random.default_rng(seed)

    def weights(*shape: int) -> str:
        values = random.normal(0, 0.2, shape)
        values[random.random(shape) < share] = 0
        return w.constant(values.astype(np.float32))

    x = w.input((1, 3, 16, 16))
    y = w.add("Relu", w.add("Conv", x, weights(32, 3, 3, 3), pads=[1, 1, 1, 1]))
    y = w.add("Relu", w.add("Conv", y, weights(64, 32, 3, 3), strides=[2, 2]))
    y = w.add("Relu", w.add("Conv", y, weights(64, 1, 3, 3), group=64))
    y = w.add("Relu", w.add("Conv", y, weights(64, 64, 1, 1)))
    y = w.add("GlobalAveragePool", y)
    return w.model([w.add("Gemm", w.add("Flatten", y), weights(64, 10))], "pruned")


@pytest.mark.parametrize("strided", [0, 16])
def test_a_pruned_network_takes_less(strided: int) -> None:
    chip = replace(CHIP, strided_tables=strided)
    whole, few = (compiled(pruned(share), chip, options("fixed8")) for share in (0.0, 0.9))
    picture = random_input(pruned(0.9), 0)
    assert bill(few.image).total.parameters <= 0.3 * bill(whole.image).total.parameters
    assert "zeros skipped" in disassemble(few.image)
    assert "zeros skipped" not in disassemble(whole.image)
    every = Machine(whole.image).run(picture).counters
    some = Machine(few.image).run(picture).counters
    by_event = [int(c.synaptic_operations.sum()) / int(c.events.sum()) for c in (every, some)]
    assert by_event[1] <= 0.5 * by_event[0]
    assert_layers(few, picture)


@pytest.mark.parametrize("weights", ["float32", "float16", "fixed8", "fixed3", "adaptive8e2s", "adaptive5e3"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_it_computes_what_the_manual_says(weights: str, share: float) -> None:
    found = compiled(pruned(share, 1), CHIP, options(weights))
    picture = random_input(pruned(share, 1), 1)
    assert_layers(found, picture)
    got = Machine(found.image).run(picture)
    assert agree(found.image, [picture]) == ""
    reader = Chip(write_image(found.image))
    for name, want in reader.run(picture).items():
        np.testing.assert_allclose(got.outputs[name], want, rtol=1e-5, atol=1e-5)
    assert int(got.counters.synaptic_operations.sum()) == reader.counted("synaptic_operations")
    assert int(got.counters.empty_events.sum()) == reader.counted("empty_events")


def test_channels_of_zero_weights_are_null() -> None:
    w = Writer(13, 0)
    weights = np.random.default_rng(0).normal(size=(8, 6, 3, 3)).astype(np.float32)
    weights[:, [1, 4]] = 0
    y = w.add("Conv", w.input((1, 6, 5, 5)), w.constant(weights))
    found = compiled(w.model([y], "dead"), CHIP, options("fixed8"))
    null = [line for line in disassemble(found.image).splitlines() if "code=NULL" in line]
    assert [line.split("channel ")[1][0] for line in null] == ["1", "4"]
    picture = random_input(w.model([y], "dead"), 0)
    assert_layers(found, picture)
    run = Machine(found.image).run(picture)
    (frame,) = picture.values()
    assert int(run.counters.empty_events.sum()) == np.count_nonzero(frame[:, [1, 4]])


def test_an_infinite_value_does_not_meet_a_skipped_weight() -> None:
    w = Writer(13, 0)
    weights = np.zeros((32, 2, 3, 3), dtype=np.float32)
    weights[::4] = 1
    y = w.add("Log", w.input((1, 2, 6, 6)))
    y = w.add("Conv", y, w.constant(weights))
    found = compiled(w.model([y], "infinite"), CHIP, options("fixed8"))
    assert "zeros skipped" in disassemble(found.image)
    picture = {found.graph.inputs[0].name: np.zeros((1, 2, 6, 6), dtype=np.float32)}
    (values,) = Runner(reread(found.image))(picture).outputs.values()
    assert np.isneginf(values[:, ::4]).all()
    assert (values[:, 1::4] == 0).all()


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([codec for codec in FORMATS.values() if codec.bits <= 16]), st.booleans())
def test_a_bitmap_or_a_list_and_numbers_are_the_same_codes(
    data: st.DataObject, codec: Codec, lists: bool
) -> None:
    bits, layout = codec.bits, Layout.LIST if lists else Layout.BITMAP
    some = sorted({0, 1, min(2, 2**bits - 1), 2**bits - 1})
    drawn = st.lists(st.sampled_from([0, *some]), min_size=1, max_size=70)
    codes = np.array(data.draw(drawn.filter(any)), dtype=np.int64)
    run = BitRun.of(codes, bits)
    held = skipping(run.codes, run.codes != 0, bits, layout)
    present = int((codes != 0).sum())
    before = (present + 1) * max(1, (codes.size - 1).bit_length()) if lists else codes.size
    assert held.size_bits == before + bits * present
    assert dense(held, codes.size, bits, layout) == run


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4000), st.floats(0, 1), st.sampled_from(list(FORMATS.values())))
def test_the_smallest_layout_is_taken(count: int, share: float, codec: Codec) -> None:
    present = max(1, round(share * count))
    each = max(1, (count - 1).bit_length())
    before = {Layout.WHOLE: 0, Layout.BITMAP: count, Layout.LIST: (present + 1) * each}
    numbers = {layout: present if layout else count for layout in Layout}
    words = {layout: -(-(before[layout] + numbers[layout] * codec.bits) // 64) for layout in Layout}
    if not codec.has_zero and present < count:
        del words[Layout.WHOLE]
    found = Layout(int(codec.layouts(count, present)))
    assert words[found] == min(words.values()) == int(codec.words(count, present))
