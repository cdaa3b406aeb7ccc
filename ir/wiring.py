"""Projections in the terms of the chip: strides and upsampling by powers of two, run by run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Target positions start .. stop - 1 of one axis, which share one kernel and one stride.

    Source position s reaches target position x through kernel position k = s * up - x * stride + shift, where
    0 <= k < K; row k of `matrix` [K, taps] says which taps of the projection's kernel stand there. `kernel`
    is the number of that matrix among the different ones of the axis.
    """

    start: int
    stop: int
    shift: int
    matrix: NDArray[np.float64]
    kernel: int = 0

    @property
    def size(self) -> int:
        """K, the kernel's extent."""
        return int(self.matrix.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """How a projection is expressed with strides and upsampling by powers of two: equation 12, run by run."""

    projection: int
    us: int
    sl: int
    y: tuple[Run, ...]
    x: tuple[Run, ...]
