"""The machine: does a pass over a layer in one form, event by event, and counts each word it reads or writes.

It knows a `Layout` and the memory. An event is a source neuron and its value. A controller has a buffer of
one word for each stream: names of targets, pointers, weights, states. A word that it holds is not read again;
one that it has changed is written when it leaves, at the end of the row at the latest.

forward    each state gets the source's value times the weight, for the sources that are active
backward   what a source answers for is the sum of its targets' states times the weights, for every source
update     each weight gets the source's value times the target's state, for the sources that are active

Weights and states stay within their bits: what would leave them becomes the largest or smallest number. A
weight of 0 has its state left alone. An update changes every weight that is stored: of FUNCTIONAL, zeros too.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ...ir.compiled import compiled, kept
from ...ir.storage import bitrun
from ...ir.storage.bitrun import WORD_BITS
from ..words import fields
from . import forms
from .forms import Form, Layout, Stored, Words
from .layer import Integers

INDEX, BITMAP, FUNCTIONAL = (int(form) for form in Form)
FORWARD, BACKWARD, UPDATE = range(3)
NAMES, POINTERS, WEIGHTS, STATES = range(4)  # streams
TABLE_READS, TABLE_WRITES, STATE_READS, STATE_WRITES, OPERATIONS = range(5)
ADDRESS, MIDDLE, COUNT = forms.ADDRESS_BITS, forms.MIDDLE_BITS, forms.COUNT_BITS


class Pass(IntEnum):
    """What is done with each synapse."""

    FORWARD = FORWARD
    BACKWARD = BACKWARD
    UPDATE = UPDATE

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Accesses:
    """Words of the table and of states that a pass reads and writes, and the synapses that it works on."""

    table_reads: int = 0
    table_writes: int = 0
    state_reads: int = 0
    state_writes: int = 0
    operations: int = 0

    @property
    def words(self) -> int:
        """All accesses."""
        return self.table_reads + self.table_writes + self.state_reads + self.state_writes

    def __add__(self, other: "Accesses") -> "Accesses":
        return Accesses(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The memory after a pass, for each event what its row came to (backward), and what was counted."""

    memory: Words
    sums: Integers
    accesses: Accesses


def run(stored: Stored, kind: Pass, rows: Integers, values: Integers) -> Run:
    """One pass. Events with value 0 are none, but for the backward pass, which asks for rows alone."""
    memory, sums = stored.memory.copy(), np.zeros(len(rows), dtype=np.int64)
    counts = np.zeros(5, dtype=np.int64)
    longest = stored.layout.longest
    targets, places = np.zeros(longest, dtype=np.int64), np.zeros(longest, dtype=np.int64)
    _pass(stored.layout, memory, int(kind), rows, values, sums, counts, targets, places)
    return Run(memory, sums, Accesses(*counts.tolist()))


def set_states(stored: Stored, states: Integers) -> Stored:
    """The same table, with these states, one for each target number."""
    memory = stored.memory.copy()
    _put(stored.layout, memory, states)
    return Stored(memory, stored.layout, stored.rows)


def states_of(layout: Layout, memory: Words) -> Integers:
    """The states in a memory, one for each target number."""
    found = np.zeros(layout.targets, dtype=np.int64)
    _get(layout, memory, found)
    return found


def synapses_of(stored: Stored, memory: Words) -> tuple[Integers, Integers, Integers]:
    """Every synapse in a memory: its source neuron, its target number and its weight."""
    found = []
    counts = np.zeros(5, dtype=np.int64)
    targets, places = (np.zeros(stored.layout.longest, dtype=np.int64) for _ in range(2))
    for row in range(stored.rows):
        held = np.full(4, -1, dtype=np.int64)
        count = _walk(stored.layout, memory, row, held, counts, targets, places)
        weights = np.zeros(count, dtype=np.int64)
        _weights(stored.layout, memory, places, weights)
        found.append(np.stack([np.full(count, row), targets[:count], weights]))
    rows, numbers, weights = np.concatenate(found, axis=1)
    return rows, numbers, weights


@compiled
def head(memory: Words, word: int) -> tuple[int, int, int]:
    """The three fields of a head."""
    address = fields.number(memory, word, 0, ADDRESS)
    middle = fields.number(memory, word, ADDRESS, MIDDLE)
    return address, middle, fields.number(memory, word, ADDRESS + MIDDLE, COUNT)


@compiled
def saturate(number: int, bits: int) -> int:
    """The nearest number that so many bits hold."""
    most: int = 2 ** (bits - 1) - 1
    return min(max(number, -most - 1), most)


@compiled
def read(held: Integers, counts: Integers, stream: int, word: int) -> None:
    """Has a stream of the table hold a word."""
    if held[stream] != word:
        held[stream] = word
        counts[TABLE_READS] += 1


@compiled
def computed(
    layout: Layout, memory: Words, row: int, counts: Integers, targets: Integers, places: Integers
) -> int:
    """The row of a source neuron whose targets follow from the layout. How many synapses it has."""
    positions = layout.source_height * layout.source_width
    channel, position = row // positions, row % positions
    y, x = position // layout.source_width, position % layout.source_width
    counts[TABLE_READS] += 1
    kernel, first, depth = head(memory, channel)
    each = WORD_BITS // layout.weight_bits
    block = -(-depth // each)
    begin_y, begin_x = y * layout.spread_y - layout.base_y, x * layout.spread_x - layout.base_x
    count = 0
    for ty in range(max(0, -(-begin_y // layout.stride_y)), layout.target_height):
        ky = ty * layout.stride_y - begin_y
        if ky >= layout.taps_y:
            break
        for tx in range(max(0, -(-begin_x // layout.stride_x)), layout.target_width):
            kx = tx * layout.stride_x - begin_x
            if kx >= layout.taps_x:
                break
            target = (ty * layout.target_width + tx) * layout.pitch + first
            word = kernel + (ky * layout.taps_x + kx) * block
            for d in range(depth):
                targets[count] = target + d
                places[count] = (word + d // each) * WORD_BITS + d % each
                count += 1
    return count


@compiled
def _listed(
    layout: Layout, memory: Words, row: int, held: Integers, counts: Integers, targets: Integers
) -> tuple[int, int]:
    """The targets of a row with indices. How many there are, and the address of what follows them."""
    counts[TABLE_READS] += 1
    start, names, count = head(memory, row)
    each = WORD_BITS // layout.index_bits
    for i in range(count):
        read(held, counts, NAMES, start + i // each)
        targets[i] = fields.number(memory, start + i // each, i % each * layout.index_bits, layout.index_bits)
    return count, start + names


@compiled
def _mapped(
    layout: Layout, memory: Words, row: int, held: Integers, counts: Integers, targets: Integers
) -> tuple[int, int]:
    """The targets of a row with a bit for each target number. How many, and what follows the bits."""
    counts[TABLE_READS] += 1
    start, words, _ = head(memory, row)
    count = 0
    for word in range(words):
        read(held, counts, NAMES, start + word)
        for bit in range(WORD_BITS):
            if fields.number(memory, start + word, bit, 1):
                targets[count] = word * WORD_BITS + bit
                count += 1
    return count, start + words


@compiled
def _walk(
    layout: Layout,
    memory: Words,
    row: int,
    held: Integers,
    counts: Integers,
    targets: Integers,
    places: Integers,
) -> int:
    """All synapses of a row: their targets, and where their weights lie: WORD_BITS * word + place."""
    if layout.form == FUNCTIONAL:
        return computed(layout, memory, row, counts, targets, places)
    if layout.form == INDEX:
        count, after = _listed(layout, memory, row, held, counts, targets)
    else:
        count, after = _mapped(layout, memory, row, held, counts, targets)
    if layout.shared:
        each = WORD_BITS // layout.pointer_bits
        for i in range(count):
            read(held, counts, POINTERS, after + i // each)
            pointer = fields.number(
                memory, after + i // each, i % each * layout.pointer_bits, layout.pointer_bits
            )
            slots = 2**layout.slot_bits
            places[i] = (layout.kernel + pointer // slots) * WORD_BITS + pointer % slots
    else:
        each = WORD_BITS // layout.weight_bits
        for i in range(count):
            places[i] = (after + i // each) * WORD_BITS + i % each
    return count


@kept(bitrun, fields)
def _pass(
    layout: Layout,
    memory: Words,
    kind: int,
    rows: Integers,
    values: Integers,
    sums: Integers,
    counts: Integers,
    targets: Integers,
    places: Integers,
) -> None:
    held = np.zeros(4, dtype=np.int64)
    for event in range(len(rows)):
        value = values[event]
        if kind != BACKWARD and value == 0:
            continue
        held[:] = -1
        weights_changed = states_changed = total = 0
        for i in range(_walk(layout, memory, rows[event], held, counts, targets, places)):
            word, slot = places[i] // WORD_BITS, places[i] % WORD_BITS
            if held[WEIGHTS] != word:
                counts[TABLE_WRITES] += weights_changed
                weights_changed = 0
            read(held, counts, WEIGHTS, word)
            weight = fields.signed(memory, word, slot * layout.weight_bits, layout.weight_bits)
            if weight == 0 and kind != UPDATE:
                continue
            counts[OPERATIONS] += 1
            target = layout.states + targets[i] // layout.states_a_word
            place = targets[i] % layout.states_a_word
            if held[STATES] != target:
                counts[STATE_WRITES] += states_changed
                counts[STATE_READS] += 1
                held[STATES], states_changed = target, 0
            state = fields.signed(memory, target, place * layout.state_bits, layout.state_bits)
            if kind == FORWARD:
                found = saturate(state + value * weight, layout.state_bits)
                fields.put(memory, target, place * layout.state_bits, layout.state_bits, found)
                states_changed = 1
            elif kind == BACKWARD:
                total += state * weight
            else:
                found = saturate(weight + value * state, layout.weight_bits)
                fields.put(memory, word, slot * layout.weight_bits, layout.weight_bits, found)
                weights_changed = 1
        counts[TABLE_WRITES] += weights_changed
        counts[STATE_WRITES] += states_changed
        sums[event] = total


@kept(bitrun, fields)
def _get(layout: Layout, memory: Words, states: Integers) -> None:
    for target in range(len(states)):
        word, place = target // layout.states_a_word, target % layout.states_a_word
        states[target] = fields.signed(
            memory, layout.states + word, place * layout.state_bits, layout.state_bits
        )


@kept(bitrun, fields)
def _put(layout: Layout, memory: Words, states: Integers) -> None:
    for target in range(len(states)):
        word, place = target // layout.states_a_word, target % layout.states_a_word
        fields.put(memory, layout.states + word, place * layout.state_bits, layout.state_bits, states[target])


@kept(bitrun, fields)
def _weights(layout: Layout, memory: Words, places: Integers, weights: Integers) -> None:
    for i in range(len(weights)):
        weights[i] = fields.signed(
            memory, places[i] // WORD_BITS, places[i] % WORD_BITS * layout.weight_bits, layout.weight_bits
        )
