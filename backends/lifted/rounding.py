"""Sums of the chip's arithmetic, rounded at once where they stay small, and values of states, compiled."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...ir.compiled import compiled, config, kept
from ..machine.loops import events
from ..machine.loops.columns import Flag, Floats
from ..machine.loops.events import half, product
from ..words import codes

States = NDArray[Any]  # float64, or the chip's float16 held as float32

LEAST = 1.5 * 2.0**-14  # the middle of the first numbers that have all bits
SPREAD = 2.0**42  # times a number, added and taken away again, leaves eleven bits of it
TOO_LARGE = 65520.0  # and what is larger becomes infinite


if config.DISABLE_JIT:

    def fused(one: Any, other: Any, more: Any) -> Any:
        """The product of two numbers, where it is exact, and a third, rounded once."""
        return one * other + more

else:

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


@compiled
def clip_all(
    states: States, state: int, values: Floats, value: int, count: int, scale: Any, low: Any, high: Any,
    chip: Flag,
) -> None:  # fmt: skip
    """Values of states, scaled, within limits."""
    s, v = np.uintp(state), np.uintp(value)
    for i in range(np.uintp(count)):
        new = scale * np.float32(states[s + i])
        new = low if new < low else new
        new = high if new > high else new
        values[v + i] = new if chip is None else half(np.float64(new))


@kept(codes, events)
def halves(values: Floats) -> float:
    """Values become the nearest float16. Gives the largest magnitude."""
    for i in range(np.uintp(values.size)):
        values[i] = half(np.float64(values[i]))
    return float(of_bits(largest(values.view(np.int32), 0, values.size)))


@kept(codes, events)
def peak(values: Floats) -> float:
    """The largest magnitude; a number that is none is larger than any."""
    return float(of_bits(largest(values.view(np.int32), 0, values.size)))


@compiled
def largest(bits: Any, first: int, last: int) -> Any:
    """The largest of some bits without their signs: those of magnitudes are in the order of these."""
    most = np.int32(0)
    for i in range(np.uintp(first), np.uintp(last)):
        most = max(most, np.int32(bits[i] & np.int32(0x7FFFFFFF)))
    return most


@compiled
def of_bits(bits: Any) -> Any:
    """The float32 of such bits."""
    one = np.empty(1, np.int32)
    one[0] = bits
    return one.view(np.float32)[0]
