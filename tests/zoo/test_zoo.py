"""Real trained networks on real pictures, where the models' folder stands beside the checkout (make zoo)."""

import sys
from collections.abc import Sequence

import numpy as np
import pytest

from snc.backends.machine.machine import Arithmetic
from snc.compiler.frontend.read import to_onnx
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.running.runner import Runner
from snc.models.digits import digits_images

from .networks import FOLDER, LISTED, NAMES, PHOTOGRAPHS, found, frames, outputs, wanted
from .pictures import photograph
from .runtime import Arrays, error, noise, reread, truth

TOLERANCE = 1e-5
ORIGINAL_TOLERANCE = 1e-4
FLOAT16_DECIBELS = 45.0
CHIP_DECIBELS = 40.0

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_the_original(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every output, those of all detection heads too, is ONNX Runtime's; how nearly is printed."""
    got, want = outputs(name, "float32"), wanted(name)
    errors = {o: error([g[o] for g in got], [w[o] for w in want]) for o in want[0]}
    with capsys.disabled():
        for output, worst in errors.items():
            peak = max(float(np.abs(w[output].astype(np.float64)).max()) for w in want)
            sys.stdout.write(f"\n{name:30} {output:28} {worst:8.1e} of {peak:.4g}")
    assert set(got[0]) == set(want[0])
    assert {output: worst for output, worst in errors.items() if not worst <= ORIGINAL_TOLERANCE} == {}


@pytest.mark.parametrize(
    ("name", "weights"), [*((name, "float32") for name in NAMES), *((name, "fixed8") for name in LISTED)]
)
def test_every_layer_is_the_reference_graphs(name: str, weights: str) -> None:
    check_layers(found(name, weights), frames(name))


def check_layers(compiled: Compiled, given: Sequence[Arrays]) -> None:
    """Every layer and every output is the reference graph's, its error taken over the peak of all frames."""
    runner, model = Runner(reread(compiled.image)), to_onnx(compiled.reference())
    results = [runner(dict(frame), keep_layers=True) for frame in given]
    got = [{**result.run.layers, **result.outputs} for result in results]
    want = [truth(model, frame) for frame in given]
    for tensor in got[0]:
        assert error([g[tensor] for g in got], [w[tensor] for w in want]) <= TOLERANCE, tensor


# Decibels are those of all that the chip hands out, together and before the host's part. One output alone may
# be worse: half precision holds a logit of 16 to 2^-7, almost 1 % of what exponentials make of it.
@pytest.mark.parametrize(("arithmetic", "least"), [("float32", FLOAT16_DECIBELS), ("chip", CHIP_DECIBELS)])
@pytest.mark.parametrize("name", LISTED)
def test_float16_is_close_to_the_original(
    name: str, arithmetic: Arithmetic, least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = Runner(reread(found(name, "float16").image), arithmetic)
    exact = to_onnx(found(name, "float32").reference())
    got, want = [], []
    for frame in frames(name):
        handed = runner(dict(frame)).run.outputs
        values = truth(exact, frame)
        got += [handed[tensor].ravel() for tensor in handed]
        want += [values[tensor].ravel() for tensor in handed]
    decibels = noise(np.concatenate(got), np.concatenate(want))
    with capsys.disabled():
        sys.stdout.write(f"\n{name:30} float16, {arithmetic} arithmetic: {decibels:.1f} dB")
    assert decibels >= least


# Class numbers: of CIFAR-10, of "person" among none and one, of ImageNet.
ANSWERS = {
    ("mlperf_pretrainedResnet", "chelsea"): range(3, 4),
    ("mlperf_vww_96_float", "astronaut"): range(1, 2),
    ("squeezenet_fp16", "chelsea"): range(281, 287),
    ("squeezenet_fp16", "coffee"): range(967, 968),
}


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
@pytest.mark.parametrize(("name", "shown"), ANSWERS)
def test_photographs_are_recognised(name: str, shown: str, weights: str) -> None:
    if photograph(shown) is None:
        pytest.skip("neither scikit-image nor scikit-learn is installed")
    (values,) = outputs(name, weights)[PHOTOGRAPHS.index(shown)].values()
    assert int(values.argmax()) in ANSWERS[name, shown]


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
def test_handwritten_digits_are_read(weights: str) -> None:
    said = [int(next(iter(each.values())).argmax()) for each in outputs("mnist8_cntk", weights)]
    assert np.mean(np.array(said) == digits_images().labels[: len(said)]) >= 0.9
