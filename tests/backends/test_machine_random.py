"""Random images, of connections that no compiler would make, on the machine and on the manual's reader."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.words.words import BiasFormat, Order
from snc.ir.network import Activation, Neuron, Update
from snc.ir.storage.skipping import Layout
from snc.ir.storage.weights import FORMATS

from .machine_toys import Shape, Toy
from .test_machine import both

# Without exp, in which libraries differ by half a unit in the last place: that decides a float16.
EXACT = (
    Activation.IDENTITY,
    Activation.RELU,
    Activation.CLIP,
    Activation.LEAKY_RELU,
    Activation.HARD_SIGMOID,
)


def shapes() -> st.SearchStrategy[Shape]:
    depth = st.one_of(st.integers(1, 4), st.sampled_from([8, 9, 12]))
    return st.tuples(depth, st.integers(1, 7), st.integers(1, 9))


@st.composite
def toys(draw: st.DrawFn) -> Toy:
    """Some populations in some cores, with axons from any to those behind it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    place = st.tuples(st.integers(0, 6), st.integers(0, 6))
    toy = Toy(draw(st.lists(place, min_size=1, max_size=3, unique=True)))
    core = st.integers(0, len(toy.places) - 1)
    for i in range(draw(st.integers(1, 2))):
        toy.input(f"x{i}", draw(shapes()), draw(core), fires_on_zero=draw(st.booleans()))
    inputs = len(toy.cells)
    for i in range(draw(st.integers(1, 3))):
        shape, function = draw(shapes()), draw(st.sampled_from(EXACT))
        bias = rng.standard_normal(shape[0]) if draw(st.booleans()) else None
        toy.population(
            shape,
            draw(core),
            activation=function,
            parameters=tuple(np.sort(rng.standard_normal(len(function.parameters))).tolist()),
            bias=bias,
            bias_format=draw(st.sampled_from([BiasFormat.FLOAT16, BiasFormat.FLOAT32])),
            initial=draw(st.sampled_from([None, -1.5, 1.0])),
            scale=draw(st.sampled_from([None, 0.5, -1.25])),
            fires_on_zero=draw(st.booleans()),
        )
        toy.output(f"y{i}", inputs + i)
    for _ in range(draw(st.integers(1, 4))):
        source = draw(st.integers(0, len(toy.cells) - 2))
        target = draw(st.integers(max(inputs, source + 1), len(toy.cells) - 1))
        connect(draw, rng, toy, source, target)
    toy.order = draw(orders(toy))
    return toy


def connect(draw: st.DrawFn, rng: np.random.Generator, toy: Toy, source: int, target: int) -> None:
    depth, _, _ = toy.cells[source].shape
    into, _, _ = toy.cells[target].shape
    kind = draw(st.sampled_from(["any", "apart", "pointwise"]))
    apart = kind == "apart" and depth <= into  # each channel to one of its own
    kd = 1 if apart else draw(st.integers(1, into))
    size = (1, 1) if kind == "pointwise" else draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    numbers = rng.integers(-4, 5, (depth, kd, *size))
    first = rng.integers(0, into - kd + 1, depth)
    if apart:
        first = np.arange(depth) + draw(st.integers(0, into - depth))
    elif kind == "pointwise":
        first[:] = first[0]
    nulls = draw(st.sampled_from(["none", "some", "ends"]))
    if nulls == "some":
        first = np.where(rng.random(depth) < 0.3, -1, first)
    elif nulls == "ends":
        first[: depth // 4] = first[depth - depth // 5 :] = -1
    exponent = draw(st.integers(-3, 0))
    code = draw(st.sampled_from(["float32", "float16", "fixed8", *FORMATS]))
    whole = FORMATS[code].bits % 8 == 0
    facts: dict[str, Any] = {
        "sl": draw(st.integers(0, 1)),
        "update": draw(st.sampled_from([Update.ADD, *Update])),
        "code": code,
        "exponent": exponent,
        "strided": draw(st.booleans()) and whole and bool((first >= 0).any()),
    }
    facts["layout"] = Layout.WHOLE if facts["strided"] else draw(st.sampled_from(Layout))
    if draw(st.booleans()):
        numbers = np.where(rng.random(numbers.shape) < 0.7, 0, numbers)
    table = toy.table(target, numbers * 2.0**exponent, first, **facts)
    for _ in range(draw(st.sampled_from([1, 1, 2]))):
        us = draw(st.integers(0, 2))
        offsets = st.integers(-9, 4)
        toy.axon(source, table, us=us, x_off=draw(offsets), y_off=draw(offsets))


@st.composite
def orders(draw: st.DrawFn, toy: Toy) -> list[tuple[Order, int]]:
    """Every population is reset, and fires behind its sources; which of those that may come next is drawn."""
    sources: dict[int, set[int]] = {i: set() for i in range(len(toy.cells))}
    for i, cells in enumerate(toy.cells):
        for wire in cells.wires:
            sources[toy.tables[wire.table].target].add(i)
    left = [(order, i) for order in Order for i in sources if not (order == Order.RESET and is_input(toy, i))]
    found: list[tuple[Order, int]] = []
    while left:
        unset = {i for order, i in left if order == Order.RESET}
        waiting = {i for order, i in left if order == Order.FIRE}
        free = [
            (order, i)
            for order, i in left
            if order == Order.RESET
            or not (i in unset or sources[i] & waiting or any(i in sources[j] for j in unset))
        ]
        found.append(draw(st.sampled_from(free)))
        left.remove(found[-1])
    return found


def is_input(toy: Toy, index: int) -> bool:
    return toy.cells[index].neuron == Neuron.INPUT


@settings(max_examples=60, deadline=None)
@given(toys(), st.booleans(), st.floats(0, 1), st.integers(1, 2))
def test_any_image(toy: Toy, chip: bool, zeros: float, frames: int) -> None:
    rng = np.random.default_rng(0)
    inputs = {}
    for name, kind, population in toy.tensors:
        if kind == "input":
            shape = 1, *toy.cells[population].shape
            # Few bits: what is added and multiplied once is the same in every arithmetic.
            values = rng.integers(-8, 9, shape) / 4
            inputs[name] = np.where(rng.random(shape) < zeros, 0, values).astype(np.float32)
    both(toy, inputs, chip=chip, frames=frames)
