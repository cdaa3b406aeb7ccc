"""The onnx package's light models with seeded weights: compiled and right, or refused with a place to cut."""

from dataclasses import replace
from pathlib import Path

import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.errors import ManyErrors
from snc.ir.network import PopulationId
from snc.passes.placing.place import far_axons

from .light import light_input, light_model
from .networks import LARGE
from .test_zoo import check_layers

NORMALISED = {  # where local response normalisation stands: what the parts end with, what they begin with
    "bvlc_alexnet": (("r1", "r3"), ("r5", "r7")),
    "inception_v1": (("r2", "r3"), ("r7", "r9, r20")),
    "zfnet512": (("r1", "r3"), ("r5", "r7")),
}


def written(name: str, folder: Path) -> Path:
    """The file of a light model."""
    path = folder / f"{name}.onnx"
    path.write_bytes(light_model(name).SerializeToString())
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "inception_v2", "resnet50", "densenet121"])
def test_a_light_model_computes(name: str, tmp_path: Path) -> None:
    found = compile_model(written(name, tmp_path), LARGE, Options())
    check_layers(found, [light_input(light_model(name))])


@pytest.mark.parametrize(
    "name",
    ["inception_v1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bvlc_alexnet", "zfnet512"))],
)
def test_local_response_normalisation_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ManyErrors) as caught:
        compile_model(written(name, tmp_path), LARGE, Options())
    assert len(caught.value.errors) == len(NORMALISED[name])
    for error, (ends, begins) in zip(caught.value.errors, NORMALISED[name], strict=True):
        assert "(LRN): the operator cannot be mapped" in str(error)
        assert error.hint == f"split the model: end the first part at {ends}, begin the second at {begins}"


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
