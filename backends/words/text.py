"""Words as text."""

import numpy as np

from .bits import Word, label


def fields_text(word: Word) -> str:
    """The fields of a word: name=value, what has a code by its name."""
    return " ".join(
        f"{name}={_value_text(value) if word.field(name).codes is None else label(value)}"
        for name, value in word.items()
    )


def _value_text(value: int | float) -> str:
    return str(np.float32(value)) if isinstance(value, float) else str(value)
