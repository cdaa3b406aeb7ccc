"""The choice of weight formats: what is asked for is kept, and what is said was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from oracle.writer import Writer

from snc.backends.analysis.bill import bill
from snc.compiler.choosing import choose
from snc.compiler.choosing.choose import LADDER, Choosing, Taken, Wish, decide
from snc.compiler.choosing.frames import EXACT_DB, Measured
from snc.compiler.choosing.meter import LAYER_FRAMES, Meter
from snc.compiler.frontend.read import to_onnx
from snc.compiler.frontend.runtime import reference_outputs
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.running.runner import Runner
from snc.compiler.running.simulating.states import chip_accuracy
from snc.ir.deadline import OVER
from snc.ir.errors import BadInput, DoesNotFit, Unsupported
from snc.ir.layers import Value
from snc.ir.storage.formats import formats_of, spelled
from snc.ir.storage.weights import FORMATS
from snc.models.digits import digits_model

from .reference import CHIP, compiled, shrunken

Frames = Sequence[Mapping[str, NDArray[np.float32]]]


def frames(inputs: Sequence[Value], count: int = 12) -> Frames:
    """Noise in an input's shape, a few elements larger than the others."""
    random = np.random.default_rng(0)
    return [
        {v.name: random.normal(0, 1, v.shape).astype(np.float32) ** 3 for v in inputs} for _ in range(count)
    ]


def deep(seed: int = 0) -> onnx.ModelProto:
    """Six convolutions of different sizes and a dense layer; the second has a few large weights."""
    w, random = Writer(13, seed), np.random.default_rng(seed)

    def weights(*shape: int) -> str:
        values = random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        return w.constant(values.astype(np.float32))

    x = w.input((1, 3, 12, 12))
    for out, into in ((16, 3), (16, 16), (24, 16), (24, 24), (32, 24), (32, 32)):
        x = w.add("Relu", w.add("Conv", x, weights(out, into, 3, 3), pads=[1, 1, 1, 1]))
    x = w.add("Flatten", w.add("GlobalAveragePool", x))
    return w.model([w.add("MatMul", x, weights(32, 10))], "deep")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("choosing") / "deep.onnx"
    onnx.save(deep(), found)
    return found


@pytest.fixture(scope="module")
def meter(path: Path) -> Meter:
    prepared = prepare(path)
    return Meter(prepared.graph, prepared.network, frames(prepared.graph.inputs))


def made(path: Path, **wishes: object) -> Compiled:
    return compile_model(path, CHIP, Options("auto", data=frames, effort=0.5, **wishes))  # type: ignore[arg-type]


def measured_again(path: Path, found: Compiled) -> float:
    """The SQNR of the image itself on the frames that were to choose by, against float32 weights."""
    exact = compile_model(path, CHIP, Options("float32", effort=0.5))
    noise = signal = 0.0
    given = [frame for i, frame in enumerate(frames(found.graph.inputs)) if i % 4 != 3]
    for frame in given:
        (want,), (got,) = (Runner(each.image)(dict(frame)).outputs.values() for each in (exact, found))
        noise += float(((got - want).astype(np.float64) ** 2).sum())
        signal += float((want.astype(np.float64) ** 2).sum())
    return float(-10 * np.log10(noise / signal))


def test_what_was_measured_is_what_the_image_computes(path: Path) -> None:
    found = made(path)
    assert found.precision is not None
    assert found.precision.calibration.frames == 9
    assert found.precision.held_out is not None
    assert found.precision.held_out.frames == 3
    assert found.precision.calibration.sqnr_db == pytest.approx(measured_again(path, found), abs=0.1)
    assert found.image.about.weights == found.precision.weights


def test_layers_are_promoted_until_thirty_decibels(meter: Meter) -> None:
    start, _ = meter.of_text("adaptive8e2s")
    chosen = Choosing(meter).promoted()
    found, _ = meter.whole(chosen)
    assert found.sqnr_db >= 30
    assert set(chosen) <= {"float16", "adaptive8e2s", "fixed8"}
    assert ("float16" in chosen) == (start.sqnr_db < 30)


def test_only_what_must_be_is_promoted(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, _ = meter.of_text("adaptive8e2s")
    monkeypatch.setattr("snc.compiler.choosing.choose.WANTED_DB", reached.sqnr_db + 3)
    chosen = Choosing(meter).promoted()
    assert meter.whole(chosen)[0].sqnr_db >= reached.sqnr_db + 3
    assert 0 < chosen.count("float16") < len(chosen)


def test_answers_of_a_classifier_stay(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits are added beyond the wanted SQNR while an answer changes; for a tie, only so many."""
    assert meter.is_classifier
    monkeypatch.setattr("snc.compiler.choosing.choose.WANTED_DB", 1.0)
    monkeypatch.setattr("snc.compiler.choosing.choose.TIED_DB", 1e3)
    plain = Choosing(meter).promoted()
    whole, reached = meter.whole, meter.whole(plain)[0].sqnr_db

    def changed(formats: Sequence[str]) -> tuple[Measured, Measured | None]:
        found, held_out = whole(formats)
        return replace(found, agreement=1.0 if found.sqnr_db >= reached + 2 else 0.5), held_out

    monkeypatch.setattr(meter, "whole", changed)
    more = Choosing(meter).promoted()
    assert whole(more)[0].sqnr_db >= reached + 2
    assert plain.count("float16") < more.count("float16") < len(more)
    with monkeypatch.context() as other:
        other.setattr("snc.compiler.choosing.choose.TIED_DB", reached)
        assert Choosing(meter).promoted() == plain
    monkeypatch.setattr(meter, "is_classifier", False)
    assert Choosing(meter).promoted() == plain


def test_where_time_is_over_no_constant_is_measured_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(path)
    meter = Meter(prepared.graph, prepared.network, frames(prepared.graph.inputs))
    monkeypatch.setattr(Meter, "alone", None)
    monkeypatch.setattr("snc.compiler.choosing.choose.WANTED_DB", 200)
    safe = ("float16",) * len(meter.constants)
    assert Choosing(meter, OVER).promoted() == safe
    assert Choosing(meter, OVER).cheapest(30.0) == safe
    taken = Taken(1000, 1)
    asked: list[str] = []

    def mapped(weights: str) -> Taken:
        asked.append(weights)
        return taken

    decide(meter, Wish("auto", budget=2000, force=True), mapped, OVER)
    assert asked == [LADDER[-1]]


@pytest.mark.parametrize("sqnr_db", [12.0, 22.0, 32.0, 42.0])
def test_the_fewest_bits_that_keep_an_sqnr(meter: Meter, sqnr_db: float) -> None:
    choice = Choosing(meter)
    found = choice.cheapest(sqnr_db)
    assert meter.whole(found)[0].sqnr_db >= sqnr_db
    for codec in LADDER:  # no uniform format does with less
        uniform = [codec] * len(meter.constants)
        if meter.whole(uniform)[0].sqnr_db >= sqnr_db:
            assert choice.bits(found) <= FORMATS[codec].bits + 1e-9


def test_the_solver_finds_the_least_noise(meter: Meter) -> None:
    """Against dynamic programming's simpler relative: no exchange of two formats is better."""
    choice = Choosing(meter)
    bits_max = int(6.2 * meter.weights)
    found = choice._solved(bits_max=bits_max)
    assert found is not None

    def noise(formats: Sequence[str]) -> float:
        return sum(
            float(meter.alone(name, codec).max())
            for name, codec in zip(meter.constants, formats, strict=True)
        )

    best = noise(found)
    for i in range(len(found)):
        for j in range(len(found)):
            for a in LADDER:
                for b in LADDER:
                    other = list(found)
                    other[i], other[j] = a, b
                    if choice._size(other) <= bits_max:
                        assert noise(other) >= best * (1 - 1e-6)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_memory_follows_the_budget(path: Path, share: float) -> None:
    ends = [compile_model(path, CHIP, Options(weights, effort=0.5)) for weights in (LADDER[-1], LADDER[0])]
    least, most = (bill(found.image).total.total for found in ends)
    budget = int(least + share * (most - least)) + 100
    found = made(path, budget=budget, force=True)
    assert 0.95 * budget <= bill(found.image).total.total <= budget


def test_cores_are_kept(path: Path) -> None:
    chip = shrunken(core_words=1500, mesh=(6, 6))
    whole = compile_model(path, chip, Options("float16", effort=0.5))
    cores = len(whole.image.cores) - 2
    wished = Options("auto", data=frames, effort=0.5, cores=cores, force=True)
    found = compile_model(path, chip, wished)
    assert len(found.image.cores) <= cores
    assert found.precision is not None
    assert found.precision.bits_per_weight > 5
    mapped = [point for point in found.precision.front if point.cores is not None]
    assert len(mapped) > 1
    assert all(point.bytes for point in mapped)


def test_a_last_mapping_beyond_the_budget_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there was less time for it than for those that the choice was made by."""
    budget, sizes = 10**6, iter((10**5, 10**6, 10**6 + 1))
    monkeypatch.setattr(choose, "Taken", lambda *_: Taken(next(sizes), 1))
    with pytest.raises(DoesNotFit, match="its mapping takes 1000001 bytes and 1 cores, more than is"):
        made(path, budget=budget, force=True)


def test_a_budget_that_nothing_keeps_is_refused(path: Path) -> None:
    with pytest.raises(DoesNotFit, match="with weights of 4 bits, 2000 bytes are allowed"):
        made(path, budget=2000)
    with pytest.raises(DoesNotFit, match="with weights of 16 bits, 150 are asked for"):
        made(path, min_sqnr=150.0)


def test_answers_that_are_far_are_warned_of_or_refused(meter: Meter) -> None:
    def nowhere(weights: str) -> Taken:
        raise AssertionError(weights)

    near = decide(meter, Wish("float16"), nowhere)
    assert near.warnings == ()
    steps = [name for name, codec in FORMATS.items() if codec.bits <= 8]
    levels = {name: min(each.sqnr_db for each in meter.of_text(name) if each) for name in steps}
    for name, level in levels.items():
        if level < 20:
            with pytest.raises(Unsupported, match="less than 20: its answers would be others"):
                decide(meter, Wish(name), nowhere)
        found = decide(meter, Wish(name, force=True), nowhere)
        assert bool(found.warnings) == (level < 25)
    assert min(levels.values()) < 20
    assert any(20 <= level < 25 for level in levels.values())


def test_wishes_need_frames_and_formats_that_are_chosen() -> None:
    with pytest.raises(BadInput, match="min_sqnr asks how far weights may be rounded"):
        Options("auto", min_sqnr=25)
    with pytest.raises(BadInput, match="budget is a wish about weights that are chosen"):
        Options("fixed8", budget=10**6, data=frames)


def test_without_frames_nothing_is_measured() -> None:
    found = compiled(digits_model(), CHIP, Options("auto"))
    assert found.precision is None
    assert found.image.about.weights == "fixed8, adaptive8e2s x 2"


def test_the_same_frames_give_the_same_formats(path: Path) -> None:
    first, again = (made(path, min_sqnr=24.0) for _ in range(2))
    assert first.image.about.weights == again.image.about.weights
    names = formats_of(first.image.about.weights, 7)
    assert spelled(names) == first.image.about.weights
    assert first.precision is not None
    assert [each.format for each in first.precision.constants] == list(names)
    assert replace(first.precision) == first.precision


def test_what_is_not_finite_is_no_answer(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights beyond float16 become infinite, and outputs NaNs: as far from the model as can be."""
    broken = {name: np.full_like(array, np.nan) for name, array in meter.constants_in("float32").items()}
    monkeypatch.setitem(meter._held, "fixed2", broken)
    monkeypatch.setattr(meter, "_constants", lambda weights, added: broken)
    monkeypatch.setattr(meter, "_whole", {})
    with pytest.raises(Unsupported, match=r"the image is -999\.0 dB from the model"):
        decide(meter, Wish("fixed2"), lambda weights: Taken(0, 0))


def test_what_layers_hold_is_what_onnx_runtime_computes(meter: Meter) -> None:
    exact = meter.layers(["float32"] * len(meter.constants))
    assert {layer.sqnr_db for layer in exact} == {EXACT_DB}
    rounded = {layer.layer: layer for layer in meter.layers(["adaptive8e2s"] * len(meter.constants))}
    model = to_onnx(meter.graph)
    found: dict[str, list[NDArray[np.float32]]] = {layer.layer: [] for layer in exact}
    for frame in meter.calibration.given[:LAYER_FRAMES]:
        for name, array in reference_outputs(model, frame, list(found)).items():
            found[name].append(array)
    for layer in exact:
        values = np.stack(found[layer.layer])
        assert (layer.least, layer.most) == pytest.approx((values.min(), values.max()), rel=1e-4)
        assert layer.zeros == pytest.approx((values == 0).mean(), abs=1e-3)
        assert 20 < rounded[layer.layer].sqnr_db < 60
    assert any(layer.zeros > 0.2 for layer in exact)


def test_states_of_sixteen_bits_are_measured(path: Path) -> None:
    found = compile_model(path, CHIP, Options("float32", data=frames, effort=0.5))
    near = chip_accuracy(found, frames(found.graph.inputs))
    assert near.frames == 4
    assert 40 < near.sqnr_db < 90  # float32 weights: what the states' rounding makes
    assert near.wide_sqnr_db > 120
