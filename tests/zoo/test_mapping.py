"""The builders' networks on as few cores as docs/mapping.md says, every axon in reach."""

from dataclasses import replace
from pathlib import Path

import pytest

from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.target import load_target
from snc.ir.aims import StateUse
from snc.models.catalogue import CATALOGUE
from snc.passes.placing.place import far_axons

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "target", "mesh", "states", "most"),
    [
        ("pilotnet", "grai-vip", (12, 12), "persistent", 2),
        ("mobilenetv1", "grai-vip", (12, 12), "persistent", 57),
        ("mobilenetv1", "grai-vip", (12, 12), "shared", 27),
        ("resnet50", "grai-vip", (24, 24), "persistent", 175),
        ("resnet50", "grai-vip", (12, 12), "shared", 119),
        ("resnet50", "grai-vip-strided", (12, 12), "shared", 113),
        ("resnet101", "grai-vip", (24, 24), "persistent", 290),
        ("resnet101", "grai-vip", (24, 24), "shared", 202),
        ("resnet101", "grai-vip", (24, 12), "shared", 202),
        ("darknet53", "grai-vip", (24, 24), "shared", 192),
    ],
)
def test_few_cores_that_reach_each_other(
    name: str, target: str, mesh: tuple[int, int], states: str, most: int, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(CATALOGUE[name].build().SerializeToString())
    chip, options = replace(load_target(target), mesh=mesh), Options("fixed8", states=StateUse(states))
    packer = packer_of(quantised(prepare(path), options.weights), chip, options)
    found = packer.located(packer.choices())
    used, least = len(found.mapping.cores), found.solution.least_cores
    found.mapping.verify()
    assert least <= used <= most
    assert not list(far_axons(found.mapping))
    if name == "resnet50":
        assert used - least <= 0.03 * used
