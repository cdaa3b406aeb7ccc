"""The checker can fail: every rule it knows is broken once in an image that was right, and is found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import pytest
from compiler.reference import compiled, options, shrunken
from oracle import layers
from oracle.writer import Writer

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.backends.words.bits import Word
from snc.backends.words.words import (
    Axon,
    Extension,
    ExtensionKind,
    Kernel,
    Order,
    Population,
    Port,
    Step,
    Stride,
)
from snc.compiler.reports.report import report
from snc.ir.activations import Activation
from snc.ir.errors import SncError

from .check import assert_obeys, check
from .reading import STRIDE, Picture, Wire, decoded, wires

Change = Callable[[Image], Image]

CHIP = shrunken(core_words=600, mesh=(6, 6), height_max=8)


@pytest.fixture(scope="module")
def image() -> Image:
    """A network on several cores, with shared states, kernels, strides, upsampling and helpers."""
    return compiled(network(), CHIP, options()).image


@pytest.fixture(scope="module")
def strided() -> Image:
    """The same with strided kernel tables and weights of 8 bits, whose exponents lie apart."""
    chip = replace(CHIP, core_words=300, strided_tables=1)
    return compiled(network(), chip, options("fixed8")).image


@pytest.fixture(scope="module")
def listed() -> Image:
    """A layer whose kernels list their weights: three of 90 each."""
    w = Writer(13, 4)
    weights = np.zeros((90, 2, 1, 1), dtype=np.float32)
    weights[[5, 40, 77]] = 0.5
    model = w.model([w.add("Conv", w.input((1, 2, 2, 2)), w.constant(weights))], "listed")
    return compiled(model, CHIP, options("fixed8")).image


def network() -> onnx.ModelProto:
    """Convolutions, an addition, a transposed convolution and a mean."""
    w = Writer(13, 3)
    x = w.input((1, 3, 12, 14))
    x = w.add("Relu", layers.conv(w, x, 6, (3, 3), pads=(1, 1, 1, 1)))
    y = w.add("Relu", layers.conv(w, x, 6, (3, 3), pads=(1, 1, 1, 1)))
    x = w.add("Add", x, y)
    x = w.add("Relu", layers.conv(w, x, 8, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1)))
    x = w.add("ConvTranspose", x, w.weights((8, 4, 2, 2), 8), strides=[2, 2])
    x = layers.conv(w, w.add("Concat", x, y, axis=1), 4, (3, 3))
    return w.model([w.add("GlobalAveragePool", x)], "checked")


def written(image: Image) -> bytes:
    """The image's bytes, whatever is wrong with it: the writer's own check stands aside."""
    with mock.patch("snc.backends.image.container.faults", return_value=()):
        return write_image(image)


def rules(image: Image) -> set[str]:
    return {fault.rule for fault in check(written(image)).faults}


def put(image: Image, core: int, address: int, word: Word) -> Image:
    """The image with one other word."""
    words = image.cores[core].words.copy()
    words[address] = word.encode()
    cores = list(image.cores)
    cores[core] = replace(cores[core], words=words)
    return replace(image, cores=tuple(cores))


def edited(image: Image, core: int, address: int, kind: type[Word], /, **fields: object) -> Image:
    """The image with other fields in one word."""
    word = kind.decode(int(image.cores[core].words[address]))
    values = {field.name: getattr(word, field.name) for field in kind.FIELDS if not field.is_padding}
    return put(image, core, address, kind(**{**values, **fields}))


def an_axon(image: Image, **fields: object) -> Image:
    """Other fields in the first axon that leads to another core."""
    picture = Picture(write_image(image))
    for population in picture.populations.values():
        for i, wire in enumerate(wires(picture, population)):
            if wire.target.core is not population.core and not population.is_input:
                return edited(image, population.core.index, population.axons_at + i, Axon, **fields)
    raise AssertionError


def a_port(image: Image, **fields: object) -> Image:
    """Other fields in the port of the first axon."""
    picture = Picture(write_image(image))
    wire = wires(picture, next(p for p in picture.populations.values() if p.fields["axons"]))[0]
    return edited(image, wire.target.core.index, wire.port, Port, **fields)


def a_kernel(image: Image, **fields: object) -> Image:
    """Other fields in a kernel descriptor that has weights and is selected."""
    picture = Picture(write_image(image))
    for population in picture.populations.values():
        for wire in wires(picture, population):
            for entry, code in zip(wire.entries.tolist(), wire.kernels["code"].tolist(), strict=True):
                if code:
                    return edited(image, wire.target.core.index, entry, Kernel, **fields)
    raise AssertionError


def a_list(image: Image, number: int, other: int) -> Image:
    """Another number of 7 bits in the list of a kernel: its length, less 1, is number 0."""
    picture = Picture(write_image(image))
    wire = next(wire for p in picture.populations.values() for wire in wires(picture, p))
    core, address = wire.target.core.index, int(wire.kernels["address"][0])
    words = image.cores[core].words.copy()
    held = (int(words[address]) >> 7 * number) % 2**7
    words[address] = int(words[address]) + ((other - held) << 7 * number)
    cores = list(image.cores)
    cores[core] = replace(cores[core], words=words)
    return replace(image, cores=tuple(cores))


def a_pair(image: Image) -> Wire:
    """The first wire to a strided table whose first pair has exponents and channels of its own."""
    picture = Picture(write_image(image))
    for population in picture.populations.values():
        for wire in wires(picture, population):
            if wire.pairs.size:
                run = decoded(wire.target.core.words[wire.pairs[:1] + 1], STRIDE)
                if run["exponents"][0] and run["stride"][0]:
                    return wire
    raise AssertionError


def a_head(image: Image, **fields: object) -> Image:
    """Other fields in the kernel descriptor of a pair."""
    wire = a_pair(image)
    return edited(image, wire.target.core.index, int(wire.pairs[0]), Kernel, **fields)


def a_stride(image: Image, **fields: object) -> Image:
    """Other fields in the stride of a pair."""
    wire = a_pair(image)
    return edited(image, wire.target.core.index, int(wire.pairs[0]) + 1, Stride, **fields)


def a_strided_port(image: Image, **fields: object) -> Image:
    """Other fields in the port of a strided table."""
    wire = a_pair(image)
    return edited(image, wire.target.core.index, wire.port, Port, **fields)


def further(image: Image) -> Image:
    """A port whose strided table begins a word further on, between the words of its first pair."""
    wire = a_pair(image)
    return a_strided_port(image, table=int(wire.pairs[0]) + 1)


def a_population(image: Image, **fields: object) -> Image:
    """Other fields in the descriptor of the last population to fire."""
    step = Step.decode(int(image.steps[-1]))
    return edited(image, step.core, step.population, Population, **fields)


def states_on_top(image: Image) -> Image:
    """A population's states where those of the population that feeds it are, in the same core."""
    picture = Picture(write_image(image))
    for population in picture.populations.values():
        for wire in wires(picture, population):
            target = wire.target
            if target.core is population.core and target is not population and not population.is_input:
                kinds = target.extensions["kind"].tolist()
                at = target.start + kinds.index(ExtensionKind.STATES)
                return edited(image, target.core.index, at, Extension, address=population.states_at)
    raise AssertionError


def steps(image: Image, change: Callable[[list[Step]], list[Step]]) -> Image:
    """The image with another firing order."""
    words = [word.encode() for word in change([Step.decode(int(word)) for word in image.steps])]
    return replace(image, steps=np.array(words, dtype=np.uint64))


def resets_last(found: list[Step]) -> list[Step]:
    return sorted(found, key=lambda step: step.order == Order.RESET)


def of_layers(image: Image, change: Callable[[list[list[object]]], object]) -> Image:
    """The image with other fragments of its first layer."""
    about = image.about
    first = about.layers[0]
    fragments = [[f.core, f.population, f.c0, f.y0, f.x0] for f in first.fragments]
    change(fragments)  # type: ignore[arg-type]
    kind = type(first.fragments[0])
    changed = replace(first, fragments=tuple(kind(*f) for f in fragments))
    return replace(image, about=replace(about, layers=(changed, *about.layers[1:])))


def an_output(image: Image, **fields: int) -> Image:
    """Other fields in the first piece of the output."""
    found = []
    for tensor in image.tensors:
        if tensor.kind == "output":
            tensor = replace(tensor, pieces=(replace(tensor.pieces[0], **fields), *tensor.pieces[1:]))
        found.append(tensor)
    return replace(image, tensors=tuple(found))


FAULTS: dict[str, tuple[str, Change]] = {
    "states of neighbours overlap": ("states", states_on_top),
    "states are shared but said to be persistent": (
        "states",
        lambda image: replace(image, about=replace(image.about, states="persistent")),
    ),
    "an axon ends where no core is": ("reach", lambda image: an_axon(image, core_x=7, core_y=7)),
    "an axon ends at a port that is none": ("reach", lambda image: an_axon(image, port=31)),
    "a table is out of range": ("pointer", lambda image: a_port(image, table=20000)),
    "a table wraps into the ports": ("memory", lambda image: a_port(image, table=0)),
    "a port serves no population": ("reach", lambda image: a_port(image, population=0)),
    "weights are out of range": ("pointer", lambda image: a_kernel(image, address=32767)),
    "weights lie on another's words": ("memory", lambda image: a_kernel(image, address=0)),
    "a kernel is larger than its axon says": ("kernel", lambda image: a_kernel(image, kw=9)),
    "a kernel ends beyond the last channel": ("kernel", lambda image: a_kernel(image, first=1000)),
    "an axon sees a smaller target": ("hit", lambda image: an_axon(image, width=1)),
    "an axon sees a larger target": ("hit", lambda image: an_axon(image, height=40)),
    "a block is out of range": ("pointer", lambda image: a_population(image, start=32767)),
    "a population has an axon too many": ("reach", lambda image: a_population(image, axons=1)),
    "a population has a parameter too few": (
        "extensions",
        lambda image: a_population(image, activation=Activation.THRESHOLDED_RELU),
    ),
    "a fragment is larger than its share": ("coverage", lambda image: a_population(image, depth=3)),
    "populations fire before their sources": (
        "order",
        lambda image: steps(image, lambda found: sorted(found, key=lambda s: s.order == Order.FIRE)[::-1]),
    ),
    "states are reset after the first event": ("order", lambda image: steps(image, resets_last)),
    "a population is never reset": ("order", lambda image: steps(image, lambda found: found[1:])),
    "two cores stand in one place": (
        "place",
        lambda image: replace(image, cores=(replace(image.cores[0], x=image.cores[1].x), *image.cores[1:])),
    ),
    "two fragments have the same neurons": (
        "coverage",
        lambda image: of_layers(image, lambda found: found.append(found[0])),
    ),
    "a fragment is missing": ("coverage", lambda image: of_layers(image, lambda found: found.pop())),
    "a neuron is beyond its layer": (
        "coverage",
        lambda image: of_layers(image, lambda found: found[-1].__setitem__(2, 1)),
    ),
    "an element is two neurons'": ("tensor", lambda image: an_output(image, step_c=0)),
    "an element is beyond its tensor": ("tensor", lambda image: an_output(image, base=1000)),
    "a box is beyond its population": ("tensor", lambda image: an_output(image, c0=1000)),
}


STRIDED_FAULTS: dict[str, tuple[str, Change]] = {
    "the target has no strided tables": (
        "strided_tables",
        lambda image: replace(image, chip=replace(image.chip, strided_tables=0)),
    ),
    "a strided table is out of range": ("pointer", lambda image: a_strided_port(image, strides=1023)),
    "a strided table begins at a stride": ("memory", further),
    "a strided table lies on the ports": ("memory", lambda image: a_strided_port(image, table=0)),
    "the kernels of a run are larger than their axon says": ("kernel", lambda image: a_head(image, kw=9)),
    "the kernels of a run end beyond the last channel": (
        "kernel",
        lambda image: a_head(image, first=1000),
    ),
    "a run's last kernel ends beyond the last channel": ("kernel", lambda image: a_stride(image, step=6)),
    "an axon sees a smaller target": ("hit", lambda image: an_axon(image, width=1)),
    "the weights of a run are out of range": ("pointer", lambda image: a_stride(image, stride=2**17)),
    "the weights of a run lie on another's words": ("memory", lambda image: a_stride(image, stride=200)),
    "exponents are out of range": ("pointer", lambda image: a_stride(image, exponents=32767)),
    "exponents lie on another's words": ("memory", lambda image: a_stride(image, exponents=1)),
    "a run has exponents for too many channels": ("memory", lambda image: a_stride(image, count=12)),
}


LIST_FAULTS: dict[str, tuple[str, Change]] = {
    "a list of weights that are all stored": ("field", lambda image: a_kernel(image, skips=0)),
    "a bitmap in place of a list": ("memory", lambda image: a_kernel(image, lists=0)),
    "a place is beyond the last weight": ("field", lambda image: a_list(image, 3, 90)),
    "a place is there twice": ("field", lambda image: a_list(image, 2, 5)),
    "places go down": ("field", lambda image: a_list(image, 1, 41)),
    "a list is longer than its kernel": ("field", lambda image: a_list(image, 0, 127)),
    "a list is longer than it was": ("field", lambda image: a_list(image, 0, 3)),
}


@pytest.mark.parametrize("name", ["image", "strided", "listed"])
def test_an_image_that_is_right_has_no_fault(name: str, request: pytest.FixtureRequest) -> None:
    image: Image = request.getfixturevalue(name)
    assert len(image.cores) > 3 or name == "listed"
    assert check(write_image(image)).faults == ()


@pytest.mark.parametrize("name", STRIDED_FAULTS)
def test_a_fault_of_a_strided_table_is_found(name: str, strided: Image) -> None:
    rule, change = STRIDED_FAULTS[name]
    assert rule in rules(change(strided))


@pytest.mark.parametrize("name", LIST_FAULTS)
def test_a_fault_of_a_list_is_found(name: str, listed: Image) -> None:
    rule, change = LIST_FAULTS[name]
    assert rule in rules(change(listed))
    with pytest.raises(SncError):
        Machine(change(listed))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str, image: Image) -> None:
    rule, change = FAULTS[name]
    assert rule in rules(change(image))


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ("core_words", {"core_words": 400}),
        ("width_max", {"width_max": 13}),
        ("height_max", {"height_max": 5}),
        ("depth_max", {"depth_max": 2}),
        ("kernel_max", {"kernel_max": 2}),
        ("stride_max", {"stride_max": 1}),
        ("upsampling_max", {"upsampling_max": 1}),
        ("channel_offset_max", {"channel_offset_max": 2}),
        ("axons_max", {"axons_max": 1}),
        ("ports_max", {"ports_max": 1}),
        ("offset", {"offset_min": 0}),
        ("offset", {"offset_max": 0}),
        ("reach", {"reach_min": 0}),
        ("reach", {"reach_max": 0}),
        ("place", {"mesh": (1, 6)}),
    ],
    ids=str,
)
def test_every_number_of_the_target_binds(
    rule: str, numbers: dict[str, int | tuple[int, int]], image: Image
) -> None:
    assert rules(replace(image, chip=replace(image.chip, **numbers))) == {rule}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["neurons_bytes", "connectivity_bytes", "parameters_bytes", "neurons"])
def test_a_report_that_says_otherwise_is_found(name: str, image: Image, tmp_path: Path) -> None:
    path = tmp_path / "checked.snc"
    path.write_bytes(write_image(image))
    said = report(image, path)
    assert_obeys(path.read_bytes(), said)
    totals = replace(said.totals, **{name: getattr(said.totals, name) + 1})
    with pytest.raises(AssertionError):
        assert_obeys(path.read_bytes(), replace(said, totals=totals))
