"""What learning on the chip takes in memory accesses, by how synapses are stored: the image's own words, and
the encodings of arXiv 2003.11639.

An event of a source is an event of the forward pass. An update goes to one neuron's weight in every row: what
a row reads until it is found, `backends/encodings/column.py` counts. Every synapse stays in the tables, for a
weight of 0 may grow again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...backends.encodings.column import column
from ...backends.encodings.forms import Form, Stored, store
from ...backends.encodings.layer import Integers, dense
from ...backends.encodings.machine import Accesses, Pass, run
from ...backends.image.image import Image
from ...backends.machine.learning.pupil import Learnt, Taught
from ...ir.chip import Chip
from ...ir.storage.bitrun import words_for
from .encodings import Cost, energy_fj

OWN = "image"  # the name of snc's own words


@dataclass(frozen=True, slots=True)
class Encoding:
    """The synapses that learn, as they are stored: words of the tables, and what the events of a training
    (None where the machine counts it with all others) and its updates have read and written.
    """

    name: str
    stored_words: int
    forward: Cost | None
    learning: Cost


def billed(image: Image, taught: Sequence[Taught], learnt: Learnt) -> tuple[Encoding, ...]:
    """The bill of a training: the image's own words, then each encoding."""
    chip = image.chip
    stored = sum(words_for(each.sources.size, each.bits) for each in taught)
    largest = max(core.words.size for core in image.cores)
    reads, writes = learnt.weight_reads, learnt.weight_writes
    own = Accesses(reads, writes, learnt.threshold_reads, learnt.threshold_writes, reads)
    found = [Encoding(OWN, stored, None, Cost(own, own.words, energy_fj(own, largest, chip)))]
    return (*found, *(_encoding(form, taught, learnt, chip) for form in Form))


def _encoding(form: Form, taught: Sequence[Taught], learnt: Learnt, chip: Chip) -> Encoding:
    words = forward_fj = learning_fj = 0.0
    forward, learning = Accesses(), Accesses()
    for each in taught:
        stored = store(dense(_joined(each), each.bits, chip.state_bits), form)
        events, updates = _events(stored, each.heard), _updates(stored, each.learnt)
        share = int(each.learnt.sum()) / max(learnt.updates, 1)
        thresholds = int(each.learnt.sum())
        changed = Accesses(0, round(learnt.weight_writes * share), thresholds, thresholds)
        updates = updates + changed
        size = len(stored.memory)
        words += stored.table_words
        forward, learning = forward + events, learning + updates
        forward_fj += energy_fj(events, size, chip)
        learning_fj += energy_fj(updates, size, chip)
    return Encoding(
        str(form),
        int(words),
        Cost(forward, forward.words, forward_fj),
        Cost(learning, learning.words, learning_fj),
    )


def _joined(taught: Taught) -> Integers:
    """1 for each pair of a source and a neuron that a synapse joins: [sources, neurons]."""
    found = np.zeros((taught.heard.size, taught.learnt.size), dtype=np.int64)
    targets = np.repeat(np.arange(taught.learnt.size), np.diff(taught.begins))
    found[taught.sources, targets] = 1
    return found


def _events(stored: Stored, heard: Integers) -> Accesses:
    """The events of all sources: a row costs the same each time."""
    total = np.zeros(5, dtype=np.int64)
    for row in np.flatnonzero(heard).tolist():
        each = run(stored, Pass.FORWARD, np.array([row]), np.array([1])).accesses
        total += heard[row] * np.array([getattr(each, name) for name in Accesses.__slots__])
    return Accesses(*total.tolist())


def _updates(stored: Stored, learnt: Integers) -> Accesses:
    """The updates of all neurons, without what is written: which weights change, the chip has counted."""
    total = np.zeros(5, dtype=np.int64)
    rows = np.arange(stored.rows)
    for neuron in np.flatnonzero(learnt).tolist():
        each = column(stored, neuron, rows, np.zeros_like(rows)).accesses
        total += learnt[neuron] * np.array([getattr(each, name) for name in Accesses.__slots__])
    return Accesses(*total.tolist())
