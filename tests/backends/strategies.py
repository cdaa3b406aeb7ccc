"""Hypothesis strategies for words, read off their declarations."""

from typing import Any, TypeVar

from hypothesis import strategies as st

from snc.backends.words.bits import Field, Word

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
