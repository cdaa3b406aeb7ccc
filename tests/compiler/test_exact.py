"""Where the dense engine's numbers are the machine's to the last bit, and what follows from knowing it."""

from typing import Any

import numpy as np
import pytest
from backends.agreement import assert_same, watched
from backends.machine_toys import Toy

from snc.backends.image.image import Image
from snc.backends.lifted.walk import Walk
from snc.backends.machine.machine import Machine
from snc.compiler.running.dense import exact
from snc.compiler.running.dense.engine import Dense
from snc.compiler.running.dense.exact import are_integers, grid
from snc.compiler.running.runner import Runner
from snc.ir.activations import Activation
from snc.ir.errors import BadInput
from snc.ir.network import Update

from .drawn_quantised import drawn
from .reference import CHIP, compiled
from .test_random import THOROUGH

HALF, WIDTH = 0.5, 16
RANDOM = np.random.default_rng(7)
WHOLE = RANDOM.integers(-255, 256, (1, WIDTH, 8, 8)).astype(np.float32)
EIGHT_BITS = (0.01, 1.0, -128.0, 127.0)


def summed(
    weights: Any, activation: Activation = Activation.IDENTITY, parameters: Any = (), bias: float = 0.0
) -> Image:
    """Neurons that hear one each at their own place, from one or several inputs, and a bias."""
    toy, given = Toy(), np.reshape(weights, (-1, 1))
    held = np.full(WIDTH, bias) if bias else None
    sources = [toy.input(f"x{number}", (WIDTH, 8, 8)) for number in range(len(given))]
    target = toy.population((WIDTH, 8, 8), activation=activation, parameters=parameters, bias=held)
    for source, each in zip(sources, given, strict=True):
        toy.join(source, target, np.full((WIDTH, 1, 1, 1), each), first=np.arange(WIDTH))
    return toy.output("y", target).image()


def frame_of(image: Image, x: Any = WHOLE) -> dict[str, Any]:
    return {
        t.name: np.roll(x, n, axis=3) for n, t in enumerate(t for t in image.tensors if t.kind == "input")
    }


def is_exact(image: Image, x: Any = WHOLE) -> bool:
    """Whether the engine knows that its numbers are the machine's; if it does, they are, whatever is seen."""
    for seen in (watched(image), image):
        dense, frame = Dense(seen), frame_of(seen, x)
        if dense.is_exact:
            assert_same(dense.run(frame, keep_layers=True), Machine(seen).run(frame, keep_layers=True))
    return dense.is_exact


def test_quantised_networks_that_are_known_to_be_the_walks_are() -> None:
    """Frames at the ends of what 8 bits hold among them."""
    known = 0
    for seed in range(1000, 1000 + 12 * THOROUGH):
        model, _ = drawn(seed)
        image = watched(compiled(model, CHIP).image)
        dense, walk = Dense(image, exactly=True), Walk(image)
        random = np.random.default_rng(seed)
        for values in ((-255, 255), (-1, 0, 1), range(-255, 256)):
            frame = {name: random.choice(values, shape) for name, shape in dense.inputs.items()}
            got = dense.run(frame, keep_layers=True)
            assert_same(got, walk.run(frame, keep_layers=True))
            assert got.engine == ("dense" if dense.is_exact else "walk")
        known += dense.is_exact
    assert known >= 3 * THOROUGH


@pytest.mark.parametrize(
    ("weights", "bias", "exact"),
    [
        ([127], 0, True),
        ([127, -1, 8], 0, True),
        ([0.375, -2.5, 1 / 64], 0.125, True),
        ([1, 1, 1], 2**24 - 3 * 255, True),
        ([1, 1, 1], 2**24 - 3 * 255 + 1, False),
        ([1, 1, 1], 2.0**-14, True),
        ([1, 1, 1], 2.0**-15, False),
        ([0.1, 0.1, 0.1], 0, False),
    ],
)
def test_sums_in_which_nothing_is_rounded(weights: list[float], bias: float, exact: bool) -> None:
    assert is_exact(summed(weights, bias=bias)) == exact


@pytest.mark.parametrize(("weights", "bias"), [([0.1], 0), ([0.1, 1 / 3], 0), ([0.7], 0.3), ([1e-7, 1e7], 0)])
def test_two_products_are_added_as_the_machine_does(weights: list[float], bias: float) -> None:
    assert is_exact(summed(weights, bias=bias))
    assert is_exact(summed(weights, Activation.REQUANTISE, EIGHT_BITS, bias))


@pytest.mark.parametrize(
    ("activation", "parameters", "bias", "exact"),
    [
        (Activation.RELU, (), -(2.0**30), True),
        (Activation.RELU, (), 2.0**30, False),
        (Activation.CLIP, (0.0, 6.0), 2.0**30, True),
        (Activation.REQUANTISE, (1.0, 1.0, -128.0, 127.0), 2.0**30, True),
        (Activation.REQUANTISE, (2.0**-29, 1.0, -128.0, 127.0), 2.0**30, True),
        (Activation.REQUANTISE, (2.0**-29, 1.0, -128.0, 127.0), 2.5 * 2.0**29, False),
    ],
)
def test_channels_that_are_one_number_whatever_they_hear(
    activation: Activation, parameters: Any, bias: float, exact: bool
) -> None:
    assert is_exact(summed([3, 5, 7], activation, parameters, bias)) == exact


def test_a_sum_of_sums_is_not_weighed_anew() -> None:
    """ONNX Runtime would make one convolution of a sum and its factor, whose weights are rounded then."""
    toy = Toy()
    source = toy.input("x", (WIDTH, 8, 8))
    inner = toy.population((WIDTH, 8, 8), fires_on_zero=True)
    toy.join(source, inner, RANDOM.integers(-127, 128, (WIDTH, WIDTH, 1, 1)))
    target = toy.population((WIDTH, 8, 8))
    factors = RANDOM.uniform(0.01, 0.02, (WIDTH, 1, 1, 1))
    toy.join(inner, target, factors, first=np.arange(WIDTH))
    image = toy.output("y", target).image()
    frame = frame_of(image)
    dense = Dense(image)
    assert dense.is_exact
    assert_same(dense.run(frame), Machine(image).run(frame))


@pytest.mark.parametrize("together", [1, 5 * WIDTH, 2**20])
@pytest.mark.parametrize("last", [1.0, 2.0**-5])
def test_weights_are_looked_at_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch, together: int, last: float
) -> None:
    """Those of the last channel decide."""
    monkeypatch.setattr(exact, "TOGETHER", together)
    toy, weights = Toy(), RANDOM.integers(-127, 128, (WIDTH, WIDTH, 3, 3)) * 1.0
    weights[:, -1] += last
    source, target = toy.input("x", (WIDTH, 8, 8)), toy.population((WIDTH, 8, 8))
    toy.join(source, target, weights, pad=(1, 1))
    assert is_exact(toy.output("y", target).image()) == (last == 1)


@pytest.mark.parametrize("depth", [WIDTH, 3])
@pytest.mark.parametrize("factor", [1.0, 0.3])
def test_a_sum_is_whole_before_it_is_added_to_another(depth: int, factor: float) -> None:
    """ONNX Runtime would add the channels of a convolution to the other sum, block by block."""
    toy = Toy()
    sources = [toy.input(name, (4 * WIDTH, 8, 8)) for name in "ab"]
    sums = [toy.population((depth, 8, 8), fires_on_zero=True) for _ in sources]
    target = toy.population((depth, 8, 8))
    kinds = ((1.0, 1.0, 3), (2.0**-13, factor, 1))
    for source, inner, (unit, by, taps) in zip(sources, sums, kinds, strict=True):
        weights = RANDOM.integers(-127, 128, (4 * WIDTH, depth, taps, taps)) * unit
        toy.join(source, inner, weights, pad=(taps // 2, taps // 2), code="float16")
        toy.join(inner, target, np.full((depth, 1, 1, 1), by), first=np.arange(depth))
    assert is_exact(toy.output("y", target).image(), RANDOM.integers(-255, 256, (1, 4 * WIDTH, 8, 8)))


def test_a_sum_may_be_larger_on_its_way() -> None:
    """Without its first state one is too large to be added to another, whose numbers are finer."""
    toy, many = Toy(), 2 * WIDTH
    one, other = (toy.input(name, (many, 8, 8)) for name in "ab")
    inner = toy.population((many, 8, 8), activation=Activation.RELU)
    toy.join(one, inner, np.ones((many, 1, 1, 1)), first=np.arange(many))
    large = toy.population((WIDTH, 8, 8), fires_on_zero=True, bias=np.full(WIDTH, many * 32.0 * 255))
    toy.join(inner, large, np.full((many, WIDTH, 1, 1), -64.0))
    fine = toy.population((WIDTH, 8, 8), fires_on_zero=True)
    toy.join(other, fine, RANDOM.integers(-8, 8, (many, WIDTH, 1, 1)) / 64)
    target = toy.population((WIDTH, 8, 8))
    for each in (large, fine):
        toy.join(each, target, np.ones((WIDTH, 1, 1, 1)), first=np.arange(WIDTH))
    assert is_exact(toy.output("y", target).image(), RANDOM.integers(200, 256, (1, many, 8, 8)))


@pytest.mark.parametrize(
    ("fires", "first", "exact"), [(True, -np.inf, True), (False, 0.0, True), (False, -1e30, False)]
)
def test_maxima(fires: bool, first: float, exact: bool) -> None:
    """Of a first state that is smaller than all, nothing is left where each neuron hears an event."""
    toy = Toy()
    source = toy.input("x", (WIDTH, 8, 8), fires_on_zero=fires)
    pool = toy.population((WIDTH, 4, 4), initial=first)
    toy.join(
        source,
        pool,
        np.ones((WIDTH, 1, 2, 2)),
        first=np.arange(WIDTH),
        sl=1,
        update=Update.MAXIMUM,
        pad=(1, 1),
    )
    target = toy.population((WIDTH, 4, 4))
    toy.join(pool, target, RANDOM.integers(-127, 128, (WIDTH, WIDTH, 1, 1)))
    assert is_exact(toy.output("y", target).image()) == exact


@pytest.mark.parametrize(("first", "exact"), [(-np.inf, False), (-128.0, True), (-3.0, True)])
@pytest.mark.parametrize("taps", [1, 3])
def test_maxima_of_no_events(first: float, exact: bool, taps: int) -> None:
    """They are the first state, though that is not larger than any event."""
    toy = Toy()
    source = toy.input("x", (WIDTH, 8, 8))
    inner = toy.population((WIDTH, 8, 8), activation=Activation.CLIP, parameters=(-100.0, 100.0))
    toy.join(source, inner, np.ones((WIDTH, 1, 1, 1)), first=np.arange(WIDTH))
    parameters = 0.01, 1.0, -128.0, 127.0
    pool = toy.population(
        (WIDTH, 8, 8), initial=first, activation=Activation.REQUANTISE, parameters=parameters
    )
    toy.join(
        inner,
        pool,
        np.ones((WIDTH, 1, taps, taps)),
        first=np.arange(WIDTH),
        update=Update.MAXIMUM,
        pad=(taps // 2, taps // 2),
    )
    frame = np.where(np.arange(8) < 4, WHOLE, 0)
    assert is_exact(toy.output("y", pool).image(), frame) == exact


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [
        (Activation.CLIP, (-1.0, 1.0)),
        (Activation.SIGN, ()),
        (Activation.REQUANTISE, (2.0**-100, 1.0, -128.0, 127.0)),
    ],
)
def test_sums_that_are_too_large_on_their_way(activation: Activation, parameters: Any) -> None:
    toy, ends = Toy(), (255, 255, -255, -255, -255)
    sources = [toy.input(f"x{number}", (WIDTH, 8, 8)) for number in range(len(ends))]
    target = toy.population((WIDTH, 8, 8), activation=activation, parameters=parameters)
    weights = np.array([0.5] + [2.0**120] * (WIDTH - 1)).reshape(-1, 1, 1, 1)
    for source in sources:
        toy.join(source, target, weights, first=np.arange(WIDTH))
    image = toy.output("y", target).image()
    frame = {f"x{number}": np.full((1, WIDTH, 8, 8), end) for number, end in enumerate(ends)}
    assert_same(Dense(image, exactly=True).run(frame), Machine(image).run(frame))


def test_products_that_are_smaller_than_all_numbers() -> None:
    toy = Toy()
    source = toy.input("x", (WIDTH, 8, 8))
    small, smaller = toy.population((WIDTH, 8, 8)), toy.population((WIDTH, 8, 8))
    toy.join(source, small, np.full((WIDTH, 1, 1, 1), 2.0**-80), first=np.arange(WIDTH))
    toy.join(small, smaller, RANDOM.integers(-127, 128, (WIDTH, WIDTH, 1, 1)) * 2.0**-79)
    image = toy.output("y", smaller).image()
    frame = frame_of(image)
    assert_same(Dense(image, exactly=True).run(frame), Machine(image).run(frame))


@pytest.mark.parametrize(("factor", "step"), [(1.0, 0.0), (np.inf, 1.0), (np.inf, np.inf)])
def test_what_may_be_no_number(factor: float, step: float) -> None:
    assert not is_exact(summed([3, -2, 1], Activation.REQUANTISE, (factor, step, -128.0, 127.0)))


@pytest.mark.parametrize("activation", [Activation.SIGMOID, Activation.TANH, Activation.SOFTPLUS])
def test_functions_that_are_computed_otherwise(activation: Activation) -> None:
    assert not is_exact(summed([1, 1], activation))


def test_auto_takes_the_quicker_engine_that_gives_the_machines_numbers() -> None:
    whole, real = summed([0.02, 0.03], Activation.REQUANTISE, EIGHT_BITS), summed([0.1, 0.2, 0.3])
    assert Runner(whole, engine="auto")(frame_of(whole)).run.engine == "dense"
    assert Runner(whole, "chip", "auto")(frame_of(whole)).run.engine == "walk"
    assert Runner(real, engine="auto")(frame_of(real)).run.engine == "walk"


def test_auto_takes_the_literal_machine_where_no_maps_can_be_made() -> None:
    """Two halves of a map hear two axons in different orders."""
    toy = Toy()
    source = toy.input("x", (4, 8, 8))
    for half, columns in enumerate(((0, 1), (1, 0))):
        target = toy.population((4, 4, 8), activation=Activation.REQUANTISE, parameters=EIGHT_BITS)
        toy.output(f"y{half}", target)
        for column in columns:
            table = toy.table(target, np.full((4, 1, 1, 1), 5.0 + column), np.arange(4))
            toy.axon(source, table, y_off=-4 * half, x_off=column)
    image = toy.image()
    assert Runner(image, engine="auto")(frame_of(image, WHOLE[:, :4])).run.engine == "literal"


@pytest.mark.parametrize("odd", [0.5, 256.0, -3000.0])
def test_frames_of_other_numbers_are_the_walks(odd: float) -> None:
    image = summed([0.02, 0.03], Activation.REQUANTISE, EIGHT_BITS)
    frame, other = frame_of(image), frame_of(image)
    other["x1"] = other["x1"].copy()
    other["x1"][0, 3, 2, 1] = odd
    runs = [result.run for result in Runner(image, engine="auto").several([frame, other, frame])]
    assert [run.engine for run in runs] == ["dense", "walk", "dense"]
    for run, given in zip(runs, (frame, other, frame), strict=True):
        assert_same(run, Machine(image).run(given))


def test_frames_that_are_all_the_walks_take_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dense, "session", None)
    image = summed([0.02, 0.03], Activation.REQUANTISE, EIGHT_BITS)
    runner, frames = Runner(image, engine="auto"), [frame_of(image, WHOLE * by) for by in (0.5, 2)]
    runs = [*(result.run for result in runner.several(frames)), runner(frames[0], keep_layers=True).run]
    for run, frame in zip(runs, (*frames, frames[0]), strict=True):
        assert run.engine == "walk"
        assert_same(run, Machine(image).run(frame, keep_layers=bool(run.layers)))


@pytest.mark.parametrize(
    "frame", [{}, {"x0": WHOLE}, {"x0": WHOLE, "x1": WHOLE.astype(str)}, {"x0": WHOLE, "x1": 1}]
)
def test_errors_are_the_walks(frame: dict[str, Any]) -> None:
    image = summed([0.02, 0.03], Activation.REQUANTISE, EIGHT_BITS)
    said = []
    for engine in ("auto", "walk"):
        with pytest.raises(BadInput) as caught:
            Runner(image, engine=engine)(frame)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64])
def test_the_least_integer_of_a_type_is_not_of_eight_bits(kind: Any) -> None:
    assert not are_integers(np.array([1, np.iinfo(kind).min], kind))
    toy = Toy()
    source, target = toy.input("x", (WIDTH, 8, 8)), toy.population((WIDTH, 8, 8))
    toy.join(source, target, RANDOM.integers(-127, 128, (WIDTH, WIDTH, 3, 3)), pad=(1, 1))
    image = toy.output("y", target).image()
    frame = frame_of(image, np.where(WHOLE > 0, np.iinfo(kind).min, WHOLE).astype(kind))
    assert_same(Dense(image, exactly=True).run(frame), Walk(image).run(frame))


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint8, np.uint64, np.float16, np.float64])
def test_integers_of_any_type(kind: Any) -> None:
    ends = (0, 1) if kind is np.bool_ else (-128, 127) if kind is np.int8 else (0, 255)
    assert are_integers(np.array(ends, kind))
    assert are_integers(np.zeros((0, 3), kind))


def test_grids() -> None:
    numbers = np.array([[1.5, -0.25], [0, 0], [3, 2], [2.0**-30, 1], [96, 64], [-np.inf, 0.5]])
    assert grid(numbers).tolist() == [0.25, np.inf, 1, 2.0**-30, 32, 0.5]
    assert grid(np.array([[0.1, 1]]))[0] == 2.0**-55
    assert grid(np.zeros(0)).size == 0
