"""The builders' networks on as few cores as docs/mapping.md says, every axon in reach."""

from dataclasses import replace
from pathlib import Path

import pytest

from snc.compiler.choices import Packer
from snc.compiler.driver import lower
from snc.compiler.options import Options
from snc.ir.mapping import Mapping
from snc.models.catalogue import CATALOGUE
from snc.passes.place import far_axons

from .networks import LARGE

pytestmark = pytest.mark.slow


def mapped(name: str, mesh: tuple[int, int], states: str, folder: Path) -> tuple[Mapping, int]:
    """A network in cores with places, and how many cores it takes at least."""
    path = folder / "model.onnx"
    path.write_bytes(CATALOGUE[name].build().SerializeToString())
    chip, options = replace(LARGE, mesh=mesh), Options(states=states)
    _, _, network = lower(path, chip, options)
    packer = Packer(network, chip, options)
    found = packer.located(packer.choices())
    return found.mapping, found.solution.least_cores


@pytest.mark.parametrize(
    ("name", "mesh", "states", "most"),
    [
        ("pilotnet", (12, 12), "persistent", 2),
        ("mobilenetv1", (12, 12), "persistent", 57),
        ("mobilenetv1", (12, 12), "shared", 27),
        ("resnet50", (24, 24), "persistent", 175),
        ("resnet50", (12, 12), "shared", 119),
        ("resnet101", (24, 24), "persistent", 290),
        ("resnet101", (24, 24), "shared", 203),
        ("resnet101", (24, 12), "shared", 202),
        ("darknet53", (24, 24), "shared", 193),
    ],
)
def test_few_cores_that_reach_each_other(
    name: str, mesh: tuple[int, int], states: str, most: int, tmp_path: Path
) -> None:
    mapping, least = mapped(name, mesh, states, tmp_path)
    mapping.verify()
    assert least <= len(mapping.cores) <= most
    assert not list(far_axons(mapping))
    if name == "resnet50":
        assert len(mapping.cores) - least <= 0.03 * len(mapping.cores)
