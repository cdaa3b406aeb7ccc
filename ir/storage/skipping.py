"""Zero skipping: numbers stored without those that are zero, and before them what says which they are."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bitrun import BitRun


class Layout(IntEnum):
    """How the numbers of a kernel are stored: all of them; a bit for each that says whether it is there, and
    those that are; or the places of those, one after the other, and then they.
    """

    WHOLE = 0
    BITMAP = 1
    LIST = 2


def place_bits(count: Any) -> Any:
    """The bits of a place among so many numbers, one at least; of arrays of counts, too."""
    return np.frexp(np.maximum(count, 2) - 1.0)[1].astype(np.int64)


def list_bits(count: Any, present: Any) -> Any:
    """The bits of a list of so many places among `count`, its length before them. Of arrays, too."""
    return (present + 1) * place_bits(count)


def skipped_bits(count: Any, present: Any, bits: int, layout: Layout) -> Any:
    """The bits of a kernel that stores `present` of its `count` numbers and says which. Of arrays, too."""
    return (list_bits(count, present) if layout == Layout.LIST else count) + present * bits


def skipping(codes: NDArray[Any], present: NDArray[np.bool_], bits: int, layout: Layout) -> BitRun:
    """The codes that are present, of `bits` bits each, behind what says which of all they are."""
    if layout is Layout.LIST:
        places = np.flatnonzero(present)
        before = _digits(np.array([places.size - 1, *places]), int(place_bits(codes.size)))
    else:
        before = present.astype(np.uint8)
    return BitRun.of(np.concatenate([before, _digits(codes[present], bits)]), 1)


def dense(run: BitRun, count: int, bits: int, layout: Layout) -> BitRun:
    """The same codes with their zeros: there are `count`, of `bits` bits each."""
    present, begin = run.codes[:count].astype(np.bool_), count
    if layout is Layout.LIST:
        each = int(place_bits(count))
        stored = int(_numbers(run.codes[:each], each)[0]) + 1
        begin = int(list_bits(count, stored))
        present = np.zeros(count, dtype=np.bool_)
        present[_numbers(run.codes[each:begin], each).astype(np.int64)] = True
    codes = np.zeros(count, dtype=np.uint64)
    codes[present] = _numbers(run.codes[begin:], bits)
    return BitRun.of(codes, bits)


def _digits(codes: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """The binary digits of codes, the lowest first."""
    found = codes.astype(np.uint64)[:, None] // _powers(bits) % 2
    return np.asarray(found.ravel().astype(np.uint8))


def _numbers(digits: NDArray[Any], bits: int) -> NDArray[np.uint64]:
    """The codes of so many bits that binary digits are of."""
    return np.asarray((digits.reshape(-1, bits) * _powers(bits)).sum(axis=1))


def _powers(bits: int) -> NDArray[np.uint64]:
    """What the binary digits of a code of so many bits are worth, the lowest first."""
    return np.uint64(2) ** np.arange(bits, dtype=np.uint64)
