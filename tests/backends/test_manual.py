"""docs/image.md is what the declarations say."""

import os
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from snc.backends.analysis.claims import Role
from snc.backends.analysis.regions import regions
from snc.backends.image.container import write_image
from snc.backends.image.image import CoreImage, Image, ImagePiece, ImageTensor
from snc.backends.machine.machine import Arithmetic, Machine
from snc.backends.manual.crossbars import WORDS as CROSSBAR_WORDS
from snc.backends.manual.manual import manual
from snc.backends.words.bits import Codes, Word, label
from snc.backends.words.codes import ACTIVATIONS, NEURONS, UPDATES, WEIGHTS
from snc.backends.words.words import (
    CORE_WORDS,
    LEARNING_WORDS,
    Axon,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Order,
    Population,
    Port,
    Step,
    Stride,
)
from snc.ir.firing.learning import Rounding
from snc.ir.network import Activation, Neuron, Update

from .by_the_manual import Chip
from .machine_toys import Toy
from .packing import pack
from .toy import toy_image, toy_reference, words

DOCS = Path(__file__).parents[2] / "docs" / "image.md"


def test_the_manual_is_up_to_date() -> None:
    text = manual()
    if os.environ.get("SNC_BLESS") == "1":
        DOCS.write_text(text, encoding="utf-8", newline="\n")
    assert DOCS.read_text(encoding="utf-8") == text, "docs/image.md differs: make bless, and read the diff"


@pytest.mark.parametrize("cls", [*CORE_WORDS, Step, *LEARNING_WORDS, *CROSSBAR_WORDS])
def test_every_field_stands_in_a_table(cls: type[Word]) -> None:
    section = manual().split(f"\n#### {cls.__name__}\n")[1].split("\n#")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert [row[1] for row in rows[2:]] == ["" if f.is_padding else f"`{f.name}`" for f in cls.FIELDS]
    assert sum(f.width for f in cls.FIELDS) == 64


@pytest.mark.parametrize("codes", [BiasFormat, ExtensionKind, Order, Rounding])
def test_every_code_stands_in_a_table(codes: type[IntEnum]) -> None:
    table = manual().split(f"\n| {codes.__name__} | name | ")[1].split("\n\n")[0]
    for code in codes:
        assert f"\n| {code.value} | `{code.name}` | " in table


@pytest.mark.parametrize("codes", [WEIGHTS, NEURONS, ACTIVATIONS, UPDATES])
def test_every_named_code_stands_in_a_table(codes: Codes[Any]) -> None:
    table = manual().split(f"\n| {codes.title} | name | ")[1].split("\n\n")[0]
    for thing, number in codes.numbers.items():
        assert f"\n| {number} | `{label(thing)}` | " in table


def test_the_prose_is_plain() -> None:
    for number, line in enumerate(manual().splitlines(), 1):
        assert line == line.rstrip(), number
        assert "$" not in line, number
        assert line.isascii(), number
        assert len(line) <= 120 or line.startswith("|"), number


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
def test_the_manual_suffices(arithmetic: str) -> None:
    chip = Chip(write_image(toy_image()), arithmetic)
    picture = np.array([[[[1, 0], [-2, 0.25]]]], dtype=np.float32)
    found = chip.run({"image": picture})
    assert found.keys() == {"features"}
    np.testing.assert_array_equal(found["features"], toy_reference(picture))
    assert found["features"].dtype == np.float32
    np.testing.assert_array_equal(chip.run({"image": picture}, "layer")["features"], toy_reference(picture))
    # In each of two frames three values are not zero, and each of them reaches two neurons one hop away.
    assert [chip.counted(n) for n in ("events", "empty_events", "synaptic_operations", "hops")] == [
        6,
        0,
        12,
        6,
    ]


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
@pytest.mark.parametrize("function", Activation)
def test_the_formulas_are_the_machines(function: Activation, arithmetic: Arithmetic) -> None:
    """Numbers, zero, infinities and a NaN through each activation function, and what then sends events."""
    numbers = [*np.linspace(-4, 4, 33), -100, 100, 1e-6, -1e-6, 9, -9, 9]
    depth, huge = len(numbers), 3e38
    weights = np.ones(depth)
    weights[-3:] = huge  # times 9 an infinity
    bias = np.zeros(depth)
    bias[-1] = -np.inf
    parameters = (0.25, 0.75, -2.0, 3.0)[: len(function.parameters)]
    toy = Toy()
    source = toy.input("x", (depth, 1, 1))
    between = toy.population((depth, 1, 1))
    target = toy.population((depth, 1, 1), activation=function, parameters=parameters, bias=bias)
    behind = toy.population((depth, 1, 1), fires_on_zero=True)
    ones = np.ones((depth, 1, 1, 1))
    toy.join(source, between, weights.reshape(-1, 1, 1, 1), first=range(depth))
    toy.join(between, target, ones, first=range(depth))
    toy.join(target, behind, ones, first=range(depth), update=Update.MAXIMUM)
    toy.output("y", target).output("z", behind)
    image, frame = toy.image(), {"x": np.array(numbers, np.float32).reshape(1, depth, 1, 1)}
    with np.errstate(all="ignore"):
        chip = Chip(write_image(image), arithmetic)
        want = chip.run(frame)
    run = Machine(image, arithmetic).run(frame)
    assert np.isnan(want["y"].ravel()[-1]) == (
        function not in (Activation.THRESHOLDED_RELU, Activation.SHRINK)
    )
    for name in ("y", "z"):
        np.testing.assert_allclose(
            run.outputs[name], want[name], rtol=1e-6 if chip.rounded is np.float32 else 1e-3
        )
    total = run.counters.total
    assert (total.events, total.empty_events, total.synaptic_operations) == (
        chip.counted("events"),
        chip.counted("empty_events"),
        chip.counted("synaptic_operations"),
    )


def strided_image(bias: NDArray[np.float32], weights: NDArray[np.float32], table: bool) -> Image:
    """Two channels of 4 x 5, a 3 x 3 convolution, stride 2, padding 1, to channels 1 to 3 of 4, tripled.

    `table`: its kernel table is strided, too, the second channel's weights begin in the middle of a word, and
    both channels have exponents.
    """
    # [out, in, y, x] is stored, for each source channel, as [x, y, out] of the turned kernel.
    turned = weights[:, :, ::-1, ::-1].transpose(1, 3, 2, 0)
    kernel = Kernel(kd=3, kw=3, kh=3, sl=1, first=1, code="float32", exponent=0, address=19)
    other = Kernel(kd=3, kw=3, kh=3, sl=1, first=1, code="float32", exponent=0, address=33)
    numbers: tuple[Word | NDArray[np.uint64], ...]
    numbers = kernel, other, pack(turned[0].ravel()), pack(turned[1].ravel())
    if table:
        run = Stride(stride=108, step=0, begin=1, count=2, exponents=46)
        scaled = np.concatenate([turned[0].ravel() * 2, turned[1].ravel() / 4])
        numbers = kernel, run, pack(scaled), pack(np.array([-1, 2], dtype="i1"))
    memory = words(
        Port(population=2, table=17 if table else 16, update=Update.ADD, strides=int(table)),
        Population(
            width=5,
            height=4,
            depth=2,
            neuron=Neuron.INPUT,
            activation=Activation.IDENTITY,
            axons=1,
            start=3,
            bias=BiasFormat.NONE,
            extensions=0,
        ),
        Population(
            width=3,
            height=2,
            depth=4,
            neuron=Neuron.STANDARD,
            activation=Activation.LEAKY_RELU,
            axons=0,
            start=4,
            bias=BiasFormat.FLOAT32,
            extensions=3,
        ),
        Axon(x_off=-1, y_off=-1, c_off=1, width=1, height=1, kw=3, kh=3, us=0, core_x=0, core_y=0, port=0),
        Extension(kind=ExtensionKind.PARAMETER, value=0.125),
        Extension(kind=ExtensionKind.SCALE, value=3),
        Extension(kind=ExtensionKind.STATES, address=10),
        pack(bias),
        np.zeros(8, dtype=np.uint64),
        *numbers,
    )
    image = toy_image()
    return replace(
        image,
        chip=replace(image.chip, strided_tables=int(table)),
        cores=(CoreImage(1, 0, memory),),
        steps=words(
            Step(order=Order.RESET, core=0, population=2),
            Step(order=Order.FIRE, core=0, population=1),
            Step(order=Order.FIRE, core=0, population=2),
        ),
        tensors=(
            ImageTensor(
                "in", "input", (2, 4, 5), "float32", (ImagePiece(0, 1, 0, 0, 0, 2, 4, 5, 0, 20, 5, 1),)
            ),
            ImageTensor(
                "out", "output", (4, 2, 3), "float32", (ImagePiece(0, 2, 0, 0, 0, 4, 2, 3, 0, 6, 3, 1),)
            ),
        ),
        about=replace(image.about, layers=()),
    )


@pytest.mark.parametrize("table", [False, True])
def test_the_manual_suffices_for_a_strided_convolution(table: bool) -> None:
    draw = np.random.default_rng(3)
    bias, weights = draw.normal(size=4).astype(np.float32), draw.normal(size=(3, 2, 3, 3)).astype(np.float32)
    picture = draw.normal(size=(2, 4, 5)).astype(np.float32)
    padded = np.pad(picture, ((0, 0), (1, 1), (1, 1))).astype(np.float64)
    want = np.tile(bias.astype(np.float64)[:, None, None], (1, 2, 3))
    for y in range(2):
        for x in range(3):
            window = padded[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
            want[1:, y, x] += (weights * window).sum(axis=(1, 2, 3))
    want = 3 * np.where(want > 0, want, want / 8)
    image = strided_image(bias, weights, table)
    rare = set() if table else {Role.STRIDE, Role.EXPONENTS}
    assert {region.role for region in regions(image, 0)} == {*Role} - rare
    for arithmetic, tolerance in (("float32", 1e-5), ("chip", 5e-2)):
        chip = Chip(write_image(image), arithmetic)
        np.testing.assert_allclose(chip.run({"in": picture})["out"], want, rtol=0, atol=tolerance)
        # Columns 0 to 4 reach 1, 2, 1, 2, 1 neurons of a row, rows 0 to 3 reach 1, 2, 1, 1 of a column.
        assert chip.counted("synaptic_operations") == 2 * 7 * 5 * 3
        assert [chip.counted(n) for n in ("events", "empty_events", "hops")] == [40, 0, 0]
