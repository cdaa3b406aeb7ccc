"""Toys on the machine: the same numbers and counts as the manual's reader, and those that numpy computes."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.counters import Counters
from snc.backends.machine.decode import decode
from snc.backends.machine.machine import Arithmetic, Fire, Machine, Run
from snc.backends.machine.tensors import cast_to
from snc.backends.machine.timing import Clock
from snc.backends.words.words import BiasFormat, Order
from snc.ir.errors import BadInput, Origin
from snc.ir.network import Activation, Update
from snc.ir.storage.skipping import Layout

from .by_the_manual import Chip as ByTheManual
from .machine_toys import Toy, about
from .toy import toy_image, toy_reference

RNG = np.random.default_rng


def both(toy: Toy, inputs: dict[str, NDArray[Any]], *, chip: bool = False, frames: int = 1) -> Run:
    """Runs a toy on both machines, which must agree in every number and count."""
    return agreed(toy.image(), inputs, chip, frames)


def agreed(image: Image, inputs: dict[str, NDArray[Any]], chip: bool = False, frames: int = 1) -> Run:
    """Runs an image on both machines, which must agree in every number and count."""
    arithmetic: Arithmetic = "chip" if chip else "float32"
    machine, other = Machine(image, arithmetic), ByTheManual(write_image(image), arithmetic)
    total: Counters | None = None
    for _ in range(frames):
        run = machine.run(inputs, keep_layers=True)
        total = run.counters if total is None else total + run.counters
        for kind, tensors in (("output", run.outputs), ("layer", run.layers)):
            want = other.run(inputs, kind) if kind == "output" else other.tensors_of(kind)
            assert tensors.keys() == want.keys()
            for name, got in tensors.items():
                assert got.dtype == np.float32
                np.testing.assert_allclose(got, want[name], rtol=1e-6, atol=1e-7)
        for key in total.populations:
            tally = total.of(*key)
            for name, counter in other.counts.items():
                assert getattr(tally, name) == counter[key], (name, key)
    return run


def random(shape: tuple[int, ...], seed: int = 0, zeros: float = 0.3) -> NDArray[np.float32]:
    """Numbers of which some are zero."""
    rng = RNG(seed)
    return np.where(rng.random(shape) < zeros, 0, rng.standard_normal(shape)).astype(np.float32)


def event_view(weights: NDArray[Any]) -> NDArray[Any]:
    """Weights of a convolution [D_out, D_in, KH, KW] as events see them: [D_in, D_out, KH, KW], turned."""
    return np.ascontiguousarray(weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])


def convolution(
    x: NDArray[Any], weights: NDArray[Any], stride: int = 1, pads: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> NDArray[np.float64]:
    """What ONNX's Conv says of x [D, H, W]; pads are top, left, bottom, right."""
    top, left, bottom, right = pads
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[2:], axis=(1, 2))
    strided = windows[:, ::stride, ::stride]
    return np.asarray(np.einsum("cyxab,ocab->oyx", strided, weights.astype(np.float64)))


@pytest.mark.parametrize("chip", [False, True])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [
        ((5, 7), (3, 3), 1, (1, 1, 1, 1)),
        ((5, 7), (3, 3), 1, (0, 0, 0, 0)),
        ((5, 7), (3, 3), 2, (1, 1, 1, 1)),
        ((6, 6), (3, 3), 2, (0, 0, 1, 1)),
        ((6, 9), (2, 5), 1, (1, 0, 0, 3)),
        ((9, 6), (4, 1), 2, (2, 0, 1, 0)),
        ((4, 4), (1, 1), 2, (0, 0, 0, 0)),
        ((1, 1), (1, 1), 1, (0, 0, 0, 0)),
        ((16, 16), (16, 16), 1, (0, 0, 0, 0)),
    ],
)
def test_convolution(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, pads: tuple[int, int, int, int], chip: bool
) -> None:
    x, weights = random((2, *size)), random((3, 2, *kernel), 1, zeros=0.2)
    bias = np.array([0.5, -1, 2], np.float32)
    want = convolution(x, weights, stride, pads) + bias[:, None, None]
    toy = Toy([(1, 2), (0, 0)])
    source = toy.input("x", x.shape)
    target = toy.population(want.shape, 1, bias=bias)
    toy.join(source, target, event_view(weights), pad=pads[:2], sl=stride - 1).output("y", target)
    run = both(toy, {"x": x[None]}, chip=chip)
    error = 5e-2 if chip else 1e-5
    np.testing.assert_allclose(run.outputs["y"][0], want, rtol=error, atol=error)
    assert run.counters.total.hops == 3 * run.counters.total.events == run.counters.total.input_hops
    assert run.counters.total.firing == np.count_nonzero(x) + np.count_nonzero(want)


def test_counters_of_a_convolution_by_hand() -> None:
    x = np.zeros((1, 1, 4, 4), np.float32)
    x[0, 0, 0, 0] = x[0, 0, 1, 2] = 1
    toy = Toy([(0, 0), (2, 1)])
    source = toy.input("x", (1, 4, 4))
    target = toy.population((2, 2, 2), 1, activation=Activation.RELU)
    toy.join(source, target, np.ones((1, 2, 3, 3)), sl=1, pad=(0, 0)).output("y", target)
    counters = both(toy, {"x": x}).counters
    # (0, 0) reaches neuron (0, 0) alone; (1, 2) reaches (0, 0) and (0, 1); two channels each.
    assert counters.total.synaptic_operations == 2 + 4
    assert counters.total.events == 2
    assert counters.total.empty_events == 0
    assert counters.total.hops == 6
    source_core, target_core = counters.per_core(2)
    assert (source_core.events, source_core.synaptic_operations) == (2, 0)
    assert (target_core.events, target_core.synaptic_operations) == (0, 6)


def test_an_event_that_the_axon_lets_through_may_touch_nothing() -> None:
    x = np.ones((1, 1, 1, 8), np.float32)
    toy = Toy()
    source = toy.input("x", (1, 1, 8))
    target = toy.population((1, 1, 3))  # the axon says 8
    toy.join(source, target, np.ones((1, 1, 1, 1))).output("y", target)
    total = both(toy, {"x": x}).counters.total
    assert (total.events, total.empty_events, total.synaptic_operations) == (8, 5, 3)


def test_upsampling_is_a_transposed_convolution() -> None:
    x, weights = random((2, 3, 4)), random((2, 3, 4, 4), 1)
    toy = Toy()
    source = toy.input("x", x.shape)
    target = toy.population((3, 6, 8))
    table = toy.table(target, weights)
    toy.axon(source, table, us=1, x_off=-1, y_off=-1).output("y", target)
    want = np.zeros((3, 8 + 1, 10 + 1))
    for c, y, x_ in np.ndindex(*x.shape):
        want[:, 2 * y : 2 * y + 4, 2 * x_ : 2 * x_ + 4] += x[c, y, x_] * weights[c]
    got = both(toy, {"x": x[None]}).outputs["y"][0]
    np.testing.assert_allclose(got, want[:, 1:7, 1:9], atol=1e-5)


def test_cut_source_and_target() -> None:
    """Figure 5: a source in four fragments, a target in three, each in a core of its own."""
    x, weights = random((2, 6, 6)), random((2, 2, 3, 3), 1)
    want = convolution(x, weights, 1, (1, 1, 1, 1))
    toy = Toy([(i % 3, i // 3) for i in range(7)])
    sources, targets = [], []
    for i, (y, x0) in enumerate(((0, 0), (0, 4), (3, 0), (3, 4))):
        width = 4 if x0 == 0 else 2
        sources.append((toy.input(f"x{i}", (2, 3, width), i), y, x0))
    boxes = ((0, 2, 0, 4, 0, 6), (0, 1, 4, 6, 0, 6), (1, 2, 4, 6, 0, 6))  # channels, rows, columns
    for i, (c, c_, y, y_, x0, x_) in enumerate(boxes):
        targets.append(toy.population((c_ - c, y_ - y, x_ - x0), 4 + i))
        toy.output(f"y{i}", targets[-1])
        table = toy.table(targets[-1], event_view(weights)[:, c:c_])
        for source, y_source, x_source in sources:
            y_off, x_off = y_source - 3 + 1 + 1 - y, x_source - 3 + 1 + 1 - x0
            toy.axon(source, table, x_off=x_off, y_off=y_off)
    inputs = {
        f"x{i}": x[None, :, y : y + 3, x0 : x0 + toy.cells[s].shape[2]]
        for i, (s, y, x0) in enumerate(sources)
    }
    run = both(toy, inputs)
    for i, (c, c_, y, y_, x0, x_) in enumerate(boxes):
        np.testing.assert_allclose(run.outputs[f"y{i}"][0], want[c:c_, y:y_, x0:x_], atol=1e-5)


def test_cut_channels_share_a_table_through_c_off() -> None:
    x, weights = random((5, 4, 4)), random((2, 5, 3, 3), 1)
    toy = Toy()
    parts = [toy.input("a", (3, 4, 4)), toy.input("b", (2, 4, 4))]
    target = toy.population((2, 4, 4))
    table = toy.table(target, event_view(weights))
    for part, c_off in zip(parts, (0, 3), strict=True):
        toy.axon(part, table, x_off=-1, y_off=-1, c_off=c_off)
    toy.output("y", target)
    run = both(toy, {"a": x[None, :3], "b": x[None, 3:]})
    np.testing.assert_allclose(run.outputs["y"][0], convolution(x, weights, 1, (1, 1, 1, 1)), atol=1e-5)


def test_null_kernels_give_empty_events() -> None:
    x = np.ones((1, 3, 2, 2), np.float32)
    toy = Toy()
    source, weights = toy.input("x", (3, 2, 2)), np.ones((3, 1, 1, 1))
    target = toy.population((2, 2, 2))
    toy.join(source, target, weights, first=(1, -1, 0)).output("y", target)
    run = both(toy, {"x": x})
    np.testing.assert_array_equal(run.outputs["y"], np.ones((1, 2, 2, 2)))
    total = run.counters.total
    assert (total.events, total.empty_events, total.synaptic_operations) == (12, 4, 8)


@pytest.mark.parametrize("sl", [0, 1])
def test_depthwise_and_grouped(sl: int) -> None:
    x = random((4, 5, 6))
    for kd in (1, 2, 3):
        toy = Toy()
        source, weights = toy.input("x", x.shape), random((4, kd, 3, 3), kd)
        target = toy.population((kd + 3, 6 >> sl, 6 >> sl), bias=np.arange(kd + 3))
        toy.join(source, target, weights, first=(3, 0, 1, 1), sl=sl, pad=(1, 1)).output("y", target)
        for chip in (False, True):
            both(toy, {"x": x[None]}, chip=chip)


@pytest.mark.parametrize("chip", [False, True])
@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("sl", [0, 1])
def test_many_channels(sl: int, zeros: float, chip: bool) -> None:
    """Where all channels of a pixel are dealt with together, it is as if they were not."""
    x = random((23, 5, 6), zeros=zeros)
    depthwise = random((23, 1, 3, 3), 1)
    pointwise = random((23, 5, 1, 1), 2)
    own, nulls = np.arange(23), (np.arange(23) < 3) | (np.arange(23) > 20)
    toy = Toy([(0, 0), (1, 0)])
    source = toy.input("x", x.shape)
    for update in Update:
        target = toy.population((25, 6 >> sl, 7 >> sl), bias=np.linspace(-1, 1, 25))
        first = np.where(nulls, -1, own + 1)
        toy.join(source, target, depthwise, first=first, sl=sl, pad=(1, 2), update=update)
        toy.output(f"channels{update}", target)
    for channel in (np.full(23, 2), np.where(own % 5 == 1, -1, 1)):
        target = toy.population((8, 4, 4), 1)
        toy.join(source, target, pointwise, first=channel, sl=sl, pad=(1 - sl, -1))
        toy.output(f"pixels{target}", target)
    both(toy, {"x": x[None]}, chip=chip)


@pytest.mark.parametrize(
    ("code", "exponent"),
    [("float32", 0), ("float16", 2), ("fixed8", -3), ("fixed8", 0)],
)
def test_weight_formats(code: str, exponent: int) -> None:
    x, weights = random((3, 4, 4)), RNG(1).integers(-100, 100, (2, 3, 3, 3)) * 2.0**exponent
    toy = Toy()
    source = toy.input("x", x.shape)
    target = toy.population((2, 4, 4), bias=np.array([1, -0.5]), bias_format=BiasFormat.FLOAT16)
    toy.join(source, target, event_view(weights), pad=(1, 1), code=code, exponent=exponent)
    run = both(toy.output("y", target), {"x": x[None]})
    want = convolution(x, weights, 1, (1, 1, 1, 1)) + np.array([1, -0.5])[:, None, None]
    np.testing.assert_allclose(run.outputs["y"][0], want, rtol=1e-5, atol=1e-4)


def test_kernels_above_sixteen_are_tiles() -> None:
    x, weights = random((1, 20, 20)), random((2, 1, 20, 20), 1)
    seen = event_view(weights)
    toy = Toy()
    source = toy.input("x", x.shape)
    target = toy.population((2, 1, 1))
    for y, x0 in np.ndindex(2, 2):
        rows, columns = slice(16 * y, min(16 * y + 16, 20)), slice(16 * x0, min(16 * x0 + 16, 20))
        table = toy.table(target, seen[:, :, rows, columns])
        toy.axon(source, table, x_off=-19 + 16 * x0, y_off=-19 + 16 * y)
    run = both(toy.output("y", target), {"x": x[None]})
    np.testing.assert_allclose(run.outputs["y"][0, :, 0, 0], (weights * x).sum(axis=(1, 2, 3)), rtol=1e-5)
    assert run.counters.total.synaptic_operations == 2 * np.count_nonzero(x)


@pytest.mark.parametrize("chip", [False, True])
@pytest.mark.parametrize("update", [Update.MAXIMUM, Update.MINIMUM])
def test_pooling_of_numbers_of_either_sign(update: Update, chip: bool) -> None:
    x = random((2, 5, 5))
    sign = 1 if update == Update.MAXIMUM else -1
    toy = Toy()
    source = toy.input("x", x.shape, fires_on_zero=True)
    target = toy.population((2, 2, 2), initial=-sign * np.inf)
    weights = np.ones((2, 1, 3, 3))
    weights[:, :, 1, 1] = 0  # a hole
    toy.join(source, target, weights, first=(0, 1), sl=1, update=update).output("y", target)
    run = both(toy, {"x": x[None]}, chip=chip)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].copy()
    windows[..., 1, 1] = -sign * np.inf
    want = sign * (sign * windows).max(axis=(-1, -2))
    np.testing.assert_allclose(run.outputs["y"][0], want, rtol=1e-3 if chip else 0)
    assert run.counters.total.synaptic_operations == 2 * 4 * 8


@pytest.mark.parametrize("chip", [False, True])
def test_a_gate_multiplies_and_fires_on_zero(chip: bool) -> None:
    """Multiply: the first operand adds, the second multiplies, all over the picture by a kernel of ones."""
    x, gate = random((2, 3, 3)), np.array([0, 0.5], np.float32).reshape(2, 1, 1)
    toy = Toy([(0, 0), (0, 1)])
    a, b = toy.input("x", x.shape), toy.input("gate", gate.shape, fires_on_zero=True)
    target = toy.population(x.shape, 1)
    toy.join(a, target, np.ones((2, 1, 1, 1)), first=(0, 1))
    table = toy.table(target, np.ones((2, 1, 3, 3)), (0, 1), update=Update.MULTIPLY)
    toy.axon(b, table).output("y", target)
    run = both(toy, {"x": x[None], "gate": gate[None]}, chip=chip)
    want = x.astype(np.float16) * gate if chip else x * gate
    np.testing.assert_array_equal(run.outputs["y"][0], want)
    assert run.counters.of(0, 1).firing == 2


def test_a_square_adds_first_and_multiplies_second() -> None:
    """Two axons to one population keep their order for every neuron."""
    x = random((1, 2, 2))
    toy = Toy()
    source = toy.input("x", x.shape)
    target = toy.population(x.shape)
    one = np.ones((1, 1, 1, 1))
    toy.join(source, target, one).join(source, target, one, update=Update.MULTIPLY).output("y", target)
    np.testing.assert_array_equal(both(toy, {"x": x[None]}).outputs["y"][0], x * x)


# Those that need no exp: two machines agree on them to the last bit of a float16.
EXACT = {
    Activation.IDENTITY,
    Activation.RELU,
    Activation.CLIP,
    Activation.LEAKY_RELU,
    Activation.HARD_SIGMOID,
    Activation.HARD_SWISH,
    Activation.SOFTSIGN,
    Activation.THRESHOLDED_RELU,
    Activation.ABSOLUTE,
}


@pytest.mark.parametrize(
    ("function", "parameters", "scale"),
    [
        (Activation.IDENTITY, (), None),
        (Activation.RELU, (), 0.25),
        (Activation.CLIP, (-0.5, 1.5), None),
        (Activation.CLIP, (0, np.inf), None),
        (Activation.LEAKY_RELU, (0.125,), None),
        (Activation.SIGMOID, (), 3),
        (Activation.TANH, (), None),
        (Activation.HARD_SIGMOID, (0.2, 0.5), 2),
        (Activation.ELU, (1.5,), None),
        (Activation.SELU, (1.7, 1.05), None),
        (Activation.CELU, (2,), None),
        (Activation.SILU, (), None),
        (Activation.HARD_SWISH, (0.25, 0.5), None),
        (Activation.SOFTPLUS, (), None),
        (Activation.SOFTSIGN, (), None),
        (Activation.THRESHOLDED_RELU, (0.5,), None),
        (Activation.ABSOLUTE, (), -0.5),
    ],
)
def test_activations(function: Activation, parameters: tuple[float, ...], scale: float | None) -> None:
    x = random((2, 4, 5)) * 3
    toy = Toy()
    source = toy.input("x", x.shape)
    middle = toy.population(x.shape, activation=function, parameters=parameters, scale=scale)
    target = toy.population(x.shape)
    eye = np.ones((2, 1, 1, 1))
    toy.join(source, middle, eye, first=(0, 1)).join(middle, target, eye, first=(0, 1))
    toy.output("middle", middle).output("y", target)
    run = both(toy, {"x": x[None]})
    assert run.counters.of(0, 3).firing == np.count_nonzero(run.outputs["middle"])
    np.testing.assert_array_equal(run.outputs["middle"], run.outputs["y"])
    both(toy, {"x": x[None]}, chip=function in EXACT)


def test_parameters_of_each_channels_own() -> None:
    x = random((3, 2, 2)) * 3
    toy = Toy()
    source = toy.input("x", x.shape)
    slopes, highs = (0.5, -1.0, 0.25), (1.0, 2.0, 0.5)
    leaky = toy.population(x.shape, activation=Activation.LEAKY_RELU, parameters=(slopes,))
    clipped = toy.population(x.shape, activation=Activation.CLIP, parameters=(-0.25, highs))
    for target in (leaky, clipped):
        toy.join(source, target, np.ones((3, 1, 1, 1)), first=(0, 1, 2)).output(f"y{target}", target)
    both(toy, {"x": x[None]}, chip=True)
    run = both(toy, {"x": x[None]})
    by_slope, by_high = (np.array(each, np.float32)[:, None, None] for each in (slopes, highs))
    np.testing.assert_array_equal(run.outputs[f"y{leaky}"][0], np.where(x < 0, by_slope * x, x))
    np.testing.assert_array_equal(run.outputs[f"y{clipped}"][0], np.clip(x, -0.25, by_high))


def test_float16_states_saturate_and_stay_in_order() -> None:
    x = np.array([2048, 1, 1, 1], np.float32).reshape(1, 1, 1, 4)
    toy = Toy()
    source = toy.input("x", (1, 1, 4))
    target = toy.population((1, 1, 1))
    toy.join(source, target, np.ones((1, 1, 1, 4))).output("y", target)
    assert both(toy, {"x": x}).outputs["y"].item() == 2051
    assert both(toy, {"x": x}, chip=True).outputs["y"].item() == 2048  # 2049 is half way, to even
    assert both(toy, {"x": x[..., ::-1]}, chip=True).outputs["y"].item() == 2052
    assert both(toy, {"x": x * 64}, chip=True).outputs["y"].item() == np.inf


def test_a_frame_depends_on_no_other() -> None:
    x = np.ones((1, 1, 1, 1), np.float32)
    toy = Toy()
    source = toy.input("x", (1, 1, 1))
    target = toy.population((1, 1, 1), bias=np.array([10]))
    toy.join(source, target, np.ones((1, 1, 1, 1))).output("y", target)
    assert both(toy, {"x": x}, frames=3).outputs["y"].item() == 11


def test_shared_states_overlap() -> None:
    """Two populations in the same state words: one is done before the other begins."""
    x = random((1, 2, 3), zeros=0)
    toy = Toy()
    source, one = toy.input("x", x.shape), np.ones((1, 1, 1, 1))
    first = toy.population(x.shape)
    copy = toy.population(x.shape)
    second = toy.population(x.shape, states_of=first, bias=np.array([1]))
    toy.join(source, first, one).join(first, copy, one * 2).join(copy, second, one).output("y", second)
    F, R = Order.FIRE, Order.RESET  # noqa: N806
    toy.order = [(R, first), (R, copy), (F, source), (F, first), (R, second), (F, copy), (F, second)]
    np.testing.assert_array_equal(both(toy, {"x": x[None]}).outputs["y"][0], 2 * x + 1)


def test_the_toy_of_two_cores() -> None:
    x = random((1, 1, 2, 2))
    run = Machine(toy_image()).run({"image": x}, keep_layers=True)
    np.testing.assert_array_equal(run.outputs["features"], toy_reference(x))
    np.testing.assert_array_equal(run.layers["features"], toy_reference(x))
    layers = run.counters.per_layer(toy_image().about.layers)
    assert layers["image"].events == np.count_nonzero(x)
    assert layers["conv"].synaptic_operations == 2 * np.count_nonzero(x)
    twice = run.counters + run.counters
    assert twice.total.synaptic_operations == 4 * np.count_nonzero(x)
    assert run.counters.per_layer(about().layers) == {}


def test_layers_are_kept_on_request() -> None:
    assert Machine(toy_image()).run({"image": random((1, 1, 2, 2))}).layers == {}


def test_trace_and_progress() -> None:
    x = random((1, 1, 2, 2), zeros=0)
    fires: list[Fire] = []
    steps: list[tuple[int, int]] = []
    Machine(toy_image()).run({"image": x}, trace=fires.append, on_step=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    first = fires[0]
    assert (first.step, first.core, first.population, first.firing) == (1, 0, 0, 4)
    assert (first.events, first.empty_events, first.synaptic_operations) == (4, 0, 8)
    np.testing.assert_array_equal(first.values, x[0])
    assert [fire.population for fire in fires] == [0, 1]


def test_inputs_are_numbers_of_any_type() -> None:
    machine = Machine(toy_image())
    assert machine.inputs == {"image": (1, 1, 2, 2)}
    x = np.array([[[[0, 1], [1, 0]]]])
    want = machine.run({"image": x.astype(np.float32)}).outputs["features"]
    for given in (x, x.astype(bool), x.astype(np.float64), x.astype(np.uint8)[:, :, ::1], x.tolist()):
        np.testing.assert_array_equal(machine.run({"image": given}).outputs["features"], want)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "a.snc: input 'image' is missing (inputs are image [1, 1, 2, 2])"),
        ({"picture": 1}, "there is no input 'picture'"),
        ({"image": np.zeros((1, 2, 2))}, "has the shape [1, 2, 2], the model takes [1, 1, 2, 2]"),
        ({"image": np.full((1, 1, 2, 2), np.nan)}, "not finite"),
        ({"image": np.full((1, 1, 2, 2), 1e300)}, "not finite"),
        ({"image": np.full((1, 1, 2, 2), 1j)}, "is made of complex128"),
        ({"image": np.full((1, 1, 2, 2), "a")}, "is made of <U1"),
    ],
)
def test_bad_inputs(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=r"a\.snc") as error:
        Machine(toy_image(), file="a.snc").run(inputs)
    assert message in str(error.value)


@pytest.mark.parametrize("layout", [Layout.BITMAP, Layout.LIST])
def test_a_kernel_that_might_skip_and_does_not_takes_its_time(layout: Layout) -> None:
    """The same, whether another kernel of the image skips a weight or none does."""
    planes = []
    for skipped in (0, 1):
        toy = Toy()
        source = toy.input("x", (1, 1, 1))
        for count in (0, skipped):
            target, weights = toy.population((32, 1, 1)), np.ones((1, 32, 1, 1))
            weights[0, :count] = 0
            toy.join(source, target, weights, code="fixed8", layout=layout).output(f"y{target}", target)
        works = next(filter(None, Clock(decode(toy.image(), Origin())).works))
        planes.append(works[0].plane)
    dense, beside = planes
    assert np.array_equal(dense, beside)


def test_bad_arithmetic() -> None:
    with pytest.raises(BadInput, match="float32, chip"):
        Machine(toy_image(), "int8")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtype", "want"),
    [
        ("int8", [1, -1, 127, -128, 0, 127, -128]),
        ("uint8", [1, 0, 255, 0, 0, 255, 0]),
        ("int64", [1, -1, 2**63 - 1, -(2**63), 0, 2**63 - 1, -(2**63)]),
        ("bool", [True, True, True, True, True, True, True]),
        ("float16", [1.5, -1.75, np.inf, -np.inf, np.nan, np.inf, -np.inf]),
    ],
)
def test_numbers_become_another_type_within_its_limits(dtype: str, want: list[float]) -> None:
    values = np.array([1.5, -1.75, 2e20, -2e20, np.nan, np.inf, -np.inf], np.float32)
    found = cast_to(values, dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.array(want, dtype))
    assert cast_to(np.zeros(1, np.float32), dtype).item() == 0
