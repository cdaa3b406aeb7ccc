"""Formats where nothing is measured: for each constant that of eight bits which errs least on its weights."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle.writer import Writer

from snc.compiler.choosing import unmeasured
from snc.compiler.choosing.unmeasured import EIGHT_BITS, by_weights
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import Prepared, prepare
from snc.compiler.pipeline.splitting.compile import compile_split
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify
from snc.ir.storage.formats import formats_of
from snc.passes.quantise import Quantise, held_constants, trained_constants

from .reference import CHIP


def model(between: str = "Relu") -> onnx.ModelProto:
    """A convolution with weights alike in size, and one with some that are much larger than the others."""
    w, random = Writer(17, 0), np.random.default_rng(1)
    even = random.uniform(-1, 1, (8, 3, 3, 3)).astype(np.float32)
    tailed = (random.normal(size=(6, 8, 3, 3)) ** 5).astype(np.float32)
    x = w.add("Conv", w.input((1, 3, 9, 9)), w.constant(even))
    x = w.add("CumSum", x, w.constant(np.array(2))) if between == "CumSum" else w.add(between, x)
    return w.model([w.add("Conv", x, w.constant(tailed))], "unmeasured")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("unmeasured") / "unmeasured.onnx"
    onnx.save(model(), found)
    return found


def errors(prepared: Prepared, name: str) -> list[float]:
    """The squared errors of the trained constants in a format."""
    own = prepared.graph.constants
    held = held_constants(Quantise(name)(prepared.network), dict(own))
    return [float(((held[c] - own[c]) ** 2).sum()) for c in trained_constants(prepared.network)]


def test_each_constant_has_the_format_that_errs_least(path: Path) -> None:
    prepared = prepare(path)
    by_format = np.array([errors(prepared, name) for name in EIGHT_BITS])
    least = [EIGHT_BITS[i] for i in by_format.argmin(axis=0)]
    assert least == ["fixed8", "adaptive8e2s"]
    assert by_weights(prepared.network) == "fixed8, adaptive8e2s"


def test_it_is_the_default_and_right(path: Path) -> None:
    found = compile_model(path, CHIP, Options(effort=0.1))
    assert found.image.about.weights == "fixed8, adaptive8e2s"
    assert found.precision is None
    assert verify(path, found.image, random_frames(found.image, 2, 0)).is_right


def test_parts_of_a_network_have_formats_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "parts.onnx"
    onnx.save(model("CumSum"), path)
    image = compile_split(path, CHIP, Options(effort=0.1)).image
    assert image.about.weights == "fixed8; adaptive8e2s"
    assert verify(path, image, random_frames(image, 2, 0)).is_right


def test_large_kernels_are_sampled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmeasured, "SAMPLED", 60)  # a row or two of each
    assert by_weights(prepare(path).network) == "fixed8, adaptive8e2s"


def test_a_network_without_weights_has_a_format_all_the_same(tmp_path: Path) -> None:
    w = Writer(17, 0)
    path = tmp_path / "none.onnx"
    onnx.save(w.model([w.add("MaxPool", w.input((1, 2, 4, 4)), kernel_shape=[2, 2])], "none"), path)
    found = compile_model(path, CHIP, Options(effort=0.1))
    assert found.image.about.weights == EIGHT_BITS[0]
    assert formats_of(found.image.about.weights, 0) == ()
