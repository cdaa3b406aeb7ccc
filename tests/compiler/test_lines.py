"""Networks of one row or one column, longer than offsets reach: any stride, kernel and dilation is right."""

import pytest
from oracle import layers
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.compiler.pipeline.driver import Compiled
from snc.ir.errors import DoesNotFit

from .reference import assert_computes, compiled, shrunken


def line(length: int, channels: int = 1, rank: int = 3, *, upright: bool = False) -> tuple[int, ...]:
    """The shape of a row of samples, or of a column."""
    return {3: (1, channels, length), 4: (1, channels, length, 1) if upright else (1, channels, 1, length)}[
        rank
    ]


def conv(w: Writer, x: str, channels: int, kernel: int, **numbers: int) -> str:
    """A convolution along the only axis that is long."""
    shape = w.shape(x)
    depth = shape[1]
    along = [kernel] if len(shape) == 3 else [1, kernel] if shape[2] == 1 else [kernel, 1]
    weights = w.weights((channels, depth, *along), depth * kernel)
    spread = {
        name: [value if size > 1 else 1 for size in along] if len(shape) == 4 else [value]
        for name, value in numbers.items()
        if name in ("strides", "dilations")
    }
    pads = [numbers.get("pads", 0) if size > 1 else 0 for size in along]
    return w.add("Conv", x, weights, w.bias(channels), pads=pads + pads, **spread)


def right(w: Writer, result: str) -> Compiled:
    """A network that is compiled, checked and run against ONNX Runtime."""
    model = w.model([result], "line")
    found = compiled(model)
    assert_computes(found.image, model, random_input(model, 1))
    return found


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 8, 10, 16])
@pytest.mark.parametrize("kernel", [2, 33, 80])
def test_a_first_layer_of_any_stride_and_kernel(stride: int, kernel: int) -> None:
    w = Writer(13, stride)
    right(w, conv(w, w.input(line(1200)), 3, kernel, strides=stride))


@pytest.mark.parametrize("shape", [line(900, 2), line(900, 2, 4), line(900, 2, 4, upright=True)])
@pytest.mark.parametrize("stride", [3, 4, 6])
def test_a_later_layer_of_any_stride(shape: tuple[int, ...], stride: int) -> None:
    w = Writer(13, stride)
    x = conv(w, w.input(shape), 4, 3, pads=1)
    right(w, conv(w, x, 5, 9, strides=stride))


@pytest.mark.parametrize("pool", [2, 3, 4, 8])
def test_convolutions_and_pools_in_turn(pool: int) -> None:
    w = Writer(13, pool)
    x = conv(w, w.input(line(3000)), 4, 40, strides=4)
    x = w.add("MaxPool", w.add("Relu", x), kernel_shape=[pool], strides=[pool])
    x = conv(w, x, 5, 3)
    right(w, w.add("AveragePool", w.add("Relu", x), kernel_shape=[pool], strides=[pool]))


@pytest.mark.parametrize("dilation", [1, 7, 16, 64, 200])
@pytest.mark.parametrize("length", [250, 700])
def test_dilations_that_reach_far(dilation: int, length: int) -> None:
    w = Writer(13, dilation)
    x = conv(w, w.input(line(length, 3)), 4, 3, dilations=dilation, pads=dilation)
    right(w, conv(w, x, 4, 2, dilations=dilation, pads=dilation))


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_transposed_convolutions(stride: int) -> None:
    w = Writer(13, stride)
    x = conv(w, w.input(line(300, 2)), 4, 3)
    right(w, w.add("ConvTranspose", x, w.weights((4, 2, 2 * stride), 8), strides=[stride]))


def test_an_audio_network_takes_one_core() -> None:
    """Half a second of samples: the first layer's stride is the host's, who lays the samples in phases."""
    w = Writer(13, 0)
    x = w.add("Relu", conv(w, w.input(line(8000)), 32, 80, strides=16))
    x = conv(w, w.add("MaxPool", x, kernel_shape=[4], strides=[4]), 32, 3)
    assert len(right(w, x).mapping.cores) == 1


def test_offsets_that_no_cut_brings_down_are_refused() -> None:
    """A kernel of 16 reaches 15 positions back, however finely its source is cut."""
    w = Writer(13, 0)
    model = w.model([conv(w, w.input(line(300)), 2, 16)], "line")
    with pytest.raises(DoesNotFit, match="its axons need offsets of -15 to 14"):
        compiled(model, shrunken(offset_min=-14, offset_max=14, upsampling_max=1))


def test_layers_of_one_position_are_right() -> None:
    """A stride of 4 in either axis says nothing where there is one result, and nothing is thinned."""
    w = Writer(13, 0)
    x = layers.conv(w, w.input((1, 2, 9, 9)), 3, (7, 7), stride=(4, 4))
    assert len(right(w, x).network.populations) == 2
