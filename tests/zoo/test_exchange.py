"""ResNet50 in other forms: its listing is assembled, and its exports are read, to the same bytes."""

from pathlib import Path

import pytest

from snc.backends.analysis.listing import disassemble
from snc.backends.exchange.assembler import assemble
from snc.backends.exchange.export import load_export, save_export
from snc.backends.exchange.formats import FORMATS
from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.models.resnet import resnet50

from .networks import LARGE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    path = tmp_path_factory.mktemp("resnet50") / "resnet50.onnx"
    path.write_bytes(resnet50().SerializeToString())
    return compile_model(path, LARGE, Options(weights="fixed8", effort=0.5)).image


def test_the_listing_is_assembled_to_the_same_bytes(image: Image) -> None:
    listing = disassemble(image, is_whole=True)
    assert len(listing.splitlines()) > 100_000
    assert write_image(assemble(listing)) == write_image(image)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_export_is_read_back_to_the_same_bytes(image: Image, form: str, tmp_path: Path) -> None:
    save_export(tmp_path / form, image, form)
    assert write_image(load_export(tmp_path / form)) == write_image(image)
