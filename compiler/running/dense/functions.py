"""Activation functions as ONNX nodes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ....ir.activations import Activation
from .graph import Graph
from .terms import NotDenseError

Parameter = float | NDArray[np.float32]  # one, or one by channel
Make = Callable[[Graph, str, Sequence[str]], str]

BLOCK = 16  # channels that ONNX Runtime's own layout has side by side, at most
UNIT = 2.0**-24  # between float32 from 1/2 to 1
ZERO = 0.75  # the middle of these
EXACT = 2**22  # units from there to the last one


def _sigmoid(g: Graph, x: str) -> str:
    # ONNX Runtime's own is 0 for inputs that are very negative: neurons that fire would be silent.
    return g.node("Reciprocal", [g.node("Add", [g.node("Exp", [g.node("Neg", [x])]), g.constant(1)])])


def _clipped(g: Graph, x: str, low: str, high: str) -> str:
    if g.held[low].size == g.held[high].size == 1:
        return g.node("Clip", [x, low, high])
    return g.node("Min", [g.node("Max", [x, low]), high])


def _hard_sigmoid(g: Graph, x: str, p: Sequence[str]) -> str:
    line = g.node("Add", [g.node("Mul", [x, p[0]]), p[1]])
    return _clipped(g, line, g.constant(0), g.constant(1))


def _from_zero(g: Graph, x: str, below: str) -> str:
    return g.node("Where", [g.node("Less", [x, g.constant(0)]), below, x])


def _expm1(g: Graph, x: str) -> str:
    """exp(x) - 1 for x <= 0, exact where it is small: tanh(x / 2) * (exp(x) + 1)."""
    x = g.node("Min", [x, g.constant(0)])
    half = g.node("Tanh", [g.node("Mul", [x, g.constant(0.5)])])
    return g.node("Mul", [half, g.node("Add", [g.node("Exp", [x]), g.constant(1)])])


def _elu(g: Graph, x: str, alpha: str) -> str:
    return _from_zero(g, x, g.node("Mul", [alpha, _expm1(g, x)]))


def _gelu(g: Graph, x: str, _: Sequence[str]) -> str:
    error = g.node("Erf", [g.node("Mul", [x, g.constant(np.sqrt(0.5))])])
    return g.node("Mul", [g.node("Mul", [x, g.constant(0.5)]), g.node("Add", [error, g.constant(1)])])


def _swish(g: Graph, x: str, p: Sequence[str]) -> str:
    inner = g.node("Add", [p[0], g.node("Mul", [p[1], g.node("Mul", [x, x])])])
    return g.node("Mul", [x, _sigmoid(g, g.node("Mul", [x, inner]))])


def _shrink(g: Graph, x: str, p: Sequence[str]) -> str:
    low, high = (g.node(name, [x, p[1]]) for name in ("Add", "Sub"))
    above = g.node("Where", [g.node("Greater", [x, p[0]]), high, g.constant(0)])
    return g.node("Where", [g.node("Less", [x, g.node("Neg", [p[0]])]), low, above])


def _celu(g: Graph, x: str, p: Sequence[str]) -> str:
    return _from_zero(g, x, g.node("Mul", [p[0], _expm1(g, g.node("Div", [x, p[0]]))]))


def _above(g: Graph, x: str, p: Sequence[str]) -> str:
    return g.node("Where", [g.node("Greater", [x, p[0]]), x, g.constant(0)])


def _plain(operator: str) -> Make:
    return lambda g, x, _: g.node(operator, [x])


def _requantised(g: Graph, x: str, p: Sequence[str]) -> str:
    factor, step, low, high = (g.held[name] for name in p)
    if factor.size % BLOCK == 0 and (step == 1).all() and low.size == high.size == 1:
        bounds = low.item(), high.item()
        if all(bound.is_integer() and abs(bound) <= EXACT for bound in bounds):
            return _rounded(g, x, factor.ravel(), *p[2:])
    x = g.node("Mul", [p[0], x])
    if (step != 1).any():
        x = g.node("Div", [x, p[1]])
    return _clipped(g, g.node("Round", [x]), *p[2:])


def _rounded(g: Graph, x: str, factors: NDArray[np.float32], low: str, high: str) -> str:
    """The same by two convolutions of each channel with one number: they stay in ONNX Runtime's own layout,
    which takes half of the time. A float32 between 1/2 and 1 is a multiple of UNIT: products become such.
    """

    def each(x: str, weights: NDArray[np.float32], *more: str) -> str:
        weight = g.constant(weights[:, None, None, None])
        return g.node("Conv", [x, weight, *more], kernel_shape=[1, 1], group=factors.size)

    x = g.node("HardSigmoid", [each(x, factors)], alpha=UNIT, beta=ZERO)
    back = np.full_like(factors, 1 / UNIT)
    return g.node("Clip", [each(x, back, g.constant(-ZERO * back)), low, high])


MADE: Mapping[Activation, Make] = {
    Activation.IDENTITY: lambda g, x, _: x,
    Activation.RELU: _plain("Relu"),
    Activation.CLIP: lambda g, x, p: _clipped(g, x, p[0], p[1]),
    Activation.LEAKY_RELU: lambda g, x, p: g.node("PRelu", [x, p[0]]),
    Activation.SIGMOID: lambda g, x, _: _sigmoid(g, x),
    Activation.TANH: _plain("Tanh"),
    Activation.HARD_SIGMOID: _hard_sigmoid,
    Activation.ELU: lambda g, x, p: _elu(g, x, p[0]),
    Activation.SELU: lambda g, x, p: g.node("Mul", [p[1], _elu(g, x, p[0])]),
    Activation.CELU: _celu,
    Activation.SILU: lambda g, x, _: g.node("Mul", [x, _sigmoid(g, x)]),
    Activation.HARD_SWISH: lambda g, x, p: g.node("Mul", [x, _hard_sigmoid(g, x, p)]),
    Activation.SOFTPLUS: _plain("Softplus"),
    Activation.SOFTSIGN: _plain("Softsign"),
    Activation.THRESHOLDED_RELU: _above,
    Activation.ABSOLUTE: _plain("Abs"),
    Activation.EXP: _plain("Exp"),
    Activation.LOG: _plain("Log"),
    Activation.SQRT: _plain("Sqrt"),
    Activation.RECIPROCAL: _plain("Reciprocal"),
    Activation.POWER: lambda g, x, p: g.node("Pow", [x, p[0]]),
    Activation.ERF: _plain("Erf"),
    Activation.GELU: _gelu,
    Activation.SWISH: _swish,
    Activation.MISH: lambda g, x, _: g.node("Mul", [x, g.node("Tanh", [g.node("Softplus", [x])])]),
    Activation.SHRINK: _shrink,
    Activation.SINE: lambda g, x, p: g.node("Sin", [g.node("Add", [x, p[0]])]),
    Activation.SIGN: _plain("Sign"),
    Activation.FLOOR: _plain("Floor"),
    Activation.CEIL: _plain("Ceil"),
    Activation.ROUND: _plain("Round"),
    Activation.REQUANTISE: _requantised,
    Activation.ACOS: _plain("Acos"),
    Activation.ACOSH: _plain("Acosh"),
    Activation.ASIN: _plain("Asin"),
    Activation.ASINH: _plain("Asinh"),
    Activation.ATAN: _plain("Atan"),
    Activation.ATANH: _plain("Atanh"),
    Activation.COSH: _plain("Cosh"),
    Activation.SINH: _plain("Sinh"),
    Activation.TAN: _plain("Tan"),
}


def activated(g: Graph, x: str, activation: Activation, parameters: Sequence[Parameter], depth: int) -> str:
    """The values of scaled states of `depth` channels. Raises NotDenseError for an unknown function."""
    make = MADE.get(activation)
    if make is None:
        raise NotDenseError(f"the function {activation.name}")
    if activation is Activation.LEAKY_RELU and not np.ndim(parameters[0]):
        return g.node("LeakyRelu", [x], alpha=float(np.asarray(parameters[0])))
    if activation is Activation.REQUANTISE:
        factor = np.broadcast_to(np.asarray(parameters[0], dtype=np.float32), depth)
        parameters = factor, *parameters[1:]
    shaped = [np.reshape(each, (-1, 1, 1)) if np.ndim(each) else np.asarray(each) for each in parameters]
    return make(g, x, [g.constant(each) for each in shaped])
