"""Windows of spatial operators, where ONNX and ONNX Runtime do not say the same."""

import pytest

from snc.ir.errors import Origin, Unsupported
from snc.ir.layers import Attribute, Layer
from snc.passes.lowering.operators.windows import Window, spatial_windows


def pool(result: tuple[int, int]) -> tuple[Window, ...]:
    """The windows of a dilated pool with automatic padding over 11 rows and 10 columns."""
    attributes: dict[str, Attribute] = {"auto_pad": "SAME_UPPER", "dilations": (2, 3), "strides": (2, 3)}
    layer = Layer("p", "MaxPool", ("x",), ("y",), attributes, Origin("m.onnx", "p", "MaxPool"))
    return spatial_windows(layer, (11, 10), (3, 2), (1, 1, *result))


def test_dilated_pools_are_padded_as_onnx_runtime_pads_them() -> None:
    y, x = pool((5, 3))[-2:]
    assert (y.pad, y.pad_end, y.target) == (1, 1, 5)
    assert (x.pad, x.pad_end, x.target) == (0, 1, 3)


def test_dilated_pools_of_a_size_that_only_onnx_gives_are_refused() -> None:
    with pytest.raises(Unsupported, match="give the pads instead"):
        pool((6, 4))


def test_a_window_wider_than_its_padded_map_is_refused() -> None:
    """ONNX has no such window; ONNX Runtime rounds the count of windows up to one and computes something."""
    attributes: dict[str, Attribute] = {"strides": (1, 2), "kernel_shape": (1, 2)}
    layer = Layer("p", "AveragePool", ("x",), ("y",), attributes, Origin("m.onnx", "p", "AveragePool"))
    with pytest.raises(Unsupported, match="its window of 2 positions is wider than the padded map of 1"):
        spatial_windows(layer, (64, 1), (1, 2), (1, 4, 64, 1))
