"""Nodes that are affine in their one map, drawn at random: the other operands are constant."""

import math

import numpy as np

from .drawing import Attribute, Draw, Drawing, Rejected

MATRIX_MAX = 20_000  # weights of what it becomes


def _bounded(d: Drawing, elements: int, results: int) -> None:
    if elements * results > MATRIX_MAX:
        raise Rejected("too many weights")


def grid_sample(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and shape[0] == 1)
    _, channels, h, w = d.shape(x)
    sizes = d.between(1, 4), d.between(1, 4)
    _bounded(d, channels * h * w, math.prod(sizes))
    linear = "linear" if d.opset >= 20 else "bilinear"
    options: dict[str, Attribute] = {
        "mode": d.pick(linear, linear, "nearest"),
        "padding_mode": d.pick("zeros", "border", "reflection"),
        "align_corners": d.pick(0, 1),
    }
    grid = d.random.uniform(-1.3, 1.3, (1, *sizes, 2)).astype(np.float32)
    d.add("GridSample", [x, d.constant(grid)], **options)


def columns_to_image(d: Drawing) -> None:
    x = d.tensor(lambda shape: math.prod(shape) % 4 == 0)
    count = math.prod(d.shape(x)) // 4
    h, w = d.pick((1, count), (count, 1), *(((2, count // 2),) if count % 2 == 0 else ()))
    rows = d.add("Reshape", [x, d.constant([1, 4, count])])
    _bounded(d, 4 * count, (h + 1) * (w + 1))
    d.add("Col2Im", [rows, d.constant([h + 1, w + 1]), d.constant([2, 2])])


def transform(d: Drawing) -> None:
    x = d.tensor(lambda shape: 1 < len(shape) < 5 and shape[-1] > 1)
    shape = d.shape(x)
    parts = d.pick(1, 2)
    if shape[-1] % parts or shape[-1] == parts:
        raise Rejected("no complex numbers")
    size = shape[-1] // parts
    x = d.add("Reshape", [x, d.constant([*shape[:-1], size, parts])])
    _bounded(d, math.prod(shape) * parts, size * 2)
    options: dict[str, Attribute] = {"onesided": d.pick(0, 1)} if parts == 1 else {"inverse": d.pick(0, 1)}
    axis = len(shape) - 1
    if d.opset >= 20:
        d.add("DFT", [x, "", d.constant(np.asarray(axis))], **options)
    else:
        d.add("DFT", [x], axis=axis, **options)


def windowed_transform(d: Drawing) -> None:
    x = d.tensor(lambda shape: math.prod(shape) >= 8)
    count = math.prod(d.shape(x))
    length = d.between(4, min(8, count))
    _bounded(d, count, count * 4)
    row = d.add("Reshape", [x, d.constant([1, count, 1])])
    step = d.constant(np.asarray(d.between(2, length)))
    window = d.constant(np.hanning(length).astype(np.float32))
    d.add("STFT", [row, step, window, d.constant(np.asarray(length))], onesided=d.pick(0, 1))


def deformed(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and shape[0] == 1 and min(shape[2:]) > 1)
    _, channels, h, w = d.shape(x)
    sizes = h - 1, w - 1
    _bounded(d, channels * h * w, 2 * math.prod(sizes))
    offsets = d.random.normal(0, 0.5, (1, 8, *sizes)).astype(np.float32)
    inputs = [x, d.constant(d.weights(2, channels, 2, 2, fan_in=4 * channels)), d.constant(offsets)]
    if d.chance(0.5):
        inputs.append(d.constant(d.weights(2)))
    d.add("DeformConv", inputs, kernel_shape=[2, 2])


def regions(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and shape[0] == 1)
    if d.opset >= 22:
        raise Rejected("ONNX Runtime has no kernel")
    _, channels, h, w = d.shape(x)
    _bounded(d, channels * h * w, 8)
    begins = d.random.uniform(0, 1, (2, 2)) * [w / 2, h / 2]
    ends = begins + d.random.uniform(0.5, 1, (2, 2)) * [w / 2, h / 2]
    rois = d.constant(np.concatenate([begins, ends], axis=1).astype(np.float32))
    options: dict[str, Attribute] = {"output_height": 2, "output_width": 2, "sampling_ratio": d.pick(1, 2)}
    d.add("RoiAlign", [x, rois, d.constant([0, 0])], **options)


def grid(d: Drawing) -> None:
    x = d.tensor(lambda shape: math.prod(shape) >= 6)
    flat = d.add("Reshape", [x, d.constant([-1])])
    theta = d.add("Gather", [flat, d.constant(list(range(6)))], axis=0)
    theta = d.add("Reshape", [theta, d.constant([1, 2, 3])])
    size = d.constant([1, 1, d.between(1, 4), d.between(1, 4)])
    d.add("AffineGrid", [theta, size], align_corners=d.pick(0, 1))


def scaled(d: Drawing) -> None:
    """Constant integers by a computed scale."""
    if d.opset < 13:
        raise Rejected("one scale for all")
    x = d.tensor(lambda shape: math.prod(shape) < 40)
    count = math.prod(d.shape(x))
    scale = d.add("Reshape", [x, d.constant([count])])
    integers = f"c{len(d.constants)}"
    d.constants[integers] = d.random.integers(-4, 5, (1, count, d.between(1, 3))).astype(np.int8)
    d.add("DequantizeLinear", [integers, scale], axis=1)


AFFINE_NODES: dict[str, Draw] = {
    "GridSample": grid_sample,
    "Col2Im": columns_to_image,
    "DFT": transform,
    "STFT": windowed_transform,
    "DeformConv": deformed,
    "RoiAlign": regions,
    "AffineGrid": grid,
    "DequantizeLinear": scaled,
}
