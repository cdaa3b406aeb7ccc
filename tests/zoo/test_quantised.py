"""Real networks quantised to eight bits: their images compute the integers that the models are."""

import sys

import numpy as np
import numpy.typing as npt
import pytest

from snc.compiler.running.verify import verify

from .networks import FOLDER, ZOO, found
from .pictures import PACKAGED, Pixels, picture

NETWORKS = ("mlperf_pretrainedResnet_quant", "mlperf_vww_96_int8")
EACH = 10  # sections of each picture

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]


def sections(pixels: Pixels, seed: int) -> list[Pixels]:
    """Squares of a picture, of sizes drawn at random."""
    random = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    made = []
    for _ in range(EACH):
        side = int(random.integers(min(height, width) // 4, min(height, width)))
        top, left = random.integers(0, height - side), random.integers(0, width - side)
        made.append(pixels[top : top + side, left : left + side])
    return made


def inputs(name: str) -> list[dict[str, npt.NDArray[np.int8]]]:
    """Fifty pictures as a network takes them."""
    given = [each for seed, shown in enumerate(PACKAGED) for each in sections(picture(shown, seed), seed)]
    return [{ZOO[name].input: ZOO[name].take(each)} for each in given]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_computes_the_integers_of_the_model(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = inputs(name)
    assert len(given) == 50
    verdict = verify(FOLDER / f"{name}.onnx", found(name, "fixed8").image, given)
    integers = verdict.compared["integers"].outputs
    [output] = verdict.outputs  # against what ONNX Runtime says of the model
    with capsys.disabled():
        elements = sum(figure.elements for figure in integers)
        sys.stdout.write(f"\n{name}: {elements} integers in {len(integers)} layers, the answer's largest")
        sys.stdout.write(f" difference from ONNX Runtime's: {output.max_abs_error:g} of 256 steps")
    assert [figure.mismatches for figure in integers] == [0] * len(integers)
    assert verdict.is_right
    assert output.argmax_agree == 1.0
