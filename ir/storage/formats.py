"""Formats of a network's trained weights, as a text: one for all, or one for each constant in their order.

adaptive8e2s
float16, adaptive8e2s x 3, adaptive6e2s
"""

from collections.abc import Sequence
from itertools import groupby

from .channels import SCHEMES, codec_of
from .weights import FORMATS, Codec

AUTO = "auto"  # formats that the compiler chooses
START = "adaptive8e2s"  # what it begins with
INTEGERS = "integers"  # of a quantised model: weights are the integers that they are
TIMES = " x "
AND = ", "


def spelled(names: Sequence[str]) -> str:
    """The text of a list of formats: those alike together, and a single one where all are."""
    runs = [(name, len(list(run))) for name, run in groupby(names)]
    if len(runs) == 1:
        return runs[0][0]
    return AND.join(name if count == 1 else f"{name}{TIMES}{count}" for name, count in runs)


def listed(text: str) -> tuple[str, ...]:
    """The formats that a text lists; one alone is for all. Raises ValueError with the part that is none."""
    found: list[str] = []
    for part in text.split(AND):
        name, _, count = part.partition(TIMES)
        is_count = TIMES not in part or (count.isascii() and count.isdigit())
        if not is_count or not (name in FORMATS or name in SCHEMES):
            raise ValueError(part)
        found += [name] * (int(count) if count else 1)
    if not found:
        raise ValueError(text)
    return tuple(found)


def formats_of(text: str, count: int) -> tuple[str, ...]:
    """The format of each of so many constants. Raises ValueError where there are others than so many."""
    found = listed(text)
    if TIMES not in text and AND not in text:
        return found * count
    if len(found) != count:
        raise ValueError(f"{len(found)} formats")
    return found


def bias_codec(text: str) -> Codec:
    """How biases are stored beside weights of these formats: float32 where all weights are."""
    codecs = {codec_of(name).biases for name in listed(text)}
    return FORMATS["float32" if codecs == {"float32"} else "float16"]
