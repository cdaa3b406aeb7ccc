"""Formulas: words that a layer takes in each storage form, and words that each pass reads and writes.

A row is a source neuron; n is how many synapses it has. fit(b) = floor(64 / b) numbers of b bits fit a word.

            names of targets      weights that are not shared   shared weights
INDEX       ceil(n / fit(index))  ceil(n / fit(weight))         ceil(n / fit(pointer)), and of each tap that
BITMAP      ceil(targets / 64)    the same                      meets a target ceil(kept / fit(weight))
FUNCTIONAL  none                  of each tap that meets a target ceil(depth / fit(weight))

An event reads the row's head, its names, its pointers and its weights, and of each target position the words
of states with a synapse that is not 0. A forward pass writes those states, an update those weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...backends.encodings.forms import Form, bits_for
from ...backends.encodings.machine import Accesses, Pass
from ...ir.storage.bitrun import WORD_BITS

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Links:
    """What the formulas need to know of a layer.

    `meets_y`, `meets_x`: [source positions, taps], how many targets a position has at a tap. `kept`: [source
    channels, taps of y, taps of x, depth], weights that are not 0; channels that are not joined have none.
    `offsets`: the first target channel of each source channel.
    """

    meets_y: Integers
    meets_x: Integers
    kept: Booleans
    joined: Booleans  # [source channels]
    offsets: Integers
    targets: int  # target numbers: every position's channels fill whole words of states
    states_a_word: int
    weight_bits: int
    is_shared: bool

    @property
    def sources(self) -> int:
        """Rows."""
        return len(self.offsets) * len(self.meets_y) * len(self.meets_x)

    def over_rows(self, by_tap: Integers) -> Integers:
        """The sum of something over the taps that meet a target: [source channels, taps, taps] -> [rows]."""
        wide = np.tensordot(by_tap, self.meets_x, axes=(2, 1))  # channels, taps of y, x
        found: Integers = np.einsum("cax,ya->cyx", wide, self.meets_y, optimize=True)
        return found.ravel()

    def state_words(self, kept: Booleans) -> Integers:
        """Of each tap, the words of states that it reaches: [source channels, taps, taps]."""
        found = np.zeros(kept.shape[:3], dtype=np.int64)
        before = self.offsets % self.states_a_word
        for shift in np.unique(before).tolist():
            chosen = kept[before == shift]
            end = -(shift + kept.shape[3]) % self.states_a_word
            words = np.pad(chosen, ((0, 0), (0, 0), (0, 0), (shift, end)))
            groups = words.reshape(*words.shape[:3], -1, self.states_a_word)
            found[before == shift] = groups.any(axis=4).sum(axis=3)
        return found


@dataclass(frozen=True, eq=False)
class Expected:
    """A form of a layer: words of its table, and of each row [rows] what an event of each pass costs."""

    table_words: int
    reads: Integers
    weight_words: Integers  # what an update writes
    states: Integers
    synapses: Integers
    learning_states: Integers
    learning: Integers  # the synapses that an update changes

    def accesses(self, kind: Pass, active: Booleans) -> Accesses:
        """What a pass reads and writes; a backward pass asks every row."""
        rows = np.ones_like(active) if kind is Pass.BACKWARD else active
        reads = int(self.reads[rows].sum())
        if kind is Pass.UPDATE:
            writes, states, synapses = (
                int(each[rows].sum()) for each in (self.weight_words, self.learning_states, self.learning)
            )
            return Accesses(reads, writes, states, 0, synapses)
        states, synapses = int(self.states[rows].sum()), int(self.synapses[rows].sum())
        return Accesses(reads, 0, states, states if kind is Pass.FORWARD else 0, synapses)


def expected(links: Links, form: Form) -> Expected:
    """The formulas of one form."""
    states = links.over_rows(links.state_words(links.kept))
    kept = links.kept.sum(axis=3)
    synapses = links.over_rows(kept)
    if form is Form.FUNCTIONAL:
        return _functional(links, states, synapses)
    if form is Form.INDEX:
        names = _ceil(synapses, WORD_BITS // bits_for(links.targets))
    else:
        names = np.full(links.sources, -(-links.targets // WORD_BITS))
    each = WORD_BITS // links.weight_bits
    if not links.is_shared:
        weights = _ceil(synapses, each)
        table = links.sources + int(names.sum()) + int(weights.sum())
        return Expected(table, 1 + names + weights, weights, states, synapses, states, synapses)
    blocks = _ceil(kept, each)
    stored = int(blocks.sum())
    pointers = _ceil(synapses, WORD_BITS // (bits_for(stored) + bits_for(each)))
    weights = links.over_rows(blocks)
    table = links.sources + int(names.sum()) + int(pointers.sum()) + stored
    return Expected(table, 1 + names + pointers + weights, weights, states, synapses, states, synapses)


def _functional(links: Links, states: Integers, synapses: Integers) -> Expected:
    channels, taps_y, taps_x, depth = links.kept.shape
    every = np.broadcast_to(links.joined[:, None, None, None], links.kept.shape)
    block = -(-depth // (WORD_BITS // links.weight_bits))
    met = links.over_rows(every[..., 0].astype(np.int64))
    weights = block * met
    table = channels + channels * taps_y * taps_x * block
    learning_states = links.over_rows(links.state_words(every))
    return Expected(table, 1 + weights, weights, states, synapses, learning_states, depth * met)


def _ceil(numbers: Integers, each: int) -> Integers:
    found: Integers = -(-numbers // each)
    return found
