"""Every word that cannot be what leads to it takes it for is refused, with core, address and reason."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.image.image import CoreImage, Image
from snc.backends.machine.machine import Machine
from snc.backends.words.bits import Word
from snc.backends.words.words import (
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
from snc.ir.errors import BadImage
from snc.ir.network import Activation, Neuron

from .machine_toys import Toy
from .test_machine import agreed

W = TypeVar("W", bound=Word)

# Core 1 of the image below: port, target, its extensions and bias, its states, two kernels, their weights.
PORT, TARGET, CLIP, BIAS, STATES, KERNELS, WEIGHTS = 0, 1, 2, 4, 5, 14, 16
# Core 0: the source and its axon.
SOURCE, AXON = 0, 1


def image() -> Image:
    toy = Toy([(0, 0), (1, 0)])
    source = toy.input("x", (2, 3, 4))
    facts: dict[str, Any] = {
        "activation": Activation.CLIP,
        "parameters": (-1, 1),
        "bias": np.array([1, 2, 3]),
    }
    target = toy.population((3, 3, 4), 1, bias_format=BiasFormat.FLOAT16, **facts)
    toy.join(source, target, -np.ones((2, 3, 3, 3)), pad=(1, 1), code="fixed8")
    return toy.output("y", target).image()


def changed(kind: type[W], /, **values: Any) -> Callable[[int], int]:
    """An edit of a word: some fields are others."""

    def edit(word: int) -> int:
        fields = dict(kind.decode(word).items())
        return kind(**(fields | values)).encode()

    return edit


def edited(core: int, address: int, edit: Callable[[int], int]) -> Image:
    base = image()
    cores = list(base.cores)
    words = cores[core].words.copy()
    words[address] = edit(int(words[address]))
    cores[core] = replace(cores[core], words=words)
    return replace(base, cores=tuple(cores))


def test_the_image_is_laid_out_as_these_tests_say() -> None:
    base = image()
    Machine(base)
    core = base.cores[1].words.tolist()
    assert Port.decode(core[PORT]).population == TARGET
    assert Population.decode(core[TARGET]).start == CLIP
    assert Kernel.decode(core[KERNELS]).address == WEIGHTS
    assert len(core) == WEIGHTS + 2 * 4
    assert Axon.decode(int(base.cores[0].words[AXON])).kw == 3


ONES = (1 << 64) - 1
DAMAGES: dict[str, tuple[int, int, Callable[[int], int], str]] = {
    "axon leaves the mesh": (
        0,
        AXON,
        changed(Axon, core_x=-1),
        "core 0, address 1: the axon reaches core (-1, 0)",
    ),
    "mesh ends": (0, AXON, changed(Axon, core_y=7, core_x=7), "reaches core (7, 7), which is not there"),
    "outside": (0, AXON, changed(Axon, core_y=-8), "reaches core (1, -8), which is outside the mesh"),
    "no word of a port": (0, AXON, changed(Axon, port=2), "core 1, address 2: is no port word: reserved"),
    "port's update": (1, PORT, lambda word: word | 7 << 30, "is no port word: update = 7 is no Update"),
    "port to nothing": (
        1,
        PORT,
        changed(Port, population=STATES),
        "the port leads to 5, where no population",
    ),
    "port beyond": (1, PORT, changed(Port, population=9999), "the port leads to 9999, where no population"),
    "kernel table beyond": (
        1,
        PORT,
        changed(Port, table=23),
        "address 0: leads to the kernel word at 24, the core has 24",
    ),
    "no kernel": (1, PORT, changed(Port, table=WEIGHTS), "core 1, address 16: is no kernel word"),
    "axons beyond": (
        0,
        SOURCE,
        changed(Population, axons=2),
        "address 0: leads to axon words at 1 to 2, the core has 2 words",
    ),
    "block beyond": (0, SOURCE, changed(Population, start=2), "axon words at 2, the core has 2"),
    "extension beyond": (
        1,
        TARGET,
        changed(Population, start=24),
        "address 1: leads to the extension word at 24, the core has 24 words",
    ),
    "no extension": (1, CLIP, lambda _: 0, "core 1, address 2: is no extension word: kind = 0"),
    "bias beyond": (1, TARGET, changed(Population, start=22), "is no extension word"),
    "states beyond": (
        1,
        TARGET,
        changed(Population, width=12),
        "state words at 5 to 31, the core has 24 words",
    ),
    "states over kernels": (
        1,
        TARGET,
        changed(Population, width=5),
        "from address 5 on, lie over the word at 14",
    ),
    "a parameter too few": (
        1,
        CLIP,
        changed(Extension, kind=ExtensionKind.SCALE),
        "CLIP has 2 parameters, not 1",
    ),
    "a fact twice": (
        1,
        TARGET,
        changed(Population, activation=Activation.RELU),
        "core 1, address 1: RELU has 0 parameters, not 2",
    ),
    "other neurons": (
        1,
        TARGET,
        changed(Population, neuron=Neuron.INPUT),
        "core 1, address 1: is an input population, which has no states, biases",
    ),
    "an unknown bias format": (1, TARGET, lambda word: word | 3 << 59, "no population descriptor: bias = 3"),
    "bias no number": (1, BIAS, lambda _: ONES, "core 1, address 4: a bias is not a number"),
    "channels beyond": (
        1,
        KERNELS,
        changed(Kernel, first=1),
        "core 1, address 14: the kernel's channels end beyond",
    ),
    "kernel's width": (1, KERNELS + 1, changed(Kernel, kw=2), "core 1, address 15: the kernel is not 3 x 3"),
    "kernel's height": (1, KERNELS, changed(Kernel, kh=16), "core 1, address 14: the kernel is not 3 x 3"),
    "axon's width": (0, AXON, changed(Axon, kw=1), "core 1, address 14: the kernel is not 1 x 3"),
    "weights beyond": (
        1,
        KERNELS + 1,
        changed(Kernel, address=21),
        "address 15: leads to weights at 21 to 24",
    ),
    "weights far beyond": (
        1,
        KERNELS,
        changed(Kernel, address=32767),
        "address 14: leads to weights at 32767 to",
    ),
    "weights too wide": (1, KERNELS, changed(Kernel, code="float32"), "weights at 16 to 29"),
    "kernel's code": (1, KERNELS, lambda word: word | 15 << 29, "is no kernel word"),
    "no such form": (
        1,
        KERNELS,
        changed(Kernel, code="adaptive", number_bits=3, exponent_bits=3),
        "address 14: has the code 5 with 3 bits, 3 of the exponent, and subnormals 0: no format",
    ),
    "a form where none is": (1, KERNELS, changed(Kernel, number_bits=8), "has the code 3 with 8 bits"),
    "a bitmap beyond": (
        1,
        KERNELS,
        changed(Kernel, address=23, skips=1, kd=3, kw=3, kh=3, code="float32"),
        "address 14: leads to weights at 23",
    ),
    "a list beyond": (
        1,
        KERNELS,
        changed(Kernel, address=23, skips=1, lists=1, kd=3, kw=3, kh=3, code="float32"),
        "address 14: leads to weights at 23",
    ),
    "places out of their order": (
        1,
        KERNELS,
        changed(Kernel, address=WEIGHTS, skips=1, lists=1, kd=1, kw=3, kh=3),
        "address 14: lists the weight 15, of 9, out of its order",
    ),
    "a list of all": (
        1,
        KERNELS,
        changed(Kernel, lists=1),
        "address 14: has a list of what it does not skip",
    ),
    "states over axons": (
        0,
        SOURCE,
        changed(Population, neuron=Neuron.STANDARD),
        "names neurons that are no input",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_named(name: str) -> None:
    core, address, edit, message = DAMAGES[name]
    with pytest.raises(BadImage) as error:
        Machine(edited(core, address, edit), file="a.snc")
    assert message in str(error.value)
    assert str(error.value).startswith("a.snc: ")


def test_facts_stand_once_and_flags_are_flags() -> None:
    toy = Toy()
    toy.population((1, 1, 1), initial=1.0, scale=2.0)
    base = toy.image()
    for kind, message in (
        (ExtensionKind.INITIAL, "core 0, address 2: says INITIAL a second time"),
        (ExtensionKind.STATES, "state words at 32767, the"),
        (ExtensionKind.FIRING, "FIRING is 0 or 1, not 32767"),
    ):
        words = base.cores[0].words.copy()
        words[2] = Extension(kind=kind, address=32767, value=1).encode()
        with pytest.raises(BadImage) as error:
            Machine(replace(base, cores=(replace(base.cores[0], words=words),)))
        assert message in str(error.value)


def test_an_extension_word_names_a_further_activation_function() -> None:
    for own, code in ((Activation.IDENTITY, 31), (Activation.IDENTITY, 41), (Activation.RELU, 32)):
        toy = Toy()
        toy.population((1, 1, 1), activation=own, initial=1.0)
        base = toy.image()
        words = base.cores[0].words.copy()
        words[1] = Extension(kind=ExtensionKind.FUNCTION, address=code).encode()
        with pytest.raises(BadImage, match=f"FUNCTION is {code} beside {own.name}, which is no activation"):
            Machine(replace(base, cores=(replace(base.cores[0], words=words),)))


def test_a_population_has_one_scale_or_one_for_each_channel() -> None:
    toy = Toy()
    toy.population((1, 1, 1), initial=1.0, scale=2.0)
    base = toy.image()
    words = base.cores[0].words.copy()
    words[1] = Extension(kind=ExtensionKind.SCALES, address=0).encode()
    with pytest.raises(BadImage, match="core 0, address 0: has a SCALE and SCALES"):
        Machine(replace(base, cores=(replace(base.cores[0], words=words),)))


def test_parameters_of_each_channels_own_are_numbers_in_the_core() -> None:
    toy = Toy()
    toy.population((3, 1, 1), activation=Activation.LEAKY_RELU, parameters=((1.0, 2.0, 3.0),))
    base = toy.image()
    for address, last, message in (
        (5, 0, "core 0, address 0: leads to parameter words at 5 to 6, the core has 5 words"),
        (3, ONES, "core 0, address 3: a parameter is not a number"),
        (2, 0, "from address 2 on, lie over the word at 2"),
    ):
        words = base.cores[0].words.copy()
        words[1] = Extension(kind=ExtensionKind.PARAMETERS, address=address).encode()
        words[-1] = last
        with pytest.raises(BadImage) as error:
            Machine(replace(base, cores=(replace(base.cores[0], words=words),)))
        assert message in str(error.value)


def test_weights_are_finite() -> None:
    toy = Toy()
    source, target = toy.input("x", (1, 1, 1)), toy.population((1, 1, 1))
    toy.join(source, target, np.full((1, 1, 1, 1), np.inf))
    with pytest.raises(BadImage, match="a weight is not finite"):
        Machine(toy.image())


def test_inputs_have_no_states_to_reach() -> None:
    toy = Toy()
    source, target = toy.input("x", (1, 1, 1)), toy.input("y", (1, 1, 1))
    toy.join(source, target, np.ones((1, 1, 1, 1)))
    with pytest.raises(BadImage, match="the port leads to an input population"):
        Machine(toy.image())


def test_a_tensor_names_neurons_that_fire() -> None:
    base = image()
    reset, fire = (Step(order=order, core=1, population=TARGET) for order in (Order.RESET, Order.FIRE))
    source = Step(order=Order.FIRE, core=0, population=SOURCE)
    steps = np.array([step.encode() for step in (reset, source)], np.uint64)
    with pytest.raises(BadImage, match=r"address 1: output 'y' names its neurons, and it never fires"):
        Machine(replace(base, steps=steps))
    steps = np.array([step.encode() for step in (reset, fire)], np.uint64)
    with pytest.raises(BadImage, match=r"core 0, address 0: input 'x' names its neurons"):
        Machine(replace(base, steps=steps))


def test_what_makes_an_image_unsound_is_refused() -> None:
    base = image()
    with pytest.raises(BadImage, match="step 0"):
        Machine(replace(base, steps=np.array([3], np.uint64)))
    with pytest.raises(BadImage, match="is not the only one there"):
        Machine(replace(base, cores=(base.cores[0], CoreImage(0, 0, base.cores[1].words))))


def test_kernel_tables_wrap_around() -> None:
    """(table + C_off + c) modulo 2^15: a base below the table's own address is one far above it."""
    base = edited(1, PORT, changed(Port, table=2**15 - 100))
    words = base.cores[0].words.copy()
    words[AXON] = changed(Axon, c_off=100 + KERNELS)(int(words[AXON]))
    wrapped = replace(base, cores=(replace(base.cores[0], words=words), base.cores[1]))
    x = np.ones((1, 2, 3, 4), np.float32)
    want = Machine(image()).run({"x": x}).outputs["y"]
    np.testing.assert_array_equal(Machine(wrapped).run({"x": x}).outputs["y"], want)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1), st.integers(0, 23), st.lists(st.integers(0, 63), min_size=1, max_size=3))
def test_flipped_bits(core: int, address: int, places: list[int]) -> None:
    """A damaged image is refused, or runs as the manual says."""

    def flip(word: int) -> int:
        for place in places:
            word ^= 1 << place
        return word

    damaged = edited(core, address % len(image().cores[core].words), flip)
    with suppress(BadImage):
        agreed(damaged, {"x": np.ones((1, 2, 3, 4), np.float32)})
