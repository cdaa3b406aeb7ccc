"""Biases that make up for rounded weights: measured, kept where they help, in the image, and verified."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.backends.analysis.listing import disassemble
from snc.backends.exchange.assembler import assemble
from snc.backends.exchange.export import export, imported
from snc.backends.image.container import read_image, write_image
from snc.compiler.choosing import meter as meters
from snc.compiler.choosing.meter import Meter
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.ir.errors import BadInput
from snc.ir.layers import Value

from .reference import CHIP

Frames = Sequence[Mapping[str, NDArray[np.float32]]]
FORMAT = "adaptive5e2s"
PLAIN = Options(FORMAT, effort=0.1, force=True)


def frames(inputs: Sequence[Value], count: int = 12) -> Frames:
    """Values that are all positive, as pictures are: what rounding changes is not 0 on average."""
    random = np.random.default_rng(3)
    return [{v.name: random.uniform(0, 2, v.shape).astype(np.float32) for v in inputs} for _ in range(count)]


def model(opset: int) -> onnx.ModelProto:
    """Convolutions, one with two readers of its sum, dead channels, transposed weights, a dense layer."""
    w, random = Writer(opset, 0), np.random.default_rng(5)

    def values(*shape: int) -> str:
        return w.constant(random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32))

    x = w.input((1, 3, 10, 10))
    x = w.add("Relu", w.add("Conv", x, values(8, 3, 3, 3), values(8), pads=[1, 1, 1, 1]))
    dead = random.normal(0, 0.3, (8, 8, 1, 1)).astype(np.float32)
    dead[5] = 0
    bias = random.normal(size=8).astype(np.float32)
    bias[5] = -1
    left = w.add("Conv", x, w.constant(dead), w.constant(bias))
    right = w.add("Conv", x, values(8, 8, 3, 3), values(8), pads=[1, 1, 1, 1])
    x = w.add("Relu", w.add("Add", left, right))
    x = w.add("Relu", w.add("Conv", w.add("Relu", left), w.constant(dead), w.constant(bias + 1)))
    x = w.add("Relu", w.add("ConvTranspose", x, values(8, 4, 2, 2), values(4), strides=[2, 2]))
    x = w.add("Gemm", w.add("Flatten", w.add("GlobalAveragePool", x)), values(6, 4), values(6), transB=1)
    return w.model([x], "corrected")


@pytest.fixture(scope="module", params=[9, 17])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    found = tmp_path_factory.mktemp("correction") / "corrected.onnx"
    onnx.save(model(request.param), found)
    return found


@pytest.fixture(scope="module")
def found(path: Path) -> Compiled:
    return compile_model(path, CHIP, replace(PLAIN, data=frames))


def test_it_helps_and_is_told(found: Compiled) -> None:
    precision = found.precision
    assert precision is not None
    assert precision.uncorrected is not None
    assert precision.corrected >= 4
    assert precision.calibration.sqnr_db > precision.uncorrected.calibration.sqnr_db + 1
    assert precision.held_out is not None
    assert precision.uncorrected.held_out is not None
    assert precision.held_out.sqnr_db > precision.uncorrected.held_out.sqnr_db + 1


def test_the_image_computes_what_was_measured(path: Path, found: Compiled) -> None:
    exact = compile_model(path, CHIP, Options("float32", effort=0.1))
    noise = signal = 0.0
    for index, frame in enumerate(frames(found.graph.inputs)):
        if index % 4 == 3:
            continue
        (want,), (got,) = (Runner(each.image)(dict(frame)).outputs.values() for each in (exact, found))
        noise += float(((got - want).astype(np.float64) ** 2).sum())
        signal += float((want.astype(np.float64) ** 2).sum())
    assert found.precision is not None
    assert found.precision.calibration.sqnr_db == pytest.approx(10 * np.log10(signal / noise), abs=0.1)


def test_it_costs_no_memory(path: Path, found: Compiled) -> None:
    assert bill(compile_model(path, CHIP, PLAIN).image).total == bill(found.image).total


def test_the_image_says_what_was_added_and_is_right(path: Path, found: Compiled) -> None:
    image = read_image(write_image(found.image))
    assert image.added == found.image.added != ()
    given = [dict(frame) for frame in frames(found.graph.inputs, 2)]
    assert verify(path, image, given).is_right
    silent = replace(image, added=())
    verdict = verify(path, silent, given)  # whose biases are then others than the model's
    assert verdict.compared["frontend"].is_right
    assert not verdict.compared["mapping"].is_right


def test_listings_and_exports_keep_it(found: Compiled) -> None:
    listing = disassemble(found.image, is_whole=True)
    assert "BIAS " in listing
    assert write_image(assemble(listing)) == write_image(found.image)
    assert imported(export(found.image, "memh")).added == found.image.added


def test_additions_to_other_biases_are_refused(path: Path, found: Compiled) -> None:
    first, *others = found.image.added
    wrong = (replace(first, constant="nowhere"), *others)
    with pytest.raises(BadInput, match=r"has no bias 'nowhere' of . channels, to which the image adds"):
        verify(path, replace(found.image, added=wrong), [dict(frames(found.graph.inputs, 1)[0])])


def test_a_layers_mean_is_the_model_s_again(path: Path) -> None:
    """Where the weights of one layer alone are rounded, its sums are as large on average as they were."""
    prepared = prepare(path)
    meter = Meter(prepared.graph, prepared.network, frames(prepared.graph.inputs))
    site = meter._sites[0]
    means = []
    for held, added in (
        (meter.constants_in(FORMAT), {}),
        (meter.constants_in(FORMAT), meter._added([site.weights], [FORMAT])),
    ):
        errors = {site.errors: held[site.weights] - meter.constants_in("float32")[site.weights]}
        outputs = [
            meter._run(
                frame,
                {s.errors: np.zeros_like(held[s.weights]) for s in meter._sites} | errors,
                meter._twin,
                [site.output],
            )
            for frame in meter.calibration.given
        ]
        mean = np.mean([each[site.output].mean(axis=(0, 2, 3)) for each in outputs], axis=0)
        means.append(np.abs(mean + (added[site.bias] if added else 0)).max())
    assert means[1] < 1e-5 < means[0]


def test_it_is_kept_only_where_it_helps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "HELPS_DB", 100.0)
    found = compile_model(path, CHIP, replace(PLAIN, data=frames))
    assert found.precision is not None
    assert found.precision.corrected == 0
    assert found.precision.uncorrected is None
    assert found.image.added == ()
