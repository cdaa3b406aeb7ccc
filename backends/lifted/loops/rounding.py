"""Sums of the chip's arithmetic, rounded at once where they stay small, and values of states, compiled."""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ....ir.compiled import compiled, config, merged
from ...machine.loops.columns import Flag, Floats
from ...machine.loops.events import half, product

States = NDArray[Any]  # float64, or the chip's float16 held as float32

LEAST = 1.5 * 2.0**-14  # the middle of the first numbers that have all bits
SPREAD = 2.0**42  # times a number, added and taken away again, leaves eleven bits of it
TOO_LARGE = 65520.0  # and what is larger becomes infinite


if config.DISABLE_JIT:

    def fused(one: Any, other: Any, more: Any) -> Any:
        """The product of two numbers, where it is exact, and a third, rounded once."""
        return one * other + more

    def bits_of(value: Any) -> Any:
        """Of a float32."""
        return np.float32(value).view(np.int32)

    def of_bits(bits: Any) -> Any:
        """The float32 of such bits."""
        return np.int32(bits).view(np.float32)

else:

    @intrinsic
    def bits_of(_context: Any, value: Any) -> Any:
        """Of a float32."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ir.IntType(32))

        return types.int32(types.float32), code

    @intrinsic
    def of_bits(_context: Any, bits: Any) -> Any:
        """The float32 of such bits."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ir.FloatType())

        return types.float32(types.int32), code

    @intrinsic
    def fused(_context: Any, one: Any, other: Any, more: Any) -> Any:
        """The product of two numbers and a third, rounded once: one instruction."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fma(*arguments)

        return types.float64(types.float64, types.float64, types.float64), code


@compiled
def near(value: Any) -> Any:
    """The nearest float16 of a float64 that is no infinity, ties to even, as a float64.

    What is added, 2^42 times as large, and taken away again leaves eleven bits; of numbers below 2^-14, for
    which the same is added as for the middle of those up to 2^-13, multiples of 2^-24.
    """
    size = max(abs(value), LEAST)
    return fused(size, -SPREAD, fused(size, SPREAD, value))


@compiled
def added(state: Any, weight: Any, value: Any, chip: Flag, bounded: Flag) -> Any:
    """A state to which an event is added."""
    if chip is None:
        return state + product(weight, value, chip)
    if bounded is None:
        return half(state + product(weight, value, chip))
    return near(fused(np.float64(weight), np.float64(value), np.float64(state)))


@merged
def clip_all(
    states: States, state: int, values: Floats, value: int, count: int, scale: Any, low: Any, high: Any,
    chip: Flag,
) -> Any:  # fmt: skip
    """Values of states, scaled, within limits. Gives the largest magnitude's bits."""
    s, v, most = np.uintp(state), np.uintp(value), np.int32(0)
    for i in range(np.uintp(count)):
        new = scale * np.float32(states[s + i])
        new = low if new < low else new
        new = high if new > high else new
        sent: Any = new if chip is None else half(np.float64(new))
        values[v + i] = sent
        most = max(most, magnitude(sent))
    return most


@compiled
def magnitude(value: Any) -> Any:
    """The bits of a float32 without its sign: those of magnitudes are in the order of these."""
    return np.int32(bits_of(value) & np.int32(0x7FFFFFFF))
