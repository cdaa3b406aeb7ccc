import math
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from snc.backends.words.bits import (
    Gather,
    Word,
    WordError,
    bits,
    float32,
    pack,
    padding,
    unpack,
    words_for,
)

from . import packing


class Colour(IntEnum):
    RED = 0
    BLUE = 2


class Sample(Word):
    """One field of every sort."""

    low: int = bits(5, "unsigned")
    size: int = bits(4, "one to sixteen", minus_one=True)
    offset: int = bits(9, "signed", signed=True)
    colour: Colour = bits(2, "a choice", codes=Colour, default=Colour.BLUE)
    reserved: int = padding(12)
    value: float = float32("a number", default=0.0)


def test_fields_lie_side_by_side_from_bit_0() -> None:
    assert [(f.name, f.shift, f.last) for f in Sample.FIELDS] == [
        ("low", 0, 4),
        ("size", 5, 8),
        ("offset", 9, 17),
        ("colour", 18, 19),
        ("reserved", 20, 31),
        ("value", 32, 63),
    ]


def test_bits_by_hand() -> None:
    word = Sample(low=3, size=16, offset=-1, colour=Colour.RED, value=1.0)
    assert word.encode() == 3 + (15 << 5) + (0x1FF << 9) + (0x3F800000 << 32)
    assert Sample.decode(word.encode()) == word


def test_defaults_and_repr() -> None:
    word = Sample(low=0, size=1, offset=-256)
    assert word.colour is Colour.BLUE
    assert repr(word) == "Sample(low=0, size=1, offset=-256, colour=2, value=0.0)"
    numbers: dict[str, Any] = {"low": np.int64(0), "size": 1.0, "offset": -256}
    assert Sample(**numbers) == word
    assert type(Sample(**numbers).low) is type(Sample(**numbers).size) is int
    assert len({word, Sample.decode(word.encode())}) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": -1},
        {"low": 32},
        {"low": 1.5},
        {"low": math.nan},
        {"low": math.inf},
        {"size": 0},
        {"size": 17},
        {"offset": 256},
        {"offset": -257},
        {"colour": 1},
        {"colour": 3},
        {"reserved": 1},
        {"value": math.nan},
        {"value": 1e39},
    ],
)
def test_a_value_that_does_not_fit_raises(wrong: dict[str, float]) -> None:
    with pytest.raises(WordError, match=next(iter(wrong))):
        Sample(**({"low": 0, "size": 1, "offset": 0} | wrong))  # type: ignore[arg-type]


def test_fields_must_be_known_and_given() -> None:
    with pytest.raises(TypeError, match="no field colur"):
        Sample(low=0, size=1, offset=0, colur=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs offset"):
        Sample(low=0, size=1)  # type: ignore[call-arg]


def test_words_are_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        Sample(low=0, size=1, offset=0).low = 1  # type: ignore[misc]


def test_a_float_field_holds_a_single() -> None:
    word = Sample(low=0, size=1, offset=0, value=0.1)
    assert word.value == np.float32(0.1)
    assert Sample(low=0, size=1, offset=0, value=-math.inf).value == -math.inf


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (1 << 20, "reserved"),
        (1 << 31, "reserved"),
        (1 << 18, "colour = 1 is no Colour"),
        (0x7FC00000 << 32, "value"),
        (0x7F800001 << 32, "value"),
        (1 << 64, "no word"),
        (-1, "no word"),
    ],
)
def test_bits_that_no_value_stands_for_raise(word: int, why: str) -> None:
    with pytest.raises(WordError, match=why):
        Sample.decode(word)
    if 0 <= word < 1 << 64:
        with pytest.raises(WordError):
            Sample.decode_array(np.array([0, word], dtype=np.uint64))


def test_an_array_with_a_value_that_does_not_fit_is_refused() -> None:
    low, size = np.array([31, 0]), np.array([1, 16])
    assert Sample.encode_array(low=low, size=size, offset=-1).tolist() == [
        Sample(low=31, size=1, offset=-1).encode(),
        Sample(low=0, size=16, offset=-1).encode(),
    ]
    with pytest.raises(WordError, match=r"low = 32 is no integer in 0\.\.31"):
        Sample.encode_array(low=low + 1, size=size, offset=-1)
    with pytest.raises(WordError, match="size = 0 is no integer"):
        Sample.encode_array(low=low, size=size - 1, offset=-1)
    with pytest.raises(WordError, match="offset = 256"):
        Sample.encode_array(low=low, size=size, offset=256)
    with pytest.raises(TypeError, match="needs size"):
        Sample.encode_array(low=low, offset=0)
    with pytest.raises(TypeError, match="no field other"):
        Sample.encode_array(low=low, size=size, offset=0, other=0)


@given(st.integers(0, 2**64 - 1))
def test_every_number_is_refused_or_comes_back(number: int) -> None:
    try:
        word = Sample.decode(number)
    except WordError:
        return
    assert word.encode() == number


def test_decode_takes_numpy_words() -> None:
    word = Sample(low=1, size=2, offset=-3)
    assert Sample.decode(np.uint64(word.encode())) == word  # type: ignore[arg-type]


def test_a_declaration_must_fill_the_word() -> None:
    with pytest.raises(AssertionError, match="has 63 bits"):
        type("Short", (Word,), {"only": bits(63, "too few")})
    with pytest.raises(AssertionError, match="encode"):
        type("Shadow", (Word,), {"encode": bits(64, "hides a method")})


@given(
    hnp.arrays(
        st.sampled_from([np.dtype(t) for t in ("i1", "<f2", "<f4", "<i8")]),
        st.integers(0, 50),
        elements={"allow_nan": False},
    )
)
def test_pack_and_unpack(values: NDArray[Any]) -> None:
    words = packing.pack(values)
    assert words.dtype == np.uint64
    assert words.size == words_for(values.size, values.itemsize * 8)
    back = unpack(words, values.itemsize * 8, values.size).view(values.dtype)
    np.testing.assert_array_equal(back, values)
    assert not any(words.astype("<u8").tobytes()[values.nbytes :])


def test_pack_puts_the_first_number_lowest() -> None:
    assert packing.pack(np.array([1, -1, 2], dtype=np.int8)).tolist() == [0x02FF01]
    assert packing.pack(np.array([1.0, -2.0], dtype=np.float16)).tolist() == [0xC0003C00]


def test_unpack_needs_enough_words() -> None:
    with pytest.raises(ValueError, match="1 words hold no 5 codes of 16 bits"):
        unpack(np.zeros(1, dtype=np.uint64), 16, 5)


@given(st.integers(1, 64), st.data())
def test_codes_of_any_width_lie_end_to_end(width: int, data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=70))
    words = pack(np.array(codes, dtype=np.uint64), width)
    whole = sum(code << width * i for i, code in enumerate(codes))
    assert sum(int(word) << 64 * i for i, word in enumerate(words)) == whole
    assert words.size == words_for(len(codes), width)
    assert unpack(words, width, len(codes)).tolist() == codes
    several = np.array([codes, codes[::-1], codes], dtype=np.uint64)
    assert pack(several, width).tolist() == [pack(row, width).tolist() for row in several]


@given(st.integers(1, 64), st.integers(0, 2**32), st.data())
def test_codes_are_found_wherever_they_begin(width: int, seed: int, data: st.DataObject) -> None:
    words = np.random.default_rng(seed).integers(0, 2**64, 9, dtype=np.uint64)
    whole = sum(int(word) << 64 * i for i, word in enumerate(words))
    count = data.draw(st.integers(1, 9 * 64 // width))
    begins = data.draw(st.lists(st.integers(0, 9 * 64 - count * width), min_size=1, max_size=5))
    order = data.draw(st.permutations(range(count)))
    found = Gather(words).rows(width, np.array(begins), np.array(order))
    mask = 2**width - 1
    assert found.tolist() == [[whole >> begin + i * width & mask for i in order] for begin in begins]


def test_a_code_that_is_too_wide_is_not_packed() -> None:
    with pytest.raises(AssertionError, match="more bits"):
        pack(np.array([16]), 4)
