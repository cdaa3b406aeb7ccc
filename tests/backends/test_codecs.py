"""Every codec, over all its codes: what they stand for, and that rounding is to the nearest one."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from snc.backends.words.bits import pack, unpack
from snc.ir.storage.weights import FORMATS, Codec, Scale

from .by_the_manual import weight
from .strategies import weight_strategy

SMALL = [codec for codec in FORMATS.values() if codec.bits <= 8]
NUMBERS = {"float32": 1, "float16": 2, "fixed8": 3, "fixed": 4, "adaptive": 5, "sign": 6}


def all_codes(codec: Codec) -> NDArray[np.uint8]:
    return np.arange(2**codec.bits).astype(np.uint8)


def numbers(codec: Codec) -> NDArray[np.float64]:
    """What the writer may choose from: all numbers but the fixed formats' least, which has no counterpart."""
    found = np.unique(codec.from_codes(all_codes(codec)).astype(np.float64))
    return found[np.abs(found) <= codec.largest]


@pytest.mark.parametrize("codec", SMALL, ids=lambda codec: codec.name)
def test_codes_are_what_the_manual_says(codec: Codec) -> None:
    n = codec.form.number_bits or codec.bits
    want = [weight(NUMBERS[codec.kind], code, n, *codec.form[1:]) for code in range(2**codec.bits)]
    assert codec.from_codes(all_codes(codec)).tolist() == want


@pytest.mark.parametrize("codec", SMALL, ids=lambda codec: codec.name)
def test_every_number_comes_back(codec: Codec) -> None:
    every = numbers(codec)
    codes = codec.to_codes(every)
    assert np.array_equal(codec.from_codes(codes), every)
    assert codec.to_codes(np.zeros(1)).tolist() == codec.to_codes(-np.zeros(1)).tolist() == [0]
    assert np.array_equal(every, -every[::-1]), "symmetric about zero"
    assert every[-1] == codec.largest
    assert np.array_equal(unpack(pack(codes, codec.bits), codec.bits, codes.size), codes)


def test_half_precision_comes_back() -> None:
    codec = FORMATS["float16"]
    codes = np.arange(2**16).astype(np.uint16)
    finite = np.isfinite(codec.from_codes(codes))
    assert np.array_equal(codec.to_codes(codec.from_codes(codes[finite]).astype(np.float64)), codes[finite])
    assert finite.sum() == 2**16 - 2 * 2**10


@pytest.mark.parametrize("codec", SMALL, ids=lambda codec: codec.name)
def test_rounding_is_to_the_nearest(codec: Codec) -> None:
    """Against a search of all numbers, in exact arithmetic: on them, between, beyond, and on ties."""
    every = numbers(codec)
    middles = (every[1:] + every[:-1]) / 2
    near = np.concatenate([np.nextafter(middles, -np.inf), np.nextafter(middles, np.inf)])
    given = np.concatenate([every, middles, near, every * 1.01, [1e-30, -1e-30, 1e30, -1e30]])
    given = np.concatenate([given, np.random.default_rng(0).normal(0, codec.largest / 3, 300)])
    found = codec.from_codes(codec.to_codes(given)).astype(np.float64)
    exact = [Fraction(number) for number in every.tolist()]
    for value, got in zip(given.tolist(), found.tolist(), strict=True):
        errors = [abs(Fraction(value) - number) for number in exact]
        assert abs(Fraction(value) - Fraction(got)) == min(errors), value
    ties = codec.to_codes(middles)
    assert (ties % 2 == 0).all(), "of two that are as near, the one with the even code"


@pytest.mark.parametrize("codec", SMALL, ids=lambda codec: codec.name)
def test_weights_are_rounded_to_what_their_codes_stand_for(codec: Codec) -> None:
    """Of single precision they are rounded without codes, to the last bit and the sign of a zero."""
    every = numbers(codec)
    middles = (every[1:] + every[:-1]) / 2
    given = np.concatenate([every, middles]).astype(np.float32)
    given = np.concatenate([given, np.nextafter(given, np.inf), np.nextafter(given, -np.inf)])
    drawn = np.random.default_rng(0).normal(0, codec.largest / 3, 3000)
    given = np.concatenate([given, drawn, drawn / 1000, [0.0, -0.0, 1e-40, -1e-40, 1e30, -1e30]])
    rows = np.stack([given, -given, given / 2, given * 1024]).astype(np.float32)
    exponents = np.array([0, 0, -1, 10])
    found = codec.rounded(rows, exponents)
    held = codec.decode(codec.encode(rows, exponents), exponents)
    assert np.array_equal(found, held)
    assert np.array_equal(np.signbit(found), np.signbit(held))


def test_the_published_adaptive_float() -> None:
    """AdaptivFloat<4, 2> of exponent bias -2, as its paper's figure has it."""
    codes = FORMATS["adaptive4e2"].from_codes(np.arange(8).astype(np.uint8)) / 4
    assert codes.tolist() == [0, 0.375, 0.5, 0.75, 1, 1.5, 2, 3]
    below = FORMATS["adaptive4e2s"].from_codes(np.arange(8).astype(np.uint8)) / 4
    assert below.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([c for c in FORMATS.values() if c.scale is Scale.DESCRIPTOR]))
def test_the_exponent_errs_least_of_those_that_are_tried(data: st.DataObject, codec: Codec) -> None:
    rows = data.draw(weight_strategy(codec))
    exponents = codec.exponents(rows)
    finest = codec.finest(rows)

    def error(by: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(((codec.rounded(rows, by) - rows) ** 2).sum(axis=1))

    for less in range(codec.tries):
        assert (error(exponents) <= error(finest - less)).all()
    peaks = np.abs(rows).max(axis=1).astype(np.float64)
    assert (peaks <= codec.largest * np.exp2(finest)).all()
    assert all(
        peak == 0 or math.ldexp(codec.largest, int(least) - 1) < peak
        for peak, least in zip(peaks, finest, strict=True)
    )


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(list(FORMATS.values())))
def test_what_is_rounded_stays(data: st.DataObject, codec: Codec) -> None:
    rows = data.draw(weight_strategy(codec))
    exponents = codec.exponents(rows)
    once = codec.rounded(rows, exponents)
    assert np.array_equal(codec.rounded(once, exponents), once)
    assert (np.sign(once) * np.sign(rows) >= 0).all()


@pytest.mark.parametrize("name", ["fixed8", "fixed3", "adaptive5e2", "sign", "float16"])
def test_rows_are_rounded_alike_alone_and_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, random = FORMATS[name], np.random.default_rng(0)
    weights = (random.standard_normal((9, 4, 3, 3)) * np.exp2(random.integers(-9, 9, (9, 1, 1, 1)))).astype(
        "f4"
    )
    exponents = codec.exponents(weights)
    together = codec.rounded(weights, exponents)
    monkeypatch.setattr("snc.ir.storage.codec.CACHED", 1)  # a row at a time
    assert np.array_equal(codec.exponents(weights), exponents)
    assert np.array_equal(codec.rounded(weights, exponents), together)
    alone = [codec.decode(codec.encode(weights[i : i + 1], e), e) for i, e in enumerate(exponents[:, None])]
    assert np.array_equal(np.concatenate(alone), together)
