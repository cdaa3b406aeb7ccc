"""Nodes with windows and trained weights, drawn at random: convolutions, pooling, dense layers, resizing."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from .drawing import Attribute, Draw, Drawing, Rejected, Shape

ROW = 20  # samples, from which on windows are those of networks for sound and sensors


def _kernel(d: Drawing, sizes: Shape) -> list[int]:
    if len(sizes) == 1 and sizes[0] >= ROW and d.chance(0.6):
        return [d.pick(1, 3, 7, 8, 16, 25, d.between(2, 40))]
    return [min(d.pick(1, 1, 2, 3, 3, 4, 5), size + 1) for size in sizes]


def _windows(
    d: Drawing, sizes: Shape, kernel: list[int], dilated: bool, pad_max: int = 2
) -> dict[str, Attribute]:
    """Strides, dilations and paddings of a window; any of them may be left out."""
    rank = len(sizes)
    is_row = rank == 1 and sizes[0] >= ROW
    found: dict[str, Attribute] = {}
    if d.chance(0.6):
        strides = (1, 2, 2, 3, 4, *((5, 6, 8) if is_row else ()))
        found["strides"] = [d.pick(*strides) for _ in sizes]
    if dilated and d.chance(0.3):
        dilations = (1, 2, 3, *((4, 8, 16) if is_row else ()))
        found["dilations"] = [d.pick(*dilations) for _ in sizes]
    form = d.pick("none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    if form == "pads":
        most = [min(pad_max, size - 1) for size in kernel]
        found["pads"] = [d.between(0, m) for m in (*most, *most)]
    elif form != "none":
        found["auto_pad"] = form
        if form.startswith("SAME"):
            found.pop("dilations", None)
    if form == "NOTSET" and d.chance(0.5):
        found["pads"] = [0] * (2 * rank)
    return found


def _check_fit(sizes: Sequence[int], kernel: Sequence[int], options: Mapping[str, Attribute]) -> None:
    """Raises Rejected where no window fits the padded map: ONNX has no result there, ONNX Runtime has."""
    if str(options.get("auto_pad", "")).startswith("SAME"):
        return
    rank = len(sizes)
    pads, dilations = options.get("pads", [0] * (2 * rank)), options.get("dilations", [1] * rank)
    assert isinstance(pads, list)
    assert isinstance(dilations, list)
    for i, (size, taps) in enumerate(zip(sizes, kernel, strict=True)):
        if (taps - 1) * dilations[i] + 1 > size + pads[i] + pads[rank + i]:
            raise Rejected("the window is larger than the map")


def _bias(d: Drawing, size: int, inputs: list[str]) -> list[str]:
    kind = d.pick("none", "bias", "bias", "empty")
    if kind == "bias":
        return [*inputs, d.constant(d.weights(size))]
    return [*inputs, ""] if kind == "empty" else inputs


def conv(d: Drawing) -> None:
    x = d.maps(volumes=True)
    _, channels, *sizes = d.shape(x)
    kernel = [d.pick(1, 2, 3, 3, 4, 5) for _ in sizes]
    groups = d.pick(*(g for g in (1, 1, 1, 2, 3, channels) if channels % g == 0))
    outputs = groups * d.between(1, max(1, 4 // groups))
    fan_in = channels // groups * math.prod(kernel)
    weights = d.constant(d.weights(outputs, channels // groups, *kernel, fan_in=fan_in))
    options = _windows(d, tuple(sizes), [9] * len(sizes), dilated=True)
    _check_fit(sizes, kernel, options)
    if groups > 1 or d.chance(0.2):
        options["group"] = groups
    if d.chance(0.6):
        options["kernel_shape"] = kernel
    d.add("Conv", _bias(d, outputs, [x, weights]), **options)


def conv_transpose(d: Drawing) -> None:
    x = d.maps(volumes=True)
    _, channels, *sizes = d.shape(x)
    kernel = [d.pick(1, 2, 3, 4) for _ in sizes]
    groups = d.pick(*(g for g in (1, 1, 2, channels) if channels % g == 0))
    per_group = d.between(1, 3)
    weights = d.constant(d.weights(channels, per_group, *kernel, fan_in=channels // groups * 2))
    options = _windows(d, tuple(sizes), kernel, dilated=True)
    strides = options.get("strides", [1] * len(sizes))
    assert isinstance(strides, list)
    if groups > 1:
        options["group"] = groups
    if d.chance(0.6):
        options["kernel_shape"] = kernel
    if d.chance(0.3) and max(strides) > 1:
        options["output_padding"] = [d.between(0, s - 1) for s in strides]
    if d.chance(0.2):
        options.pop("pads", None)
        options["output_shape"] = [
            (n - 1) * s + k - d.between(0, min(2, k - 1))
            for n, s, k in zip(sizes, strides, kernel, strict=True)
        ]
    d.add("ConvTranspose", _bias(d, per_group * groups, [x, weights]), **options)


def _pool(d: Drawing, operator: str) -> tuple[str, dict[str, Attribute]]:
    x = d.maps(volumes=True)
    sizes = d.shape(x)[2:]
    kernel = _kernel(d, sizes)
    options = _windows(d, sizes, kernel, dilated=d.has(operator, "dilations"))
    _check_fit(sizes, kernel, options)
    options["kernel_shape"] = kernel
    if d.has(operator, "ceil_mode") and d.chance(0.4):
        options["ceil_mode"] = d.pick(0, 1, 1)
    return x, options


def average_pool(d: Drawing) -> None:
    x, options = _pool(d, "AveragePool")
    if d.chance(0.5):
        options["count_include_pad"] = d.pick(0, 1)
    d.add("AveragePool", [x], **options)


def max_pool(d: Drawing) -> None:
    x, options = _pool(d, "MaxPool")
    d.add_many("MaxPool", [x], d.pick(1, 1, 1, 2), **options)  # the second says where: nothing reads it


def global_average_pool(d: Drawing) -> None:
    d.add("GlobalAveragePool", [d.maps(volumes=True)])


def global_max_pool(d: Drawing) -> None:
    d.add("GlobalMaxPool", [d.maps(volumes=True)])


def gemm(d: Drawing) -> None:
    try:
        x = d.tensor(lambda shape: len(shape) == 2)
    except Rejected:
        x = d.add("Flatten", [d.tensor(lambda shape: len(shape) > 0)], axis=1)
    flipped, turned = d.chance(0.25), d.chance(0.5)
    rows, features = d.shape(x)[::-1] if flipped else d.shape(x)
    outputs = d.between(1, 5)
    shape = (outputs, features) if turned else (features, outputs)
    inputs = [x, d.constant(d.weights(*shape, fan_in=features))]
    options: dict[str, Attribute] = {}
    if flipped or d.chance(0.2):
        options["transA"] = int(flipped)
    if turned or d.chance(0.2):
        options["transB"] = int(turned)
    if d.chance(0.3):
        options["alpha"] = d.pick(0.5, 2.0, -1.0, 1.0)
    if d.opset < 11 or d.chance(0.7):
        forms: list[Shape] = [(outputs,), (1, outputs), (rows, 1), (rows, outputs), (1, 1), (1,), ()]
        form = d.pick(*forms, (outputs,), (outputs,))
        inputs.append(d.constant(d.weights(*form)) if d.chance(0.8) else _like(d, form))
        if d.chance(0.3):
            options["beta"] = d.pick(0.5, 2.0, 1.0, 0.0)
    d.add("Gemm", inputs, **options)


def _like(d: Drawing, shape: Shape) -> str:
    """A tensor of just this shape."""
    return d.tensor(lambda other: other == shape)


def matmul(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    left = d.chance(0.25)
    features = shape[-2] if left and len(shape) > 1 else shape[-1]
    outputs = d.between(1, 5)
    sizes: Shape = (outputs, features) if left else (features, outputs)
    if d.chance(0.15):
        sizes = (features,)
    elif len(shape) > 2 and d.chance(0.3):
        batch = tuple(d.pick(1, size) for size in shape[:-2])
        sizes = (*batch[d.between(0, len(batch) - 1) :], *sizes)
    weights = d.constant(d.weights(*sizes, fan_in=features))
    d.add("MatMul", [weights, x] if left else [x, weights])


def batch_normalization(d: Drawing) -> None:
    x = d.maps(volumes=True) if d.chance(0.8) else d.tensor(lambda shape: len(shape) >= 2)
    channels = d.shape(x)[1]
    parts = [d.weights(channels), d.weights(channels), d.weights(channels)]
    variance = np.abs(d.weights(channels)) + 0.3
    names = [d.constant(part) for part in parts]
    fresh = f"c{len(d.constants)}"  # never shared: variances are positive
    d.constants[fresh] = variance.astype(np.float32)
    options: dict[str, Attribute] = {}
    if d.chance(0.5):
        options["epsilon"] = d.pick(1e-5, 1e-3, 0.1)
    d.add("BatchNormalization", [x, *names, fresh], **options)


COORDINATES = (
    *("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"),
    "half_pixel_symmetric",
)


def resize(d: Drawing) -> None:
    if not onnx.defs.has("Resize", d.opset):
        upsample(d)
        return
    since = d.since("Resize")
    x = d.maps()
    shape = d.shape(x)
    rank = len(shape)
    mode = d.pick("nearest", "nearest", "linear", "cubic" if since >= 11 and rank == 4 else "linear")
    options: dict[str, Attribute] = {"mode": mode}
    axes = list(range(rank))
    if since >= 18 and d.chance(0.3):
        axes = list(range(2, rank))
        options["axes"] = axes
    by_sizes = since >= 11 and d.chance(0.5)
    whole = mode == "nearest" and d.chance(0.5)
    targets = [max(1, shape[a] * d.pick(1, 2, 3)) if whole else d.between(1, 2 * shape[a] + 1) for a in axes]
    targets = [shape[a] if a < 2 else t for a, t in zip(axes, targets, strict=True)]
    scales = [np.float32(t / shape[a]) for a, t in zip(axes, targets, strict=True)]
    if not by_sizes and d.chance(0.3):
        scales = [np.float32(1 if a < 2 else d.pick(0.5, 0.75, 1.3, 1.5, 2.0, 2.5)) for a in axes]
    if since < 11:
        d.add("Resize", [x, d.constant(np.asarray(scales))], **options)
        return
    coordinate = d.pick("", *COORDINATES, *(["tf_half_pixel_for_nn"] if since < 13 else []))
    if coordinate and d.has("Resize", "coordinate_transformation_mode"):
        options["coordinate_transformation_mode"] = coordinate
    if mode == "nearest" and d.chance(0.6):
        options["nearest_mode"] = d.pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        options["cubic_coeff_a"] = d.pick(-0.75, -0.5)
        options["exclude_outside"] = d.pick(0, 1)
    if since >= 18 and mode != "nearest" and d.chance(0.2):
        options["antialias"] = 1
    roi = ""
    if coordinate == "tf_crop_and_resize":
        count = len(axes)
        ends = [(0.0, 1.0) if a < 2 else (d.pick(0.0, 0.1, -0.2), d.pick(1.0, 0.7, 1.2)) for a in axes]
        roi = d.constant(np.asarray([e[0] for e in ends] + [e[1] for e in ends]).reshape(2 * count))
        options["extrapolation_value"] = d.pick(0.0, 0.5)
    elif since < 13:
        roi = d.constant(np.zeros(0))
    if by_sizes:
        empty = "" if since >= 13 else d.constant(np.zeros(0))
        if since >= 18 and d.chance(0.2):
            options["keep_aspect_ratio_policy"] = d.pick("not_larger", "not_smaller", "stretch")
        d.add("Resize", [x, roi, empty, d.constant(targets)], **options)
    else:
        d.add("Resize", [x, roi, d.constant(np.asarray(scales))], **options)


def upsample(d: Drawing) -> None:
    since = d.since("Upsample")
    x = d.maps()
    scales = [1.0, 1.0, *(d.pick(1.0, 2.0, 2.0, 3.0, 1.5) for _ in d.shape(x)[2:])]
    mode = d.pick("nearest", "linear")
    if since < 9:
        d.add("Upsample", [x], mode=mode, scales=scales)
    else:
        d.add("Upsample", [x, d.constant(scales)], mode=mode)


WINDOW_NODES: dict[str, Draw] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "Gemm": gemm,
    "MatMul": matmul,
    "BatchNormalization": batch_normalization,
    "Resize": resize,
    "Upsample": upsample,
}
