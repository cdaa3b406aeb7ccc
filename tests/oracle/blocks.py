"""Random layers by kind: each takes a tensor and gives one of a legal, drawn geometry.

Geometry is constructed, never rejected: what does not fit the size at hand is made smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import layers
from .layers import Pads, Pair
from .writer import Writer

MAX_SIDE = 32  # what grows a map beyond this is preceded by a convolution of stride 2
MAX_CHANNELS = 16

Block = Callable[[Writer, str, Sequence[str]], str]  # writer, tensor, earlier tensors


@dataclass(frozen=True, slots=True)
class Window:
    """The geometry along one axis."""

    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int


def _chance(w: Writer, probability: float) -> bool:
    return bool(w.rng.random() < probability)


def _pick(w: Writer, choices: Sequence[int]) -> int:
    return int(w.rng.choice(choices))


def _name(w: Writer, choices: Sequence[str]) -> str:
    return choices[int(w.rng.integers(len(choices)))]


def _window(w: Writer, size: int, kernels: Sequence[int], strides: Sequence[int], pooling: bool) -> Window:
    """A window that fits `size` at least once; paddings stay below the kernel."""
    kernel, stride = _pick(w, kernels), _pick(w, strides)
    dilation = _pick(w, (1, 1, 1, 2, 3))
    low = max(0, kernel - size) // 2 if kernel > size else 0
    begin, end = (low + _pick(w, (0, 0, 1, 1, 2)) for _ in range(2))
    begin, end = min(begin, kernel - 1), min(end, kernel - 1)
    while (kernel - 1) * dilation + 1 > size + begin + end:
        dilation, kernel = (1, kernel) if dilation > 1 else (1, kernel - 1)
        begin, end = min(begin, kernel - 1), min(end, kernel - 1)
    if pooling and (kernel - 1) * dilation + 1 > size:
        dilation = 1  # or a window could read nothing but padding
    return Window(kernel, stride, dilation, begin, end)


def _windows(
    w: Writer, x: str, kernels: Sequence[int], strides: Sequence[int], pooling: bool
) -> list[Window]:
    """Rows and columns, alike in two cases of three: what fits the smaller side fits the larger."""
    height, width = w.shape(x)[2:]
    if _chance(w, 0.65):
        return [_window(w, min(height, width), kernels, strides, pooling)] * 2
    return [_window(w, size, kernels, strides, pooling) for size in (height, width)]


def _pairs(windows: list[Window]) -> tuple[Pair, Pair, Pair, Pads]:
    """Kernel, stride, dilation and pads as ONNX orders them."""
    rows, columns = windows
    return (
        (rows.kernel, columns.kernel),
        (rows.stride, columns.stride),
        (rows.dilation, columns.dilation),
        (rows.begin, columns.begin, rows.end, columns.end),
    )


def _auto_pad(w: Writer, x: str, kernel: Pair, stride: Pair, dilation: Pair) -> str:
    """An automatic padding in a quarter of the cases, where the operator knows one.

    ONNX Runtime refuses SAME for dilated kernels, and where a stride skips the last pixels it refuses
    it for pools and crops for convolutions.
    """
    if dilation != layers.ONE or not _chance(w, 0.25):
        return ""
    axes = list(zip(w.shape(x)[2:], kernel, stride, strict=True))
    forms = ["VALID"] if all(k <= size for size, k, _ in axes) else []
    if all((size - 1) // s * s + k >= size for size, k, s in axes):
        forms += ["SAME_UPPER", "SAME_LOWER"]
    return _name(w, forms) if forms else ""


def as_map(w: Writer, x: str) -> str:
    """The tensor itself, or a vector as a map of 1 x 1 pixel."""
    return layers.unflatten(w, x, _name(w, ("unsqueeze", "reshape"))) if len(w.shape(x)) == 2 else x


def _convolve(w: Writer, x: str, channels: int, group: int) -> str:
    kernels = (17, 20) if _chance(w, 0.08) else (1, 2, 3, 3, 3, 4, 5)
    kernel, stride, dilation, pads = _pairs(_windows(w, x, kernels, (1, 1, 1, 2, 2, 3, 4), False))
    return layers.conv(
        w,
        x,
        channels,
        kernel,
        stride=stride,
        pads=pads,
        dilation=dilation,
        group=group,
        auto_pad=_auto_pad(w, x, kernel, stride, dilation),
        bias=_chance(w, 0.8),
    )


def conv(w: Writer, x: str, _: Sequence[str]) -> str:
    y = _convolve(w, x, _pick(w, range(1, 9)), 1)
    return layers.activation(w, y, _name(w, ("relu", "clip", "leaky-relu"))) if _chance(w, 0.5) else y


def depthwise(w: Writer, x: str, _: Sequence[str]) -> str:
    channels = w.shape(x)[1]
    multiplier = 1 if channels > MAX_CHANNELS // 2 else _pick(w, (1, 1, 2, 3))
    return _convolve(w, x, channels * multiplier, channels)


def grouped(w: Writer, x: str, _: Sequence[str]) -> str:
    group = _pick(w, (2, 3))
    if w.shape(x)[1] % group:
        x = layers.conv(w, x, group * 2, (1, 1))
    return _convolve(w, x, group * _pick(w, (1, 2, 3)), group)


def conv_transpose(w: Writer, x: str, _: Sequence[str]) -> str:
    x = _shrunk(w, x, 3)
    channels = w.shape(x)[1]
    group = channels if _chance(w, 0.3) else 1
    kernel = [_pick(w, (1, 2, 3, 3, 4, 5)) for _ in range(2)]
    stride = [_pick(w, (1, 2, 2, 3))] * 2 if _chance(w, 0.6) else [_pick(w, (1, 2, 3)) for _ in range(2)]
    dilation = [_pick(w, (1, 1, 1, 2)) for _ in range(2)]
    extra = [_pick(w, (0, 0, 1)) if s > 1 else 0 for s in stride]
    pads = [0, 0, 0, 0]
    for axis, size in enumerate(w.shape(x)[2:]):
        produced = (size - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 + extra[axis]
        for side in (axis, axis + 2):
            pads[side] = min(_pick(w, (0, 1, 1, 2)), kernel[axis] - 1, (produced - 1) // 2)
    return layers.conv_transpose(
        w,
        x,
        group * _pick(w, (1, 2)) if group > 1 else _pick(w, range(1, 7)),
        (kernel[0], kernel[1]),
        stride=(stride[0], stride[1]),
        pads=(pads[0], pads[1], pads[2], pads[3]),
        dilation=(dilation[0], dilation[1]),
        output_padding=(extra[0], extra[1]),
        group=group,
        bias=_chance(w, 0.8),
    )


def average_pool(w: Writer, x: str, _: Sequence[str]) -> str:
    kernel, stride, dilation, pads = _pairs(_windows(w, x, (2, 2, 3, 3, 4), (1, 2, 2, 3), True))
    dilation = dilation if w.opset >= 19 else layers.ONE
    auto_pad, include_pad = _auto_pad(w, x, kernel, stride, dilation), _chance(w, 0.5)
    return layers.average_pool(
        w,
        x,
        kernel,
        stride=stride,
        pads=pads,
        dilation=dilation,
        ceil=not auto_pad and _ceil(w, x, kernel, stride, dilation, pads),
        include_pad=include_pad,
        auto_pad=auto_pad,
    )


def _ceil(w: Writer, x: str, kernel: Pair, stride: Pair, dilation: Pair, pads: Pads) -> bool:
    """ceil_mode in some of the cases where ONNX and ONNX Runtime agree on the output's size.

    Before opset 22 ONNX's shape inference keeps a last window that begins behind the input,
    which ONNX Runtime drops, as the operator's later definition says.
    """
    if w.opset < 10 or not _chance(w, 0.4):
        return False
    for axis, size in enumerate(w.shape(x)[2:]):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        windows = -(-(size + pads[axis] + pads[axis + 2] - span) // stride[axis]) + 1
        if w.opset < 22 and (windows - 1) * stride[axis] >= size + pads[axis]:
            return False
    return True


def max_pool(w: Writer, x: str, _: Sequence[str]) -> str:
    kernel, stride, dilation, pads = _pairs(_windows(w, x, (2, 2, 3, 3, 4), (1, 2, 2, 3), True))
    dilation = dilation if w.opset >= 10 else layers.ONE
    auto_pad = _auto_pad(w, x, kernel, stride, dilation)
    return layers.max_pool(
        w,
        x,
        kernel,
        stride=stride,
        pads=pads,
        dilation=dilation,
        ceil=not auto_pad and _ceil(w, x, kernel, stride, dilation, pads),
        auto_pad=auto_pad,
    )


def resize(w: Writer, x: str, _: Sequence[str]) -> str:
    scale = (2, 2) if _chance(w, 0.6) else (_pick(w, (1, 2, 4)), _pick(w, (2, 4)))
    x = _shrunk(w, x, max(scale))
    mode = _name(w, ("nearest", "linear"))
    if w.opset < 11:
        return layers.resize(w, x, scale, mode=mode)
    rule = _name(w, ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
    coordinates = _name(w, ("half_pixel", "asymmetric"))
    return layers.resize(
        w, x, scale, mode=mode, coordinates=coordinates, nearest=rule, as_sizes=_chance(w, 0.3)
    )


def _shrunk(w: Writer, x: str, factor: int) -> str:
    """A map small enough to grow by the factor."""
    while max(w.shape(x)[2:]) * factor > MAX_SIDE:
        x = layers.conv(w, x, 3, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
    return x


def batch_norm(w: Writer, x: str, earlier: Sequence[str]) -> str:
    """Behind a convolution of its own, or alone."""
    return layers.batch_norm(w, _convolve(w, x, _pick(w, range(1, 9)), 1) if _chance(w, 0.5) else x)


def global_average_pool(w: Writer, x: str, _: Sequence[str]) -> str:
    return w.add("GlobalAveragePool", x)


def global_max_pool(w: Writer, x: str, _: Sequence[str]) -> str:
    return w.add("GlobalMaxPool", x)


def dense(w: Writer, x: str, _: Sequence[str]) -> str:
    if len(w.shape(x)) == 4:
        forms = ("flatten", "reshape", "reshape-rest", "squeeze")
        x = layers.flatten(w, x, _name(w, forms if w.shape(x)[2:] == (1, 1) else forms[:3]))
    features = _pick(w, range(1, 13))
    if _chance(w, 0.35):
        return layers.matmul(w, x, features, bias=_chance(w, 0.6))
    alpha, beta = (1.0, 1.0) if _chance(w, 0.5) else (0.5, 2.0)
    return layers.gemm(
        w, x, features, transposed=_chance(w, 0.6), alpha=alpha, beta=beta, bias=_chance(w, 0.8)
    )


ELEMENTWISE = ("relu", "clip", "leaky-relu", "sigmoid", "tanh", "hard-sigmoid")


def elementwise(kind: str) -> Block:
    """The block of an activation alone."""
    return lambda w, x, _: layers.activation(w, x, kind)


def identity(w: Writer, x: str, _: Sequence[str]) -> str:
    return w.add("Identity", x)


def dropout(w: Writer, x: str, _: Sequence[str]) -> str:
    return layers.dropout(w, x)
