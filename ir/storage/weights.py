"""Codecs: the formats of numbers. A new one is a new row of `FORMATS`.

What stands in the image for a codec is its row in `backends/words/codes.py`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bitrun import CODE_TYPES, code_type
from .codec import PLAIN_FORM, Codes, Form
from .codec import Codec as Codec
from .codec import Scale as Scale

FRACTION = 2**52  # how many fractions a float64 has for each exponent
ONE_BITS = 1023 * FRACTION  # the number 1, as the whole number that its bits are
COARSE_BITS, COARSE_TRIES = 5, 5  # of so few bits, the best exponent may let many weights saturate


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

    def nearest(given: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.rint(given)
        np.clip(found, -largest, largest, out=found)
        np.copyto(found, given, where=given == -largest - 1)
        found += 0.0  # no zero is negative
        return found

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
        nearest=nearest,
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
        found = sizes.view(np.int64) - ONE_BITS
        whole = found // place
        found += whole
        found += place // 2 - 1
        whole //= 2
        whole *= 2
        found -= whole
        found //= place
        np.minimum(found, len(magnitudes) - 1, out=found)
        if subnormals:  # below 2, numbers are as far apart as above
            np.minimum(sizes, 2, out=sizes)
            sizes *= fractions / 2
            np.maximum(found, np.rint(sizes, out=sizes).astype(np.int64), out=found)
        else:
            np.maximum(found, 1, out=found)
            found *= sizes > magnitudes[1] / 2
        codes = found.astype(code_type(bits))
        is_negative = given < 0
        is_negative &= codes > 0
        codes += is_negative * codes.dtype.type(len(magnitudes))
        return codes

    # A number times this, plus the number, ends with the last place of its code.
    beyond = float(FRACTION // fractions)

    def nearest(given: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = np.abs(given)
        np.minimum(sizes, magnitudes[-1], out=sizes)
        if not subnormals:
            is_some = sizes > magnitudes[1] / 2
            np.maximum(sizes, magnitudes[1], out=sizes)
        many = sizes * beyond
        if subnormals:
            np.maximum(many, 2 * beyond, out=many)  # below 2, numbers are as far apart as above
        sizes += many
        sizes -= many
        if not subnormals:
            sizes *= is_some
        np.copysign(sizes, given, out=sizes)
        sizes += 0.0  # no zero is negative
        return sizes

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
        nearest=nearest
        if fractions > 1
        else None,  # without a fraction, the even code is not the even number
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
