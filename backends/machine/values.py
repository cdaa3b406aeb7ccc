"""What a neuron sends: activation functions on float32 arrays, and the chip's rounding."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...ir.network import PARAMETERS, Activation

Floats = NDArray[np.float32]


def _clip(x: Floats, minimum: np.float32, maximum: np.float32) -> Floats:
    return np.minimum(np.maximum(x, minimum), maximum)


def _hard_sigmoid(x: Floats, alpha: np.float32, beta: np.float32) -> Floats:
    return _clip(alpha * x + beta, np.float32(0), np.float32(1))


def _elu(x: Floats, alpha: Floats) -> Floats:
    return np.where(x < 0, alpha * np.expm1(x), x)


def _softplus(x: Floats) -> Floats:
    return np.maximum(x, np.float32(0)) + np.log1p(np.exp(-np.abs(x)))


# Each takes the states, already scaled, and the parameters in the order of `PARAMETERS`.
FUNCTIONS: dict[Activation, Callable[..., Floats]] = {
    Activation.IDENTITY: lambda x: x,
    Activation.RELU: lambda x: np.maximum(x, np.float32(0)),
    Activation.CLIP: _clip,
    Activation.LEAKY_RELU: lambda x, slope: np.where(x < 0, slope * x, x),
    Activation.SIGMOID: lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)),
    Activation.TANH: np.tanh,
    Activation.HARD_SIGMOID: _hard_sigmoid,
    Activation.ELU: _elu,
    Activation.SELU: lambda x, alpha, gamma: gamma * _elu(x, alpha),
    Activation.CELU: lambda x, alpha: np.where(x < 0, alpha * np.expm1(x / alpha), x),
    Activation.SILU: lambda x: x / (np.float32(1) + np.exp(-x)),
    Activation.HARD_SWISH: lambda x, alpha, beta: x * _hard_sigmoid(x, alpha, beta),
    Activation.SOFTPLUS: _softplus,
    Activation.SOFTSIGN: lambda x: x / (np.float32(1) + np.abs(x)),
    Activation.THRESHOLDED_RELU: lambda x, alpha: np.where(x > alpha, x, np.float32(0)),
    Activation.ABSOLUTE: np.abs,
}


def activate(
    activation: Activation, parameters: Sequence[float | Floats], scale: float, states: Floats
) -> Floats:
    """The values of neurons: activation(scale * state), in float32. Never the array of the states itself.

    The last axis of `states` is the channels': a parameter may be an array of one number for each.
    """
    assert len(parameters) == len(PARAMETERS[activation])
    with np.errstate(all="ignore"):  # infinities run their course
        return FUNCTIONS[activation](
            np.float32(scale) * states, *(np.asarray(p, np.float32) for p in parameters)
        )


def rounded(values: Floats) -> Floats:
    """The nearest float16 of each value, ties to even, as float32."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)
