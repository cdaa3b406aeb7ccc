"""What a neuron sends: activation functions on float32 arrays, and the chip's rounding."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..ir.network import PARAMETERS, Activation

Floats = NDArray[np.float32]


def _clip(x: Floats, minimum: np.float32, maximum: np.float32) -> Floats:
    return np.minimum(np.maximum(x, minimum), maximum)


def _hard_sigmoid(x: Floats, alpha: np.float32, beta: np.float32) -> Floats:
    return _clip(alpha * x + beta, np.float32(0), np.float32(1))


# Each takes the states, already scaled, and the parameters in the order of `PARAMETERS`.
FUNCTIONS: dict[Activation, Callable[..., Floats]] = {
    Activation.IDENTITY: lambda x: x,
    Activation.RELU: lambda x: np.maximum(x, np.float32(0)),
    Activation.CLIP: _clip,
    Activation.LEAKY_RELU: lambda x, slope: np.where(x < 0, slope * x, x),
    Activation.SIGMOID: lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)),
    Activation.TANH: np.tanh,
    Activation.HARD_SIGMOID: _hard_sigmoid,
}


def activate(activation: Activation, parameters: tuple[float, ...], scale: float, states: Floats) -> Floats:
    """The values of neurons: activation(scale * state), in float32. Never the array of the states itself."""
    assert len(parameters) == len(PARAMETERS[activation])
    return FUNCTIONS[activation](np.float32(scale) * states, *map(np.float32, parameters))


def rounded(values: Floats) -> Floats:
    """The nearest float16 of each value, ties to even, as float32."""
    return values.astype(np.float16).astype(np.float32)
