"""Zero skipping: numbers that are stored as a bitmap of those that are not zero, and these end to end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bitrun import BYTE_BITS, BitRun, code_type


def skipping(codes: NDArray[Any], present: NDArray[np.bool_], bits: int) -> BitRun:
    """A bit for each of some codes, 1 where it is present, and the codes that are, of `bits` bits each."""
    kind = code_type(bits).newbyteorder("<")
    numbers = codes[present].astype(kind)
    raw = np.unpackbits(
        numbers.view(np.uint8).reshape(numbers.size, kind.itemsize), axis=1, bitorder="little"
    )
    return BitRun.of(np.concatenate([present.astype(np.uint8), raw[:, :bits].ravel()]), 1)


def dense(run: BitRun, count: int, bits: int) -> BitRun:
    """The same codes with their zeros: there are `count`, of `bits` bits each."""
    kind = code_type(bits).newbyteorder("<")
    present = run.codes[:count].astype(np.bool_)
    raw = run.codes[count:].reshape(-1, bits)
    whole = np.zeros((len(raw), kind.itemsize * BYTE_BITS), dtype=np.uint8)
    whole[:, :bits] = raw
    codes = np.zeros(count, dtype=code_type(bits))
    codes[present] = np.packbits(whole, axis=1, bitorder="little").view(kind).ravel()
    return BitRun.of(codes, bits)
