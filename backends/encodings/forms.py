"""The three storage forms: how the words of a layer's table are written.

All numbers lie in words of 64 bits, as many as fit, from the lowest bit upwards; none lies across two words,
and every row begins with a word of its own. The states of the target neurons, in as many words as they take,
lie behind the table.

INDEX       compressed sparse rows: a head for each source neuron, then row by row the numbers of its targets
            and its weights
BITMAP      a head for each source neuron, then row by row a bit for every target number, set where there is a
            synapse, and its weights
FUNCTIONAL  a head for each source channel, then its kernel, zeros included; targets are computed

Where a layer shares weights, rows of INDEX and BITMAP have pointers in place of weights, and the weights that
are not 0 lie behind the rows, once: a word and a place in it make a pointer.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.storage.bitrun import WORD_BITS
from .layer import Axis, Integers, Layer

Words = NDArray[np.uint64]

# A head's fields: an address; how many words name a row's targets, or the first target channel; how many
# synapses a row has, or channels that a source reaches.
ADDRESS_BITS, MIDDLE_BITS, COUNT_BITS = 24, 20, 20


class Form(IntEnum):
    """How a table says which target neurons a source neuron reaches."""

    INDEX = 0
    BITMAP = 1
    FUNCTIONAL = 2

    def __str__(self) -> str:
        return self.name.lower()


class Layout(NamedTuple):
    """What a controller knows of a layer without reading its memory: addresses, widths, and both axes."""

    form: int
    shared: int
    targets: int
    pitch: int
    states: int  # the address of the first word of states, behind the table
    kernel: int  # the address of shared weights
    index_bits: int
    pointer_bits: int
    slot_bits: int  # of a pointer, the place in a word
    weight_bits: int
    state_bits: int
    states_a_word: int
    longest: int  # synapses of the longest row
    source_height: int
    target_height: int
    taps_y: int
    stride_y: int
    spread_y: int
    base_y: int
    source_width: int
    target_width: int
    taps_x: int
    stride_x: int
    spread_x: int
    base_x: int


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A layer in one form: the memory, table first and then states that are 0, and its layout."""

    memory: Words
    layout: Layout
    rows: int

    @property
    def table_words(self) -> int:
        """Words that hold the synapses."""
        return self.layout.states


class Row(NamedTuple):
    """The synapses of one source neuron, by target: their targets' numbers, weights, and pointers."""

    targets: Integers
    weights: Integers
    pointers: Integers


def bits_for(count: int) -> int:
    """Bits that number so many things."""
    return max(1, (count - 1).bit_length())


def packed(numbers: Integers, bits: int) -> Words:
    """Words with as many numbers of so many bits as fit into each, negative ones as two's complement."""
    each = WORD_BITS // bits
    codes = np.zeros(-(-len(numbers) // each) * each, dtype=np.uint64)
    codes[: len(numbers)] = numbers % 2**bits if bits < WORD_BITS else numbers
    places = np.uint64(2) ** (np.uint64(bits) * np.arange(each, dtype=np.uint64))
    found: Words = (codes.reshape(-1, each) * places).sum(axis=1, dtype=np.uint64)
    return found


def store(layer: Layer, form: Form) -> Stored:
    """The table of a layer, and room for its states."""
    if form is Form.FUNCTIONAL:
        heads, body = _kernels(layer)
        pointer, kernel, longest = (1, 1), 0, layer.y.taps * layer.x.taps * layer.weights.shape[3]
        table = [heads, body]
    else:
        shared, numbers, pointer = _shared_weights(layer)
        rows = [_row(layer, numbers, row) for row in range(layer.sources)]
        table, begin = [], layer.sources
        fields: list[tuple[int, int, int]] = []
        for row in rows:
            parts = [_named(layer, form, row.targets), _held(layer, row, sum(pointer))]
            table += parts
            fields.append((begin, len(parts[0]), len(row.targets)))
            begin += sum(map(len, parts))
        table = [_heads(np.array(fields)), *table, shared]
        longest, kernel = max(1, *(count for _, _, count in fields)), begin
    words = np.concatenate(table)
    states = np.zeros(layer.targets // layer.states_a_word, dtype=np.uint64)
    layout = Layout(
        form=int(form),
        shared=int(layer.is_shared),
        targets=layer.targets,
        pitch=layer.pitch,
        states=len(words),
        kernel=kernel,
        index_bits=bits_for(layer.targets),
        pointer_bits=sum(pointer),
        slot_bits=pointer[1],
        weight_bits=layer.weight_bits,
        state_bits=layer.state_bits,
        states_a_word=layer.states_a_word,
        longest=longest,
        **_axis(layer.y, "height", "y"),
        **_axis(layer.x, "width", "x"),
    )
    return Stored(np.concatenate([words, states]), layout, layer.sources)


def _axis(axis: Axis, side: str, name: str) -> dict[str, int]:
    return {
        f"source_{side}": axis.source,
        f"target_{side}": axis.target,
        f"taps_{name}": axis.taps,
        f"stride_{name}": axis.stride,
        f"spread_{name}": axis.spread,
        f"base_{name}": axis.base,
    }


def _heads(fields: Integers) -> Words:
    """Words of three numbers each [heads, 3]."""
    widths = np.array([ADDRESS_BITS, MIDDLE_BITS, COUNT_BITS])
    assert (fields.max(axis=0) < 2**widths).all(), "the table is too large for its heads"
    places = np.uint64(2) ** (np.cumsum(widths) - widths).astype(np.uint64)
    found: Words = (fields.astype(np.uint64) * places).sum(axis=1, dtype=np.uint64)
    return found


def _kernels(layer: Layer) -> tuple[Words, Words]:
    """Heads and kernels of all source channels: each tap's weights begin with a word of their own."""
    channels, taps_y, taps_x, depth = layer.weights.shape
    blocks = [packed(block, layer.weight_bits) for block in layer.weights.reshape(-1, depth)]
    each = taps_y * taps_x * (len(blocks[0]) if blocks else 0)
    starts = channels + each * np.arange(channels)
    heads = np.stack([starts, np.maximum(layer.first, 0), np.where(layer.first >= 0, depth, 0)], axis=1)
    return _heads(heads), np.concatenate(blocks)


def _shared_weights(layer: Layer) -> tuple[Words, Integers, tuple[int, int]]:
    """Weights that are not 0, tap by tap in words of their own; pointers to them; bits of word and place."""
    numbers = np.full(layer.weights.shape, -1, dtype=np.int64)
    if not layer.is_shared:
        return np.zeros(0, dtype=np.uint64), numbers, (0, 0)
    each = WORD_BITS // layer.weight_bits
    blocks, begin = [], 0
    places = bits_for(each)
    for at in np.ndindex(layer.weights.shape[:3]):
        if layer.first[at[0]] < 0:
            continue
        block = layer.weights[at]
        kept = np.flatnonzero(block)
        blocks.append(packed(block[kept], layer.weight_bits))
        slots = np.arange(len(kept))
        numbers[at][kept] = (begin + slots // each) * 2**places + slots % each
        begin += len(blocks[-1])
    return np.concatenate([np.zeros(0, dtype=np.uint64), *blocks]), numbers, (bits_for(begin), places)


def _row(layer: Layer, numbers: Integers, row: int) -> Row:
    c, y, x = np.unravel_index(row, (len(layer.first), layer.y.source, layer.x.source))
    (ty, ky, ny), (tx, kx, nx) = layer.y.reach(int(y)), layer.x.reach(int(x))
    if layer.first[c] < 0 or not ny or not nx:
        nothing = np.zeros(0, dtype=np.int64)
        return Row(nothing, nothing, nothing)
    taps = (
        c,
        slice(ky, ky + ny * layer.y.stride, layer.y.stride),
        slice(kx, kx + nx * layer.x.stride, layer.x.stride),
    )
    weights = layer.weights[taps]
    kept = weights != 0
    positions = (ty + np.arange(ny))[:, None] * layer.x.target + tx + np.arange(nx)
    channels = layer.first[c] + np.arange(weights.shape[2])
    targets = positions[:, :, None] * layer.pitch + channels
    return Row(targets[kept], weights[kept], numbers[taps][kept])


def _named(layer: Layer, form: Form, targets: Integers) -> Words:
    """Which targets a row reaches."""
    if form is Form.INDEX:
        return packed(targets, bits_for(layer.targets))
    bits = np.zeros(layer.targets, dtype=np.int64)
    bits[targets] = 1
    return packed(bits, 1)


def _held(layer: Layer, row: Row, pointer_bits: int) -> Words:
    """A row's weights, or pointers to them."""
    if layer.is_shared:
        return packed(row.pointers, pointer_bits)
    return packed(row.weights, layer.weight_bits)
