"""What a codec is: how numbers are stored, and what is left of them when they are read again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..deadline import in_time
from .bitrun import BitRun, code_type, words_for
from .skipping import Layout, place_bits, skipped_bits

CACHED = 2**15  # numbers whose intermediate results a processor keeps at hand

Codes = NDArray[Any]  # unsigned, one code in each element
Exponents = NDArray[np.int64]


class Scale(Enum):
    """Where the scale of a codec's numbers stands."""

    NONE = "none: `exponent` is 0"
    DESCRIPTOR = "`exponent`, for each source channel"


class Form(NamedTuple):
    """Which codec of its family one is: the bits of a number, those of its exponent, and whether it has
    subnormal numbers. Zeros where a family has one codec alone.
    """

    number_bits: int = 0
    exponent_bits: int = 0
    subnormals: int = 0


PLAIN_FORM = Form()


@dataclass(frozen=True, slots=True)
class Codec:
    """How numbers are stored: codes of `bits` bits, end to end, each number times a scale.

    `to_codes` takes numbers (float64) to the nearest codes, `from_codes` takes codes to numbers. `largest` is
    the largest magnitude that a code stands for; weights are scaled to it. `biases` names the codec of the
    biases beside such weights. `text` is what the manual says of a number. `tries`: how many exponents are
    compared for the one that errs least. `family` is what codecs have in common that differ in `form` alone.
    `has_zero`: whether a code is 0. `nearest`: what `from_codes` makes of `to_codes`, for numbers of single
    precision, without any codes, where that is quicker.
    """

    name: str
    bits: int
    text: str
    to_codes: Callable[[NDArray[np.float64]], Codes]
    from_codes: Callable[[Codes], NDArray[Any]]
    scale: Scale = Scale.NONE
    largest: float = float("inf")
    biases: str = "float16"
    tries: int = 2
    family: str = ""
    form: Form = PLAIN_FORM
    has_zero: bool = True
    nearest: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None

    @property
    def kind(self) -> str:
        """The name of its family, or its own where it has none."""
        return self.family or self.name

    def exponents(self, weights: NDArray[np.float32]) -> Exponents:
        """The best exponent for each row of weights [rows, ...]: of the finest that fit, the one that errs
        least.

        The finest exponent that holds the largest weight is compared with those below it, where the largest
        weights saturate.
        """
        if self.scale is Scale.NONE:
            return np.zeros(len(weights), dtype=np.int64)
        found = self.finest(weights)
        for part in _parts(weights):
            rows, safe = weights[part].reshape(len(weights[part]), -1), found[part]
            tried = [_errors(rows, self.rounded(rows, safe - i)) for i in range(self.tries)]
            found[part] = safe - np.argmin(tried, axis=0)
        return found

    def finest(self, rows: NDArray[Any]) -> Exponents:
        """The least exponent for each row of weights [rows, ...] that makes none of them saturate."""
        if self.scale is Scale.NONE:
            return np.zeros(len(rows), dtype=np.int64)
        flat = rows.reshape(len(rows), -1)
        peak = np.maximum(flat.max(axis=1, initial=0), -flat.min(axis=1, initial=0)).astype(np.float64)
        found = np.ceil(np.log2(np.where(peak > 0, peak, 1.0) / self.largest)).astype(np.int64)
        return np.clip(found, -120, 120)

    def encode(self, weights: NDArray[Any], exponents: Exponents) -> Codes:
        """The codes of weights [rows, ...], row r divided by 2^exponents[r]."""
        found = np.empty(weights.shape, dtype=code_type(self.bits))
        for part in _parts(weights):
            powers = _powers(exponents[part], weights.ndim)
            found[part] = self.to_codes(weights[part].astype(np.float64) / powers)
        return found

    def decode(self, codes: Codes, exponents: Exponents) -> NDArray[np.float64]:
        """The weights that codes [rows, ...] stand for."""
        return self.from_codes(codes).astype(np.float64) * _powers(exponents, codes.ndim)

    def rounded(self, weights: NDArray[Any], exponents: Exponents) -> NDArray[np.float64]:
        """The weights as the codec holds them."""
        found = np.empty(weights.shape)
        nearest = self.nearest if weights.dtype == np.float32 else None
        for part in _parts(weights):
            if nearest is None:
                found[part] = self.decode(self.encode(weights[part], exponents[part]), exponents[part])
            else:
                powers = _powers(exponents[part], weights.ndim)
                np.multiply(nearest(weights[part] / powers), powers, out=found[part])
        return found

    def run(self, numbers: NDArray[Any]) -> BitRun:
        """Numbers as they are stored, without a scale."""
        return BitRun.of(self.to_codes(np.asarray(numbers, dtype=np.float64)), self.bits)

    def numbers(self, run: BitRun) -> NDArray[Any]:
        """The numbers of a run, without a scale."""
        return self.from_codes(run.codes)

    def size_bits(self, count: Any) -> Any:
        """The bits of so many numbers; of many counts at once, too."""
        return count * self.bits

    def layouts(self, count: Any, present: Any) -> Any:
        """The `Layout` in which a kernel takes the fewest words: of `count` weights, `present` are other than
        zero. Of arrays, too.
        """
        return np.where(present > 0, np.argmin(self._sizes(count, present), axis=0), Layout.BITMAP)

    def words(self, count: Any, present: Any) -> Any:
        """The words of such a kernel, in its smallest layout; none where there are zeros alone."""
        return np.where(present > 0, np.min(self._sizes(count, present), axis=0), 0)

    def _sizes(self, count: Any, present: Any) -> NDArray[np.int64]:
        """The words of such a kernel, layout by layout."""
        whole = words_for(count, self.bits)
        if not self.has_zero:
            whole = np.where(present < count, np.iinfo(np.int64).max, whole)  # cannot be stored so
        sizes = (skipped_bits(count, present, self.bits, each) for each in (Layout.BITMAP, Layout.LIST))
        return np.stack(np.broadcast_arrays(whole, *(words_for(size, 1) for size in sizes)))

    def least_bits(self, count: Any, present: Any) -> Any:
        """The bits of so many weights in any layout, at least, as a part of any kernel."""
        before = np.minimum(count, present * place_bits(count))
        return np.where(present > 0, np.minimum(count * self.bits, before + present * self.bits), 0)


def _parts(weights: NDArray[Any]) -> Iterator[slice]:
    """Rows of weights [rows, ...], so many at a time that what is computed of them stays in the cache."""
    each = max(1, CACHED // max(1, weights[:1].size))
    for start in range(0, len(weights), each):
        in_time("weights were rounded")
        yield slice(start, start + each)


def _errors(rows: NDArray[Any], held: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the squared errors of each row; what is held is written over."""
    held -= rows
    held *= held
    return np.asarray(held.sum(axis=1))


def _powers(exponents: Exponents, axes: int) -> NDArray[np.float64]:
    return np.exp2(exponents.astype(np.float64)).reshape(-1, *[1] * (axes - 1))
