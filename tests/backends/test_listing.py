"""Every word of an image has one role, found by following pointers, whatever the words hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.analysis.bill import Bill, bill
from snc.backends.analysis.claims import Role
from snc.backends.analysis.listing import disassemble
from snc.backends.analysis.regions import Region, regions
from snc.backends.image.image import CoreImage, Image, ImageFragment, ImageLayer
from snc.backends.words.words import (
    NULL_KERNEL,
    Axon,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Order,
    Population,
    Port,
    Step,
)
from snc.ir.errors import BadInput
from snc.ir.network import Activation, Neuron, Update

from .packing import pack
from .strategies import word_strategy
from .toy import toy_image, words


def axon(port: int, c_off: int, core_x: int) -> Axon:
    sides = {"width": 1, "height": 1, "kw": 1, "kh": 1, "us": 0}
    return Axon(x_off=0, y_off=0, c_off=c_off, core_x=core_x, core_y=0, port=port, **sides)


def kernel(code: str, address: int, kd: int = 1) -> Kernel:
    return Kernel(kd=kd, kw=1, kh=1, sl=0, first=0, code=code, exponent=0, address=address)


def rich_image() -> Image:
    """Core 0: an input of three channels. Core 1: two populations that share states, tables and weights."""
    source = words(
        Population(
            width=1,
            height=1,
            depth=3,
            neuron=Neuron.INPUT,
            activation=Activation.IDENTITY,
            axons=3,
            start=1,
            bias=BiasFormat.NONE,
            extensions=0,
        ),
        axon(port=0, c_off=1000, core_x=1),
        axon(port=1, c_off=0, core_x=1),
        axon(port=1, c_off=0, core_x=-1),
    )
    shape = {"width": 5, "height": 1, "depth": 5}
    target = words(
        Port(population=2, table=(16 - 1000) % 2**15, update=Update.ADD),
        Port(population=3, table=17, update=Update.MAXIMUM),
        Population(
            **shape,
            neuron=Neuron.STANDARD,
            activation=Activation.LEAKY_RELU,
            axons=1,
            start=4,
            bias=BiasFormat.FLOAT16,
            extensions=2,
        ),
        Population(
            **shape,
            neuron=Neuron.STANDARD,
            activation=Activation.RELU,
            axons=0,
            start=9,
            bias=BiasFormat.FLOAT32,
            extensions=1,
        ),
        Extension(kind=ExtensionKind.STATES, address=26),
        Extension(kind=ExtensionKind.PARAMETER, value=0.25),
        pack(np.array([1, -2, 0.5, 65504, 0.0], dtype=np.float16)),
        axon(port=1, c_off=1, core_x=0),
        Extension(kind=ExtensionKind.STATES, address=28),
        pack(np.array([1, 2, 3, 4, 5], dtype=np.float32)),
        np.array([0, 7, 0], dtype=np.uint64),
        kernel("float16", 23, kd=5),
        kernel("float16", 23),
        NULL_KERNEL,
        kernel("float32", 25),
        kernel("fixed8", 60),
        kernel("fixed8", 22),
        np.array([2**63], dtype=np.uint64),
        pack(np.array([1, 2, 3, -4, 5], dtype=np.float16)),
        pack(np.array([0.5], dtype=np.float32)),
        np.zeros(9, dtype=np.uint64),
    )
    layers = (
        ImageLayer("picture", "Input", (), (3, 1, 1), (ImageFragment(0, 0, 0, 0, 0),)),
        ImageLayer("first", "Conv", (), (5, 1, 5), (ImageFragment(1, 2, 0, 0, 0),)),
        ImageLayer("second", "MaxPool", (), (5, 1, 5), (ImageFragment(1, 3, 0, 0, 0),)),
    )
    toy = toy_image()
    return replace(
        toy,
        cores=(CoreImage(0, 0, source), CoreImage(1, 0, target)),
        steps=words(
            Step(order=Order.FIRE, core=0, population=0),
            Step(order=Order.FIRE, core=1, population=2),
            Step(order=Order.FIRE, core=1, population=3),
        ),
        tensors=(),
        about=replace(toy.about, layers=layers),
    )


def brief(found: list[Region]) -> list[tuple[int, int, Role, str]]:
    return [(region.address, region.count, region.role, region.layer) for region in found]


def test_regions_of_the_toy() -> None:
    assert brief(regions(toy_image(), 0)) == [(0, 1, Role.POPULATION, "image"), (1, 1, Role.AXON, "image")]
    assert brief(regions(toy_image(), 1)) == [
        (0, 1, Role.PORT, "conv"),
        (1, 1, Role.POPULATION, "conv"),
        (2, 1, Role.BIAS, "conv"),
        (3, 2, Role.STATE, "conv"),
        (5, 1, Role.KERNEL, "conv"),
        (6, 1, Role.WEIGHTS, "conv"),
    ]
    assert regions(toy_image(), 1)[0].word == Port(population=1, table=5, update=Update.ADD)


@pytest.mark.parametrize(("name", "image"), [("toy", toy_image()), ("shared", rich_image())])
def test_listings_read_well(name: str, image: Image, golden: Callable[[str, str], None]) -> None:
    golden(f"listing_{name}.txt", disassemble(image))


def test_one_core_is_a_part_of_the_listing() -> None:
    whole = disassemble(rich_image())
    assert disassemble(rich_image(), 0) + "\n" + disassemble(rich_image(), 1) in whole
    for core in (-1, 2):
        with pytest.raises(BadInput, match=f"no core {core}.*2 cores"):
            disassemble(rich_image(), core)


def test_the_bill_of_the_toy() -> None:
    paid = bill(toy_image())
    assert paid.layers == {
        "image": Bill(connectivity=16),
        "conv": Bill(connectivity=24, parameters=8, biases=8, neurons=16),
    }
    assert paid.cores == tuple(paid.layers.values())
    assert paid.total == Bill(connectivity=40, parameters=8, biases=8, neurons=16)
    assert paid.total.total == 72


def test_states_of_ones_own_count_by_neuron_and_shared_ones_by_word() -> None:
    toy = toy_image()
    memory = toy.cores[1].words.copy()
    old: dict[str, Any] = dict(Population.decode(int(memory[1])).items())
    memory[1] = Population(**old | {"width": 1, "depth": 3}).encode()  # 6 states in 2 words
    changed = replace(toy, cores=(toy.cores[0], CoreImage(1, 0, memory)), tensors=())
    assert bill(changed).layers["conv"] == Bill(connectivity=24, parameters=8, biases=8, neurons=12, unused=4)
    assert bill(rich_image()).total.neurons == 9 * 8


def test_the_bill_of_shared_words_is_paid_once() -> None:
    paid = bill(rich_image())
    assert sum(paid.layers.values(), Bill()) == paid.total
    assert paid.total.total + paid.total.unused == 8 * sum(core.words.size for core in rich_image().cores)
    assert paid.layers["first"].parameters == 16
    assert paid.layers["second"].parameters == 8
    assert paid.layers[""] == Bill(unused=8 * 3)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(0, 2**64 - 1),
            *(
                word_strategy(cls).map(lambda word: word.encode())
                for cls in (Port, Population, Extension, Axon, Kernel)
            ),
        ),
        min_size=1,
        max_size=60,
    ),
    word_strategy(Population),
    st.data(),
)
def test_any_memory_has_a_listing(memory: list[int], population: Population, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(memory) - 1))
    memory[at] = population.encode()
    cores = (CoreImage(0, 0, np.array(memory, dtype=np.uint64)), toy_image().cores[1])
    image = replace(
        toy_image(),
        cores=cores,
        steps=words(
            Step(order=Order.FIRE, core=0, population=at), Step(order=Order.FIRE, core=1, population=1)
        ),
    )
    for core in range(2):
        found = regions(image, core)
        ends = [region.address + region.count for region in found]
        assert [region.address for region in found] == [0, *ends[:-1]]
        assert ends[-1] == cores[core].words.size
    assert disassemble(image).count("\n") > len(memory) // 30
    paid = bill(image)
    assert paid.total.total + paid.total.unused == 8 * (len(memory) + 7)
    assert sum(paid.layers.values(), Bill()) == paid.total


def test_an_image_without_steps_is_unreferenced() -> None:
    image = replace(toy_image(), steps=np.zeros(0, dtype=np.uint64))
    assert brief(regions(image, 1)) == [(0, 7, Role.UNREFERENCED, "")]
    empty = replace(image, cores=(CoreImage(0, 0, np.zeros(0, dtype=np.uint64)),))
    assert regions(empty, 0) == []
    assert bill(empty).total == Bill()
