"""Real numbers that integers stand for, and what integer arithmetic makes of them."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Singles = NDArray[np.float32]
Array = NDArray[Any]
ONE: Singles = np.ones((), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """Sums of integers times scales, which broadcast over them, clamped to bounds.

    `is_sum`: of products, which are rounded with one factor. `count`: by how many they are divided, at each
    place of their maps or everywhere.
    """

    parts: tuple[tuple[Integers, Singles], ...]
    is_sum: bool = False
    count: Singles = field(default_factory=lambda: ONE)
    low: float = -math.inf
    high: float = math.inf

    @property
    def whole(self) -> Integers:
        """The integers of one part."""
        [(whole, _)] = self.parts
        return whole

    @property
    def scale(self) -> Singles:
        """The scale of one part."""
        [(_, scale)] = self.parts
        return scale

    def floats(self) -> Singles:
        """The numbers themselves, the sum of several rounded once."""
        products = (
            (whole.astype(np.float32) * (scale / self.count).astype(np.float32)).astype(np.float64)
            for whole, scale in self.parts
        )
        total = np.asarray(sum(products), dtype=np.float64).astype(np.float32)
        return np.clip(total, np.float32(self.low), np.float32(self.high))

    def clamped(self, low: float, high: float) -> "Real":
        """No number below or above."""
        return replace(self, low=min(max(self.low, low), high), high=min(max(self.high, low), high))

    def quantised(self, scale: Singles, zero: Integers, ends: tuple[int, int]) -> Integers:
        """The integers that stand for the numbers in another quantisation, halves to even."""
        step, point = np.float32(scale.reshape(())), int(zero.reshape(()))
        if self.is_sum:
            factor = (self.scale / (step * self.count)).astype(np.float32)
            steps = np.rint(self.whole.astype(np.float32) * factor)
        else:
            steps = np.rint(replace(self, low=-math.inf, high=math.inf).floats() / step)
        least, most = (
            bound if math.isinf(bound) else np.rint(np.float32(bound) / step)
            for bound in (self.low, self.high)
        )
        return np.asarray(np.clip(np.clip(steps, least, most) + point, *ends), dtype=np.int64)


def rounded(value: Singles, scale: Singles, zero: Integers, ends: tuple[int, int]) -> Integers:
    """The integers that stand for floats, halves to even."""
    return np.asarray(np.clip(np.rint(value / scale) + zero, *ends), dtype=np.int64)
