"""Activation functions: name, parameters, formula, what is computed, and how small a value may be."""

import math
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Parameter = float | tuple[float, ...]  # one for all channels, or one for each


def _clip(x: Floats, minimum: Floats, maximum: Floats) -> Floats:
    return np.asarray(np.minimum(np.maximum(x, minimum), maximum))


def _hard_sigmoid(x: Floats, alpha: Floats, beta: Floats) -> Floats:
    return np.asarray(np.minimum(np.maximum(alpha * x + beta, np.float32(0)), np.float32(1)))


def _elu(x: Floats, alpha: Floats) -> Floats:
    return np.asarray(np.where(x < 0, alpha * np.expm1(x), x))


def _softplus(x: Floats) -> Floats:
    return np.asarray(np.maximum(x, np.float32(0)) + np.log1p(np.exp(-np.abs(x))))


def _each(function: Callable[[float], float], x: Floats) -> Floats:
    """A function of the standard library, element by element: numpy has no error function."""
    return np.asarray(np.frompyfunc(function, 1, 1)(x.astype(np.float64)), dtype=np.float32)


def _gelu(x: Floats) -> Floats:
    return np.asarray(x * _each(math.erfc, -x / np.float32(math.sqrt(2))) / np.float32(2))


def _swish(x: Floats, slope: Floats, cubic: Floats) -> Floats:
    return np.asarray(x / (np.float32(1) + np.exp(-x * (slope + cubic * x * x))))


def _requantise(x: Floats, factor: Floats, step: Floats, minimum: Floats, maximum: Floats) -> Floats:
    return _clip(np.rint(factor * x / step), minimum, maximum)


def _shrink(x: Floats, limit: Floats, bias: Floats) -> Floats:
    return np.asarray(np.where(x < -limit, x + bias, np.where(x > limit, x - bias, np.float32(0))))


class Activation(Enum):
    """Activation function of a population.

    `parameters` are their names; `formula` is the manual's, of s, the scaled state; `function` takes s and
    the parameters, in float32. `bound`: the least value, or the parameter that is the least. `is_further`: a
    population's descriptor has no code for it, an extension word says it.
    """

    IDENTITY = (), "s", lambda x: x
    RELU = (), "max(s, 0)", lambda x: np.maximum(x, np.float32(0)), 0.0
    CLIP = ("minimum", "maximum"), "min(max(s, minimum), maximum)", _clip, "minimum"
    LEAKY_RELU = ("slope",), "s where s >= 0, else slope * s", lambda x, slope: np.where(x < 0, slope * x, x)
    SIGMOID = (), "1 / (1 + exp(-s))", lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)), 0.0
    TANH = (), "tanh(s)", np.tanh
    HARD_SIGMOID = ("alpha", "beta"), "max(0, min(1, alpha * s + beta))", _hard_sigmoid, 0.0
    ELU = ("alpha",), "s where s >= 0, else alpha * expm1(s)", _elu
    SELU = (
        ("alpha", "gamma"),
        "gamma * s where s >= 0, else gamma * (alpha * expm1(s))",
        lambda x, alpha, gamma: gamma * _elu(x, alpha),
    )
    CELU = (
        ("alpha",),
        "s where s >= 0, else alpha * expm1(s / alpha)",
        lambda x, alpha: np.where(x < 0, alpha * np.expm1(x / alpha), x),
    )
    SILU = (), "s / (1 + exp(-s))", lambda x: x / (np.float32(1) + np.exp(-x))
    HARD_SWISH = (
        ("alpha", "beta"),
        "s * max(0, min(1, alpha * s + beta))",
        lambda x, alpha, beta: x * _hard_sigmoid(x, alpha, beta),
    )
    SOFTPLUS = (), "max(s, 0) + log1p(exp(-abs(s)))", _softplus, 0.0
    SOFTSIGN = (), "s / (1 + abs(s))", lambda x: x / (np.float32(1) + np.abs(x))
    THRESHOLDED_RELU = (
        ("alpha",),
        "s where s > alpha, else 0",
        lambda x, alpha: np.where(x > alpha, x, np.float32(0)),
    )
    ABSOLUTE = (), "abs(s)", np.abs, 0.0
    EXP = (), "exp(s)", np.exp, 0.0
    LOG = (), "log(s)", np.log
    SQRT = (), "sqrt(s)", np.sqrt, 0.0
    RECIPROCAL = (), "1 / s", lambda x: np.float32(1) / x
    POWER = ("exponent",), "s^exponent", np.power
    ERF = (), "erf(s)", lambda x: _each(math.erf, x)
    GELU = (), "s * erfc(-s / sqrt(2)) / 2", _gelu
    SWISH = ("slope", "cubic"), "s / (1 + exp(-s * (slope + cubic * s * s)))", _swish
    MISH = (), "s * tanh(SOFTPLUS(s))", lambda x: x * np.tanh(_softplus(x))
    SHRINK = (
        ("limit", "bias"),
        "s + bias where s < -limit, s - bias where s > limit, else 0",
        _shrink,
    )
    SINE = ("phase",), "sin(s + phase)", lambda x, phase: np.sin(x + phase)
    SIGN = (), "1 where s > 0, -1 where s < 0, else s", np.sign
    FLOOR = (), "the largest integer that is not above s", np.floor
    CEIL = (), "the least integer that is not below s", np.ceil
    ROUND = (), "the nearest integer, ties to even", np.rint
    REQUANTISE = (
        ("factor", "step", "minimum", "maximum"),
        "min(max(ROUND((factor * s) / step), minimum), maximum)",
        _requantise,
        "minimum",
    )
    ACOS = (), "acos(s)", np.arccos, 0.0, True
    ACOSH = (), "acosh(s)", np.arccosh, 0.0, True
    ASIN = (), "asin(s)", np.arcsin, -math.inf, True
    ASINH = (), "asinh(s)", np.arcsinh, -math.inf, True
    ATAN = (), "atan(s)", np.arctan, -math.inf, True
    ATANH = (), "atanh(s)", np.arctanh, -math.inf, True
    COSH = (), "cosh(s)", np.cosh, 1.0, True
    SINH = (), "sinh(s)", np.sinh, -math.inf, True
    TAN = (), "tan(s)", np.tan, -math.inf, True

    def __repr__(self) -> str:
        return f"Activation.{self.name}"  # the same in every process: functions say where they lie in memory

    def __init__(
        self,
        parameters: tuple[str, ...],
        formula: str,
        function: Callable[..., Any],
        bound: float | str = -math.inf,
        is_further: bool = False,
    ) -> None:
        self.parameters = parameters
        self.formula = formula
        self.function = function
        self.bound = bound
        self.is_further = is_further

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickled by its name, for functions without one are part of its value."""
        return getattr, (Activation, self.name)

    def least(self, parameters: tuple[Parameter, ...]) -> float:
        """The least value that a neuron may have with these parameters, whatever its state is."""
        if isinstance(self.bound, float):
            return self.bound
        found = parameters[self.parameters.index(self.bound)]
        return min(found) if isinstance(found, tuple) else found
