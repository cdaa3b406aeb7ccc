"""The synapses of operators that pair pixels: convolutions, pools and Resize, as nested loops."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import onnx

from .interpolation import linear_taps, nearest_taps, source_coordinate
from .reading import Reading, Synapses, flat, integer, ints, text


@dataclass(frozen=True, slots=True)
class Axis:
    """The window along one spatial axis."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int

    def taps(self, position: int) -> list[tuple[int, int]]:
        """(kernel index, input index) of every tap of one output that lies inside the input."""
        found = []
        for k in range(self.kernel):
            i = position * self.stride + k * self.dilation - self.begin
            if 0 <= i < self.size:
                found.append((k, i))
        return found

    def transposed_taps(self, position: int) -> list[tuple[int, int]]:
        """The same for a transposed convolution: the inputs that are scattered onto this output."""
        return [
            (k, i)
            for i in range(self.size)
            for k in range(self.kernel)
            if i * self.stride + k * self.dilation - self.begin == position
        ]

    def padded_taps(self, position: int) -> int:
        """How many taps of one output lie inside the padded input."""
        return sum(
            position * self.stride + k * self.dilation < self.begin + self.size + self.end
            for k in range(self.kernel)
        )


def conv(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """Output channel m reads the channels of its group: weight W[m, c, ky, kx]."""
    x, y = node.input[0], node.output[0]
    weights = reading.values(node.input[1])
    channels, depth, *kernel = weights.shape
    group = integer(node, "group", 1)
    rows, columns = _axes(reading, node, (kernel[0], kernel[1]))
    synapses: Synapses = {}
    for m in range(channels):
        first = m // (channels // group) * depth
        for row in range(rows.outputs):
            for column in range(columns.outputs):
                target = flat(reading.shapes[y], 0, m, row, column)
                for c in range(depth):
                    for ky, iy in rows.taps(row):
                        for kx, ix in columns.taps(column):
                            source = flat(reading.shapes[x], 0, first + c, iy, ix)
                            synapses[(x, source), target] = float(weights[m, c, ky, kx])
    return synapses


def conv_transpose(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """Input channel c writes the channels of its group: weight W[c, m, ky, kx]."""
    x, y = node.input[0], node.output[0]
    weights = reading.values(node.input[1])
    channels, width, *kernel = weights.shape  # width: output channels of a group
    group = integer(node, "group", 1)
    rows, columns = _axes(reading, node, (kernel[0], kernel[1]))
    synapses: Synapses = {}
    for c in range(channels):
        first = c // (channels // group) * width
        for row in range(rows.outputs):
            for column in range(columns.outputs):
                for m in range(width):
                    target = flat(reading.shapes[y], 0, first + m, row, column)
                    for ky, iy in rows.transposed_taps(row):
                        for kx, ix in columns.transposed_taps(column):
                            source = flat(reading.shapes[x], 0, c, iy, ix)
                            synapses[(x, source), target] = float(weights[c, m, ky, kx])
    return synapses


def pool(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """A channel reads itself: a share of the window each for the average, one for the maximum."""
    x, y = node.input[0], node.output[0]
    shape = reading.shapes[x]
    if node.op_type.startswith("Global"):
        rows, columns = (Axis(size, 1, size, 1, 1, 0, 0) for size in shape[2:])
    else:
        height, width = ints(node, "kernel_shape")
        rows, columns = _axes(reading, node, (height, width))
    average = node.op_type.endswith("AveragePool")
    include_pad = integer(node, "count_include_pad", 0) == 1
    synapses: Synapses = {}
    for c in range(shape[1]):
        for row in range(rows.outputs):
            for column in range(columns.outputs):
                pixels = [(iy, ix) for _, iy in rows.taps(row) for _, ix in columns.taps(column)]
                count = rows.padded_taps(row) * columns.padded_taps(column) if include_pad else len(pixels)
                for iy, ix in pixels:
                    source, target = flat(shape, 0, c, iy, ix), flat(reading.shapes[y], 0, c, row, column)
                    synapses[(x, source), target] = 1 / count if average else 1.0
    return synapses


def resize(reading: Reading, node: onnx.NodeProto) -> Synapses:
    """Upsample and Resize: the product of what rows and columns read."""
    x, y = node.input[0], node.output[0]
    before, after = reading.shapes[x], reading.shapes[y]
    scales = _scales(reading, node)
    rows, columns = (_resize_taps(reading, node, before[axis], after[axis], scales[axis]) for axis in (2, 3))
    synapses: Synapses = {}
    for c in range(before[1]):
        for row in range(after[2]):
            for column in range(after[3]):
                target = flat(after, 0, c, row, column)
                for iy, vertical in rows(row).items():
                    for ix, horizontal in columns(column).items():
                        synapses[(x, flat(before, 0, c, iy, ix)), target] = vertical * horizontal
    return synapses


def _resize_taps(
    reading: Reading, node: onnx.NodeProto, size: int, resized: int, scale: Fraction
) -> Callable[[int], dict[int, float]]:
    """The inputs that an output position reads along one axis, with their shares."""
    mode = text(node, "mode", "nearest")
    if reading.opset < 11:  # there were no other ways yet
        transformation, rule = "asymmetric", "floor"
    else:
        transformation = text(node, "coordinate_transformation_mode", "half_pixel")
        rule = text(node, "nearest_mode", "round_prefer_floor")

    def taps(position: int) -> dict[int, float]:
        coordinate = source_coordinate(position, scale, size, resized, transformation)
        if mode == "nearest":
            return nearest_taps(coordinate, size, rule)
        if mode in ("linear", "bilinear"):
            return linear_taps(coordinate, size)
        raise NotImplementedError(f"Resize mode {mode}")

    return taps


def _scales(reading: Reading, node: onnx.NodeProto) -> list[Fraction]:
    """The factor of every axis: an attribute, an input, or implied by the sizes."""
    before, after = reading.shapes[node.input[0]], reading.shapes[node.output[0]]
    position = 1 if reading.opset < 11 else 2
    if reading.opset < 9:
        given = [float(each) for each in next(a for a in node.attribute if a.name == "scales").floats]
    elif len(node.input) > position and node.input[position]:
        given = [float(each) for each in reading.values(node.input[position])]
    else:
        given = []
    if not given:
        return [Fraction(new, old) for old, new in zip(before, after, strict=True)]
    scales = [Fraction(1)] * len(before)
    for axis, each in zip(ints(node, "axes", range(len(before))), given, strict=True):
        scales[axis] = Fraction(each)
    return scales


def _axes(reading: Reading, node: onnx.NodeProto, kernel: tuple[int, int]) -> tuple[Axis, Axis]:
    """The windows along rows and columns, with automatic padding resolved."""
    before, after = reading.shapes[node.input[0]][2:], reading.shapes[node.output[0]][2:]
    strides, dilations = ints(node, "strides", (1, 1)), ints(node, "dilations", (1, 1))
    pads = ints(node, "pads", (0, 0, 0, 0))
    axes = []
    for axis in (0, 1):
        span = dilations[axis] * (kernel[axis] - 1) + 1
        begin, end = pads[axis], pads[axis + 2]
        if node.op_type == "ConvTranspose":
            if text(node, "auto_pad", "NOTSET").startswith("SAME") or ints(node, "output_shape"):
                extra = ints(node, "output_padding", (0, 0))[axis]
                begin, end = _halves(node, strides[axis] * (before[axis] - 1) + extra + span - after[axis])
        elif text(node, "auto_pad", "NOTSET").startswith("SAME"):
            begin, end = _halves(node, max((after[axis] - 1) * strides[axis] + span - before[axis], 0))
        axes.append(Axis(before[axis], after[axis], kernel[axis], strides[axis], dilations[axis], begin, end))
    return axes[0], axes[1]


def _halves(node: onnx.NodeProto, total: int) -> tuple[int, int]:
    """A padding shared out: SAME_UPPER puts the odd one at the end."""
    small, large = total // 2, total - total // 2
    return (small, large) if text(node, "auto_pad", "NOTSET") == "SAME_UPPER" else (large, small)
