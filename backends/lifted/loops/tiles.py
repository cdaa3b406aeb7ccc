"""Tiles: neurons of some pixels whose states stay in registers while events reach them, one after the other.

A loop over events around one over neurons reads and writes each state once an event, and what makes it quick,
many neurons at once, is for the compiler to find. Here it is written down: LLVM's vectors, of which it makes
what the processor has.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils as untyped
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from ....ir.compiled import compiled, config
from ..layout import TILE
from .rounding import LEAST, SPREAD, TOO_LARGE, added

Reach = Callable[..., None]

cgutils: Any = untyped


def tile(pixels: int) -> Reach:
    """A compiled function: events reach `TILE` neurons of so many pixels, as many events for each."""
    lanes = TILE // pixels

    def reach(
        states: Any, where: Any, neuron: Any, count: Any, initial: Any, begin: Any, begins: Any,
        weights: Any, base: Any, at: Any, sent: Any, first: Any, last: Any, slots: Any, events: Any,
        chip: Any, bounded: Any,
    ) -> None:  # fmt: skip
        """`count` neurons of pixels `first` .. `last` - 1, at most so many, hear events. States of a pixel
        begin at `where`, `neuron` further these, which begin now, as `initial` from `begin` on, where it
        `begins`. Events of a pixel stand `slots` behind those of the one before: what is `sent`, and `at`
        which unit of the tile whose weights begin at `base`.
        """
        for pixel in range(first, last):
            if begins:
                state = where[pixel] + neuron
                states[state : state + count] = initial[begin : begin + count]
            for event in range(pixel * slots, pixel * slots + events):
                for k in range(count):
                    state = where[pixel] + neuron + k
                    by = weights[at[event] * lanes + base + k]
                    states[state] = added(states[state], by, sent[event], chip, bounded)

    return reach if config.DISABLE_JIT else _vectorised(pixels, lanes)


if config.DISABLE_JIT:

    def fetch(weights: Any, place: Any) -> None:
        """Weights will be read from a place on."""

    def pointer(address: Any) -> Any:
        """To what stands at an address."""
        return ctypes.cast(int(address), ctypes.POINTER(ctypes.c_float))

else:

    @intrinsic
    def pointer(_context: Any, address: Any) -> Any:
        """To what stands at an address."""

        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), code

    @intrinsic
    def fetch(_context: Any, weights: Any, place: Any) -> Any:
        """Weights will be read from a place on: a line of them comes into the cache meanwhile."""

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number]),
                "llvm.prefetch.p0",
            )
            builder.call(function, [pointer, number(0), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(weights, types.int64), code


@compiled
def floats_at(address: Any, size: Any) -> Any:
    """So many numbers that stand at an address."""
    return carray(pointer(address), (size,), np.float32)


def _vectorised(pixels: int, lanes: int) -> Reach:
    """The same with a vector for each pixel."""
    index = ir.IntType(64)
    indices = ir.VectorType(index, lanes)
    singles, doubles = (ir.VectorType(kind, lanes) for kind in (ir.FloatType(), ir.DoubleType()))

    @intrinsic
    def reach(
        _context: Any, states: Any, where: Any, neuron: Any, count: Any, initial: Any, begin: Any,
        begins: Any, weights: Any, base: Any, at: Any, sent: Any, first: Any, last: Any, slots: Any,
        events: Any, chip: Any, bounded: Any,
    ) -> Any:  # fmt: skip
        flags = (not isinstance(each, types.NoneType) for each in (chip, bounded))
        arithmetic, kept = _Arithmetic(doubles, *flags), singles if states.dtype == types.float32 else doubles
        names = [
            "states",
            "where",
            "neuron",
            "count",
            "initial",
            "begin",
            "begins",
            "weights",
            "base",
            "at",
            "sent",
            "first",
            "last",
            "slots",
            "events",
        ]

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given = dict(zip(names, arguments, strict=False))

            def item(name: str, place: Any) -> Any:
                kind = signature.args[names.index(name)]
                return builder.gep(context.make_array(kind)(context, builder, given[name]).data, [place])

            slots, pixel = given["slots"], given["first"]
            numbers = ir.Constant(indices, list(range(lanes)))
            places, masks, held = [], [], []
            initial = item("initial", given["begin"])
            for number in range(pixels):
                # There is a first pixel, so that its mask is known before the loop around this.
                inside = builder.icmp_signed("<", pixel, given["last"]) if number else ir.IntType(1)(1)
                begin = builder.load(item("where", builder.select(inside, pixel, given["first"])))
                state = item("states", builder.add(begin, given["neuron"]))
                places.append(builder.bitcast(state, kept.as_pointer()))
                count = builder.select(inside, given["count"], index(0))
                masks.append(builder.icmp_signed("<", numbers, _splat(builder, count, indices)))
                held.append(cgutils.alloca_once(builder, doubles))
                now = builder.bitcast(builder.select(given["begins"], initial, state), kept.as_pointer())
                now = _masked_load(builder, now, masks[-1], kept)
                builder.store(now if kept is doubles else builder.fpext(now, doubles), held[-1])
                pixel = builder.add(pixel, index(1))
            before = builder.mul(given["first"], slots)
            with cgutils.for_range(builder, given["events"]) as loop:
                event = builder.add(before, loop.index)
                for state in held:
                    row = builder.mul(builder.sext(builder.load(item("at", event)), index), index(lanes))
                    place = builder.add(row, given["base"])
                    by = builder.load(builder.bitcast(item("weights", place), singles.as_pointer()), align=4)
                    value = _splat(builder, builder.load(item("sent", event)), singles)
                    builder.store(arithmetic.added(builder, builder.load(state), by, value), state)
                    event = builder.add(event, slots)
            for state, place, mask in zip(held, places, masks, strict=True):
                new = builder.load(state)
                _masked_store(builder, new if kept is doubles else builder.fptrunc(new, singles), place, mask)
            return context.get_dummy_value()

        i64, f32 = types.int64, types.float32
        integers, floats = (types.Array(kind, 1, "C") for kind in (i64, f32))
        units = types.Array(types.int32, 1, "C")
        return types.void(
            states,
            integers,
            i64,
            i64,
            states,
            i64,
            types.boolean,
            floats,
            i64,
            units,
            floats,
            i64,
            i64,
            i64,
            i64,
            chip,
            bounded,
        ), code

    return reach


class _Arithmetic:
    """`rounding.added` on vectors."""

    def __init__(self, kind: Any, chip: bool, bounded: bool) -> None:
        self.kind, self.chip, self.bounded = kind, chip, bounded

    def added(self, builder: Any, state: Any, weight: Any, value: Any) -> Any:
        """States to which an event is added."""
        if not self.chip:
            return builder.fadd(state, builder.fpext(builder.fmul(weight, value), self.kind))
        wide = (builder.fpext(each, self.kind) for each in (weight, value))
        exact = self._called(builder, "fma", *wide, state)
        magnitude = self._called(builder, "fabs", exact)
        least = self._number(LEAST)
        size = builder.select(builder.fcmp_ordered(">", magnitude, least), magnitude, least)
        above = self._called(builder, "fma", size, self._number(SPREAD), exact)
        near = self._called(builder, "fma", size, self._number(-SPREAD), above)
        if self.bounded:
            return near
        infinite = builder.fmul(exact, self._number(np.inf))
        return builder.select(builder.fcmp_ordered(">=", magnitude, self._number(TOO_LARGE)), infinite, near)

    def _called(self, builder: Any, name: str, *arguments: Any) -> Any:
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(self.kind, [self.kind] * len(arguments)),
            f"llvm.{name}.{_name(self.kind)}",
        )
        return builder.call(function, arguments)

    def _number(self, number: float) -> Any:
        return self.kind([ir.Constant(self.kind.element, number)] * self.kind.count)


def _splat(builder: Any, number: Any, kind: Any) -> Any:
    """A vector of one number."""
    lone = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(lone, ir.Constant(kind, ir.Undefined), zeros)


def _masked_load(builder: Any, place: Any, mask: Any, kind: Any) -> Any:
    """The numbers of a vector in memory of which the mask says so, and zeros."""
    integer = ir.IntType(32)
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [kind.as_pointer(), integer, mask.type, kind]),
        f"llvm.masked.load.{_name(kind)}.p0",
    )
    return builder.call(function, [place, integer(4), mask, ir.Constant(kind, None)])


def _masked_store(builder: Any, numbers: Any, place: Any, mask: Any) -> None:
    """Numbers of which the mask says so, written."""
    integer, kind = ir.IntType(32), numbers.type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [kind, kind.as_pointer(), integer, mask.type]),
        f"llvm.masked.store.{_name(kind)}.p0",
    )
    builder.call(function, [numbers, place, integer(4), mask])


def _name(kind: Any) -> str:
    """What LLVM's functions call a vector."""
    return f"v{kind.count}f{64 if kind.element == ir.DoubleType() else 32}"
