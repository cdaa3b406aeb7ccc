"""One function per layer type, with every attribute explicit, spelt as the writer's opset wants it."""

from collections.abc import Sequence

import numpy as np

from .writer import Writer

Pair = tuple[int, int]  # height, width
Pads = tuple[int, int, int, int]  # top, left, bottom, right: ONNX's order

ONE: Pair = (1, 1)
NO_PADS: Pads = (0, 0, 0, 0)


def conv(
    w: Writer,
    x: str,
    channels: int,
    kernel: Pair = (3, 3),
    *,
    stride: Pair = ONE,
    pads: Pads = NO_PADS,
    dilation: Pair = ONE,
    group: int = 1,
    auto_pad: str = "",
    bias: bool = True,
) -> str:
    """A convolution with `channels` outputs; with `auto_pad`, `pads` is ignored."""
    depth = w.shape(x)[1] // group
    inputs = [x, w.weights((channels, depth, *kernel), depth * kernel[0] * kernel[1])]
    if bias:
        inputs.append(w.bias(channels))
    return w.add(
        "Conv",
        *inputs,
        kernel_shape=kernel,
        strides=stride,
        dilations=dilation,
        group=group,
        **_padding(auto_pad, pads),
    )


def conv_transpose(
    w: Writer,
    x: str,
    channels: int,
    kernel: Pair = (3, 3),
    *,
    stride: Pair = ONE,
    pads: Pads = NO_PADS,
    dilation: Pair = ONE,
    output_padding: Pair = (0, 0),
    group: int = 1,
    auto_pad: str = "",
    bias: bool = True,
) -> str:
    """A transposed convolution with `channels` outputs."""
    depth = w.shape(x)[1]
    fan_in = max(1, depth // group * kernel[0] * kernel[1] // (stride[0] * stride[1]))
    inputs = [x, w.weights((depth, channels // group, *kernel), fan_in)]
    if bias:
        inputs.append(w.bias(channels))
    return w.add(
        "ConvTranspose",
        *inputs,
        kernel_shape=kernel,
        strides=stride,
        dilations=dilation,
        output_padding=output_padding,
        group=group,
        **_padding(auto_pad, pads),
    )


def average_pool(
    w: Writer,
    x: str,
    kernel: Pair = (2, 2),
    *,
    stride: Pair = (2, 2),
    pads: Pads = NO_PADS,
    dilation: Pair = ONE,
    ceil: bool = False,
    include_pad: bool = False,
    auto_pad: str = "",
) -> str:
    """An average pool. `ceil` needs opset 10, `dilation` opset 19."""
    later: dict[str, int | Pair] = {}
    if w.opset >= 10:
        later["ceil_mode"] = int(ceil)
    if w.opset >= 19:
        later["dilations"] = dilation
    return w.add(
        "AveragePool",
        x,
        kernel_shape=kernel,
        strides=stride,
        count_include_pad=int(include_pad),
        **later,
        **_padding(auto_pad, pads),
    )


def max_pool(
    w: Writer,
    x: str,
    kernel: Pair = (2, 2),
    *,
    stride: Pair = (2, 2),
    pads: Pads = NO_PADS,
    dilation: Pair = ONE,
    ceil: bool = False,
    auto_pad: str = "",
) -> str:
    """A max pool. `ceil` and `dilation` need opset 10."""
    later: dict[str, int | Pair] = {}
    if w.opset >= 10:
        later = {"ceil_mode": int(ceil), "dilations": dilation}
    return w.add("MaxPool", x, kernel_shape=kernel, strides=stride, **later, **_padding(auto_pad, pads))


def _padding(auto_pad: str, pads: Pads) -> dict[str, str | Pads]:
    """`auto_pad` and `pads` exclude each other."""
    return {"auto_pad": auto_pad} if auto_pad else {"pads": pads}


def flatten(w: Writer, x: str, form: str = "flatten") -> str:
    """A map as a vector; `squeeze` takes maps of 1 x 1 pixel only."""
    if form == "flatten":
        return w.add("Flatten", x, axis=1)
    if form == "squeeze":
        return _with_axes(w, "Squeeze", x, (2, 3))
    size = int(np.prod(w.shape(x)))
    return w.add("Reshape", x, w.integers((1, size) if form == "reshape" else (0, -1)))


def unflatten(w: Writer, x: str, form: str = "unsqueeze") -> str:
    """A vector as a map of 1 x 1 pixel."""
    if form == "unsqueeze":
        return _with_axes(w, "Unsqueeze", x, (2, 3))
    return w.add("Reshape", x, w.integers((1, -1, 1, 1)))


def _with_axes(w: Writer, operator: str, x: str, axes: Sequence[int]) -> str:
    """Squeeze and Unsqueeze: the axes were an attribute before opset 13."""
    if w.opset < 13:
        return w.add(operator, x, axes=axes)
    return w.add(operator, x, w.integers(axes))


def gemm(
    w: Writer,
    x: str,
    features: int,
    *,
    transposed: bool = True,
    alpha: float = 1.0,
    beta: float = 1.0,
    bias: bool = True,
) -> str:
    """A dense layer. Before opset 11 the bias cannot be left out: it is zero then."""
    size = w.shape(x)[1]
    inputs = [x, w.weights((features, size) if transposed else (size, features), size)]
    if bias:
        inputs.append(w.bias(features))
    elif w.opset < 11:
        inputs.append(w.constant(np.zeros(features, np.float32)))
    return w.add("Gemm", *inputs, alpha=alpha, beta=beta, transB=int(transposed))


def matmul(w: Writer, x: str, features: int, *, bias: bool = True) -> str:
    """A dense layer as a product and, with `bias`, a sum."""
    size = w.shape(x)[1]
    y = w.add("MatMul", x, w.weights((size, features), size))
    return w.add("Add", y, w.bias(features)) if bias else y


def split(w: Writer, x: str, sizes: Sequence[int]) -> list[str]:
    """Groups of channels, one output each."""
    if w.opset < 13:
        return w.add_many("Split", [x], len(sizes), axis=1, split=sizes)
    return w.add_many("Split", [x, w.integers(sizes)], len(sizes), axis=1)


def split_evenly(w: Writer, x: str, parts: int) -> list[str]:
    """Equal groups of channels, their sizes left to the operator."""
    if w.opset < 18:
        return w.add_many("Split", [x], parts, axis=1)
    return w.add_many("Split", [x], parts, axis=1, num_outputs=parts)


def slice_channels(w: Writer, x: str, start: int, end: int, step: int = 1) -> str:
    """Channels from `start` up to `end`. `step` needs opset 10."""
    if w.opset < 10:
        return w.add("Slice", x, axes=[1], starts=[start], ends=[end])
    bounds = [w.integers([each]) for each in (start, end, 1)]
    return w.add("Slice", x, *bounds, *([w.integers([step])] if step != 1 else []))


def resize(
    w: Writer,
    x: str,
    scale: tuple[float, float] = (2, 2),
    *,
    mode: str = "nearest",
    coordinates: str = "asymmetric",
    nearest: str = "floor",
    as_sizes: bool = False,
) -> str:
    """Upsample before opset 10, Resize since. Only asymmetric and floor before opset 11."""
    scales = np.array([1, 1, *scale], np.float32)
    if w.opset < 9:
        return w.add("Upsample", x, mode=mode, scales=[float(each) for each in scales])
    if w.opset < 11:
        return w.add("Upsample" if w.opset == 9 else "Resize", x, w.constant(scales), mode=mode)
    region = "" if w.opset >= 13 else w.constant(np.zeros(0, np.float32))
    if as_sizes:
        sizes = [int(size * each) for size, each in zip(w.shape(x), scales, strict=True)]
        inputs = [x, region, "" if w.opset >= 13 else w.constant(np.zeros(0, np.float32)), w.integers(sizes)]
    else:
        inputs = [x, region, w.constant(scales)]
    if mode == "nearest":
        return w.add(
            "Resize", *inputs, mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=nearest
        )
    return w.add("Resize", *inputs, mode=mode, coordinate_transformation_mode=coordinates)


def clip(w: Writer, x: str, low: float | None = 0.0, high: float | None = 6.0) -> str:
    """Clip: the bounds were attributes before opset 11; None leaves a bound out."""
    if w.opset >= 11:
        bounds = ["" if each is None else w.constant(np.array(each, np.float32)) for each in (low, high)]
        return w.add("Clip", x, *(bounds if bounds[1] else bounds[:1]))
    attributes = {name: float(each) for name, each in (("min", low), ("max", high)) if each is not None}
    return w.add("Clip", x, **attributes)


def batch_norm(w: Writer, x: str, epsilon: float = 1e-5) -> str:
    """A batch normalisation in inference, some of its scales negative."""
    channels = w.shape(x)[1]
    scale = w.rng.choice([-1, 1, 1, 1], channels) * w.rng.uniform(0.5, 1.5, channels)
    variance = w.rng.uniform(0.5, 1.5, channels)
    return w.add(
        "BatchNormalization",
        x,
        w.constant(scale.astype(np.float32)),
        w.bias(channels),
        w.bias(channels),
        w.constant(variance.astype(np.float32)),
        epsilon=epsilon,
    )


def dropout(w: Writer, x: str) -> str:
    """A dropout, which does nothing in inference; the ratio was an attribute before opset 12."""
    if w.opset < 12:
        return w.add("Dropout", x, ratio=0.4)
    return w.add("Dropout", x, w.constant(np.array(0.4, np.float32)))


def activation(w: Writer, x: str, kind: str) -> str:
    """An elementwise function with its usual parameters."""
    match kind:
        case "relu":
            return w.add("Relu", x)
        case "clip":
            return clip(w, x)
        case "leaky-relu":
            return w.add("LeakyRelu", x, alpha=0.1)
        case "sigmoid":
            return w.add("Sigmoid", x)
        case "tanh":
            return w.add("Tanh", x)
        case "hard-sigmoid":
            return w.add("HardSigmoid", x, alpha=0.4, beta=0.5)
        case _:
            raise ValueError(f"unknown activation {kind}")
