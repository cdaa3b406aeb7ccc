"""Nodes that work element by element, drawn at random: activations, and joins of two or more tensors."""

import functools
import operator

import numpy as np
import onnx

from .drawing import Attribute, Draw, Drawing, Rejected, Shape

KINK = 1e-3  # how near to a jump of its activation a value may be


def _plain(name: str, *attributes: tuple[str, tuple[float, ...]]) -> Draw:
    """An activation function with attributes that may be left out."""

    def draw(d: Drawing) -> None:
        options: dict[str, Attribute] = {key: d.pick(*found) for key, found in attributes if d.chance(0.6)}
        d.add(name, [d.tensor()], **options)

    return draw


def thresholded_relu(d: Drawing) -> None:
    x = d.tensor()
    alpha = d.pick(1.0, 0.5, 0.0, -0.3)
    if any((np.abs(value - alpha) < KINK).any() for value in d.values[x]):
        raise Rejected("near the threshold, where the last place decides")
    d.add("ThresholdedRelu", [x], alpha=alpha)


def clip(d: Drawing) -> None:
    x = d.tensor()
    low, high = d.pick(None, -1.0, 0.0, 0.2), d.pick(None, 6.0, 1.0, 0.5)
    if d.opset < 11:
        options: dict[str, Attribute] = {}
        if low is not None:
            options["min"] = low
        if high is not None:
            options["max"] = high
        d.add("Clip", [x], **options)
        return
    inputs = [x, "" if low is None else d.constant(np.asarray(low))]
    if high is not None:
        inputs.append(d.constant(np.asarray(high)))
    d.add("Clip", inputs if d.chance(0.5) or inputs[-1] else inputs[:-1])


def prelu(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) > 0)
    shape = d.shape(x)
    forms: list[Shape] = [(1,), shape, (1,) * len(shape), shape[1:], (shape[-1],)]
    if len(shape) > 1:
        forms += 3 * [(shape[1], *(1,) * (len(shape) - 2)), (1, shape[1], *(1,) * (len(shape) - 2))]
    d.add("PRelu", [x, d.constant(d.weights(*d.pick(*forms)))])


def partner(d: Drawing, shape: Shape) -> Shape:
    """A shape that broadcasts with another: axes of one, fewer axes, or one axis alone."""
    kind = d.pick("same", "ones", "vector", "scalar", "channels", "wider", "short")
    if kind == "vector" and shape:
        axis = d.between(0, len(shape) - 1)
        return tuple(size if i == axis else 1 for i, size in enumerate(shape))[d.pick(0, axis) :]
    if kind == "channels" and len(shape) > 1:
        return (shape[1], *(1,) * (len(shape) - 2))
    if kind == "scalar":
        return d.pick((), (1,), (1,) * len(shape))
    if kind == "ones":
        return tuple(d.pick(1, size) for size in shape)
    if kind == "wider":
        wide = tuple(d.pick(1, 2, 3) if size == 1 and i > 0 else size for i, size in enumerate(shape))
        return wide if d.chance(0.8) or len(shape) > 4 else (1, *wide)
    if kind == "short" and shape:
        return tuple(d.pick(1, size, size) for size in shape[d.between(0, len(shape)) :])
    return shape


def fits(one: Shape, other: Shape) -> bool:
    """Whether two shapes can be broadcast."""
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def operands(d: Drawing, count: int, constant: float) -> list[str]:
    """Tensors that broadcast, some of them constant, in any order; one may come twice."""
    x = d.tensor()
    found, shape = [x], d.shape(x)
    while len(found) < count:
        if d.chance(constant):
            name = d.constant(d.weights(*partner(d, shape)))
            size = d.constants[name].shape
        elif d.chance(0.1):
            name = d.pick(*found)
            size = shape
        else:
            name = d.tensor(functools.partial(operator.eq if d.chance(0.4) else fits, shape))
            size = d.shape(name)
        shape = np.broadcast_shapes(shape, size)
        found.append(name)
    order = d.random.permutation(len(found)) if d.chance(0.4) else range(len(found))
    return [found[i] for i in order]


def binary(name: str, d: Drawing) -> None:
    d.add(name, operands(d, 2, 0.5))


def several(name: str, d: Drawing) -> None:
    d.add(name, operands(d, d.pick(1, 2, 2, 3, 3, 4), 0.3))


def quotient(d: Drawing) -> None:
    x = d.tensor()
    divisor = d.weights(*partner(d, d.shape(x)))
    fresh = f"c{len(d.constants)}"  # never shared: divisors are away from zero
    d.constants[fresh] = np.where(divisor < 0, divisor - 0.3, divisor + 0.3).astype(np.float32)
    d.add("Div", [x, fresh])


def chosen(d: Drawing) -> None:
    both = operands(d, 2, 0.4)
    shapes = [d.constants[n].shape if n in d.constants else d.shape(n) for n in both]
    shape = partner(d, np.broadcast_shapes(*shapes))
    d.add("Where", [d.constant(d.random.random(shape) < 0.5), *both])


def cast(d: Drawing) -> None:
    wide = d.add("Cast", [d.tensor()], to=d.pick(onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE))
    if d.values[wide][0].dtype == np.float64 and d.chance(0.8):
        d.add("Cast", [wide], to=onnx.TensorProto.FLOAT)


def dropout(d: Drawing) -> None:
    x = d.tensor()
    outputs = d.pick(1, 1, 1, 2)  # the second is a mask that nothing reads
    if d.opset < 12:
        d.add_many("Dropout", [x], outputs, **({"ratio": 0.3} if d.chance(0.5) else {}))
        return
    ratio = d.constant(np.asarray(0.3)) if d.chance(0.5) else ""
    training = f"c{len(d.constants)}"
    if d.chance(0.3):
        d.constants[training] = np.asarray(False)
        d.add_many("Dropout", [x, ratio, training], outputs)
    else:
        d.add_many("Dropout", [x, ratio] if ratio else [x], outputs)


ALPHAS = (0.01, 0.2, 1.0, 1.5)

POINT_NODES: dict[str, Draw] = {
    **{
        name: _plain(name)
        for name in ("Abs", "HardSwish", "Identity", "Neg", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")
    },
    "Celu": _plain("Celu", ("alpha", (0.5, 1.0, 2.0))),
    "Elu": _plain("Elu", ("alpha", (0.5, 1.0, 2.0, -0.5))),
    "HardSigmoid": _plain("HardSigmoid", ("alpha", (0.2, 0.5, -0.3)), ("beta", (0.5, 0.0, 1.2))),
    "LeakyRelu": _plain("LeakyRelu", ("alpha", (*ALPHAS, -0.5, 0.0))),
    "Selu": _plain("Selu", ("alpha", (1.67, 0.5)), ("gamma", (1.05, 2.0))),
    "ThresholdedRelu": thresholded_relu,
    "Clip": clip,
    "PRelu": prelu,
    "Cast": cast,
    "Div": quotient,
    "Where": chosen,
    "Dropout": dropout,
    **{name: functools.partial(binary, name) for name in ("Add", "Sub", "Mul")},
    **{name: functools.partial(several, name) for name in ("Sum", "Mean", "Max", "Min")},
}
