"""Numbers that lie side by side in memory, of any count of bits each, before anything is packed."""

from collections.abc import Hashable
from functools import cache
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
BYTE_BITS = 8
WORD_BYTES = WORD_BITS // BYTE_BITS
CODE_TYPES = {8: "u1", 16: "u2", 32: "u4", 64: "u8"}  # what holds codes of at most so many bits


@overload
def words_for(count: int, bits_each: int) -> int: ...
@overload
def words_for(count: NDArray[Any], bits_each: int) -> NDArray[Any]: ...
def words_for(count: Any, bits_each: int) -> Any:
    """How many words hold `count` numbers of `bits_each` bits side by side; of arrays of counts, too."""
    return -(-count * bits_each // WORD_BITS)


@cache
def code_type(bits_each: int) -> np.dtype[Any]:
    """The unsigned type of an array that holds codes of so many bits, one in each element."""
    return np.dtype(next(name for most, name in CODE_TYPES.items() if bits_each <= most))


@cache
def code_bytes(bits_each: int) -> int:
    """The bytes of an element of `code_type`."""
    return code_type(bits_each).itemsize


class BitRun(NamedTuple):
    """Numbers of `bits` bits each that are stored end to end, from the beginning of a word.

    `held` are their codes in elements of `code_type`: a value that is compared and hashed at once. Only
    `backends/words/bits.py` packs them. `owner`: who may change them, so that no equal run stands for them.
    """

    bits: int
    held: bytes
    owner: Hashable = None

    @classmethod
    def of(cls, codes: NDArray[Any], bits: int) -> "BitRun":
        """The codes of an array, in its order."""
        return cls(bits, codes.astype(code_type(bits), copy=False).tobytes())

    @classmethod
    def rows(cls, codes: NDArray[Any], bits: int) -> list["BitRun"]:
        """A run for each row of an array of codes."""
        data = codes.astype(code_type(bits), copy=False).tobytes()
        size = len(data) // len(codes)
        return [cls(bits, data[i * size : (i + 1) * size]) for i in range(len(codes))]

    @classmethod
    def joined(cls, runs: "list[BitRun]") -> "BitRun":
        """The numbers of several runs, end to end."""
        (bits,) = {run.bits for run in runs}
        return cls(
            bits,
            b"".join(run.held for run in runs),
            next((run.owner for run in runs if run.owner is not None), None),
        )

    @property
    def codes(self) -> NDArray[Any]:
        """The codes, one in each element."""
        return np.frombuffer(self.held, dtype=code_type(self.bits))

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.held) // code_bytes(self.bits)

    @property
    def size_bits(self) -> int:
        """The bits of all of them."""
        return self.size * self.bits

    @property
    def words(self) -> int:
        """The words that hold them."""
        return -(-(len(self.held) // code_bytes(self.bits)) * self.bits // WORD_BITS)  # asked very often
