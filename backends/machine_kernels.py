"""Kernel descriptors and their weights, as arrays: those that some axon's source channels select."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..ir.weights import FORMATS
from .bits import WORD_BITS, unpack, words_for
from .limits import ADDRESSES
from .machine_columns import KERNEL_COLUMNS, tap_order
from .machine_memory import Memory
from .words import Kernel, WeightCode

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Row(NamedTuple):
    """The kernels for source channels 0 .. depth - 1 of some axons: descriptors `base` and on, modulo 2^15.

    `port` is where the table's address stands, `target` the population's index.
    """

    core: int
    port: int
    base: int
    depth: int
    target: int
    kw: int
    kh: int


class Kernels:
    """Collects the rows that axons ask for, then decodes all kernels of a core together."""

    def __init__(self, memories: Sequence[Memory]) -> None:
        self.memories = memories
        self._rows: dict[Row, int] = {}
        self._size = 0

    def row(self, core: int, port: int, base: int, depth: int, target: int, kw: int, kh: int) -> int:
        """Where the row of these kernels begins in the array of rows."""
        row = Row(core, port, base % ADDRESSES, depth, target, kw, kh)
        if row not in self._rows:
            self._rows[row] = self._size
            self._size += depth
        return self._rows[row]

    def decoded(self, depths: Sequence[int]) -> tuple[Integers, Integers, Floats]:
        """Rows of kernel numbers, the kernels in the columns of `machine_columns`, and their weights.

        `depths`: of every population.
        """
        rows = np.zeros(self._size, dtype=np.int64)
        kernels: list[Integers] = []
        weights: list[Floats] = []
        known = stored = 0
        by_core: dict[int, list[Row]] = {}
        for row in self._rows:
            by_core.setdefault(row.core, []).append(row)
        for core, wanted in by_core.items():
            addresses = [self._addresses(row) for row in wanted]
            unique, where = np.unique(np.concatenate(addresses), return_inverse=True)
            fields = self.memories[core].array(Kernel, unique, wanted[0].port)
            at = 0
            for row in wanted:
                chosen = where[at : at + row.depth]
                at += row.depth
                self._check(row, unique, chosen, fields, depths[row.target])
                rows[self._rows[row] : self._rows[row] + row.depth] = known + chosen
            offsets, numbers = self._weights(core, unique, fields)
            offsets[offsets >= 0] += stored
            columns = ("kd", "kw", "kh", "sl", "first")
            kernels.append(np.stack([*(fields[name] for name in columns), offsets], axis=1))
            weights += numbers
            known += unique.size
            stored += sum(part.size for part in numbers)
        none = np.zeros((0, KERNEL_COLUMNS), dtype=np.int64)
        return (
            rows,
            np.ascontiguousarray(np.concatenate([none, *kernels])),
            np.concatenate([np.zeros(0, dtype=np.float32), *weights]),
        )

    def _addresses(self, row: Row) -> Integers:
        addresses = (row.base + np.arange(row.depth, dtype=np.int64)) % ADDRESSES
        self.memories[row.core].span(int(addresses.max()), 1, "the kernel word", row.port)
        return addresses

    def _check(
        self, row: Row, addresses: Integers, chosen: Integers, fields: dict[str, Integers], depth: int
    ) -> None:
        """Raises when a kernel of a row does not suit its axon or its population."""
        live = fields["code"][chosen] != WeightCode.NULL
        deep = fields["first"][chosen] + fields["kd"][chosen] > depth
        other = (fields["kw"][chosen] != row.kw) | (fields["kh"][chosen] != row.kh)
        for wrong, what in (
            (deep, f"the kernel's channels end beyond its population's {depth}"),
            (other, f"the kernel is not {row.kw} x {row.kh}, as an axon says that leads to it"),
        ):
            bad = np.flatnonzero(live & wrong)
            if bad.size:
                raise self.memories[row.core].fault(int(addresses[chosen[bad[0]]]), what)

    def _weights(
        self, core: int, addresses: Integers, fields: dict[str, Integers]
    ) -> tuple[Integers, list[Floats]]:
        """Each kernel's first weight in the core's weights, and these in parts; -1 for a null kernel."""
        memory = self.memories[core]
        offsets = np.full(addresses.size, -1, dtype=np.int64)
        parts: list[Floats] = []
        stored = 0
        live = np.flatnonzero(fields["code"] != WeightCode.NULL)
        names = ("code", "kd", "kw", "kh", "sl")
        shapes, group = distinct(*(fields[name][live] for name in names))
        for number, shape in enumerate(shapes):
            members = live[group == number]
            code, kd, kw, kh, sl = (int(fields[name][live[shape]]) for name in names)
            form = FORMATS[WeightCode(code).name.lower()]
            each = WORD_BITS // form.bits
            count = kd * kw * kh
            words = words_for(count, form.bits)
            ends = fields["address"][members] + words
            if int(ends.max()) > memory.words.size:
                worst = members[int(ends.argmax())]
                memory.span(int(fields["address"][worst]), words, "weights", int(addresses[worst]))
            # Kernels may share weights, in a table or between tables.
            stand, which = distinct(fields["address"][members], fields["exponent"][members])
            places, exponents = (fields[name][members[stand]] for name in ("address", "exponent"))
            for address in places.tolist():
                memory.read[address : address + words] = True
            order = (tap_order(kw, kh, sl)[:, None] * kd + np.arange(kd)).ravel()
            numbers = unpack(memory.words, form.dtype, memory.words.size * each)
            taken = numbers[places[:, None] * each + order].astype(np.float32)
            with np.errstate(all="ignore"):
                taken = np.ldexp(taken, exponents[:, None].astype(np.int32))
            if not np.isfinite(taken).all():
                bad = np.flatnonzero(~np.isfinite(taken).all(axis=1))
                raise memory.fault(int(places[bad[0]]), "a weight is not finite")
            parts.append(taken.ravel())
            offsets[members] = stored + which * count
            stored += taken.size
        return offsets, parts


def distinct(*columns: Integers) -> tuple[Integers, Integers]:
    """Of rows of integers, where each one stands that is not there before, and which of these each row is."""
    key = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        key = key * (int(column.max(initial=0)) - low + 1) + column - low
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return first, which
