"""Real trained networks on real pictures, where the models' folder stands beside the checkout (make zoo)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from snc.backends.machine import Arithmetic
from snc.compiler.driver import Compiled, Options, compile_model
from snc.compiler.frontend import original, to_onnx
from snc.compiler.run import Runner
from snc.compiler.target import load_target
from snc.models.digits import digits_images

from .pictures import Pixels, cropped, first_channels, grey, photograph, picture, resized
from .runtime import Arrays, Floats, error, noise, reread, truth

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "models"
CHIP = load_target("grai-vip")
TOLERANCE = 1e-5
ORIGINAL_TOLERANCE = 1e-4
FLOAT16_DECIBELS = 45.0
CHIP_DECIBELS = 40.0

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]

PHOTOGRAPHS = ("chelsea", "astronaut", "coffee", "china")


@dataclass(frozen=True, slots=True)
class Model:
    """A network of the folder: its input's name, and what it takes (shared/models/README.md)."""

    input: str
    take: Callable[[Pixels], Floats]


def raw(size: int, scale: float = 1.0) -> Callable[[Pixels], Floats]:
    """Channels last, as TensorFlow keeps them."""
    return lambda pixels: (cropped(pixels, size)[None] / scale).astype(np.float32)


def bgr(size: int, *mean: float) -> Callable[[Pixels], Floats]:
    """Blue, green, red, without their means."""
    return lambda pixels: first_channels(cropped(pixels, size)[:, :, ::-1] - np.array(mean, np.float32))


ZOO: dict[str, Model] = {
    "pilotnet": Model("input", lambda pixels: first_channels(grey(resized(pixels, 66, 200)) / 255)),
    "cifar_imageclassifier": Model("modelInput", lambda pixels: first_channels(cropped(pixels, 32) / 255)),
    "mlperf_pretrainedResnet": Model("input_1", raw(32)),
    "mlperf_vww_96_float": Model("input_1", raw(96, 255)),
    "yunet_s_320": Model("input", bgr(320, 0, 0, 0)),
    "squeezenet_fp16": Model("data_0", bgr(224, 104, 117, 123)),
}
NAMES = [*ZOO, "mnist8_cntk"]


def handwritten(digit: npt.NDArray[np.float32]) -> Floats:
    """A digit of 8 x 8 as mnist has them: bicubic to 20 x 20, inside 28 x 28, 0 to 255."""
    pixels = Image.fromarray(np.asarray(digit[0] * (255 / 16), dtype=np.uint8))
    large = np.asarray(pixels.resize((20, 20), Image.Resampling.BICUBIC), dtype=np.float32)
    return np.pad(large, 4)[None, None]


@cache
def frames(name: str) -> tuple[Arrays, ...]:
    """What a network is run on."""
    if name == "mnist8_cntk":
        return tuple({"Input3": handwritten(digit)} for digit in digits_images().images[:20])
    model = ZOO[name]
    return tuple({model.input: model.take(picture(n, seed))} for seed, n in enumerate(PHOTOGRAPHS))


@cache
def found(name: str, weights: str) -> Compiled:
    return compile_model(FOLDER / f"{name}.onnx", CHIP, Options(weights=weights))


@cache
def outputs(name: str, weights: str) -> tuple[Arrays, ...]:
    """What the image says of each frame."""
    runner = Runner(reread(found(name, weights).image))
    return tuple(runner(dict(frame)).outputs for frame in frames(name))


@cache
def wanted(name: str) -> tuple[Arrays, ...]:
    """What ONNX Runtime says of each frame, of the original in single precision."""
    model = original(FOLDER / f"{name}.onnx")
    return tuple(truth(model, frame, inner=False) for frame in frames(name))


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_the_original(name: str) -> None:
    got, want = outputs(name, "float32"), wanted(name)
    for output in want[0]:
        assert error([g[output] for g in got], [w[output] for w in want]) <= ORIGINAL_TOLERANCE, output


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
@pytest.mark.parametrize("name", NAMES)
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
@pytest.mark.parametrize("name", NAMES)
def test_float16_is_close_to_the_original(name: str, arithmetic: Arithmetic, least: float) -> None:
    runner = Runner(reread(found(name, "float16").image), arithmetic)
    exact = to_onnx(found(name, "float32").reference())
    got, want = [], []
    for frame in frames(name):
        handed = runner(dict(frame)).run.outputs
        values = truth(exact, frame)
        got += [handed[tensor].ravel() for tensor in handed]
        want += [values[tensor].ravel() for tensor in handed]
    assert noise(np.concatenate(got), np.concatenate(want)) >= least


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
