"""Inputs of noise, for a verification without frames of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...backends.image.image import ImageTensor
from ..frontend.nir.dynamics import Dynamics
from ..frontend.runtime import Arrays
from .engines import AnyImage
from .runner import network_inputs

SPIKING = 0.2  # the share of an input's elements that spike in a step of noise
# Of the frames of noise, one after the other: some faults show only beyond a bound, some only at zero.
SPREADS = (1.0, 4.0, 0.0)
POSITION_MAX = 127


def random_frames(image: AnyImage, count: int, seed: int) -> list[Arrays]:
    """Frames of noise for an image, as `noise` draws them."""
    is_spiking = Dynamics.says(image.about.dynamics)
    return noise(network_inputs(image), count, seed, is_spiking=is_spiking)


def noise(inputs: Sequence[ImageTensor], count: int, seed: int, *, is_spiking: bool) -> list[Arrays]:
    """Frames of noise: standard normal floats, wider ones, and zeros, in turn; of 8-bit integers the whole
    range, of wider ones, which may be positions, 0 to 127. Of a spiking network, steps of spikes, or of such
    integers.
    """
    random = np.random.default_rng(seed)
    if is_spiking:
        return [
            {
                t.name: _noise(random, t, 0.0)
                if np.dtype(t.dtype).kind == "i"
                else (random.random(t.shape) < SPIKING).astype(np.float32)
                for t in inputs
            }
            for _ in range(count)
        ]
    return [
        {tensor.name: _noise(random, tensor, SPREADS[index % len(SPREADS)]) for tensor in inputs}
        for index in range(count)
    ]


def _noise(random: np.random.Generator, tensor: ImageTensor, spread: float) -> NDArray[Any]:
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return (spread * random.standard_normal(tensor.shape)).astype(np.float32)
    if dtype.kind == "b":
        return random.integers(0, 2, tensor.shape).astype(dtype)
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.itemsize == 1 else (0, POSITION_MAX)
    return random.integers(low, high, tensor.shape, endpoint=True).astype(dtype)
