"""Windows of spatial operators: kernel, stride, padding and dilation along one axis, as ONNX defines them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import AxisMap
from .. import axis
from ..builder import Builder
from ..views import Ids

AXES = 3  # z, y and x: the slices of a volume are channels
VOLUME = AXES + 2  # axes of a tensor [N, C, D, H, W]


@dataclass(frozen=True, slots=True)
class Window:
    """How a kernel slides along one axis of `source` positions to give `target` positions."""

    source: int
    target: int
    kernel: int
    stride: int
    pad: int
    pad_end: int
    dilation: int

    def convolution(self) -> AxisMap:
        """The axis map of Conv and of pooling windows."""
        return axis.convolution(self.source, self.target, self.kernel, self.stride, self.pad, self.dilation)

    def transposed(self) -> AxisMap:
        """The axis map of ConvTranspose."""
        return axis.transposed(self.source, self.target, self.kernel, self.stride, self.pad, self.dilation)

    def halved(self) -> "Window":
        """The same windows and those in between, at half the stride."""
        return replace(self, stride=self.stride // 2, target=2 * self.target - 1)


def halvings(y: Window, x: Window) -> list[tuple[Window, Window]]:
    """The windows in y and x, then those at half the strides, and so on: strides of 4, 8, ... go through
    identity layers of stride 2 (paper 4.3). Any stride will do for an axis with one target position.
    """
    found = [(y, x)]
    while all(w.target == 1 or w.stride % 4 == 0 for w in found[-1]) and any(w.target > 1 for w in found[-1]):
        found.append((found[-1][0].halved(), found[-1][1].halved()))
    return found


def volume(builder: Builder, layer: Layer, index: int) -> Ids:
    """An operand as slices of maps [C, D, H, W], one where it is flat. Frames are further channels."""
    ids = builder.operand(layer, index)
    if ids.ndim == VOLUME:
        return ids.reshape(-1, *ids.shape[2:])
    return builder.channelwise(layer, index)[:, None]


def taps(z: AxisMap) -> Iterator[tuple[int, Ids]]:
    """Each tap of a window in depth, with the slice that each source slice reaches through it; -1: none."""
    for tap in range(z.tap_count):
        reached = np.full(z.source_size, -1, dtype=np.int64)
        now = z.taps == tap
        reached[z.sources[now]] = z.targets[now]
        if (reached >= 0).any():
            yield tap, reached


def spatial_windows(
    layer: Layer,
    source: Sequence[int],
    kernel: Sequence[int],
    result: Sequence[int],
    *,
    transposed: bool = False,
) -> tuple[Window, Window, Window]:
    """The windows in z, y and x of a layer whose result has the shape `result`. Raises Unsupported."""
    rank = len(result) - 2
    if not 1 <= rank <= AXES:
        raise Unsupported(
            layer.origin, f"it works on {rank} spatial dimensions", hint="the chip has maps of H x W"
        )
    source, kernel, sizes = _all_axes(source), _all_axes(kernel), _all_axes(result[2:])
    strides = _all_axes(layer.integers("strides", (1,) * rank))
    dilations = _all_axes(layer.integers("dilations", (1,) * rank))
    pads = layer.integers("pads", (0,) * (2 * rank))
    begins, ends = _all_axes(pads[:rank], 0), _all_axes(pads[rank:], 0)
    mode = layer.text("auto_pad", "NOTSET")
    found = []
    for i in range(AXES):
        extent = (kernel[i] - 1) * dilations[i] + 1
        begin, end = begins[i], ends[i]
        if transposed:
            output_padding = _all_axes(layer.integers("output_padding", (0,) * rank), 0)[i]
            full = (source[i] - 1) * strides[i] + extent + output_padding
            if mode in ("SAME_UPPER", "SAME_LOWER") or layer.integers("output_shape"):
                total = full - sizes[i]
                # ONNX: the larger half stands at the beginning, but for SAME_UPPER at the end
                begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
                end = total - begin
        elif mode in ("SAME_UPPER", "SAME_LOWER"):
            # ONNX Runtime pads pools as if their windows were not dilated, so there are fewer of these
            covered = extent if layer.op == "Conv" else kernel[i]
            total = (-(-source[i] // strides[i]) - 1) * strides[i] + covered - source[i]
            if layer.op == "Conv" and total < -1:
                raise Unsupported(
                    layer.origin,
                    f"ONNX and ONNX Runtime read {mode} differently where positions lie between windows",
                    hint="give the pads instead",
                )
            # Below zero, positions are left out on both sides; halves are cut off, as C does.
            begin = int((total + (mode == "SAME_LOWER")) / 2)
            end = total - begin
            if (source[i] + total - extent) // strides[i] + 1 != sizes[i]:
                raise Unsupported(
                    layer.origin,
                    f"ONNX and ONNX Runtime read {mode} differently where windows are dilated",
                    hint="give the pads instead",
                )
        elif mode == "VALID":
            begin = end = 0
        padded = source[i] + begin + end
        if not transposed and extent > padded and not layer.integer("ceil_mode", 0):
            raise Unsupported(
                layer.origin,
                f"its window of {extent} positions is wider than the padded map of {padded}",
                hint="take a smaller kernel, or more padding",
            )
        found.append(Window(source[i], sizes[i], kernel[i], strides[i], begin, end, dilations[i]))
    return found[0], found[1], found[2]


def _all_axes(values: Sequence[int], missing: int = 1) -> tuple[int, ...]:
    """A number for z, y and x each: those of axes that a layer does not have are `missing`."""
    return (*(missing,) * (AXES - len(values)), *values)
