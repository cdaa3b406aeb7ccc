"""Hypothesis strategies for words, read off their declarations."""

from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from snc.backends.words.bits import Field, Word
from snc.ir.storage.weights import Codec

W = TypeVar("W", bound=Word)


def field_strategy(field: Field) -> st.SearchStrategy[Any]:
    """Every value that a field holds."""
    if field.is_float:
        return st.floats(width=32, allow_nan=False)
    if field.codes is not None:
        return st.sampled_from(list(field.codes))
    return st.integers(field.minimum, field.maximum)


def word_strategy(cls: type[W]) -> st.SearchStrategy[W]:
    """Every word of a class."""
    return st.builds(cls, **{f.name: field_strategy(f) for f in cls.FIELDS if not f.is_padding})


def weight_strategy(codec: Codec) -> st.SearchStrategy[NDArray[np.float32]]:
    """Rows of weights of a few magnitudes: any, and those that codes stand for, of any exponent."""
    held = codec.from_codes(
        np.arange(2 ** min(codec.bits, 8)).astype(np.uint8 if codec.bits <= 8 else f"u{codec.bits // 8}")
    )
    exact = st.sampled_from([float(number) for number in held if abs(number) <= codec.largest])
    some = st.floats(-1, 1, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6)
    shapes = st.tuples(st.integers(1, 3), st.integers(1, 8))
    drawn = arrays(np.float32, shapes, elements=st.one_of(some, exact))
    return st.builds(lambda rows, power: np.asarray(rows * np.float32(2.0**power)), drawn, st.integers(-8, 3))
