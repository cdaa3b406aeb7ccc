"""How tensors are quantised: real = (integer - zero) * scale. Nothing here knows a graph."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]

# The largest number of float types that are shorter than half precision.
LARGEST = {
    "float8_e4m3fn": 448.0,
    "float8_e4m3fnuz": 240.0,
    "float8_e5m2": 57344.0,
    "float8_e5m2fnuz": 57344.0,
    "float4_e2m1fn": 6.0,
}
CLAMPING_BITS_MAX = 16  # accumulators are wider: no sum reaches their ends

ROUNDINGS: Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def limits(dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """The least and the largest number of a type that tensors are quantised to; None for any other."""
    if dtype.name in LARGEST:
        return -LARGEST[dtype.name], LARGEST[dtype.name]
    integer = re.fullmatch(r"(u?)int(\d+)", dtype.name)
    if integer is None:
        return None
    bits = int(integer[2])
    return (0.0, 2.0**bits - 1) if integer[1] else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Quantisation:
    """Scale and zero point: one for all, or one for each position of an axis, or of each block of it.

    `dtype`: of the integers. `spread`: whether the numbers' shape is one that broadcasts by itself.
    """

    scale: Reals
    zero: Reals
    dtype: np.dtype[Any]
    axis: int = 1
    block: int = 0
    spread: bool = False

    @property
    def is_one(self) -> bool:
        """Whether all of a tensor has one scale and one zero point."""
        return self.scale.size == 1 and self.zero.size == 1

    @property
    def is_integer(self) -> bool:
        """Whether tensors are quantised to integers, not to short floats."""
        return re.fullmatch(r"u?int\d+", self.dtype.name) is not None

    @property
    def clamps(self) -> bool:
        """Whether real numbers may lie outside what the integers say."""
        found = re.search(r"\d+$", self.dtype.name)
        return self.dtype.name in LARGEST or (found is not None and int(found[0]) <= CLAMPING_BITS_MAX)

    def bounds(self, rank: int = 0) -> tuple[Reals, Reals]:
        """The smallest and the largest real number, in a shape that broadcasts over a tensor's."""
        found = limits(self.dtype)
        assert found is not None
        scale, zero = self._along(self.scale, rank), self._along(self.zero, rank)
        return tuple(((np.float32(end) - zero) * scale).astype(np.float32) for end in found)  # type: ignore[return-value]

    def dequantised(self, value: NDArray[Any]) -> Reals:
        """The real numbers that integers stand for."""
        scale, zero = (self._over(numbers, value.shape) for numbers in (self.scale, self.zero))
        return np.asarray((value.astype(np.float32) - zero) * scale, dtype=np.float32)

    def quantised(self, value: NDArray[Any]) -> NDArray[Any]:
        """The integers that stand for real numbers, halves to even."""
        found = limits(self.dtype)
        assert found is not None
        scale, zero = (self._over(numbers, value.shape) for numbers in (self.scale, self.zero))
        whole = value / scale if self.dtype.name in LARGEST else np.rint(value / scale)
        return np.asarray(np.clip(whole + zero, *found)).astype(self.dtype)

    def is_same(self, other: "Quantisation") -> bool:
        """Whether the same integers mean the same real numbers."""
        if not self.is_one and (self.axis != other.axis or self.spread != other.spread):
            return False
        return np.array_equal(self.scale.ravel(), other.scale.ravel()) and np.array_equal(
            np.broadcast_to(self.zero.ravel(), self.scale.size),
            np.broadcast_to(other.zero.ravel(), other.scale.size),
        )

    def _along(self, numbers: Reals, rank: int) -> Reals:
        if numbers.size == 1:
            return numbers.reshape(())
        if self.spread or not rank:
            return numbers
        axis = range(rank)[self.axis]
        return numbers.reshape([-1 if a == axis else 1 for a in range(rank)])

    def _over(self, numbers: Reals, shape: tuple[int, ...]) -> Reals:
        """Numbers in a shape that broadcasts over a tensor's. Raises ValueError, IndexError."""
        if numbers.size == 1 or not self.block:
            return self._along(numbers, len(shape))
        axis = range(len(shape))[self.axis]
        blocks = [-(-size // self.block) if a == axis else size for a, size in enumerate(shape)]
        if self.block < 0 or list(numbers.shape) != blocks:
            raise ValueError(self.block)
        return np.repeat(numbers, min(self.block, shape[axis]), axis=axis)[
            tuple(slice(size) for size in shape)
        ]


def rounded(
    value: NDArray[Any], scale: Reals, zero: Reals, ends: tuple[float, float], rounding: str
) -> Reals:
    """Real numbers, quantised and dequantised again: what qonnx's Quant makes of a constant."""
    whole = ROUNDINGS[rounding](np.clip(value / scale + zero, *ends))
    return np.asarray((whole - zero) * scale, dtype=np.float32)
