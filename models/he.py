"""Weights as a training would start from; nothing here is trained.

Normal weights whose spread is a gain over the root of the fan-in (He et al. 2015, arXiv 1502.01852), the gain
chosen so that activations keep their size through any number of layers. What a rectifier passes on has a
positive mean, and plain random kernels carry that mean along until every channel is a constant: a picture is
lost after some ten layers, and a residual network grows with every addition. So the kernels of a layer that
follows a rectifier have mean zero (Brock et al. 2021, arXiv 2101.08692), and the gains keep the variance
instead of the mean square.
"""

import math

import numpy as np

from .writer import Array, Parameters

_BIASES = 0.1  # of the activations, which are about 1: enough to matter

LINEAR = 1.0
PLAIN_RELU = math.sqrt(2)  # keeps the mean square, as in the first paper: for kernels that are not centred


def leaky(slope: float) -> float:
    """The gain before a leaky ReLU: one over the deviation of what it makes of a standard normal."""
    return 1 / math.sqrt((1 + slope**2) / 2 - (1 - slope) ** 2 / (2 * math.pi))


RELU = leaky(0)


class He:
    """A seeded source of parameters: the same seed and the same calls give the same numbers."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def conv(self, depth: int, source_depth: int, kernel: int, gain: float) -> Parameters:
        """Parameters of a square convolution that follows a rectifier, every kernel of mean zero."""
        return self._parameters((depth, source_depth, kernel, kernel), gain, centred=True)

    def plain_conv(self, depth: int, source_depth: int, kernel: int) -> Parameters:
        """Parameters of a convolution of an image or of single channels: centred, it would see edges only."""
        return self._parameters((depth, source_depth, kernel, kernel), PLAIN_RELU, centred=False)

    def dense(self, depth: int, source_depth: int, gain: float) -> Parameters:
        """Parameters of a fully connected layer, every row of mean zero."""
        return self._parameters((depth, source_depth), gain, centred=True)

    def _parameters(self, shape: tuple[int, ...], gain: float, centred: bool) -> Parameters:
        weights = self._normal(shape)
        if centred:
            # In float64, so that no machine's order of summation shows in the bytes.
            means = weights.mean(axis=tuple(range(1, len(shape))), keepdims=True, dtype=np.float64)
            weights -= means.astype(np.float32)
        weights *= np.float32(gain / math.sqrt(math.prod(shape[1:])))
        return Parameters(weights, self._normal(shape[:1]) * np.float32(_BIASES))

    def _normal(self, shape: tuple[int, ...]) -> Array:
        return self._random.standard_normal(shape, np.float32)
