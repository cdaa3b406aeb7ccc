"""Operators that are made of others, drawn at random: normalisations, norms, quotients, products of maps."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from .drawing import Array, Attribute, Draw, Drawing, Rejected
from .function_nodes import positive

SPREAD = 0.02  # a variance, or a norm, by which a rounding is not made much larger


def _spread(d: Drawing, x: str, axes: Sequence[int], epsilon: float, *, centred: bool = True) -> None:
    """Raises Rejected where a normalisation along some axes makes much of a rounding."""
    for value in d.values[x]:
        array = np.asarray(value, np.float64)
        middle = array.mean(axis=tuple(axes), keepdims=True) if centred else 0.0
        if (np.square(array - middle).mean(axis=tuple(axes)) + epsilon < SPREAD).any():
            raise Rejected("too steep there")


def _gain(d: Drawing, *shape: int) -> Array:
    return np.asarray(1 + d.weights(*shape) / 2, np.float32)


def softmax(name: str, d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    rank = len(d.shape(x))
    d.add(name, [x], **({"axis": d.between(-rank, rank - 1)} if d.chance(0.8) else {}))


def instance_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) in (3, 4))
    epsilon, shape = d.pick(1e-5, 0.1), d.shape(x)
    _spread(d, x, range(2, len(shape)), epsilon)
    d.add(
        "InstanceNormalization",
        [x, d.constant(_gain(d, shape[1])), d.constant(d.weights(shape[1]))],
        epsilon=epsilon,
    )


def layer_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    shape, epsilon = d.shape(x), d.pick(1e-5, 0.1)
    axis = d.between(1, len(shape) - 1)
    _spread(d, x, range(axis, len(shape)), epsilon)
    inputs = [x, d.constant(_gain(d, *shape[axis:]))]
    if d.chance(0.7):
        inputs.append(d.constant(d.weights(*shape[axis:])))
    d.add("LayerNormalization", inputs, axis=d.pick(axis, axis - len(shape)), epsilon=epsilon)


def rms_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    shape = d.shape(x)
    axis = d.between(1, len(shape) - 1)
    _spread(d, x, range(axis, len(shape)), 1e-5, centred=False)
    d.add("RMSNormalization", [x, d.constant(_gain(d, *shape[axis:]))], axis=axis)


def group_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) in (3, 4) and shape[1] % 2 == 0)
    shape, epsilon = d.shape(x), d.pick(1e-5, 0.1)
    groups = d.pick(1, 2, shape[1])
    for value in d.values[x]:
        apart = np.asarray(value, np.float64).reshape(shape[0], groups, -1)
        if (apart.var(axis=-1) + epsilon < SPREAD).any():
            raise Rejected("too steep there")
    if d.opset < 21:
        raise Rejected("scaled by group, which onnx's checker does not take")
    inputs = [x, d.constant(_gain(d, shape[1])), d.constant(d.weights(shape[1]))]
    d.add("GroupNormalization", inputs, num_groups=groups, epsilon=epsilon)


def mean_variance_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4)
    axes = d.pick((0, 2, 3), (0, 1, 2, 3), (2, 3))
    _spread(d, x, axes, 0.0)
    d.add("MeanVarianceNormalization", [x], axes=list(axes))


def lp_normalization(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 1)
    axis = d.between(1, len(d.shape(x)) - 1)
    _spread(d, x, [axis], 0.0, centred=False)
    d.add("LpNormalization", [x], axis=axis, p=d.pick(1, 2))


def lrn(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and shape[0] == 1)
    options: dict[str, Attribute] = {"alpha": d.pick(1e-4, 0.5), "beta": d.pick(0.75, 0.5)}
    d.add("LRN", [x], size=d.pick(1, 3, 5), bias=d.pick(1.0, 2.0), **options)


def div(d: Drawing) -> None:
    divisor = positive(d)
    shape = d.shape(divisor)
    if d.chance(0.3):
        d.add("Div", [d.constant(d.pick(np.asarray(1.0), d.weights(*shape))), divisor])
    else:
        d.add("Div", [d.tensor(lambda other: other == shape), divisor])


def product(d: Drawing) -> None:
    """A matrix times one that is computed, too."""
    x = d.tensor(lambda shape: len(shape) in (2, 3, 4) and math.prod(shape) * shape[-2] <= 1500)
    order = list(range(len(d.shape(x))))
    order[-2:] = order[:-3:-1]
    d.add("MatMul", [x, d.add("Transpose", [x], perm=order)])


def attention(d: Drawing) -> None:
    """Tokens that attend to each other, with one head or two."""
    if d.opset < 23:
        raise Rejected("before the operator")
    x = d.tensor(lambda shape: len(shape) > 1 and math.prod(shape) ** 2 <= 1500 * shape[-1])
    size = d.shape(x)[-1]
    x = d.add("Reshape", [x, d.constant([1, math.prod(d.shape(x)) // size, size])])
    heads = 2 if size % 2 == 0 and d.chance(0.5) else 1
    options: dict[str, Attribute] = {"is_causal": 1} if d.chance(0.4) else {}
    d.add("Attention", [x, x, x], q_num_heads=heads, kv_num_heads=heads, **options)


def lp_pool(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) == 4 and min(shape[2:]) > 1)
    options: dict[str, Attribute] = {"pads": [1, 1, 1, 1]} if d.chance(0.4) else {}
    size = d.between(2, min(3, *d.shape(x)[2:]))
    order = d.pick(1, 2)
    if order == 2:
        _spread(d, x, (), 0.0, centred=False)  # the root of sums near zero is steep
    if d.has("LpPool", "ceil_mode") and d.chance(0.5):
        options["ceil_mode"] = 1
    if d.has("LpPool", "dilations") and d.chance(0.3) and (size - 1) * 2 < min(d.shape(x)[2:]):
        options["dilations"] = [2, 2]
    d.add("LpPool", [x], kernel_shape=[size, size], strides=[d.pick(1, 2)] * 2, p=order, **options)


def global_lp_pool(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) in (3, 4))
    _spread(d, x, range(2, len(d.shape(x))), 0.0, centred=False)
    d.add("GlobalLpPool", [x], p=d.pick(1, 2, 3))


def reduction(name: str, d: Drawing) -> None:
    x = positive(d) if name == "ReduceLogSum" else d.tensor(lambda shape: len(shape) > 1)
    rank = len(d.shape(x))
    if rank < 2:
        raise Rejected("nothing to reduce")
    axes = sorted({d.between(1, rank - 1) for _ in range(d.pick(1, 1, 2))})
    if name in ("ReduceL2", "ReduceLogSum"):
        _spread(d, x, axes, 0.0, centred=False)
    kept = d.pick(0, 1)
    if d.opset >= 18:
        d.add(name, [x, d.constant(axes)], keepdims=kept)
    else:
        d.add(name, [x], axes=axes, keepdims=kept)


def einsum(d: Drawing) -> None:
    """A transposition, a sum, a product with a constant, or of a tensor with itself."""
    x = d.tensor(lambda shape: len(shape) in (2, 3, 4))
    shape = d.shape(x)
    axes = "abcd"[: len(shape)]
    kept = [axes[int(axis)] for axis in d.random.permutation(len(axes))]
    if d.chance(0.3):
        d.add("Einsum", [x], equation=f"{axes}->{''.join(kept[: d.between(1, len(kept))])}")
        return
    summed = axes[d.between(0, len(axes) - 1)]
    if d.chance(0.2) and math.prod(shape) * shape[0] < 1500:
        d.add("Einsum", [x, x], equation=f"{axes},{axes.replace(axes[0], 'z')}->z{axes.replace(summed, '')}")
        return
    held = [letter for letter in kept if letter == summed or d.chance(0.2)]
    sizes = [shape[axes.index(letter)] for letter in held]
    weights = d.constant(d.weights(*sizes, 2, fan_in=shape[axes.index(summed)]))
    terms = (axes, "".join(held) + "z")
    inputs = [x, weights]
    if d.chance(0.3):
        terms, inputs = terms[::-1], inputs[::-1]
    result = "".join(letter for letter in (*kept, "z") if letter != summed)
    d.add("Einsum", inputs, equation=f"{','.join(terms)}->{result}")


COMPOSITION_NODES: dict[str, Draw] = {
    **{name: functools.partial(softmax, name) for name in ("Softmax", "LogSoftmax")},
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
    "GroupNormalization": group_normalization,
    "MeanVarianceNormalization": mean_variance_normalization,
    "LpNormalization": lp_normalization,
    "LRN": lrn,
    "Div": div,
    "product of maps": product,
    "Attention": attention,
    "LpPool": lp_pool,
    "Einsum": einsum,
    "GlobalLpPool": global_lp_pool,
    **{
        name: functools.partial(reduction, name)
        for name in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
    },
}
