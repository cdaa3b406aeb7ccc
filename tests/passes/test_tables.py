"""Tables in both forms: what runs of channels say is what a list says, in as many words as are counted."""

import pickle
from dataclasses import replace

import hypothesis
import numpy as np
from hypothesis import strategies as st

from snc.ir.mapping import Table, table
from snc.ir.network import Update
from snc.ir.storage.bitrun import BitRun
from snc.ir.storage.skipping import Layout
from snc.ir.storage.tables import NULL, Block, Descriptor, Strided, block_blobs, strided
from snc.ir.storage.weights import EXPONENTS

from .networks import CHIP

CHANNELS = st.builds(
    Descriptor,
    kd=st.sampled_from([2, 2, 3]),
    kw=st.just(1),
    kh=st.just(1),
    sl=st.just(0),
    first=st.sampled_from([0, 0, 0, 1, 2, 4, 6]),
    format=st.sampled_from(["fixed8", "fixed8", "fixed8", ""]),
    exponent=st.sampled_from([-7, -7, -6]),
    weights=st.none(),
    stored=st.none(),
    layout=st.just(Layout.WHOLE),
)


@st.composite
def lists(draw: st.DrawFn) -> list[Descriptor]:
    """Descriptors with weights of their own or all the same, some even, some null."""
    alike = draw(st.booleans())
    held = draw(st.lists(CHANNELS, max_size=30))
    step = draw(st.sampled_from([0, 1, 5]))
    held += [held[-1]._replace(first=i * step) for i in range(draw(st.integers(0, 9)))] if held else []
    random = np.random.default_rng(len(held))
    return [
        d._replace(weights=BitRun(8, bytes(d.kd) if alike else random.bytes(d.kd))) if d.format else NULL
        for d in held
    ]


def said(runs: tuple[Strided, ...], count: int) -> list[Descriptor]:
    """The descriptors that runs stand for."""
    found = [NULL] * count
    for run in runs:
        assert run.head.weights is not None
        size = run.stride or run.head.weights.size
        for i in range(run.count):
            exponents = () if run.exponents is None else EXPONENTS.numbers(run.exponents)
            found[run.begin + i] = run.head._replace(
                first=run.head.first + i * run.step,
                exponent=int(exponents[i]) if len(exponents) else run.head.exponent,
                weights=BitRun(8, run.head.weights.held[i * run.stride : i * run.stride + size]),
            )
    return found


@hypothesis.given(lists())
def test_runs_say_what_the_list_says(descriptors: list[Descriptor]) -> None:
    runs = strided(descriptors, len(descriptors))
    assert said(runs, len(descriptors)) == descriptors
    ends = [run.begin + run.count for run in runs]
    assert all(end <= run.begin for end, run in zip(ends, runs[1:], strict=False))
    assert all(run.step == 0 or run.count > 2 for run in runs)


def size(found: Table) -> int:
    blobs = block_blobs(found.blocks)
    return sum(block.words for block in found.blocks) + sum(blob.words for blob in blobs)


@hypothesis.given(lists().filter(any), st.sampled_from([1023, 6]), st.integers(1, 7))
def test_every_port_leads_to_its_segments(descriptors: list[Descriptor], reach: int, gap: int) -> None:
    segments = range(0, len(descriptors), gap)
    chip = replace(CHIP, channel_offset_max=reach)
    listed = table(chip, Update.ADD, descriptors, segments)
    other = table(replace(chip, strided_tables=8), Update.ADD, descriptors, segments)
    assert [entry.base for entry in other.entries] == [entry.base for entry in listed.entries]
    for found in (listed, other):
        for segment in segments:
            entry = [each for each in found.entries if each.base <= segment][-1]
            assert segment - entry.base <= max(reach, 0)
            first = entry.block[0]
            held = said(entry.block, len(descriptors)) if isinstance(first, Strided) else list(entry.block)  # type: ignore[arg-type]
            for c in range(segment, min(segment + gap, len(descriptors))):
                assert held[entry.offset + c - entry.base] == descriptors[c]
    if len(listed.entries) == 1:
        assert size(other) <= size(listed)


def test_a_table_has_no_more_runs_than_the_chip_looks_through() -> None:
    runs = [Descriptor(kd, 1, 1, 0, 0, "fixed8", 0, BitRun(8, bytes([kd]) * kd)) for kd in (8, 16, 24)]
    descriptors = [each for each in runs for _ in range(9)]
    for most, words in ((2, 27), (3, 6)):
        found = table(replace(CHIP, strided_tables=most), Update.ADD, descriptors, (0,))
        assert [block.words for block in found.blocks] == [words]


def test_a_dense_layer_takes_two_words() -> None:
    weights = [BitRun(8, bytes([c]) * 9) for c in range(64)]
    descriptors = [Descriptor(9, 1, 1, 0, 0, "fixed8", c % 2, w) for c, w in enumerate(weights)]
    found = table(replace(CHIP, strided_tables=1), Update.ADD, descriptors, (0, 32))
    assert [block.words for block in found.blocks] == [2]
    assert size(found) == 2 + 64 * 9 // 8 + 64 // 8
    assert size(table(CHIP, Update.ADD, descriptors, (0, 32))) == 64 + 64 * 2


def test_equal_blocks_are_one_wherever_they_were_made() -> None:
    descriptors = [Descriptor(9, 1, 1, 0, 0, "fixed8", 0, BitRun(8, bytes([c]) * 9)) for c in range(3)]
    one, other = Block(descriptors), Block(list(descriptors))
    assert len({one, other}) == 1
    assert len({one, Block(descriptors[:2])}) == 2
    assert one.blobs == {d.weights for d in descriptors}
    assert "_hash" in vars(one), "hashed once"
    back = pickle.loads(pickle.dumps(one))
    assert not vars(back), "another process hashes names in another way"
    assert back in {one}
