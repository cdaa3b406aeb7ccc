"""The dense engine: outputs near the machine's, and counters that follow from its own values."""

from collections.abc import Mapping
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from backends.agreement import COUNTERS, assert_same, watched
from backends.machine_toys import Toy
from oracle.graphs import random_input, random_model, single_layer_cases
from oracle.writer import Writer

from snc.backends.image.image import Image
from snc.backends.lifted.walk import Walk
from snc.backends.machine.decode import decode
from snc.backends.machine.machine import Run
from snc.compiler.running.dense import parts
from snc.compiler.running.dense.engine import Dense
from snc.compiler.running.dense.functions import MADE
from snc.compiler.running.dense.graph import Graph, Size
from snc.compiler.running.engines import ENGINES
from snc.ir.activations import Activation
from snc.ir.errors import BadInput, Origin
from snc.ir.network import Update
from snc.models.digits import digits_images, digits_model

from .drawn_quantised import drawn
from .reference import CANCELLED, CHIP, TOLERANCE, compiled, peak, reread
from .test_lifted_images import fed
from .test_random import THOROUGH, compiled_if_it_fits, drawn_chip

Arrays = Mapping[str, npt.NDArray[np.float32]]


def assert_near(got: Run, want: Run) -> None:
    """Every tensor, to a part of its own peak."""
    largest = max(peak([*want.outputs.values(), *want.layers.values()]), 1e-30)
    for ours, theirs in ((got.outputs, want.outputs), (got.layers, want.layers)):
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            assert ours[name].shape == values.shape
            scale = max(peak([values]), CANCELLED * largest)
            assert np.abs(ours[name] - values).max(initial=0) <= TOLERANCE * scale, name


def assert_counted(got: Run, image: Image) -> None:
    """What fires is counted as the values say, population by population."""
    for index, block in enumerate(decode(image, Origin(file="counted")).blocks):
        values = got.layers[f"core {block.core} at {block.address}"]
        firing = values.size if block.fires_on_zero else np.count_nonzero(values)
        assert got.counters.firing[index] == firing


def agreed(image: Image, frame: Arrays) -> bool:
    """Whether the walk counts the same; the rest is asserted."""
    seen = watched(image)
    got, want = (engine(seen).run(frame, keep_layers=True) for engine in (Dense, Walk))
    assert got.engine == "dense"
    assert_near(got, want)
    assert_counted(got, seen)
    counted = [np.array_equal(getattr(got.counters, each), getattr(want.counters, each)) for each in COUNTERS]
    fired = (np.array_equal(values != 0, want.layers[name] != 0) for name, values in got.layers.items())
    assert all(counted) or not all(fired)
    return all(counted)


@pytest.mark.parametrize("first", range(0, 32, 8))
def test_random_networks_on_small_targets(first: int) -> None:
    for seed in range(first * THOROUGH, (first + 8) * THOROUGH):
        model = random_model(seed)
        found = compiled_if_it_fits(model, drawn_chip(seed))
        if found is not None:
            image = reread(found.image)
            assert agreed(image, fed(image, dict(random_input(model, seed)))), seed


@pytest.mark.slow
def test_all_layers() -> None:
    same = []
    for _, model in single_layer_cases(thorough=True):
        image = reread(compiled(model, CHIP).image)
        same.append(agreed(image, fed(image, dict(random_input(model, 1)))))
    assert np.mean(same) > 0.95


def test_batches_are_frame_by_frame() -> None:
    image = compiled(digits_model(), CHIP).image
    frames = [{"image": each.reshape(1, 1, 8, 8)} for each in digits_images().images[:7]]
    dense = Dense(image)
    together = [*dense.run_several(frames[:5]), *dense.run_several(frames[5:])]
    for got, frame in zip(together, frames, strict=True):
        want = dense.run(frame)
        for name in COUNTERS:
            np.testing.assert_array_equal(getattr(got.counters, name), getattr(want.counters, name))
        for name, values in want.outputs.items():
            np.testing.assert_allclose(got.outputs[name], values, rtol=1e-5, atol=1e-4)


PARAMETERS = {
    "minimum": -0.5,
    "maximum": 0.75,
    "slope": 0.3,
    "alpha": 0.7,
    "beta": 0.4,
    "gamma": 1.5,
    "exponent": 2.0,
    "cubic": 0.04,
    "limit": 0.2,
    "bias": 0.1,
    "phase": 0.5,
    "factor": 3.0,
    "step": 0.25,
}
ABOVE_ZERO = (Activation.LOG, Activation.SQRT, Activation.POWER, Activation.RECIPROCAL)
ABOVE_TWO = (Activation.ACOSH,)  # before the scale of a half
WITHIN_TWO = (Activation.ACOS, Activation.ASIN, Activation.ATANH)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("activation", list(Activation), ids=lambda activation: activation.name)
def test_every_function(activation: Activation, each: bool) -> None:
    """Of a state that is exactly the input, with parameters for all channels or one for each."""
    assert activation in MADE
    toy = Toy()
    source = toy.input("x", (4, 5, 6))
    parameters = tuple(PARAMETERS[name] for name in activation.parameters)
    target = toy.population(
        (4, 5, 6),
        activation=activation,
        parameters=tuple((p, 1.5 * p, 2 * p, 1.25 * p) if each else p for p in parameters),
        scale=0.5,
    )
    toy.join(source, target, np.ones((4, 1, 1, 1)), first=np.arange(4)).output("y", target)
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32) * 4
    if activation in (*ABOVE_ZERO, *ABOVE_TWO):
        x = np.abs(x) + np.float32(0.1 if activation in ABOVE_ZERO else 2.1)
    elif activation in WITHIN_TWO:
        x = np.clip(x / 8, -1.8, 1.8)
    assert agreed(toy.image(), {"x": x})


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize(("low", "high"), [(-128, 127), (0, 255), (-0.5, 90.25), (-(2.0**22), 2.0**22)])
@pytest.mark.parametrize("depth", [3, 16, 48])
def test_requantised_numbers_are_the_walks(depth: int, low: float, high: float, step: float) -> None:
    """To the last bit, halves among them, and products that float32 rounds to halves."""
    random = np.random.default_rng(depth)
    factors = random.choice([0.5, 0.0251, 1 / 3, 7.3e-4, 2.5e-9, 40.7], depth).astype(np.float32)
    toy = Toy()
    source = toy.input("x", (depth, 64, 16))
    parameters = tuple(factors.tolist()), step, low, high
    target = toy.population((depth, 64, 16), activation=Activation.REQUANTISE, parameters=parameters)
    toy.join(source, target, np.ones((depth, 1, 1, 1)), first=np.arange(depth)).output("y", target)
    halves = (np.arange(-256, 256) + 0.5) / factors[:, None]
    x = np.concatenate([halves, random.integers(-(2**16), 2**16, (depth, 512))], axis=1)
    frame = {"x": x.reshape(1, depth, 64, 16).astype(np.float32)}
    image = toy.image()
    got, want = (engine(image).run(frame, keep_layers=True) for engine in (Dense, Walk))
    assert_same(got, want)


def test_quantised_networks_are_the_walks() -> None:
    """To the last bit, counters too."""
    for seed in range(6 * THOROUGH):
        model, shape = drawn(seed)
        image = watched(compiled(model, CHIP).image)
        x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        frame = fed(image, {"x": x})
        assert_same(Dense(image).run(frame, keep_layers=True), Walk(image).run(frame, keep_layers=True))


def test_a_graph_is_cut_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same result, in less memory: maps lie where others were that nothing reads any more."""
    monkeypatch.setattr(parts, "PART", 1)
    monkeypatch.setattr(parts, "READ_MOST", 0)
    for seed in range(6 * THOROUGH):
        model, shape = drawn(seed)
        image = compiled(model, CHIP).image
        random = np.random.default_rng(seed)
        frames = [fed(image, {"x": random.normal(size=shape).astype(np.float32)}) for _ in range(3)]
        cut, whole = (Dense(image, threads=threads) for threads in (1, 2))
        for got, frame in zip(cut.run_several(frames), frames, strict=True):
            assert_same(got, Walk(image).run(frame))
        for dense in (cut, whole):
            dense.run(frames[0])
        sessions = [dense.session() for dense in (cut, whole)]
        assert len(sessions[0].parts) > 1 == len(sessions[1].parts)
        assert sorted(chain(*sessions[0].parts)) == sorted(sessions[1].parts[0])
        assert sessions[0].size < sessions[1].size


def test_nothing_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What two maps are made of keeps these in one part."""
    monkeypatch.setattr(parts, "PART", 1)
    graph, size = Graph(), Size(2, 3, 4)
    inner = graph.node("Exp", ["m0"])
    for index, operator in enumerate(("Neg", "Abs"), 1):
        graph.name(graph.node(operator, [inner]), f"m{index}")
    graph.name(graph.node("Sqrt", ["m2"]), "m3")
    monkeypatch.setattr(parts, "READ_MOST", 0)
    outputs = dict.fromkeys((1, 2, 3), size)
    assert parts.cuts(graph, {0: size}, outputs) == [[1, 2], [3]]
    monkeypatch.setattr(parts, "READ_MOST", 3)  # a third of what the part holds is too much
    assert parts.cuts(graph, {0: size}, outputs) == [[1, 2, 3]]


def test_maps_that_are_there_together_lie_apart() -> None:
    random = np.random.default_rng(0)
    sizes = {index: Size(*random.integers(1, 9, 3).tolist()) for index in range(40)}
    lives = {index: tuple(sorted(random.integers(0, 9, 2).tolist())) for index in sizes}
    begins, size = parts.placed(sizes, lives)
    for part in range(9):
        there = sorted(
            (begins[i], begins[i] + sizes[i].count) for i in sizes if lives[i][0] <= part <= lives[i][1]
        )
        assert all(end <= begin for (_, end), (begin, _) in pairwise(there))
        assert there[-1][1] <= size < sum(each.count for each in sizes.values())


def test_maps_that_hear_nothing_are_in_every_frame() -> None:
    toy = Toy()
    source, constant = toy.input("x", (2, 3, 4)), toy.population((2, 3, 4), bias=np.array([0.5, 0.0]))
    target = toy.population((2, 3, 4))
    for each in (source, constant):
        toy.join(each, target, np.ones((2, 1, 1, 1)), first=np.arange(2))
    image = watched(toy.output("y", target).image())
    frames = [{"x": np.full((1, 2, 3, 4), value, np.float32)} for value in (0, 1, 2)]
    for got, frame in zip(Dense(image).run_several(frames, keep_layers=True), frames, strict=True):
        assert_same(got, Walk(image).run(frame, keep_layers=True))


@pytest.mark.parametrize("update", [Update.ADD, Update.MAXIMUM])
@pytest.mark.parametrize("taps", [1, 3])
def test_maps_that_hear_nothing_are_heard_beside_others(update: Update, taps: int) -> None:
    """Along axons that are alike, so that both would be the channels of one operand."""
    toy = Toy()
    source, constant = toy.input("x", (2, 4, 5)), toy.population((2, 4, 5), bias=np.array([0.5, 1.0]))
    whole, halves = (toy.population((4, 4, 5)) for _ in range(2))
    for number, each in enumerate((source, constant)):
        toy.join(each, whole, np.ones((2, 4, taps, taps)), pad=(taps // 2, taps // 2))
        place = 2 * number + np.arange(2)
        toy.join(each, halves, np.full((2, 1, taps, taps), 2.0), first=place, update=update)
    image = toy.output("y", whole).output("z", halves).image()
    frames = [{"x": np.full((1, 2, 4, 5), number, dtype=np.float32)} for number in (3, 0, -2)]
    for got, frame in zip(Dense(image).run_several(frames), frames, strict=True):
        assert_same(got, Walk(image).run(frame))


def test_what_has_no_graph_is_refused() -> None:
    image = compiled(digits_model(), CHIP).image
    with pytest.raises(BadInput, match="no chip arithmetic"):
        ENGINES["dense"](image, "chip")


def test_a_frame_with_infinities_is_the_walks() -> None:
    w = Writer(13, 0)
    model: onnx.ModelProto = w.model([w.add("Log", w.input((1, 2, 4, 4)))], "log")
    image = compiled(model, CHIP).image
    (name,) = (tensor.name for tensor in image.tensors if tensor.kind == "input")
    zero, one = (np.full((1, 2, 4, 4), value, dtype=np.float32) for value in (0, 1))
    assert Dense(image).run({name: one}).engine == "dense"
    runs = Dense(image).run_several([{name: one}, {name: zero}, {name: one}])
    assert [run.engine for run in runs] == ["dense", "literal", "dense"]
    assert np.isneginf(next(iter(runs[1].outputs.values()))).all()
