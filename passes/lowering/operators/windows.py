"""Windows of spatial operators: kernel, stride, padding and dilation along one axis, as ONNX defines them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import AxisMap
from .. import axis


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


def spatial_windows(
    layer: Layer,
    source: Sequence[int],
    kernel: Sequence[int],
    result: Sequence[int],
    *,
    transposed: bool = False,
) -> tuple[Window, Window]:
    """The windows in y and x of a layer whose result has the shape `result`. Raises Unsupported."""
    rank = len(result) - 2
    if rank not in (1, 2):
        raise Unsupported(
            layer.origin, f"it works on {rank} spatial dimensions", hint="the chip has maps of H x W"
        )
    sizes = tuple(result[2:]) if rank == 2 else (1, result[2])
    strides = _pair(layer.integers("strides", (1,) * rank))
    dilations = _pair(layer.integers("dilations", (1,) * rank))
    pads = layer.integers("pads", (0,) * (2 * rank))
    begins, ends = _pair(pads[:rank], 0), _pair(pads[rank:], 0)
    mode = layer.text("auto_pad", "NOTSET")
    found = []
    for i in range(2):
        extent = (kernel[i] - 1) * dilations[i] + 1
        begin, end = begins[i], ends[i]
        if transposed:
            output_padding = _pair(layer.integers("output_padding", (0,) * rank), 0)[i]
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
    return found[0], found[1]


def _pair(values: Sequence[int], missing: int = 1) -> tuple[int, int]:
    return (values[0], values[1]) if len(values) == 2 else (missing, values[0] if values else missing)
