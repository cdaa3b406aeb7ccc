"""Strided tables: what is damaged is named, what is shown is right, and channels of no run do nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from snc.backends.analysis.claims import Role
from snc.backends.analysis.regions import regions
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.backends.words.words import Kernel, Port, Stride
from snc.ir.errors import BadImage
from snc.ir.network import Update

from .machine_toys import Toy
from .packing import pack
from .test_machine import both
from .test_machine_faults import changed

# Port, target, its states, then the pair, 4 channels of 2 bytes and 4 exponents; the source has core 0.
PORT, TARGET, STATES, KERNEL, STRIDE, WEIGHTS, EXPONENTS = 0, 1, 2, 10, 11, 12, 13


def toy() -> Toy:
    """Four channels of 2 x 3, each to two of five channels of its own, by weights of 1, 2 .. 8."""
    made = Toy([(0, 0), (1, 0)])
    source = made.input("x", (4, 2, 3))
    target = made.population((5, 2, 3), 1)
    weights = np.arange(1, 9).reshape(4, 2, 1, 1) / 8
    made.join(source, target, weights, first=range(4), code="fixed8", exponent=-3, strided=True)
    return made.output("y", target)


def edited(address: int, edit: Callable[[int], int]) -> Image:
    image = toy().image()
    words = image.cores[1].words.copy()
    words[address] = edit(int(words[address]))
    return replace(image, cores=(image.cores[0], replace(image.cores[1], words=words)))


def test_the_words_of_a_strided_table() -> None:
    image = toy().image()
    found = {region.address: region for region in regions(image, 1)}
    assert found[PORT].word == Port(population=TARGET, table=KERNEL, update=Update.ADD, strides=1)
    assert [found[at].role for at in (KERNEL, STRIDE)] == [Role.KERNEL, Role.STRIDE]
    assert found[STRIDE].word == Stride(stride=2, step=1, begin=0, count=4, exponents=EXPONENTS)
    assert found[STRIDE].text.endswith("(port 0 channels 0 to 3)")
    assert (found[WEIGHTS].role, found[WEIGHTS].text) == (Role.WEIGHTS, "8 x fixed8, 1 to 8")
    assert (found[EXPONENTS].role, found[EXPONENTS].text) == (Role.EXPONENTS, "4 x exponents, -3 to -3")


def test_the_same_as_a_list_computes() -> None:
    random = np.random.default_rng(0)
    inputs = {"x": random.integers(-8, 9, (1, 4, 2, 3)).astype(np.float32)}
    strided, listed = toy(), toy()
    listed.tables = [replace(listed.tables[0], strided=False)]
    assert listed.image().cores[1].words.size > strided.image().cores[1].words.size
    found, want = (Machine(each.image()).run(inputs).outputs["y"] for each in (strided, listed))
    np.testing.assert_array_equal(found, want)
    both(strided, inputs)


def test_channels_of_no_run_have_no_synapse() -> None:
    frame = np.ones((1, 4, 2, 3), np.float32)
    run = Machine(edited(STRIDE, changed(Stride, begin=1, count=2))).run({"x": frame})
    # Channels 1 and 2 have the weights of 0 and 1 now: 1/8 and 2/8, 3/8 and 4/8.
    np.testing.assert_array_equal(run.outputs["y"][0, :, 0, 0], np.array([1, 2 + 3, 4, 0, 0]) / 8)
    assert run.counters.empty_events.sum() == 2 * 6


def test_the_first_pair_that_holds_a_channel_counts() -> None:
    made = toy().image()
    words = np.concatenate([made.cores[1].words, np.zeros(4, np.uint64)])
    at = made.cores[1].words.size
    words[PORT] = changed(Port, table=at, strides=2)(int(words[PORT]))
    words[at : at + 4] = [
        words[KERNEL],
        changed(Stride, count=1, exponents=0)(int(words[STRIDE])),
        words[KERNEL],
        words[STRIDE],
    ]
    words[at] = changed(Kernel, exponent=0)(int(words[at]))
    image = replace(made, cores=(made.cores[0], replace(made.cores[1], words=words)))
    run = Machine(image).run({"x": np.ones((1, 4, 2, 3), np.float32)})
    expected = np.array([8 * 1, 8 * 2 + 3, 4 + 5, 6 + 7, 8]) / 8
    np.testing.assert_array_equal(run.outputs["y"][0, :, 0, 0], expected)


@pytest.mark.parametrize(
    ("address", "edit", "message"),
    [
        (PORT, changed(Port, strides=16), "address 0: leads to a strided table at 10 to 41"),
        (KERNEL, lambda word: word | 15 << 29, "address 10: is no kernel word"),
        (KERNEL, changed(Kernel, kd=3), "address 10: the kernel's channels end beyond its population's 5"),
        (KERNEL, changed(Kernel, kh=2), "address 10: the kernel is not 1 x 1"),
        (KERNEL, changed(Kernel, skips=1), "address 10: the kernel of a strided table skips zeros"),
        (STRIDE, changed(Stride, step=2), "address 10: the kernel's channels end beyond its population's 5"),
        (STRIDE, changed(Stride, stride=9), "address 10: leads to weights at 15, the core has 14 words"),
        (STRIDE, changed(Stride, stride=2**18 - 1), "address 10: leads to weights at 98315"),
        (
            STRIDE,
            changed(Stride, exponents=14),
            "address 11: leads to exponents at 14, the core",
        ),
        (STRIDE, changed(Stride, count=9), "address 11: leads to exponents at 13 to 14"),
    ],
)
def test_a_damage_is_named(address: int, edit: Callable[[int], int], message: str) -> None:
    with pytest.raises(BadImage) as error:
        Machine(edited(address, edit), file="a.snc")
    assert message in str(error.value)


def test_a_target_without_strided_tables_has_none() -> None:
    image = toy().image()
    with pytest.raises(
        BadImage, match="core 1, address 0: the port's strided table has 1 pairs, the target's at most 0"
    ):
        Machine(replace(image, chip=replace(image.chip, strided_tables=0)))


def test_weights_may_begin_anywhere() -> None:
    """Float32 weights behind a stride of 4 bytes lie across words."""
    image = toy().image()
    words = np.concatenate([image.cores[1].words, pack(np.arange(1, 6, dtype="<f4"))])
    at = image.cores[1].words.size
    words[KERNEL] = changed(Kernel, code="float32", address=at)(int(words[KERNEL]))
    words[STRIDE] = changed(Stride, stride=4, exponents=0)(int(words[STRIDE]))
    words[KERNEL] = changed(Kernel, exponent=0)(int(words[KERNEL]))
    run = Machine(replace(image, cores=(image.cores[0], replace(image.cores[1], words=words)))).run(
        {"x": np.ones((1, 4, 2, 3), np.float32)}
    )
    # Channel c has weights c + 1 and c + 2, to channels c and c + 1.
    np.testing.assert_array_equal(run.outputs["y"][0, :, 1, 2], [1, 2 + 2, 3 + 3, 4 + 4, 5])
