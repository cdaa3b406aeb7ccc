"""`snc compare` on every network of the models' folder, where that stands beside the checkout (make zoo)."""

from pathlib import Path

import pytest

from snc.compiler.billing.compare import Comparison, compare
from snc.compiler.billing.techniques import Widths
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare

from .networks import CHIP, FOLDER

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]

FILES = sorted(FOLDER.glob("*.onnx")) if FOLDER.is_dir() else []
SHAPES = {"ppocr_cls_v2": {"x": (1, 3, 48, 192)}}  # of inputs that a model leaves free


def compared(path: Path, *, ours: bool) -> Comparison:
    shapes = SHAPES.get(path.stem, {})
    options = Options(effort=0.5, input_shapes=shapes)
    return compare(prepare(path, shapes), CHIP, options, Widths(), ours=ours)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_network_has_a_bill(path: Path) -> None:
    found = compared(path, ours=False)
    assert 0 < found.synapses <= found.padded_synapses
    assert found.paper_rules.total_bytes < found.hier_lut.total_bytes < found.lut.total_bytes
    assert sum(layer.synapses for layer in found.layers) == found.synapses
    for technique in ("paper_rules", "lut", "hier_lut"):
        parts = sum(getattr(layer, technique).total_bytes for layer in found.layers)
        assert parts == getattr(found, technique).total_bytes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_network_has_that_of_its_image(path: Path) -> None:
    found = compared(path, ours=True)
    assert found.snc is not None
    assert found.cores.snc is not None
    assert found.cores.snc <= found.cores.paper_rules
    assert found.snc.total_bytes < found.hier_lut.total_bytes
    assert sum(layer.snc.total_bytes for layer in found.layers if layer.snc) == found.snc.total_bytes
