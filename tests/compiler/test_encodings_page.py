"""The tables of docs/encodings.md are what the machine counts; the long ones have rows of theirs checked."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.backends.encodings.forms import Form
from snc.backends.encodings.layer import Axis, Layer, convolution, dense
from snc.compiler.billing.encodings import Activity, Encoded, encoded, studied
from snc.compiler.pipeline.map import quantised
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.target import load_cores
from snc.models.catalogue import build
from snc.models.lenet import lenet

from .encoding_links import links_of_layer

PAGE = Path(__file__).parents[2] / "docs" / "encodings.md"
CHIP = load_cores("grai-vip")
SIDE, CHANNELS, KERNELS, BITS = 28, 16, (3, 5, 7), (2, 5, 8)
SHARES = (1.0, 0.5, 0.25, 0.1, 0.05)
SOURCES, TARGETS = 256, 256
ZEROS = (0.0, 0.5, 0.8, 0.9, 0.95)
NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "LeNet": lenet,
    "PilotNet": partial(build, "pilotnet"),
}
NAMES = {Form.INDEX: "indices", Form.BITMAP: "bitmap", Form.FUNCTIONAL: "functional"}


def table(name: str, text: str) -> None:
    """Compares a table of the page with what it should be, or writes it."""
    begin, end = f"<!-- table: {name} -->\n", "<!-- end of the table -->\n"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    shown, after = rest.split(end, 1)
    if os.environ.get("SNC_BLESS") == "1":
        PAGE.write_text(before + begin + text + end + after, encoding="utf-8", newline="\n")
        shown = text
    assert shown == text, "docs/encodings.md differs: make bless"


def headed(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"


def of_layer(layer: Layer, *, run: bool = False) -> dict[str, Encoded]:
    activity = Activity(weight_bits=layer.weight_bits)
    return encoded(links_of_layer(layer), CHIP, activity, layer if run else None)


def conv(kernel: int, bits: int, share: float = 1.0, side: int = SIDE) -> Layer:
    axis = convolution(side, kernel, padding=kernel // 2)
    kept = np.random.default_rng(0).random((CHANNELS, kernel, kernel, CHANNELS)) < share
    first = np.zeros(CHANNELS, dtype=np.int64)
    return Layer(axis, axis, kept.astype(np.int64), first, CHANNELS, bits)


def training(found: Encoded) -> int:
    return found.backward.words + found.update.words


def less(functional: float, indices: float) -> str:
    return f"{100 * (1 - functional / indices):.0f} %"


def convolutions() -> Iterator[str]:
    yield headed(
        "kernel", "bits", "indices, kB", "bitmap", "functional", "indices, words", "bitmap", "functional",
        "fewer words", "less energy",
    )  # fmt: skip
    for kernel in KERNELS:
        for bits in BITS:
            found = of_layer(conv(kernel, bits))
            index, bitmap, functional = (found[str(form)] for form in Form)
            stored = " | ".join(f"{one.stored_words * 8 / 1024:,.1f}" for one in (index, bitmap, functional))
            words = " | ".join(f"{training(one):,}" for one in (index, bitmap, functional))
            fewer = less(training(functional), training(index))
            energy = less(functional.training_fj, index.training_fj)
            yield f"| {kernel} x {kernel} | {bits} | {stored} | {words} | {fewer} | {energy} |\n"


def test_convolutions() -> None:
    """The first half of the second paper's first claim: 58 % are saved."""
    table("convolutions", "".join(convolutions()))
    small = conv(3, 8, side=12)
    assert of_layer(small) != (counted := of_layer(small, run=True))
    assert all(one.counted for one in counted.values())
    stated = of_layer(small)
    assert all(counted[name].update == stated[name].update for name in counted)
    assert all(counted[name].backward == stated[name].backward for name in counted)


def densities() -> Iterator[str]:
    forms = [NAMES[form] for form in Form]
    yield headed("layer", "not 0", *(f"{name}, kB" for name in forms), *(f"{name}, nJ" for name in forms))
    random = np.random.default_rng(0).random((SOURCES, TARGETS))
    for bits in (2, 8):
        layers = {
            f"dense, {bits} bits": [dense((random < share).astype(np.int64), bits) for share in SHARES],
            f"3 x 3, {bits} bits": [conv(3, bits, share) for share in SHARES],
        }
        for name, drawn in layers.items():
            for share, layer in zip(SHARES, drawn, strict=True):
                found = of_layer(layer)
                stored = " | ".join(f"{found[str(form)].stored_words * 8 / 1024:,.1f}" for form in Form)
                energy = " | ".join(f"{found[str(form)].forward.energy_fj / 1e6:,.0f}" for form in Form)
                yield f"| {name} | {100 * share:.0f} % | {stored} | {energy} |\n"


def test_densities() -> None:
    """The second claim: a bitmap wins in sparser networks."""
    table("densities", "".join(densities()))
    found = of_layer(dense(np.eye(64, dtype=np.int64), 2), run=True)
    assert all(one.counted for one in found.values())


def test_networks(tmp_path: Path) -> None:
    lines = [headed("network", *(f"{100 * zeros:.0f} % dropped" for zeros in ZEROS))]
    for name, model in NETWORKS.items():
        path = tmp_path / "model.onnx"
        path.write_bytes(model().SerializeToString())
        network = quantised(prepare(path), "float32")
        saved = [studied(network, CHIP, Activity(zeros=zeros))[1].training_saved for zeros in ZEROS]
        lines.append(f"| {name} | {' | '.join(f'{100 * share:.0f} %' for share in saved)} |\n")
    table("networks", "".join(lines))


@pytest.mark.parametrize("axis", [Axis(4, 8, 2, 1, 2, 0), convolution(9, 3, 2, 1)])
def test_an_axis_meets_as_many_targets_as_it_reaches(axis: Axis) -> None:
    assert axis.meets().sum() == sum(axis.reach(position)[2] for position in range(axis.source))
