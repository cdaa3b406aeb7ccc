"""The dense engine: outputs near the machine's, and counters that follow from its own values."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from backends.agreement import COUNTERS, watched
from backends.machine_toys import Toy
from oracle.graphs import random_input, random_model, single_layer_cases
from oracle.writer import Writer

from snc.backends.image.image import Image
from snc.backends.lifted.walk import Walk
from snc.backends.machine.decode import decode
from snc.backends.machine.machine import Run
from snc.compiler.running.dense.engine import Dense
from snc.compiler.running.dense.functions import MADE
from snc.compiler.running.engines import ENGINES
from snc.ir.activations import Activation
from snc.ir.errors import BadInput, Origin
from snc.models.digits import digits_images, digits_model

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
    counted = (np.array_equal(getattr(got.counters, each), getattr(want.counters, each)) for each in COUNTERS)
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
    for got, frame in zip(dense.run_several(frames), frames, strict=True):
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
    run = Dense(image).run({name: zero})
    assert run.engine == "literal"
    assert np.isneginf(next(iter(run.outputs.values()))).all()
