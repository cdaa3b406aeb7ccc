"""Section 7 of docs/image.md suffices to read images for crossbars, and to run them."""

from dataclasses import replace

import numpy as np
import pytest
from checker.units import random_units
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.crossbar.counters import CrossbarCounters
from snc.backends.crossbar.file import read_crossbar_image, write_crossbar_image
from snc.backends.crossbar.machine import CrossbarMachine
from snc.backends.manual.tiny_crossbars import tiny_crossbars
from snc.ir.crossbar.units import INPUT
from snc.passes.crossbar.decompose import Method

from .by_the_page import Chip, fields, part, rows
from .test_crossbars import CHIP, image_of


def test_the_words_of_the_tiny_file_say_what_the_page_says() -> None:
    table = next(text for text in part("A tiny file for crossbars").split("\n\n") if "| where |" in text)
    words = rows(table)
    for _, _, word, what, says in words:
        if what != "cells":
            facts = dict(fact.split("=") for fact in says.split())
            told = {name: float(value) for name, value in facts.items() if not value[0].isalpha()}
            found = fields(what, int(word, 16))
            assert {name: found[name] for name in told} == told
    image = tiny_crossbars()
    held = [word for one in image.crossbars for word in one.words.tolist()]
    assert [int(word[2], 16) for word in words] == [*held, *image.rules.tolist(), *image.sites.tolist()]


def test_frames_of_the_tiny_file_are_what_the_page_says() -> None:
    text = part("A tiny file for crossbars")
    heads = [cell.strip() for cell in text.split("\n| x |")[1].splitlines()[0].split("|")[:-1]]
    frames = rows(f"| \n| \n| x |{text.split(chr(10) + '| x |')[1]}")[2:]
    assert len(frames) == 3
    chip = Chip(write_crossbar_image(tiny_crossbars()))
    for cells in frames:
        found = chip.run({"x": [float(value) for value in cells[0].split()]})
        told = dict(zip(heads, map(float, cells[1:]), strict=True))
        for name in ("y", "z"):
            assert float(found[name][0]) == told.pop(name)
        counted = chip.counted()
        assert {name: counted[name] for name in told} == told


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 20),
    columns=st.integers(1, 6),
    fan_in=st.integers(2, 20),
    width=st.integers(6, 40),
    method=st.sampled_from(Method),
    is_recurrent=st.booleans(),
)
@settings(deadline=None, max_examples=12)
def test_a_stranger_computes_and_counts_what_the_machine_does(
    seed: int, rows: int, columns: int, fan_in: int, width: int, method: Method, is_recurrent: bool
) -> None:
    units = random_units(seed, is_recurrent=is_recurrent)
    height = 1 + units.sources.size // width  # a crossbar for each synapse would do
    chip = replace(CHIP, rows=rows, columns=columns, fan_in_max=min(fan_in, rows), mesh=(width, height + 40))
    data = write_crossbar_image(image_of(units, chip, method))
    stranger, machine = Chip(data), CrossbarMachine(read_crossbar_image(data))
    random = np.random.default_rng(seed)
    for _ in range(3):
        frame = random.standard_normal(units.count).astype(np.float32)[units.rule == INPUT]
        frame *= random.random(frame.size) < 0.7
        run, found = machine.run({"x": frame}), stranger.run({"x": frame})
        np.testing.assert_allclose(run.outputs["y"], found["y"], rtol=1e-6, atol=1e-6)
        counted = run.counters
        assert isinstance(counted, CrossbarCounters)
        totals = {name: int(getattr(counted, name).sum()) for name in CrossbarCounters.COUNTS}
        totals |= {"spikes": totals["events"] - totals["local"], "used": totals["synaptic_operations"]}
        told = stranger.counted()
        names = ("firing", "spikes", "local", "hops", "reads", "silent", "used", "unused")
        assert {name: told[name] for name in names} == {name: totals[name] for name in names}


def test_a_reserved_bit_is_seen() -> None:
    with pytest.raises(AssertionError, match="a reserved bit"):
        fields("Head", 1 << 60)
