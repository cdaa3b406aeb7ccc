"""One neuron's weights in a table whose rows are source neurons: each row is read until the neuron is found.

INDEX       the head, the names up to the neuron's, its weight
BITMAP      the head, the words of bits up to the neuron's, its weight
FUNCTIONAL  the head, its weight: the place is computed

Where weights are shared, the pointer comes before the weight. This is what learning at a target does.
"""

import numpy as np

from ...ir.compiled import compiled, kept
from ...ir.storage import bitrun
from ...ir.storage.bitrun import WORD_BITS
from ..words import fields
from .forms import Layout, Stored, Words
from .layer import Integers
from .machine import (
    FUNCTIONAL,
    INDEX,
    NAMES,
    OPERATIONS,
    POINTERS,
    TABLE_READS,
    TABLE_WRITES,
    WEIGHTS,
    Accesses,
    Run,
    computed,
    head,
    read,
    saturate,
)

NOWHERE = -1


def column(stored: Stored, target: int, rows: Integers, values: Integers) -> Run:
    """Adds a value to the weight of each of some rows to one target number. A weight to which 0 is added is
    read, and not written. The memory afterwards, the weights that were read, and what was counted.
    """
    memory, found = stored.memory.copy(), np.zeros(len(rows), dtype=np.int64)
    counts = np.zeros(5, dtype=np.int64)
    longest = stored.layout.longest
    targets, places = np.zeros(longest, dtype=np.int64), np.zeros(longest, dtype=np.int64)
    _column(stored.layout, memory, target, rows, values, found, counts, targets, places)
    return Run(memory, found, Accesses(*counts.tolist()))


@compiled
def _rank(layout: Layout, memory: Words, row: int, target: int, held: Integers, counts: Integers) -> int:
    """Which of a row's synapses leads to a target, or NOWHERE."""
    start, _, count = head(memory, row)
    if layout.form == INDEX:
        each = WORD_BITS // layout.index_bits
        for i in range(count):
            read(held, counts, NAMES, start + i // each)
            name = fields.number(memory, start + i // each, i % each * layout.index_bits, layout.index_bits)
            if name >= target:
                return i if name == target else NOWHERE
        return NOWHERE
    rank = 0
    for word in range(target // WORD_BITS + 1):
        read(held, counts, NAMES, start + word)
        last = WORD_BITS - 1 if word < target // WORD_BITS else target % WORD_BITS
        for bit in range(last + 1):
            rank += fields.number(memory, start + word, bit, 1)
    is_there = fields.number(memory, start + target // WORD_BITS, target % WORD_BITS, 1)
    return rank - 1 if is_there else NOWHERE


@compiled
def _place(
    layout: Layout,
    memory: Words,
    row: int,
    target: int,
    held: Integers,
    counts: Integers,
    targets: Integers,
    places: Integers,
) -> int:
    """Where a row's weight to a target lies: WORD_BITS * word + place, or NOWHERE."""
    if layout.form == FUNCTIONAL:
        for i in range(computed(layout, memory, row, counts, targets, places)):
            if targets[i] == target:
                found: int = places[i]
                return found
        return NOWHERE
    counts[TABLE_READS] += 1
    start, names, _ = head(memory, row)
    rank = _rank(layout, memory, row, target, held, counts)
    if rank == NOWHERE:
        return NOWHERE
    after = start + names
    if not layout.shared:
        each = WORD_BITS // layout.weight_bits
        return (after + rank // each) * WORD_BITS + rank % each
    each = WORD_BITS // layout.pointer_bits
    read(held, counts, POINTERS, after + rank // each)
    pointer = fields.number(
        memory, after + rank // each, rank % each * layout.pointer_bits, layout.pointer_bits
    )
    slots: int = 2**layout.slot_bits
    return (layout.kernel + pointer // slots) * WORD_BITS + pointer % slots


@kept(bitrun, fields)
def _column(
    layout: Layout,
    memory: Words,
    target: int,
    rows: Integers,
    values: Integers,
    found: Integers,
    counts: Integers,
    targets: Integers,
    places: Integers,
) -> None:
    held = np.zeros(4, dtype=np.int64)
    for event in range(len(rows)):
        held[:] = -1
        place = _place(layout, memory, rows[event], target, held, counts, targets, places)
        if place == NOWHERE:
            continue
        word, slot = place // WORD_BITS, place % WORD_BITS
        read(held, counts, WEIGHTS, word)
        counts[OPERATIONS] += 1
        weight = fields.signed(memory, word, slot * layout.weight_bits, layout.weight_bits)
        found[event] = weight
        if values[event] != 0:
            counts[TABLE_WRITES] += 1
            after = saturate(weight + values[event], layout.weight_bits)
            fields.put(memory, word, slot * layout.weight_bits, layout.weight_bits, after)
