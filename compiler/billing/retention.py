"""What the network of the retention task keeps, and what its storage forms cost: counted by their machine."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...backends.encodings.forms import Form, store
from ...backends.encodings.layer import dense
from ...backends.encodings.machine import Pass, run
from ...ir.chip import Chip
from ...models.retention import Retention, Spikes, distance, inputs, kept
from .encodings import energy_fj


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanojoules of a presentation of the pattern, and the words of tables that an inference reads.
    `training_nj`: with a backward pass and an update.
    """

    inference_nj: float
    training_nj: float
    table_reads: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one network keeps, and what each form takes: of a dense layer, FUNCTIONAL is a crossbar."""

    bits: int
    density: float
    distance: float
    kept: float
    hidden_spikes: int
    costs: Mapping[Form, Cost]


def measured(network: Retention, chip: Chip) -> Measured:
    """Runs the network, and its layers in every form.

    In a presentation, each spike is an event of the forward pass and of the update. In each step the hidden
    neurons ask the second layer for what they answer for; nobody asks the first one.
    """
    hidden, answer = network.run()
    costs = {}
    for form in Form:
        inference = training = 0.0
        reads = 0
        for number, (weights, fired) in enumerate(zip(network.layers, (inputs(), hidden), strict=True)):
            layer = dense(weights.astype(np.int64), network.bits, chip.state_bits)
            stored = store(layer, form)
            rows = _events(fired)
            ones = np.ones(len(rows), dtype=np.int64)
            forward, update = (run(stored, kind, rows, ones).accesses for kind in (Pass.FORWARD, Pass.UPDATE))
            words = len(stored.memory)
            reads += forward.table_reads
            inference += energy_fj(forward, words, chip)
            training += energy_fj(update, words, chip)
            if number:
                every = np.arange(layer.sources)
                backward = run(stored, Pass.BACKWARD, every, every).accesses
                training += len(fired) * energy_fj(backward, words, chip)
        costs[form] = Cost(inference / 1e6, (inference + training) / 1e6, reads)
    spikes = int(hidden.sum())
    return Measured(network.bits, network.density, distance(answer), kept(answer), spikes, costs)


def _events(fired: Spikes) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The neurons that fire, step by step."""
    return np.nonzero(fired)[1].astype(np.int64)


COLUMNS = (
    "bits",
    "not 0",
    "distance",
    "kept",
    "hidden spikes",
    "crossbar, nJ",
    "bitmap",
    "index",
    "training: crossbar",
    "bitmap",
    "index",
    "saved",
    "saved of tables",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"


def row(found: Measured, basis: Measured) -> str:
    """A row of the table in docs/encodings.md. `saved`: the bitmap against the crossbar of `basis`, energy of
    an inference, and words that it reads of tables.
    """
    forms = (Form.FUNCTIONAL, Form.BITMAP, Form.INDEX)
    tables = basis.costs[Form.FUNCTIONAL].table_reads / found.costs[Form.BITMAP].table_reads
    cells = (
        f"{found.bits}",
        f"{100 * found.density:.0f} %",
        f"{found.distance:.3f}",
        f"{100 * found.kept:.1f} %",
        f"{found.hidden_spikes:,}",
        *(f"{found.costs[form].inference_nj:,.0f}" for form in forms),
        *(f"{found.costs[form].training_nj:,.0f}" for form in forms),
        f"{saved(found, basis):.2f}",
        f"{tables:.2f}",
    )
    return f"| {' | '.join(cells)} |\n"


def saved(found: Measured, basis: Measured) -> float:
    """How many times as much energy the crossbar of `basis` takes for an inference as this bitmap."""
    return basis.costs[Form.FUNCTIONAL].inference_nj / found.costs[Form.BITMAP].inference_nj
