"""Weight formats: how a weight is stored, and what is left of it. A new format is a new row of `FORMATS`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """How weights are stored: numbers of type `dtype`, times a power of two per kernel descriptor.

    Float formats keep the exponent 0; integer formats find it per source channel.
    """

    name: str
    dtype: str
    bits: int
    integer_max: int = 0

    def exponents(self, weights: NDArray[np.float32]) -> NDArray[np.int64]:
        """The best exponent for each row of weights [rows, ...]: of the two finest that fit, the one that
        errs less.

        The finest exponent that holds the largest weight is compared with the one below it, where the largest
        weights saturate.
        """
        rows = weights.reshape(len(weights), -1).astype(np.float64)
        if not self.integer_max:
            return np.zeros(len(rows), dtype=np.int64)
        peak = np.abs(rows).max(axis=1, initial=0.0)
        safe = np.ceil(np.log2(np.where(peak > 0, peak, 1.0) / self.integer_max)).astype(np.int64)
        safe = np.clip(safe, -120, 120)

        def error(exponents: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.asarray(((self.rounded(rows, exponents) - rows) ** 2).sum(axis=1))

        return np.where(error(safe - 1) < error(safe), safe - 1, safe)

    def numbers(self, weights: NDArray[Any], exponents: NDArray[np.int64]) -> NDArray[Any]:
        """The stored numbers of weights [rows, ...], row r divided by 2^exponents[r]."""
        scale = np.exp2(exponents.astype(np.float64)).reshape(-1, *[1] * (weights.ndim - 1))
        scaled = weights.astype(np.float64) / scale
        if self.integer_max:
            scaled = np.clip(np.rint(scaled), -self.integer_max, self.integer_max)
        return scaled.astype(self.dtype)

    def rounded(self, weights: NDArray[Any], exponents: NDArray[np.int64]) -> NDArray[np.float64]:
        """The weights as the format holds them."""
        scale = np.exp2(exponents.astype(np.float64)).reshape(-1, *[1] * (weights.ndim - 1))
        return self.numbers(weights, exponents).astype(np.float64) * scale


FORMATS: dict[str, WeightFormat] = {
    known.name: known
    for known in (
        WeightFormat("float32", "<f4", 32),
        WeightFormat("float16", "<f2", 16),
        WeightFormat("fixed8", "i1", 8, integer_max=127),
    )
}


def exact_format(weights: NDArray[np.float32]) -> tuple[WeightFormat, int]:
    """The smallest format, and its exponent, that holds weights that no training made without any error."""
    rows = weights.reshape(1, -1)
    fixed = FORMATS["fixed8"]
    peak = float(np.abs(rows).max(initial=0.0))
    finest = int(np.ceil(np.log2(peak / fixed.integer_max))) if peak else 0
    for known, exponent in ((fixed, finest), (FORMATS["float16"], 0)):
        if np.array_equal(known.rounded(rows, np.array([exponent])), rows):
            return known, exponent
    return FORMATS["float32"], 0
