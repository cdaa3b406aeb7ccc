"""The walk against the literal machine: the same numbers and counts, or why the image is not lifted."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from snc.backends.image.image import Image
from snc.backends.lifted.edges import reaches
from snc.backends.lifted.layout import LINE
from snc.backends.lifted.plans import _places
from snc.backends.lifted.walk import Walk
from snc.backends.machine.machine import Fire, Machine
from snc.backends.words.words import Axon, Kernel, Step
from snc.compiler.running.runner import Runner
from snc.ir.errors import BadImage
from snc.ir.network import Activation, Update

from .agreement import agree, assert_same
from .machine_toys import Toy
from .test_machine import event_view, random
from .test_machine_faults import changed
from .test_machine_random import toys


@settings(max_examples=60, deadline=None)
@given(toys(), st.floats(0, 1), st.integers(1, 2))
def test_any_image(toy: Toy, zeros: float, threads: int) -> None:
    inputs = {
        name: random((1, *toy.cells[population].shape), population, zeros)
        for name, kind, population in toy.tensors
        if kind == "input"
    }
    assert agree(toy.image(), [inputs], threads=threads) == ""


def tiles(weights: NDArray[np.float32], *, update: Update = Update.ADD, nulls: bool = False) -> Toy:
    """A convolution of a map of 7 x 9 in four fragments to one in eight, in rows, columns and channels."""
    deep, depth = weights.shape[:2]
    toy = Toy([(i % 4, i // 4) for i in range(3)])
    source = toy.input("x", (depth, 7, 9))
    hidden = []
    for y, x in ((0, 0), (0, 4), (3, 0), (3, 4)):
        copy = toy.population((depth, 4 if y else 3, 5 if x else 4), activation=Activation.RELU)
        toy.join(source, copy, np.ones((depth, 1, 1, 1)), first=np.arange(depth), origin=(-y, -x))
        hidden.append((copy, y, x))
    for y, x, c in ((y, x, c) for y, x in ((0, 0), (0, 6), (5, 0), (5, 6)) for c in (0, 1)):
        shape = (1 if c else deep - 1), (2 if y else 5), (3 if x else 6)
        target = toy.population(shape, 1 + c, bias=np.arange(shape[0]))
        toy.output(f"y{y}{x}{c}", target)
        part = event_view(weights)[:, deep - 1 :] if c else event_view(weights)[:, : deep - 1]
        first = np.where(np.arange(depth) == 0, -1, 0) if nulls else 0
        table = toy.table(target, part, first, update=update)
        for copy, y_source, x_source in hidden:
            down, across = y_source - 1 - y, x_source - 1 - x
            _, height, width = toy.cells[copy].shape
            if reaches(down, 0, 0, 3, height, shape[1]) and reaches(across, 0, 0, 3, width, shape[2]):
                toy.axon(copy, table, y_off=down, x_off=across)
    return toy


def maps(image: Image) -> list[tuple[int, int, int]]:
    return [(plan.map.depth, plan.map.height, plan.map.width) for plan in Walk(image)._plans]


X = random((1, 2, 7, 9), zeros=0.2)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("update", [Update.ADD, Update.MAXIMUM])
def test_fragments_of_a_map_stand_side_by_side(update: Update, nulls: bool) -> None:
    image = tiles(random((3, 2, 3, 3), 1, zeros=0), update=update, nulls=nulls).image()
    assert agree(image, [{"x": X}]) == ""
    assert maps(image) == [(2, 7, 9), (2, 7, 9), (3, 7, 9)]


def test_tiles_with_kernels_that_differ_make_no_map() -> None:
    toy = tiles(random((3, 2, 3, 3), 1, zeros=0))
    toy.tables[-1] = replace(toy.tables[-1], weights=toy.tables[-1].weights * 2)
    assert agree(toy.image(), [{"x": X}]) == ""
    assert maps(toy.image()) == [(2, 7, 9), (2, 7, 9), (3, 5, 6), (3, 5, 3), (3, 2, 6), (3, 2, 3)]


def test_tiles_of_which_one_lacks_an_axon_make_no_map() -> None:
    toy = tiles(random((3, 2, 3, 3), 1, zeros=0))
    del toy.cells[1].wires[-1]
    assert agree(toy.image(), [{"x": X}]) == ""
    assert len(maps(toy.image())) == 6


# Core 0 of the image below: the source and its axon. Core 1: port, target, its states, two kernels.
AXON, KERNELS = 1, 2 + 2 * 3 * 12 // 4


def wide() -> Image:
    toy = Toy([(0, 0), (1, 0)])
    source, target = toy.input("x", (2, 3, 12)), toy.population((2, 3, 12), 1)
    toy.join(source, target, random((2, 2, 3, 3), 1), pad=(1, 1))
    return toy.output("y", target).image()


@pytest.mark.parametrize(
    ("core", "at", "edit", "why"),
    [
        (0, AXON, changed(Axon, width=1), "ends within its target"),
        (1, KERNELS, changed(Kernel, sl=1), "two strides"),
    ],
)
def test_what_is_not_lifted(core: int, at: int, edit: Callable[[int], int], why: str) -> None:
    image, frame = wide(), {"x": random((1, 2, 3, 12))}
    assert agree(image, [frame]) == ""
    cores = list(image.cores)
    words = cores[core].words.copy()
    words[at] = edit(int(words[at]))
    cores[core] = replace(cores[core], words=words)
    other = replace(image, cores=tuple(cores))
    assert why in agree(other, [frame])
    assert Runner(other)(frame).run.engine == "literal"
    assert Runner(image)(frame).run.engine == "walk"


def infinite() -> Toy:
    """A logarithm, of which a depthwise layer hears each channel alone, behind a dense one that hears all."""
    toy = Toy()
    source = toy.input("x", (4, 2, 2))
    log = toy.population((4, 2, 2), activation=Activation.LOG)
    toy.join(source, log, np.ones((4, 1, 1, 1)), first=np.arange(4))
    kernels: tuple[NDArray[Any], ...] = (random((4, 2, 1, 1), 2), np.ones((4, 1, 1, 1)))
    for i, weights in enumerate(kernels):
        target = toy.population((4, 2, 2))
        first = np.array([0, 1, 0, 2]) if i == 0 else np.arange(4)
        toy.join(log, target, weights, first=first).output(f"y{i}", target)
    return toy


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
def test_a_frame_with_infinities_is_left_to_the_literal_machine(arithmetic: str) -> None:
    image = infinite().image()
    walk, machine = Walk(image, arithmetic), Machine(image, arithmetic)  # type: ignore[arg-type]
    x = np.abs(random((1, 4, 2, 2), zeros=0)) + np.float32(0.5)
    with_zero = np.where(np.arange(4).reshape(1, 4, 1, 1) == 1, np.float32(0), x)
    for frame, engine in ((x, "walk"), (with_zero, "literal"), (x, "walk")):
        got, want = walk.run({"x": frame}, keep_layers=True), machine.run({"x": frame}, keep_layers=True)
        assert got.engine == engine
        assert_same(got, want)


@pytest.mark.parametrize("size", [1.0, 500.0, 20000.0])
def test_half_precision_states_saturate(size: float) -> None:
    """What is certain to stay small is rounded in another way than what may become infinite."""
    x, weights = size * np.abs(random((20, 4, 4), zeros=0.3)), random((12, 20, 3, 3), 1, zeros=0)
    toy = Toy()
    source = toy.input("x", x.shape)
    hidden = toy.population((12, 4, 4), activation=Activation.CLIP, parameters=(-1000.0, 1000.0))
    target = toy.population((12, 4, 4))
    toy.join(source, hidden, event_view(weights), pad=(1, 1))
    toy.join(hidden, target, random((12, 12, 1, 1), 2)).output("y", target)
    assert agree(toy.image(), [{"x": x[None]}], ["chip"]) == ""


def test_small_numbers_are_rounded_to_multiples_of_the_smallest() -> None:
    x, weights = 2.0**-9 * random((20, 4, 4), zeros=0.1), 2.0**-9 * random((12, 20, 3, 3), 1, zeros=0)
    toy = Toy()
    source, target = toy.input("x", x.shape), toy.population((12, 4, 4))
    toy.join(source, target, event_view(weights.astype(np.float32)), pad=(1, 1)).output("y", target)
    assert agree(toy.image(), [{"x": x[None]}], ["chip"]) == ""


def test_states_and_traces_are_those_of_the_literal_machine() -> None:
    image = tiles(random((3, 2, 3, 3), 1, zeros=0)).image()
    walk, machine = Walk(image), Machine(image)
    ours: list[Fire] = []
    theirs: list[Fire] = []
    for frame in ({"x": X}, {"x": 2 * X}):
        walk.run(frame)
        machine.run(frame)
        for step in machine.image.steps:
            at = Step.decode(int(step))
            for one, other in zip(
                walk.states(at.core, at.population), machine.states(at.core, at.population), strict=True
            ):
                np.testing.assert_array_equal(one, other)
    assert_same(walk.run({"x": X}, trace=ours.append), machine.run({"x": X}, trace=theirs.append))
    assert [(fire.step, fire.events) for fire in ours] == [(fire.step, fire.events) for fire in theirs]


def test_damaged_words_are_refused_or_agree() -> None:
    rng = np.random.default_rng(5)
    base = tiles(random((3, 2, 3, 3), 1, zeros=0)).image()
    ran = 0
    for _ in range(150):
        image = damaged(base, rng)
        try:
            Machine(image)
        except BadImage:
            continue
        agree(image, [{"x": X}])
        ran += 1
    assert ran > 30


def damaged(image: Image, rng: np.random.Generator) -> Image:
    """An image with a few bits of a word changed."""
    index = int(rng.integers(len(image.cores)))
    words = image.cores[index].words.copy()
    for _ in range(int(rng.integers(1, 3))):
        words[rng.integers(words.size)] ^= np.uint64(1) << np.uint64(rng.integers(64))
    cores = list(image.cores)
    cores[index] = replace(cores[index], words=words)
    return replace(image, cores=tuple(cores))


@pytest.mark.parametrize("depth", [1, 7, 12, 20, 47, 64, 70])
def test_tiles_of_any_size(depth: int) -> None:
    """Fewer neurons than lanes, more than one tile, pixels that are not a multiple of those of a tile."""
    toy = Toy()
    source, target = toy.input("x", (3, 3, 5)), toy.population((depth, 3, 5))
    toy.join(source, target, event_view(random((depth, 3, 3, 3), 1)), pad=(1, 1)).output("y", target)
    assert agree(toy.image(), [{"x": random((1, 3, 3, 5), zeros=0.4)}]) == ""


@pytest.mark.parametrize("size", [8, 9])
def test_kernels_of_more_taps_than_a_word_has_bits(size: int) -> None:
    toy = Toy()
    source, target = toy.input("x", (3, size, size)), toy.population((5, 3, 3))
    weights = event_view(random((5, 3, size, size), 1))
    toy.join(source, target, weights, pad=(1, 1)).output("y", target)
    assert agree(toy.image(), [{"x": random((1, 3, size, size), zeros=0.4)}]) == ""


@pytest.mark.parametrize("update", [Update.ADD, Update.MAXIMUM])
def test_pixels_that_hear_nothing(update: Update) -> None:
    """A source that reaches the last rows of a map alone, and none of the pixels that come first."""
    toy = Toy()
    sources = [toy.input(f"x{number}", (3, height, 16)) for number, height in enumerate((20, 3))]
    target = toy.population((5, 20, 16), bias=np.arange(5))
    for source, origin in zip(sources, (0, 17), strict=True):
        weights = event_view(random((5, 3, 3, 3), origin))
        toy.join(source, target, weights, pad=(1, 1), origin=(origin, 0), update=update)
    image = toy.output("y", target).image()
    frame = {"x0": random((1, 3, 20, 16), zeros=0.4), "x1": random((1, 3, 3, 16), 1, zeros=0.4)}
    assert agree(image, [frame]) == ""


def test_a_zero_with_a_sign_is_no_event() -> None:
    toy = Toy()
    source, negated = toy.input("x", (2, 2, 2)), toy.population((2, 2, 2), scale=-1.25)
    target = toy.population((2, 2, 2), bias=np.array([1, 2]))
    toy.join(source, negated, np.ones((2, 1, 1, 1)), first=np.arange(2))
    toy.join(negated, target, np.full((2, 1, 1, 1), 3), first=np.arange(2), update=Update.MULTIPLY)
    toy.output("y", target)
    assert agree(toy.image(), [{"x": np.eye(8)[:3].sum(axis=0).reshape(1, 2, 2, 2)}]) == ""


def test_one_kernel_of_two_updates() -> None:
    """Weights that are the same lie in memory as the loops of each update take them."""
    toy = Toy()
    source, weights = toy.input("x", (2, 4, 4)), random((5, 2, 3, 3), 1)
    for number, update in enumerate((Update.ADD, Update.MAXIMUM)):
        target = toy.population((5, 4, 4))
        toy.join(source, target, event_view(weights), pad=(1, 1), update=update).output(f"y{number}", target)
    assert agree(toy.image(), [{"x": random((1, 2, 4, 4), zeros=0.4)}]) == ""


def test_what_is_rounded_to_zero_is_no_event() -> None:
    toy = Toy()
    source, log = toy.input("x", (3, 4, 4)), toy.population((3, 4, 4), activation=Activation.TANH)
    target = toy.population((5, 4, 4))
    toy.join(source, log, np.ones((3, 1, 1, 1)), first=np.arange(3))
    for hidden, weights in ((source, random((5, 3, 3, 3), 1)), (log, random((5, 3, 3, 3), 2))):
        toy.join(hidden, target, event_view(weights), pad=(1, 1))
    toy.output("y", target)
    x = random((1, 3, 4, 4), zeros=0.2)
    x[:, 1] *= np.float32(2.0**-30)
    assert agree(toy.image(), [{"x": x}]) == ""


@pytest.mark.parametrize("depth", [70, 130])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_channels_of_more_words_than_one(size: int, depth: int) -> None:
    """Kernels with few and many taps, over maps of which a part has other channels than whole words."""
    toy = Toy()
    source = toy.input("x", (depth, 5, 6))
    parts = [toy.population((n, 5, 6), activation=Activation.RELU) for n in (depth // 3, depth - depth // 3)]
    for first, part in zip((0, depth // 3), parts, strict=True):
        count = toy.cells[part].shape[0]
        own = np.arange(depth) - first
        toy.join(source, part, np.ones((depth, 1, 1, 1)), first=np.where((own >= 0) & (own < count), own, -1))
    target = toy.population((3, 5, 6))
    for number, part in enumerate(parts):
        weights = random((3, toy.cells[part].shape[0], size, size), number)
        toy.join(part, target, event_view(weights), pad=(size // 2, size // 2))
    toy.output("y", target)
    assert agree(toy.image(), [{"x": random((1, depth, 5, 6), zeros=0.4)}], threads=2) == ""


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.integers(0, 9)), min_size=1, max_size=9))
def test_maps_share_memory_in_turns(maps: list[tuple[int, bool, int]]) -> None:
    """None stands where another one does that is still read, and inputs stand from the beginning on."""
    sizes, inputs = [size for size, _, _ in maps], [is_input for _, is_input, _ in maps]
    last = [index + more for index, (_, _, more) in enumerate(maps)]
    places = _places(sizes, inputs, last)
    held = [
        (0 if is_input else index, last[index], places[index], places[index] + sizes[index])
        for index, is_input in enumerate(inputs)
    ]
    for one, other in combinations(held, 2):
        in_turns = one[1] < other[0] or other[1] < one[0]
        assert in_turns or one[3] <= other[2] or other[3] <= one[2]
    assert all(place % LINE == 0 for place in places)


def test_a_chain_of_maps_takes_the_memory_of_two() -> None:
    toy = Toy()
    chain = [toy.input("x", (16, 4, 4))]
    for number in range(6):
        chain.append(toy.population((16, 4, 4), activation=Activation.RELU))
        toy.join(chain[-2], chain[-1], event_view(random((16, 16, 1, 1), number)))
    image, x = toy.output("y", chain[-1]).image(), random((1, 16, 4, 4), zeros=0.3)
    assert max(plan.place for plan in Walk(image)._plans) == 16 * 4 * 4
    assert agree(image, [{"x": x}, {"x": 2 * x}]) == ""
