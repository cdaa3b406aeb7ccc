"""Real networks in bands of rows, with formats that `snc tune` finds: less memory, and the same answers."""

import numpy as np
import onnx
import pytest
from checker.check import check

from snc.backends.analysis.bill import bill
from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.ir.aims import Objective, StateUse

from .networks import CHIP, FOLDER, ZOO
from .pictures import photograph
from .runtime import Arrays, truth
from .test_precision import crops

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
    pytest.mark.skipif(photograph("chelsea") is None, reason="there are no photographs"),
]

TUNED = {
    "mlperf_pretrainedResnet": "float16 x 3, int8 x 6, float16",
    "mlperf_vww_96_float": "adaptive8e2s",
}


@pytest.mark.parametrize(("name", "weights"), TUNED.items())
def test_a_quarter_less_memory_and_the_same_answers(name: str, weights: str) -> None:
    path, model = FOLDER / f"{name}.onnx", ZOO[name]
    frames = [{model.input: model.take(each)} for seed in range(8) for each in crops(seed)]
    default = compile_model(path, CHIP, Options())
    tuned = compile_model(
        path,
        CHIP,
        Options(weights, StateUse.BANDED, Objective.MEMORY, data=lambda inputs: frames),
    )
    assert check(write_image(tuned.image)).faults == ()
    assert bill(tuned.image).total.total <= 0.75 * bill(default.image).total.total
    given = onnx.load(path)
    wanted = [answer(truth(given, frame, inner=False)) for frame in frames]
    runner = Runner(tuned.image)
    found = [answer(runner(frame).outputs) for frame in frames]
    assert sum(a != b for a, b in zip(found, wanted, strict=True)) <= 1


def answer(outputs: Arrays) -> int:
    (only,) = outputs.values()
    return int(np.argmax(only))
