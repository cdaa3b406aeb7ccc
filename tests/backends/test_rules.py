"""What docs/image.md says at the borders: which words are looked at, where states may lie, what is empty."""

from dataclasses import replace

import numpy as np
import pytest

from snc.backends.image.container import read_image, write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.backends.words.words import (
    NULL_KERNEL,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Population,
    Port,
    Stride,
)
from snc.ir.errors import BadImage

from .machine_toys import Toy, about
from .test_machine import agreed
from .test_machine_faults import changed
from .toy import toy_image

FRAME = {"x": np.ones((1, 2, 1, 1), np.float32)}
# Port, input, target; behind the input's axon the target's extension and bias; behind its states, kernels.
PORT, INPUT, TARGET, EXTENSION, BIAS, KERNELS, WEIGHTS = 0, 1, 2, 4, 5, 7, 9


def image(*, words: int = 0) -> Image:
    """Two channels to one, through a list of two kernels. `words`: more of them at the end, zero."""
    toy = Toy()
    source = toy.input("x", (2, 1, 1))
    bias = np.array([0.5])
    target = toy.population((1, 1, 1), initial=0.0, bias=bias, bias_format=BiasFormat.FLOAT16)
    toy.join(source, target, np.full((2, 1, 1, 1), 2.0), code="float16")
    made = toy.output("y", target).image()
    core = made.cores[0]
    memory = np.concatenate([core.words, np.zeros(words, np.uint64)])
    return replace(made, cores=(replace(core, words=memory),))


def edited(made: Image, words: dict[int, int]) -> Image:
    """An image with other words at some addresses."""
    memory = made.cores[0].words.copy()
    for address, word in words.items():
        memory[address] = word
    return replace(made, cores=(replace(made.cores[0], words=memory),))


def word(made: Image, place: int) -> int:
    return int(made.cores[0].words[place])


def states_at(made: Image, address: int) -> Image:
    """The image with the target's states elsewhere."""
    return edited(made, {EXTENSION: Extension(kind=ExtensionKind.STATES, address=address).encode()})


def test_the_image_computes() -> None:
    assert agreed(image(), FRAME).outputs["y"].item() == 4.5
    assert Population.decode(word(image(), TARGET)).bias == BiasFormat.FLOAT16


def test_a_null_kernel_has_no_other_field() -> None:
    null = changed(Kernel, code="null", kw=9, first=1000, address=2**15 - 1)(word(image(), KERNELS))
    assert agreed(edited(image(), {KERNELS: null}), FRAME).outputs["y"].item() == 2.5


def test_a_descriptor_that_no_channel_selects_is_not_looked_at() -> None:
    made = image()
    narrow = edited(made, {INPUT: changed(Population, depth=1)(word(made, INPUT)), KERNELS + 1: 2**64 - 1})
    piece = replace(narrow.tensors[0].pieces[0], depth=1)
    named = replace(narrow.tensors[0], pieces=(piece,))
    narrow = replace(narrow, tensors=(named, *narrow.tensors[1:]))
    assert agreed(narrow, FRAME).outputs["y"].item() == 2.5


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((2**64 - 1, 0), "address 13: is no kernel word"),
        (
            (NULL_KERNEL.encode(), Stride(stride=0, step=0, begin=9, count=9, exponents=14).encode()),
            "address 14: leads to exponents at 14 to 15",
        ),
    ],
    ids=["kernel", "exponents"],
)
def test_a_pair_that_no_channel_selects_is_looked_at(pair: tuple[int, int], message: str) -> None:
    """Behind the first pair, which has both channels."""
    made = image(words=4)
    head = word(made, KERNELS)
    first = Stride(stride=0, step=0, begin=0, count=2, exponents=0).encode()
    port = changed(Port, table=11, strides=2)(word(made, PORT))
    with pytest.raises(BadImage) as error:
        Machine(edited(made, {PORT: port, 11: head, 12: first, 13: pair[0], 14: pair[1]}))
    assert message in str(error.value)
    unused = {13: NULL_KERNEL.encode(), 14: Stride(stride=0, step=0, begin=9, count=9, exponents=0).encode()}
    assert agreed(edited(made, {PORT: port, 11: head, 12: first} | unused), FRAME).outputs["y"].item() == 4.5


def test_a_strided_table_does_not_wrap() -> None:
    made = image()
    with pytest.raises(BadImage, match="leads to a strided table at 32766 to 32769"):
        Machine(edited(made, {PORT: changed(Port, table=2**15 - 2, strides=2)(word(made, PORT))}))


def test_states_lie_over_no_word_of_numbers_not_even_what_is_left_of_it() -> None:
    made = image(words=1)
    last = made.cores[0].words.size - 1
    assert agreed(states_at(made, last), FRAME).outputs["y"].item() == 4.5
    for place in (BIAS, WEIGHTS, WEIGHTS + 1):
        with pytest.raises(BadImage, match=f"lie over the word at {place}"):
            Machine(states_at(made, place))


def test_states_may_lie_over_words_that_nothing_leads_to() -> None:
    made = image(words=1)
    last = made.cores[0].words.size - 1
    memory = made.cores[0].words.copy()
    memory[last] = 2**64 - 1
    full = replace(made, cores=(replace(made.cores[0], words=memory),))
    assert agreed(states_at(full, last), FRAME).outputs["y"].item() == 4.5


@pytest.mark.parametrize(("exponent", "is_finite"), [(126, True), (127, False)])
def test_a_weight_is_finite_after_its_exponent(exponent: int, is_finite: bool) -> None:
    made = image()
    wide = edited(made, {KERNELS: changed(Kernel, exponent=exponent)(word(made, KERNELS))})
    if is_finite:
        assert Machine(wide).run(FRAME).outputs["y"].item() == np.float32(2.0**127)
    else:
        with pytest.raises(BadImage, match="a weight is not finite"):
            Machine(wide)


def test_an_image_may_have_no_step_and_no_core() -> None:
    none = np.zeros(0, np.uint64)
    for cores in (toy_image().cores, ()):
        empty = replace(toy_image(), cores=cores, steps=none, tensors=(), about=about())
        run = Machine(read_image(write_image(empty))).run({})
        assert run.outputs == {}
        assert run.counters.total.events == 0
