"""Integers with a scale for each output channel: what is stored, what is computed, and what it costs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from backends.by_the_manual import Chip
from numpy.typing import NDArray
from oracle.graphs import random_input
from oracle.writer import Writer

import snc
from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.backends.words.words import ExtensionKind
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.running.runner import Runner
from snc.ir.storage.channels import SCHEMES, channel_scales, codec_of
from snc.ir.storage.weights import FORMATS
from snc.passes.quantise import Quantise

from .reference import CHIP, assert_layers, compiled, options


def model(*, depthwise: bool = True, residual: bool = True, dilation: int = 1) -> onnx.ModelProto:
    """Output channels of very different sizes; a sum of two convolutions, one with an input."""
    w, random = Writer(13, 3), np.random.default_rng(3)

    def weights(*shape: int) -> str:
        sizes = 2.0 ** random.integers(-5, 3, shape[0]) * random.uniform(1, 2, shape[0])
        values = random.normal(0, 0.1, shape) * sizes.reshape(-1, *[1] * (len(shape) - 1))
        return w.constant(values.astype(np.float32))

    x = w.input((1, 8, 9, 9))
    around = {"pads": [dilation] * 4, "dilations": [dilation] * 2}
    a = w.add("Conv", x, weights(8, 8, 3, 3), w.bias(8), **around)
    b = w.add("Conv", x, weights(8, 8, 1, 1))
    y = w.add("Relu", w.add("Add", a, b))
    if residual:
        y = w.add("Relu", w.add("Add", y, w.add("Conv", y, weights(8, 8, 3, 3), w.bias(8), pads=[1] * 4)))
    if depthwise:
        y = w.add("Relu", w.add("Conv", y, weights(8, 1, 3, 3), group=8))
    y = w.add("Flatten", w.add("GlobalAveragePool", y))
    return w.model([w.add("Gemm", y, weights(8, 5), w.bias(5))], "channels")


def scaled(found: Compiled) -> dict[str, tuple[float, ...]]:
    return {p.name: p.scales for p in found.network.populations if p.scales}


@pytest.mark.parametrize("weights", SCHEMES)
@pytest.mark.parametrize("strided", [0, 8])
def test_it_computes_what_its_weights_are(weights: str, strided: int) -> None:
    found = compiled(model(dilation=2), replace(CHIP, strided_tables=strided), options(weights))
    picture = random_input(model(), 0)
    assert_layers(found, picture)
    assert scaled(found)
    reader, machine = Chip(write_image(found.image)), Machine(found.image)
    got = machine.run(picture).outputs
    for name, want in reader.run(picture).items():
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", SCHEMES)
def test_what_is_stored_are_integers(weights: str) -> None:
    found = compiled(model(), CHIP, options(weights))
    codec = codec_of(weights)
    for projection in found.network.projections:
        kernel, target = projection.kernel, found.network.populations[projection.target]
        if kernel.index is None:
            continue
        assert kernel.format == codec.name
        assert target.scales
        assert kernel.exponents is not None
        assert len(set(kernel.exponents.tolist())) == 1
        channels = kernel.first[:, None] + np.arange(kernel.depth)
        stored = kernel.weights / np.array(target.scales)[channels][:, :, None, None]
        numbers = stored / 2.0 ** int(kernel.exponents[0])
        np.testing.assert_allclose(numbers, np.rint(numbers), atol=1e-4)
        assert np.abs(numbers).max() <= codec.largest + 1e-4


def test_sums_with_what_no_training_made_have_powers_of_two() -> None:
    """The input of a residual block is added as it is: divided by the scales it must be exact."""
    found = compiled(model(), CHIP, options("int8"))
    mixed = {p.target for p in found.network.projections if p.kernel.index is None and _sums(found, p.target)}
    assert mixed
    for pid in mixed:
        scales = np.array(found.network.populations[pid].scales)
        assert np.array_equal(scales, np.exp2(np.rint(np.log2(scales))))
    both = [
        p.target
        for p in found.network.projections
        if len([q for q in found.network.into(p.target) if q.kernel.index is not None]) == 2
    ]
    assert both
    scales = np.array(found.network.populations[both[0]].scales)
    assert not np.array_equal(scales, np.exp2(np.rint(np.log2(scales))))


def _sums(found: Compiled, target: int) -> bool:
    into = [p for p in found.network.projections if p.target == target]
    return len(into) > 1 and any(p.kernel.index is not None for p in into)


def relative(want: NDArray[np.float32], got: NDArray[np.float32]) -> float:
    """The square error of target channels, each against its own largest weight."""
    peaks = np.abs(want).max(axis=(0, 2, 3))[None, :, None, None]
    return float((((got - want) / peaks) ** 2).sum())


def test_channels_of_different_sizes_lose_less_than_with_one_exponent() -> None:
    network = compiled(model(), CHIP, options("float32")).network
    errors = {}
    for name in ("int8", "fixed8", "int4", "fixed4", "ternary", "fixed2", "binary", "sign"):
        pairs = zip(network.projections, Quantise(name)(network).projections, strict=True)
        kernels = [(a.kernel, b.kernel) for a, b in pairs if a.kernel.index is not None]
        kernels = [pair for pair in kernels if pair[0].depth > 1]
        errors[name] = sum(relative(a.weights, b.weights) for a, b in kernels)
    assert errors["int8"] < errors["fixed8"] / 10
    assert errors["int4"] < errors["fixed4"]
    assert errors["ternary"] < errors["fixed2"]
    assert errors["binary"] < errors["sign"]


@pytest.mark.parametrize("name", SCHEMES)
def test_scales_err_least_among_many(name: str) -> None:
    weights, codec = np.random.default_rng(0).normal(0, 1, 240) ** 3, codec_of(name)
    (chosen,) = channel_scales(weights, np.zeros(240, dtype=np.int64), codec, 1)

    def error(scale: float) -> float:
        held = codec.from_codes(codec.to_codes(weights / scale)).astype(np.float64) * scale
        return float(((held - weights) ** 2).sum())

    widest = np.abs(weights).max() / codec.largest
    others = [error(widest * ratio) for ratio in np.linspace(0.03, 1.2, 200)]
    assert error(float(chosen)) <= 1.1 * min(others)


def test_channels_of_next_to_nothing_keep_their_biases() -> None:
    w, random = Writer(13, 0), np.random.default_rng(0)
    weights = random.normal(0, 1, (8, 4, 3, 3))
    weights[[1, 5]] *= 1e-12
    bias = w.constant(np.array([0.1, 50, -3, 0, 2, -0.7, 900, 1], dtype=np.float32))
    y = w.add("Conv", w.input((1, 4, 5, 5)), w.constant(weights.astype(np.float32)), bias)
    net = w.model([y], "small")
    picture = random_input(net, 0)
    for name in SCHEMES:
        found = compiled(net, CHIP, options(name))
        assert_layers(found, picture)
        held = next(p.bias for p in found.network.populations if p.bias is not None)
        np.testing.assert_allclose(held, [0.1, 50, -3, 0, 2, -0.7, 900, 1], rtol=1e-3)
        run = Machine(found.image, "chip").run(picture)
        assert all(np.isfinite(values).all() for values in run.outputs.values())


def test_verify_and_the_listing_know_the_scales(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model().SerializeToString())
    found = snc.compile(path, weights="int8")
    assert snc.verify(path, found, 2).is_right
    assert f"kind={ExtensionKind.SCALES.name}" in found.listing()


def test_a_mixture_keeps_its_formats() -> None:
    """What a population sums of a format with exponents for source channels has these, the scheme too."""
    found = compiled(model(residual=False, depthwise=False), CHIP, options("int8, float16, int8"))
    formats = [p.kernel.format for p in found.network.projections if p.kernel.index is not None]
    assert formats == ["fixed8", "float16", "fixed8"]
    assert len(scaled(found)) == 1
    assert_layers(found, random_input(model(), 0))
    assert "sign" in FORMATS


@pytest.mark.parametrize(("weights", "allowed"), [("int8", 0.01), ("int4", 0.2)])
def test_dead_channels_do_not_take_the_others_with_them(weights: str, allowed: float) -> None:
    """More than half of the channels have next to no weights, as training with decay leaves them."""
    w, random = Writer(13, 3), np.random.default_rng(3)
    kernel = random.normal(0, 0.1, (8, 3, 3, 3))
    kernel[[0, 2, 3, 5, 7]] *= 1e-31
    x = w.input((1, 3, 8, 8))
    y = w.add("Relu", w.add("Conv", x, w.constant(kernel.astype(np.float32)), w.bias(8), pads=[1] * 4))
    found = compiled(w.model([y], "dead"), CHIP, options(weights))
    plain = compiled(w.model([y], "dead"), CHIP, options("float32"))
    picture = random_input(w.model([y], "dead"), 0)
    got, want = (Runner(each.image)(picture).outputs for each in (found, plain))
    for name, exact in want.items():
        error = np.abs(got[name] - exact).max() / np.abs(exact).max()
        assert error < allowed
    chip = Runner(found.image, "chip")(picture).outputs
    for name, exact in want.items():
        assert np.abs(chip[name] - exact).max() / np.abs(exact).max() < allowed
