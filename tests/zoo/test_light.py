"""The onnx package's light models with seeded weights: compiled and right."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.network import PopulationId
from snc.passes.placing.place import far_axons

from .light import light_input, light_model
from .networks import LARGE
from .test_zoo import check_layers


def written(name: str, folder: Path) -> Path:
    """The file of a light model."""
    path = folder / f"{name}.onnx"
    path.write_bytes(light_model(name).SerializeToString())
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("squeezenet", "shufflenet", "inception_v2", "resnet50", "densenet121"),
        *("inception_v1", "bvlc_alexnet", "zfnet512"),  # with local response normalisation
    ],
)
def test_a_light_model_computes(name: str, tmp_path: Path) -> None:
    found = compile_model(written(name, tmp_path), LARGE, Options())
    check_layers(found, [light_input(light_model(name))])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no system that says in kilobytes what a command took")
def test_a_deep_light_model_is_compiled_in_less_than_600_mb(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snc", "compile", str(written("densenet121", tmp_path))]
    process = subprocess.Popen([*command, "-o", str(tmp_path / "image.snc")], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_maxrss < 600 * 1024  # in kilobytes


@pytest.mark.slow
def test_a_layer_that_no_window_holds_takes_relays(tmp_path: Path) -> None:
    """vgg19's first dense layer fills 400 cores and more; an axon reaches 256."""
    found = compile_model(written("vgg19", tmp_path), replace(LARGE, mesh=(36, 36)), Options())
    dense = next(p for p, population in enumerate(found.network.populations) if population.name == "n38")
    at = found.mapping.core_of()
    assert len({at[f] for f in found.mapping.of_population()[PopulationId(dense)]}) > 256
    assert not list(far_axons(found.mapping))
    assert any(population.origin.operator == "Relay" for population in found.mapping.network.populations)
    assert check(write_image(found.image)).faults == ()
    check_layers(found, [light_input(light_model("vgg19"))])
