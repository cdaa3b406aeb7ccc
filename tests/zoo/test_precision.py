"""Real networks on pictures: what the chosen weight formats cost, on those to choose by and on others."""

from functools import cache

import numpy as np
import pytest

from snc.compiler.choosing.choose import WANTED_DB, Choosing
from snc.compiler.choosing.frames import Measured
from snc.compiler.choosing.meter import Meter
from snc.compiler.choosing.unmeasured import EIGHT_BITS
from snc.compiler.pipeline.prepare import prepare
from snc.ir.storage.formats import spelled

from .networks import FOLDER, NAMES, ZOO, frames
from .pictures import Pixels, photograph, picture
from .runtime import Arrays

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
    pytest.mark.skipif(photograph("chelsea") is None, reason="there are no photographs"),
]

FLOATS = [name for name in NAMES if not name.endswith(("_quant", "_int8"))]
HELD_OUT_DB = 25.0
HALF_DB = 45.0
CORRECTED = {
    "pilotnet": 10.0,
    "mlperf_pretrainedResnet": 6.0,
    "mlperf_vww_96_float": 4.0,
    "squeezenet_fp16": 3.0,
}
CLASSIFIERS = (
    *("squeezenet_fp16", "mlperf_pretrainedResnet", "mlperf_vww_96_float"),
    *("cifar_imageclassifier", "mnist8_cntk", "ppocr_cls_v2"),
)
TIE = 0.002  # of the largest element: a held-out answer so near the second best needs weights of 16 bits


def crops(seed: int) -> list[Pixels]:
    """Parts of photographs: three to choose by, then one of another photograph."""
    random = np.random.default_rng(seed)
    found = []
    for name in ("chelsea", "coffee", "astronaut", "china"):
        pixels = picture(name, seed)
        side = int(min(pixels.shape[:2]) * random.uniform(0.5, 1))
        y, x = (int(random.integers(0, size - side + 1)) for size in pixels.shape[:2])
        found.append(pixels[y : y + side, x : x + side])
    return found


@cache
def meter(name: str) -> Meter:
    shapes = ZOO[name].shapes if name in ZOO else {}
    prepared = prepare(FOLDER / f"{name}.onnx", shapes)
    given: tuple[Arrays, ...] = frames(name)
    if name in ZOO:
        model = ZOO[name]
        given = tuple({model.input: model.take(each)} for seed in range(4) for each in crops(seed))
    return Meter(prepared.graph, prepared.network, given)


@cache
def chosen(name: str) -> tuple[tuple[str, ...], Measured, Measured | None]:
    formats = Choosing(meter(name)).promoted()
    return formats, *meter(name).whole(formats)


@pytest.mark.parametrize("name", FLOATS)
def test_the_chosen_formats_keep_thirty_decibels(name: str) -> None:
    formats, calibration, held_out = chosen(name)
    assert calibration.sqnr_db >= WANTED_DB
    assert held_out is not None
    assert held_out.sqnr_db >= HELD_OUT_DB
    assert any(name in formats for name in EIGHT_BITS)


@pytest.mark.parametrize("name", FLOATS)
def test_half_precision_keeps_forty_five_decibels(name: str) -> None:
    calibration, _ = meter(name).of_text("float16")
    assert calibration.sqnr_db >= HALF_DB


@pytest.mark.parametrize("name", CORRECTED)
def test_corrected_biases_are_worth_their_decibels(name: str) -> None:
    found = meter(name).measured([EIGHT_BITS[0]] * len(meter(name).constants))
    assert found.best.calibration.sqnr_db >= found.plain.calibration.sqnr_db + CORRECTED[name]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_answers_stay(name: str) -> None:
    formats, calibration, _ = chosen(name)
    assert calibration.agreement == 1.0
    known, text = meter(name), spelled(formats)
    held = known._constants(text, known.added(text))
    for frame, wanted in zip(known.held_out.given, known.held_out.wanted, strict=True):
        want, got = (next(iter(each.values())).ravel() for each in (wanted, known._run(frame, held)))
        assert want[got.argmax()] >= want.max() - TIE * abs(want.max())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_all_answers_stay_in_half_precision(name: str) -> None:
    assert [each and each.agreement for each in meter(name).of_text("float16")] == [1.0, 1.0]
