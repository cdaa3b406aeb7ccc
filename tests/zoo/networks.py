"""The networks of the models' folder: what each takes (shared/models/README.md), what comes of it, and what
ONNX Runtime says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from checker.check import check
from PIL import Image

from snc.backends.image.container import write_image
from snc.compiler.frontend.read import original
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.chip import Chip
from snc.models.digits import digits_images

from .pictures import Pixels, cropped, first_channels, grey, picture, resized
from .runtime import Arrays, Floats, reread, truth

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "models"
CHIP = load_target("grai-vip")
LARGE = replace(CHIP, name="large", mesh=(24, 24))
PHOTOGRAPHS = ("chelsea", "astronaut", "coffee", "china")

Take = Callable[[Pixels], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """A network of the folder: its input's name, what it makes of a picture, the chip it fits."""

    input: str
    take: Take
    chip: Chip = CHIP
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))


def square(size: int, scale: float = 1.0) -> Take:
    """Channels last, as TensorFlow keeps them."""
    return lambda pixels: (cropped(pixels, size)[None] / scale).astype(np.float32)


def signed(size: int) -> Take:
    """Channels last, and 128 less, as TensorFlow's quantised networks take them."""
    return lambda pixels: (cropped(pixels, size)[None].astype(np.int16) - 128).astype(np.int8)


def bgr(size: int, mean: tuple[float, ...] = (0, 0, 0), scale: float = 1.0) -> Take:
    """Blue, green, red, without their means."""
    shift = np.array(mean, np.float32)
    return lambda pixels: first_channels((cropped(pixels, size)[:, :, ::-1] - shift) / np.float32(scale))


def rgb(height: int, width: int, mean: float = 0, scale: float = 1.0) -> Take:
    """Red, green, blue, each less a mean and over a scale."""
    return lambda pixels: first_channels((resized(pixels, height, width) - np.float32(mean)) / scale)


ZOO: dict[str, Model] = {
    "pilotnet": Model("input", lambda pixels: first_channels(grey(resized(pixels, 66, 200)) / 255)),
    "cifar_imageclassifier": Model("modelInput", lambda pixels: first_channels(cropped(pixels, 32) / 255)),
    "mlperf_pretrainedResnet": Model("input_1", square(32)),
    "mlperf_pretrainedResnet_quant": Model("input_1_int8", signed(32)),
    "mlperf_vww_96_float": Model("input_1", square(96, 255)),
    "mlperf_vww_96_int8": Model("input_1_int8", signed(96)),
    "yunet_s_320": Model("input", bgr(320)),
    "squeezenet_fp16": Model("data_0", bgr(224, (104, 117, 123))),
    "ultraface_rfb320_simplified": Model("input", rgb(240, 320, 127, 128)),
    "fastestdet": Model("input.1", bgr(352, scale=255)),
    "super_resolution_x3": Model("input", lambda pixels: first_channels(grey(cropped(pixels, 224)) / 255)),
    "ppocr_cls_v2": Model("x", rgb(48, 192, 127.5, 127.5), shapes={"x": (1, 3, 48, 192)}),
    "st_ssd_mbv1_025_256": Model("input_1", rgb(256, 256, 127.5, 127.5)),
    "tbefn_180x320": Model("Placeholder", rgb(180, 320, scale=255), LARGE),
}
# Those that are also compiled to eight and to sixteen bits, and run as the chip computes.
LISTED = (
    *("pilotnet", "cifar_imageclassifier", "mlperf_pretrainedResnet", "mlperf_vww_96_float", "yunet_s_320"),
    *("squeezenet_fp16", "mnist8_cntk"),
)
NAMES = (*ZOO, "mnist8_cntk")


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
    """A network, compiled."""
    chip, shapes = (ZOO[name].chip, ZOO[name].shapes) if name in ZOO else (CHIP, {})
    made = compile_model(FOLDER / f"{name}.onnx", chip, Options(weights=weights, input_shapes=shapes))
    assert check(write_image(made.image)).faults == ()
    return made


@cache
def outputs(name: str, weights: str) -> tuple[Arrays, ...]:
    """What the image says of each frame."""
    runner = Runner(reread(found(name, weights).image))
    return tuple(runner(dict(frame)).outputs for frame in frames(name))


@cache
def wanted(name: str) -> tuple[Arrays, ...]:
    """What ONNX Runtime says of each frame: of the original in single precision, of the float form of a
    quantised one.
    """
    shapes = ZOO[name].shapes if name in ZOO else {}
    model = original(FOLDER / f"{name}.onnx", shapes)
    return tuple(truth(model, frame, inner=False) for frame in frames(name))
