"""Numbers within words whose widths are known when a machine runs, for compiled functions.

What a declaration can say is `Word`'s.
"""

import numpy as np
from numpy.typing import NDArray

from ...ir.compiled import compiled
from .bits import WORD_BITS

Words = NDArray[np.uint64]


@compiled
def number(memory: Words, word: int, first: int, bits: int) -> int:
    """The number in some bits of a word, but not all, from bit `first` on, without a sign."""
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    return int(np.int64((memory[word] >> np.uint64(first)) & mask))


@compiled
def signed(memory: Words, word: int, first: int, bits: int) -> int:
    """The same in two's complement."""
    found = number(memory, word, first, bits)
    return found - 2**bits if found >= 2 ** (bits - 1) else found


@compiled
def put(memory: Words, word: int, first: int, bits: int, value: int) -> None:
    """Sets a number, the lowest of its bits that there are."""
    at, mask = np.uint64(first), (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    memory[word] = (memory[word] & ~(mask << at)) | ((np.uint64(value) & mask) << at)


@compiled
def packed(memory: Words, place: int, bits: int) -> int:
    """The number that begins at a bit of a memory, in one word or in two, without a sign."""
    word, first = place // WORD_BITS, place % WORD_BITS
    low = min(bits, WORD_BITS - first)
    found = number(memory, word, first, low)
    if low < bits:
        found += 2**low * number(memory, word + 1, 0, bits - low)
    return found


@compiled
def pack_in(memory: Words, place: int, bits: int, value: int) -> None:
    """Sets the number that begins at a bit of a memory."""
    word, first = place // WORD_BITS, place % WORD_BITS
    low = min(bits, WORD_BITS - first)
    put(memory, word, first, low, value % 2**low)
    if low < bits:
        put(memory, word + 1, 0, bits - low, value // 2**low)
