"""Zero skipping: numbers that are stored as a bitmap of those that are not zero, and these end to end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bitrun import BitRun


def skipping(codes: NDArray[Any], present: NDArray[np.bool_], bits: int) -> BitRun:
    """A bit for each of some codes, 1 where it is present, and the codes that are, of `bits` bits each."""
    digits = codes[present].astype(np.uint64)[:, None] // _powers(bits) % 2
    return BitRun.of(np.concatenate([present.astype(np.uint8), digits.ravel().astype(np.uint8)]), 1)


def dense(run: BitRun, count: int, bits: int) -> BitRun:
    """The same codes with their zeros: there are `count`, of `bits` bits each."""
    present = run.codes[:count].astype(np.bool_)
    codes = np.zeros(count, dtype=np.uint64)
    codes[present] = (run.codes[count:].reshape(-1, bits) * _powers(bits)).sum(axis=1)
    return BitRun.of(codes, bits)


def _powers(bits: int) -> NDArray[np.uint64]:
    """What the binary digits of a code of so many bits are worth, the lowest first."""
    return np.uint64(2) ** np.arange(bits, dtype=np.uint64)
