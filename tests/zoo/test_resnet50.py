"""ResNet50 with seeded weights on a larger mesh: compiled, run, and right at every layer."""

from pathlib import Path

import numpy as np
import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.aims import StateUse
from snc.models.resnet import resnet50

from .networks import LARGE
from .pictures import cropped, first_channels, picture
from .test_zoo import check_layers

pytestmark = pytest.mark.slow

MEAN, DEVIATION = (np.array(v, np.float32) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


@pytest.mark.parametrize("states", ["persistent", "shared"])
def test_resnet50_in_fixed8(states: str, tmp_path: Path) -> None:
    model, path = resnet50(), tmp_path / "resnet50.onnx"
    path.write_bytes(model.SerializeToString())
    found = compile_model(path, LARGE, Options(weights="fixed8", states=StateUse(states)))
    assert len(found.image.cores) <= 24 * 24
    assert check(write_image(found.image)).faults == ()
    pixels = cropped(picture("chelsea", 1), 224) / np.float32(255)
    frame = {model.graph.input[0].name: first_channels((pixels - MEAN) / DEVIATION)}
    check_layers(found, [frame])
