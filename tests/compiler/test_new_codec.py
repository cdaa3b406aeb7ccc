"""A weight format is one declaration and its number: compiler, listing, manual and machine follow from it."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.backends.analysis.listing import disassemble
from snc.backends.manual.manual import manual
from snc.backends.words.codes import WEIGHTS
from snc.cli.compile import compile_command
from snc.cli.options import WeightFormat
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.ir.storage.weights import FORMATS, Codec, Scale, fixed

from .reference import CHIP, assert_layers, options

POWERS = np.array([0.0, *np.exp2(np.arange(-126, 1))])


def to_powers(numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Sign in the highest bit, then the nearest of POWERS."""
    after = np.clip(np.searchsorted(POWERS, np.abs(numbers)), 1, len(POWERS) - 1)
    nearer = np.abs(numbers) - POWERS[after - 1] < POWERS[after] - np.abs(numbers)
    return np.asarray((numbers < 0) * 128 + after - nearer, dtype=np.uint8)


def from_powers(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.where(codes >= 128, -1.0, 1.0) * POWERS[codes % 128])


CODECS = [
    Codec("power8", 8, "sign and a power of two", to_powers, from_powers, Scale.NONE),
    Codec("top8", 8, "sign and a power of two of at most 1", to_powers, from_powers, Scale.DESCRIPTOR, 1.0),
    fixed("whole4", 4),
    fixed("whole6", 6),  # some numbers lie in two words
    fixed("whole11", 11),
]


@pytest.fixture(params=CODECS, ids=lambda codec: codec.name)
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Codec:
    added: Codec = request.param
    monkeypatch.setitem(FORMATS, added.name, added)
    monkeypatch.setitem(WEIGHTS.numbers, added.name, 7)
    return added


def model() -> onnx.ModelProto:
    w = Writer(13, 5)
    x = w.input((1, 3, 9, 9))
    y = w.add("Relu", w.add("Conv", x, w.weights((8, 3, 3, 3), 27), w.weights((8,), 1)))
    y = w.add("Conv", y, w.weights((8, 1, 3, 3), 9), group=8, strides=[2, 2])
    y = w.add("AveragePool", y, kernel_shape=[3, 3])
    return w.model([w.add("Gemm", w.add("Flatten", y), w.weights((8, 7), 8))], "small")


def compiled(codec: Codec, strided: int) -> Compiled:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model().SerializeToString())
        return compile_model(path, replace(CHIP, strided_tables=strided), options(codec.name))


@pytest.mark.parametrize("strided", [0, 1])
def test_it_compiles_and_computes(codec: Codec, strided: int) -> None:
    found = compiled(codec, strided)
    assert_layers(found, random_input(model(), 0))
    held = [p.kernel for p in found.network.projections if p.kernel.format]
    assert {kernel.format for kernel in held} == {codec.name}
    assert all(kernel.exponents is not None for kernel in held)
    assert any(kernel.exponents.any() for kernel in held if kernel.exponents is not None) == (
        codec.scale is Scale.DESCRIPTOR
    )


def test_it_is_listed_and_billed_by_its_bits(codec: Codec) -> None:
    found = compiled(codec, 0)
    listing = disassemble(found.image)
    assert f"code={codec.name.upper()}" in listing
    assert f"{8 * 3 * 3} x {codec.name}, " in listing
    assert "unreferenced" not in listing
    numbers = bill(found.image).total.parameters
    words = [3 * -(-8 * 9 * codec.bits // 64), 8 * -(-9 * codec.bits // 64), 8 * -(-7 * codec.bits // 64)]
    # Ones for the pooling and the dense layer come on top; where a kernel has many zeros, they are skipped.
    assert sum(words) * 8 - 8 * 3 <= numbers <= sum(words) * 8 + 16


def test_the_command_line_knows_it(codec: Codec) -> None:
    assert WeightFormat().convert(codec.name, None, None) == codec.name
    assert codec.name in CliRunner().invoke(compile_command, ["--help"]).output


def test_the_manual_has_its_row(codec: Codec) -> None:
    row = f"| 7 | `{codec.name.upper()}` | {codec.bits} | {codec.text} | {codec.scale.value} | all 0 |"
    assert row in manual()
