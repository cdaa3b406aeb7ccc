"""Kernel descriptors and their weights, as arrays: those that some axon's source channels select."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.storage.bitrun import BYTE_BITS, WORD_BITS
from ...ir.storage.skipping import list_bits, place_bits
from ...ir.storage.weights import EXPONENTS, Codec
from ..words.bits import WORD_BYTES, Gather, unpack, words_for
from ..words.codes import NO_SYNAPSE, WEIGHTS
from ..words.limits import ADDRESSES
from ..words.words import FORM, Kernel, Stride, codecs
from .loops.columns import KERNEL_COLUMNS, tap_order
from .memory import Memory

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

NOTHING = np.zeros(0, dtype=np.int64)
NULL = WEIGHTS.number(NO_SYNAPSE)
CHANNELS = Stride.field("begin").maximum + 1  # of the events of a port
FIELDS = ("kd", "kw", "kh", "sl", "first", "code", "exponent", *FORM, "skips", "lists")


class Row(NamedTuple):
    """The kernels for source channels 0 .. depth - 1 of some axons: channels `c_off` and on of a port.

    `port` is where its word stands, with `table` and `strides`; `target` is the population's index.
    """

    core: int
    port: int
    table: int
    strides: int
    c_off: int
    depth: int
    target: int
    kw: int
    kh: int

    @property
    def channels(self) -> Integers:
        """The channels of the events at the port."""
        return self.c_off + np.arange(self.depth, dtype=np.int64)


class Kernels:
    """Collects the rows that axons ask for, then decodes all kernels of a core together."""

    def __init__(self, memories: Sequence[Memory]) -> None:
        self.memories = memories
        self._rows: dict[Row, int] = {}
        self._size = 0

    def row(self, row: Row) -> int:
        """Where the row of these kernels begins in the array of rows."""
        if row not in self._rows:
            self._rows[row] = self._size
            self._size += row.depth
        return self._rows[row]

    def decoded(self, depths: Sequence[int]) -> tuple[Integers, Integers, Floats, Integers]:
        """Rows of kernel numbers, the kernels in the columns of `columns`, and their weights; before each
        weight, how many are skipped, and of all: nothing where none is.

        `depths`: of every population.
        """
        rows = np.zeros(self._size, dtype=np.int64)
        kernels: list[Integers] = []
        weights: list[Floats] = []
        skipped: list[NDArray[np.bool_]] = []
        known = stored = 0
        by_core: dict[int, list[Row]] = {}
        for row in self._rows:
            by_core.setdefault(row.core, []).append(row)
        for core, wanted in by_core.items():
            keys, where = np.unique(np.concatenate([_keys(row) for row in wanted]), return_inverse=True)
            fields = self._fields(core, wanted, keys)
            at = 0
            for row in wanted:
                chosen = where[at : at + row.depth]
                at += row.depth
                self._check(row, chosen, fields, depths[row.target])
                rows[self._rows[row] : self._rows[row] + row.depth] = known + chosen
            offsets, numbers, silent = self._weights(core, fields)
            offsets[offsets >= 0] += stored
            columns = ("kd", "kw", "kh", "sl", "first")
            stores = fields["bits"], fields["skips"] + fields["lists"]
            formats = (fields[name] for name in ("place", "code", "exponent"))
            kernels.append(
                np.stack([*(fields[name] for name in columns), offsets, *stores, *formats], axis=1)
            )
            weights += numbers
            skipped += silent
            known += keys.size
            stored += sum(part.size for part in numbers)
        none = np.zeros((0, KERNEL_COLUMNS), dtype=np.int64)
        return (
            rows,
            np.ascontiguousarray(np.concatenate([none, *kernels])),
            np.concatenate([np.zeros(0, dtype=np.float32), *weights]),
            np.concatenate([[0], *skipped]).cumsum() if any(part.any() for part in skipped) else NOTHING,
        )

    def _fields(self, core: int, wanted: Sequence[Row], keys: Integers) -> dict[str, Integers]:
        """The fields of the kernels that keys stand for. `pointer`: the descriptor's address, `place`: the
        byte where the weights begin, `bits`: of a weight, where `_weights` has been.
        """
        memory = self.memories[core]
        fields = {name: np.zeros(keys.size, dtype=np.int64) for name in (*FIELDS, "pointer", "place", "bits")}
        listed = np.flatnonzero(keys < ADDRESSES * CHANNELS)
        addresses = keys[listed] // CHANNELS
        for row in wanted:
            if not row.strides:
                memory.span(int(_addresses(row).max()), 1, "the kernel word", row.port)
        found = memory.array(Kernel, addresses, wanted[0].port)
        for name in FIELDS:
            fields[name][listed] = found[name]
        fields["pointer"][listed] = addresses
        fields["place"][listed] = found["address"] * WORD_BYTES
        for table, strides, port in sorted({(row.table, row.strides, row.port) for row in wanted}):
            if strides:
                first = (strides * ADDRESSES + table) * CHANNELS
                held = np.flatnonzero((keys >= first) & (keys < first + CHANNELS))
                for name, values in self._strided(memory, table, strides, port, keys[held] - first).items():
                    fields[name][held] = values
        return fields

    def _strided(
        self, memory: Memory, table: int, strides: int, port: int, channels: Integers
    ) -> dict[str, Integers]:
        """The fields of the kernels of some channels of a strided table."""
        memory.span(table, 2 * strides, "a strided table", port)
        pairs = table + 2 * np.arange(strides, dtype=np.int64)
        heads, runs = memory.array(Kernel, pairs, port), memory.array(Stride, pairs + 1, port)
        begins = runs["begin"][:, None]
        inside = (begins <= channels) & (channels < begins + runs["count"][:, None])
        pair = inside.argmax(axis=0)
        if heads["skips"].any():
            at = int(pairs[heads["skips"].argmax()])
            raise memory.fault(at, "the kernel of a strided table skips zeros, and so has no stride")
        found = {name: heads[name][pair] for name in FIELDS}
        found["code"] = np.where(inside.any(axis=0), found["code"], NULL)
        index = channels - runs["begin"][pair]
        found["first"] = found["first"] + index * runs["step"][pair]
        found["place"] = heads["address"][pair] * WORD_BYTES + index * runs["stride"][pair]
        found["pointer"] = pairs[pair]
        for number in np.flatnonzero(runs["exponents"]).tolist():
            at, count = int(runs["exponents"][number]), int(runs["count"][number])
            taken = memory.take(at, words_for(count, EXPONENTS.bits), "exponents", int(pairs[number]) + 1)
            own = inside[number] & (pair == number)
            found["exponent"][own] = EXPONENTS.from_codes(unpack(taken, EXPONENTS.bits, count))[index[own]]
        return found

    def _check(self, row: Row, chosen: Integers, fields: dict[str, Integers], depth: int) -> None:
        """Raises when a kernel of a row does not suit its axon or its population."""
        live = fields["code"][chosen] != NULL
        deep = fields["first"][chosen] + fields["kd"][chosen] > depth
        other = (fields["kw"][chosen] != row.kw) | (fields["kh"][chosen] != row.kh)
        for wrong, what in (
            (deep, f"the kernel's channels end beyond its population's {depth}"),
            (other, f"the kernel is not {row.kw} x {row.kh}, as an axon says that leads to it"),
        ):
            bad = np.flatnonzero(live & wrong)
            if bad.size:
                raise self.memories[row.core].fault(int(fields["pointer"][chosen[bad[0]]]), what)

    def _weights(
        self, core: int, fields: dict[str, Integers]
    ) -> tuple[Integers, list[Floats], list[NDArray[np.bool_]]]:
        """Each kernel's first weight in the core's weights, -1 for a null kernel; these in parts, and which
        of them are skipped.
        """
        memory = self.memories[core]
        offsets = np.full(fields["code"].size, -1, dtype=np.int64)
        parts: list[Floats] = []
        skipped: list[NDArray[np.bool_]] = []
        stored = 0
        live = np.flatnonzero(fields["code"] != NULL)
        names = ("code", *FORM, "kd", "kw", "kh", "sl", "skips", "lists")
        shapes, group = distinct(*(fields[name][live] for name in names))
        held, known = Gather(memory.words), codecs()
        for number, shape in enumerate(shapes):
            group_members = members = live[group == number]
            *form, kd, kw, kh, sl, skips, lists = (int(fields[name][live[shape]]) for name in names)
            codec = known.get(tuple(form))
            if lists > skips:
                raise memory.fault(int(fields["pointer"][live[shape]]), "has a list of what it does not skip")
            if codec is None:
                what = "has the code {} with {} bits, {} of the exponent, and subnormals {}: no format"
                raise memory.fault(int(fields["pointer"][live[shape]]), what.format(*form))
            fields["bits"][members] = codec.bits
            count = kd * kw * kh
            # Kernels may share weights, in a table or between tables.
            stand, which = distinct(fields["place"][members], fields["exponent"][members])
            members, places = members[stand], fields["place"][members[stand]]
            pointers, begins = fields["pointer"][members], places * BYTE_BITS
            present, numbers = None, begins
            ends = begins + codec.size_bits(count)
            if skips:
                read = _listed if lists else _mapped
                present, numbers = read(memory, held, begins, count, pointers)
                ends = numbers + codec.size_bits(np.count_nonzero(present, axis=1))
            _span(memory, begins, ends, pointers)
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                memory.read[begin // WORD_BITS : words_for(end, 1)] = True
            order = (tap_order(kw, kh, sl)[:, None] * kd + np.arange(kd)).ravel()
            if present is None:
                taken = codec.from_codes(held.rows(codec.bits, begins, order)).astype(np.float32)
            else:
                taken = _scattered(held, codec, numbers, present)[:, order]
                present = present[:, order]
            with np.errstate(all="ignore"):
                taken = np.ldexp(taken, fields["exponent"][members][:, None].astype(np.int32))
            if not np.isfinite(taken).all():
                bad = np.flatnonzero(~np.isfinite(taken).all(axis=1))
                raise memory.fault(int(places[bad[0]]) // WORD_BYTES, "a weight is not finite")
            parts.append(taken.ravel())
            skipped.append(np.zeros(taken.size, dtype=np.bool_) if present is None else ~present.ravel())
            offsets[group_members] = stored + which * count
            stored += taken.size
        return offsets, parts, skipped


def _span(memory: Memory, begins: Integers, ends: Integers, pointers: Integers) -> None:
    """Raises where weights end beyond the memory."""
    worst = int(ends.argmax())
    first = int(begins[worst]) // WORD_BITS
    memory.span(first, words_for(int(ends[worst]), 1) - first, "weights", int(pointers[worst]))


def _mapped(
    memory: Memory, held: Gather, begins: Integers, count: int, pointers: Integers
) -> tuple[NDArray[np.bool_], Integers]:
    """Which of so many weights bitmaps name, kernel by kernel, and the bits at which their numbers begin."""
    _span(memory, begins, begins + count, pointers)
    return held.rows(1, begins, np.arange(count)).astype(np.bool_), begins + count


def _listed(
    memory: Memory, held: Gather, begins: Integers, count: int, pointers: Integers
) -> tuple[NDArray[np.bool_], Integers]:
    """The same of lists of places. Raises where places are not in their order, or beyond the last weight."""
    bits, only = int(place_bits(count)), np.zeros(1, dtype=np.int64)
    _span(memory, begins, begins + bits, pointers)
    lengths = held.rows(bits, begins, only)[:, 0].astype(np.int64) + 1
    ends = begins + list_bits(count, lengths)
    _span(memory, begins, ends, pointers)
    row = np.repeat(np.arange(begins.size), lengths)
    rank = np.arange(row.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = held.rows(bits, begins[row] + (rank + 1) * bits, only)[:, 0].astype(np.int64)
    wrong = np.flatnonzero((places >= count) | ((rank > 0) & (np.diff(places, prepend=0) <= 0)))
    if wrong.size:
        what = f"lists the weight {places[wrong[0]]}, of {count}, out of its order"
        raise memory.fault(int(pointers[row[wrong[0]]]), what)
    present = np.zeros((begins.size, count), dtype=np.bool_)
    present[row, places] = True
    return present, ends


def _scattered(held: Gather, codec: Codec, begins: Integers, present: NDArray[np.bool_]) -> Floats:
    """Rows of numbers that lie end to end from their first bits on, where they are present; elsewhere 0."""
    row, place = np.nonzero(present)
    rank = (np.cumsum(present, axis=1) - 1)[row, place]
    found = np.zeros(present.shape, dtype=np.float32)
    codes = held.rows(codec.bits, begins[row] + codec.size_bits(rank), np.zeros(1, dtype=np.int64))
    found[row, place] = codec.from_codes(codes[:, 0])
    return found


def _addresses(row: Row) -> Integers:
    """The addresses of a row's kernel descriptors, where the table has one for each channel."""
    return np.asarray((row.table + row.channels) % ADDRESSES)


def _keys(row: Row) -> Integers:
    """One number for each kernel of a row, the same for the same kernel of a core."""
    if row.strides:
        return np.asarray((row.strides * ADDRESSES + row.table) * CHANNELS + row.channels)
    return _addresses(row) * CHANNELS


def distinct(*columns: Integers) -> tuple[Integers, Integers]:
    """Of rows of integers, where each one stands that is not there before, and which of these each row is."""
    key = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        key = key * (int(column.max(initial=0)) - low + 1) + column - low
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return first, which
