"""Arrays of numpy's number types as the words that hold them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.backends.words import bits


def pack(values: NDArray[Any]) -> NDArray[np.uint64]:
    """The numbers of an array, end to end."""
    size = values.dtype.itemsize
    return bits.pack(np.ascontiguousarray(values).view(f"u{size}"), 8 * size)
