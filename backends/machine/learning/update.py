"""What one neuron learns in a frame: compiled, on the words of its core's memory."""

import numpy as np
from numpy.typing import NDArray

from ....ir.compiled import kept
from ....ir.firing import learning
from ....ir.firing.learning import NOISE_DROPPED, NOISE_FACTOR, NOISE_MODULUS, NOISE_PARTS, NOISE_TERM
from ....ir.storage import bitrun
from ...words import fields

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
Words = NDArray[np.uint64]

TRUNCATE, NEAREST, STOCHASTIC = (int(rounding) for rounding in learning.Rounding)
READS, WRITES = range(2)  # of weights


@kept(bitrun, fields, learning)
def update(
    memory: Words,
    places: Integers,
    slots: Integers,
    drawn: NDArray[np.bool_],
    weights: Floats,
    bits: int,
    exponent: int,
    maximum: int,
    shift: int,
    rounding: int,
    noise: int,
    counts: Integers,
) -> int:
    """Moves each weight of a neuron, to the maximum where it is drawn, to 0 where not. The generator's state
    behind it.
    """
    scale = 2 ** (shift + exponent)
    for i in range(len(places)):
        code = fields.packed(memory, places[i], bits)
        counts[READS] += 1
        held = code * 2**exponent
        way = maximum - held if drawn[i] else held
        part = 0
        if rounding == NEAREST:
            part = NOISE_PARTS // 2
        elif rounding == STOCHASTIC:
            noise = (noise * NOISE_FACTOR + NOISE_TERM) % NOISE_MODULUS
            part = noise // NOISE_DROPPED
        change = (way * NOISE_PARTS + part * scale) // (NOISE_PARTS * scale)
        if change != 0:
            code += change if drawn[i] else -change
            counts[WRITES] += 1
            fields.pack_in(memory, places[i], bits, code)
            weights[slots[i]] = code * 2**exponent
    return noise


@kept(bitrun, fields)
def rise(memory: Words, place: int, bits: int, raw: int) -> None:
    """Writes a threshold, which begins at a bit of the memory."""
    fields.pack_in(memory, place, bits, raw)
