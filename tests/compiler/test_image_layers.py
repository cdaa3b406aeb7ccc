"""What an image says of a layer is what the network says: which fragments are its result's."""

from collections.abc import Callable

import onnx
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.compiler.reports.report import main_fragments

from .reference import compiled, options, shrunken


def strided() -> onnx.ModelProto:
    """Identity layers before a convolution whose stride the chip has not."""
    w = Writer(13, 2)
    x = layers.conv(w, w.input((1, 3, 16, 16)), 4)
    return w.model([layers.conv(w, x, 8, stride=(4, 4))], "strided")


def product() -> onnx.ModelProto:
    """Populations that hold a constant's elements, and the sum of a map and these."""
    w = Writer(13, 2)
    x = layers.conv(w, w.input((1, 3, 8, 8)), 4, pads=(1, 1, 1, 1))
    return w.model([layers.conv(w, w.add("Concat", x, w.weights((1, 2, 8, 8), 9), axis=1), 3)], "constant")


@pytest.mark.parametrize("make", [strided, product])
@pytest.mark.parametrize("numbers", [{}, {"depth_max": 2, "height_max": 5}], ids=["whole", "cut"])
def test_the_fragments_of_a_result_are_told_from_its_helpers(
    make: Callable[[], onnx.ModelProto], numbers: dict[str, int]
) -> None:
    found = compiled(make(), shrunken(**numbers), options("fixed8"))
    network, fragments = found.mapping.network, found.mapping.of_population()
    assert any(len(layer.populations) > 1 for layer in network.layers)
    for layer, shown in zip(network.layers, found.image.about.layers, strict=True):
        assert (shown.name, shown.op, shown.nodes) == (layer.name, layer.operator, layer.nodes)
        assert len(shown.fragments) == sum(len(fragments[p]) for p in layer.populations)
        assert len(main_fragments(found.image, shown)) == len(fragments[layer.result])
