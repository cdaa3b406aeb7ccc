"""Codecs: how numbers are stored, and what is left of them. A new format is a new row of `FORMATS`.

What stands in the image for a codec is its row in `backends/words/codes.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..deadline import in_time
from .bitrun import CODE_TYPES, BitRun, code_type, words_for
from .skipping import Layout, place_bits, skipped_bits

CACHED = 2**15  # numbers whose intermediate results a processor keeps at hand
FRACTION = 2**52  # how many fractions a float64 has for each exponent
ONE_BITS = 1023 * FRACTION  # the number 1, as the whole number that its bits are
COARSE_BITS, COARSE_TRIES = 5, 5  # of so few bits, the best exponent may let many weights saturate

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
    `has_zero`: whether a code is 0.
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
            rows, safe = weights[part].reshape(len(weights[part]), -1).astype(np.float64), found[part]
            tried = [((self.rounded(rows, safe - i) - rows) ** 2).sum(axis=1) for i in range(self.tries)]
            found[part] = safe - np.argmin(tried, axis=0)
        return found

    def finest(self, rows: NDArray[Any]) -> Exponents:
        """The least exponent for each row of weights [rows, ...] that makes none of them saturate."""
        if self.scale is Scale.NONE:
            return np.zeros(len(rows), dtype=np.int64)
        peak = np.abs(rows.reshape(len(rows), -1)).max(axis=1, initial=0).astype(np.float64)
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
        for part in _parts(weights):
            found[part] = self.decode(self.encode(weights[part], exponents[part]), exponents[part])
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


def _powers(exponents: Exponents, axes: int) -> NDArray[np.float64]:
    return np.exp2(exponents.astype(np.float64)).reshape(-1, *[1] * (axes - 1))


def floating(name: str, bits: int, biases: str) -> Codec:
    """A binary format of IEEE 754."""
    kind, whole = np.dtype(f"f{bits // 8}"), code_type(bits)

    def to_codes(numbers: NDArray[np.float64]) -> Codes:
        with np.errstate(over="ignore"):  # they become infinite
            return np.asarray(numbers.astype(kind).view(whole))

    return Codec(
        name,
        bits,
        f"{bits}-bit IEEE 754 number",
        to_codes,
        lambda codes: np.ascontiguousarray(codes).view(kind),
        biases=biases,
    )


def fixed(name: str, bits: int, form: Form = PLAIN_FORM) -> Codec:
    """Integers, symmetric about zero, times a power of two for each kernel descriptor. What has no opposite
    stands for itself, and nothing else becomes it: so integers of as many bits are held.
    """
    largest = 2 ** (bits - 1) - 1
    numbers = np.concatenate([np.arange(largest + 1), np.arange(-largest - 1, 0)]).astype(np.int32)
    tries = 2 if bits > COARSE_BITS else COARSE_TRIES

    def to_codes(numbers: NDArray[np.float64]) -> Codes:
        nearest = np.clip(np.rint(numbers), -largest, largest)
        integers = np.where(numbers == -largest - 1, numbers, nearest).astype(np.int64)
        codes = integers.astype(code_type(bits))
        return codes if bits in CODE_TYPES else codes % 2**bits

    def from_codes(codes: Codes) -> NDArray[Any]:
        return np.asarray(numbers[codes])

    family = "fixed" if form.number_bits else ""
    text = f"{'n' if family else bits}-bit two's complement integer"
    return Codec(
        name,
        bits,
        text,
        to_codes,
        from_codes,
        Scale.DESCRIPTOR,
        largest,
        tries=tries,
        family=family,
        form=form,
    )


def adaptive(bits: int, exponent_bits: int, subnormals: bool) -> Codec:
    """AdaptivFloat<bits, exponent_bits> (arXiv 1909.13271): a sign, a few bits of exponent, whose bias is the
    kernel descriptor's, and no infinities. `subnormals`: numbers below the least normal one are evenly apart
    down to zero; as published there are none, and the least of the normal numbers is zero.
    """
    fractions = 2 ** (bits - 1 - exponent_bits)
    place = FRACTION // fractions  # what the last place of a code is of a float64's
    exponents, fraction = np.divmod(np.arange(2 ** (bits - 1)), fractions)
    magnitudes = np.exp2(exponents) * (1 + fraction / fractions)
    if subnormals:
        magnitudes = np.where(exponents > 0, magnitudes, 2 * fraction / fractions)
    magnitudes[0] = 0
    numbers = np.concatenate([magnitudes, -magnitudes]).astype(np.float32)

    def to_codes(given: NDArray[np.float64]) -> Codes:
        sizes = np.abs(given)
        # From 1 on, codes are the first bits of a float64, rounded to the nearest, ties to even.
        places = sizes.view(np.int64) - ONE_BITS
        whole = places // place
        is_odd = whole - 2 * (whole // 2)
        found = (places + (place // 2 - 1) + is_odd) // place
        found = np.minimum(found, len(magnitudes) - 1)
        if subnormals:
            found = np.where(sizes < 2, np.rint(sizes * (fractions / 2)), found)
        else:
            found = np.maximum(found, 1) * (sizes > magnitudes[1] / 2)
        codes = found.astype(code_type(bits))
        return np.asarray(codes + codes.dtype.type(len(magnitudes)) * ((given < 0) & (codes > 0)))

    text = "sign in the highest bit, then e bits E, then m = n - 1 - e bits M: 2^E * (1 + M / 2^m); but "
    text += "2 * M / 2^m where E is 0" if subnormals else "0 where E and M are 0"
    return Codec(
        f"adaptive{bits}e{exponent_bits}{'s' * subnormals}",
        bits,
        text,
        to_codes,
        lambda codes: numbers[codes],
        Scale.DESCRIPTOR,
        float(magnitudes[-1]),
        tries=2 if bits > COARSE_BITS else COARSE_TRIES,
        family="adaptive",
        form=Form(bits, exponent_bits, int(subnormals)),
    )


def sign() -> Codec:
    """Plus or minus one, times a power of two for each kernel descriptor. Zeros can only be skipped."""
    return Codec(
        "sign",
        1,
        "1 where the bit is 0, -1 where it is 1",
        lambda numbers: np.asarray(numbers < 0, dtype=code_type(1)),
        lambda codes: np.where(codes > 0, np.float32(-1), np.float32(1)),
        Scale.DESCRIPTOR,
        1.0,
        tries=COARSE_TRIES,
        has_zero=False,
    )


def _adaptive() -> Iterator[Codec]:
    for bits in range(8, 2, -1):
        for exponent_bits in range(1, min(3, bits - 1) + 1):
            yield adaptive(bits, exponent_bits, False)
            yield adaptive(bits, exponent_bits, True)


FORMATS: dict[str, Codec] = {
    known.name: known
    for known in (
        floating("float32", 32, biases="float32"),
        floating("float16", 16, biases="float16"),
        fixed("fixed8", 8),
        *(fixed(f"fixed{bits}", bits, Form(bits)) for bits in range(7, 1, -1)),
        *_adaptive(),
        sign(),
    )
}

# What holds weights that no training made, and what a remedy may propose without a look at a network's
# answers.
PLAIN = "fixed8", "float16", "float32"
INTEGERS = tuple(f"fixed{bits}" for bits in range(2, 9))  # what hold integers of so many bits


EXPONENTS = fixed("exponents", 8)  # of a run of channels
PARAMETER_CODEC = FORMATS["float32"]  # of what an activation function has for each channel


def integer_format(weights: NDArray[np.float32]) -> str | None:
    """The smallest format of integers that holds weights, or None where they are no such integers."""
    zeros = np.zeros(len(weights), dtype=np.int64)
    held = (name for name in INTEGERS if np.array_equal(FORMATS[name].rounded(weights, zeros), weights))
    return next(held, None)


def exact_format(weights: NDArray[np.float32]) -> tuple[Codec, int]:
    """The smallest codec, and its exponent, that holds weights that no training made without any error."""
    rows = weights.reshape(1, -1)
    codecs = [FORMATS[name] for name in PLAIN]
    for codec in codecs:
        exponents = codec.finest(rows) if rows.any() else np.zeros(1, dtype=np.int64)
        if np.array_equal(codec.rounded(rows, exponents), rows):
            return codec, int(exponents[0])
    return codecs[-1], 0
