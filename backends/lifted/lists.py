"""Which events a target pixel hears, in their order: compiled.

A pixel hears source pixels, its taps, sorted by row, column and axon; its events come channel by channel, and
within a channel tap by tap. Marks, a bit for each neuron, say which fire: those of 64 neurons at a pixel are
looked at together.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...ir.compiled import compiled, config, merged
from ..machine.loops.columns import Floats, Integers
from . import layout
from .layout import STRIDE, WORD

Marks = NDArray[np.uint64]  # [pixels, words], the first channel's is the lowest bit

LANES = 16  # values that are looked at together

words_of = compiled(layout.words_of)


if config.DISABLE_JIT:

    def lowest(word: Any) -> Any:
        """The number of the lowest bit that is 1."""
        return (int(word) & -int(word)).bit_length() - 1

    def ones(word: Any) -> Any:
        """How many bits are 1."""
        return int(word).bit_count()

    def _alive(lanes: int) -> Callable[..., Any]:
        """A compiled function that gives a bit for each of so many values that is not 0."""

        def alive(values: Any, place: Any) -> Any:
            return np.uint64(sum(int(each != 0) << i for i, each in enumerate(values[place : place + lanes])))

        return alive

    def picked(words: Any, bit: Any) -> Any:
        """One bit of each of 64 words."""
        return np.uint64(sum(((int(word) >> int(bit)) & 1) << i for i, word in enumerate(words)))

else:

    @intrinsic
    def lowest(_context: Any, word: Any) -> Any:
        """The number of the lowest bit that is 1."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.uint64(types.uint64), code

    @intrinsic
    def ones(_context: Any, word: Any) -> Any:
        """How many bits are 1."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return types.int64(types.uint64), code

    def _alive(lanes: int) -> Callable[..., Any]:
        """A compiled function that gives a bit for each of so many values that is not 0."""

        @intrinsic
        def alive(_context: Any, values: Any, place: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                kind = ir.VectorType(ir.FloatType(), lanes)
                data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
                first = builder.bitcast(builder.gep(data, [arguments[1]]), kind.as_pointer())
                found = builder.fcmp_unordered("!=", builder.load(first, align=4), ir.Constant(kind, None))
                bits = builder.bitcast(found, ir.IntType(lanes))
                return bits if lanes == WORD else builder.zext(bits, ir.IntType(WORD))

            return types.uint64(values, types.int64), code

        return alive

    @intrinsic
    def picked(_context: Any, words: Any, bit: Any) -> Any:
        """One bit of each of 64 words."""

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.VectorType(ir.IntType(WORD), WORD)
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            held = builder.load(builder.bitcast(data, kind.as_pointer()), align=8)
            one = builder.shl(ir.IntType(WORD)(1), arguments[1])
            lone = builder.insert_element(ir.Constant(kind, ir.Undefined), one, ir.IntType(32)(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), WORD), None)
            mask = builder.shuffle_vector(lone, ir.Constant(kind, ir.Undefined), zeros)
            found = builder.icmp_unsigned("!=", builder.and_(held, mask), ir.Constant(kind, None))
            return builder.bitcast(found, ir.IntType(WORD))

        return types.uint64(words, types.int64), code


alive_few, alive_many = _alive(LANES), _alive(WORD)


@compiled
def first_ones(count: int) -> Any:
    """A word whose first bits are 1, at least one."""
    return ~np.uint64(0) >> np.uint64(WORD - count)


@merged
def mark_pixels(
    values: Floats, place: int, depth: int, marks: Marks, into: int, first: int, last: int, pixels: int,
    zero: bool,
) -> None:  # fmt: skip
    """Writes the marks of channels `first` .. `last` - 1 of pixels whose values and marks stand one behind
    the other. `first` is a multiple of 64. `zero`: all fire.
    """
    words = words_of(depth)
    for p in range(pixels):
        for c in range(first, last, WORD):
            count, value = min(WORD, last - c), place + p * depth + c
            word = np.uint64(0)
            if count == WORD:
                word = alive_many(values, value)
            else:
                for i in range(0, count, LANES):
                    word |= alive_few(values, value + i) << np.uint64(i)
            mask = first_ones(count)
            marks[np.uintp(into + p * words + c // WORD)] = mask if zero else word & mask


@compiled
def every(stride: int, count: int) -> Any:
    """A word in which one bit in so many is 1, so many times."""
    word = np.uint64(0)
    for i in range(count):
        word |= np.uint64(1) << np.uint64(i * stride)
    return word


@merged
def list_events(
    values: Floats, place: int, depth: int, marks: Marks, word: int, lists: Integers, taps: int, bits: int,
    first: Integers, number: Integers, origin: Integers, words: Integers, low: int, high: int, passed: int,
    held: Marks, ready: Marks, at: Any, sent: Floats, along: Integers, listed: Integers, slots: int,
    pixels: int, mixed: bool,
) -> int:  # fmt: skip
    """The events of channels `low` .. `high` - 1 that pixels hear: their units of weights, their values, and
    where `mixed` the updates of their axons. `passed`: channels before. Each pixel hears `number` taps from
    the `first` on, with bits of as many `words` from one on, from its `origin` (layout.py). The
    source's values and marks begin at `place` and `word`. `held` and `ready` have space for words. Gives how
    many events there are, and writes those of each pixel.

    All in one function: numba counts references to the arrays of a call, which takes longer than a list.
    """
    deep, total, known = words_of(depth), 0, 0
    together, padded, few, apart, bits_kept = 0, np.uintp(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for p in range(pixels):
        n, begins = np.uintp(p * slots), place + origin[p] * depth
        for group in range(0, number[p], WORD):  # more than one only where channels are listed one by one
            begin, many = np.uintp(taps + first[p] + group), min(WORD, number[p] - group)
            table = np.uintp(bits + words[p] * 4 * WORD + group * 4)
            if many != known:
                # A word has a bit for each tap of some channels. A product takes their bits apart, where they
                # go further than there are channels.
                stride = 1 if many == 1 else max(STRIDE, many)
                together, padded, known = WORD // stride, np.uintp((many + 7) & ~7), many
                few, apart = first_ones(together), every(stride - 1, together)
                bits_kept = every(stride, together)
                held[many:] = 0
            c = low
            while c < high:
                shift = np.uint64(c % WORD)
                count = min(WORD - c % WORD, high - c)
                mine, mask = np.uintp(word + origin[p] * deep + c // WORD), first_ones(count)
                found = np.uint64(0)
                for t in range(np.uintp(many)):
                    held[t] = (marks[mine + np.uintp(lists[begin + t])] >> shift) & mask
                    found |= held[t]
                # All words, then their bits: words need not wait until it is known how many bits there are.
                i, made = 0, np.uintp(0)
                while i < count and found != 0:
                    some = held[0] if many == 1 else np.uint64(0)
                    if many > 1 and together == 1:
                        some = picked(held, i)
                    elif many > 1:
                        for t in range(padded):
                            some |= ((((held[t] >> np.uint64(i)) & few) * apart) & bits_kept) << np.uint64(t)
                    ready[made] = some
                    i, made = i + together, made + np.uintp(1)
                for k in range(made):
                    channel: Any = c + np.int64(k) * together
                    before, begin_value, some = channel - low + passed, np.uintp(begins + channel), ready[k]
                    while some != 0:
                        bit: Any = table + np.uintp(lowest(some))
                        some &= some - np.uint64(1)
                        sent[n] = values[begin_value + np.uintp(lists[bit])]
                        unit, step = lists[bit + np.uintp(WORD)], lists[bit + np.uintp(2 * WORD)]
                        at[n] = np.int32(unit + before * step)
                        if mixed:
                            along[n] = lists[bit + np.uintp(3 * WORD)]
                        n += np.uintp(1)
                c += count
        listed[p] = np.int64(n) - p * slots
        total += listed[p]
    return total
