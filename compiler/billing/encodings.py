"""Other encodings of synapses (arXiv 2003.11639), layer by layer: what they store, and what passes access.

The forms and the machine that runs them are in `backends/encodings`. Where it is asked for, and a table is
not too large, the machine counts; else what `encoded_words` computes is stated, which is the same number.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...backends.encodings.forms import Form, bits_for, store
from ...backends.encodings.layer import Axis, Layer
from ...backends.encodings.machine import Accesses, Pass, run
from ...ir.chip import Chip
from ...ir.counts import synapses
from ...ir.network import AxisMap, Network, Projection
from ...ir.storage.bitrun import WORD_BITS
from .encoded_words import Booleans, Expected, Integers, Links, expected

ENCODINGS = tuple(str(form) for form in Form)
PASSES = tuple(str(kind) for kind in Pass)
COUNTED_WORDS = 2**23  # of a table and its states: a larger memory is not made, for it would take gigabytes
COUNTED_ROWS = 2**17
SEED = 0
STEPS_MAX = 16  # the largest stride, and upsampling, that is looked for


@dataclass(frozen=True, slots=True)
class Activity:
    """What is assumed of a run: the shares of silent neurons and of zero weights, and a weight's bits."""

    silent: float = 0.5
    zeros: float = 0.0
    weight_bits: int = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Words that a pass reads and writes, and the femtojoules that these and its operations take."""

    accesses: Accesses
    words: int
    energy_fj: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer's synapses in one encoding: words of its table, those of its states apart, and each pass.
    `counted`: by the machine; else by the formulas.
    """

    stored_words: int
    forward: Cost
    backward: Cost
    update: Cost
    counted: bool

    @property
    def training_fj(self) -> float:
        """A backward pass and an update."""
        return self.backward.energy_fj + self.update.energy_fj


@dataclass(frozen=True, slots=True)
class LayerEncodings:
    """A layer in every encoding. `best` stores least; `best_training` takes the least energy for the backward
    pass and the update.
    """

    name: str
    op: str
    synapses: int
    encodings: Mapping[str, Encoded]
    best: str
    best_training: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The second paper's two claims, put to the network.

    `training_saved`: the share of the energy of backward pass and update that functional encoding saves
    against indices, over all layers that share weights. `bitmap_above`: by layer, the share of its pairs of
    neurons above which a bitmap stores less than indices; `joined`: the share that the layer joins.
    """

    training_saved: float
    bitmap_above: Mapping[str, float]
    joined: Mapping[str, float]


class _Form(NamedTuple):
    """What an axis map is for the machine, and whether its taps are turned around."""

    axis: Axis
    turned: bool


def studied(
    network: Network, chip: Chip, activity: Activity, *, count: bool = False
) -> tuple[tuple[LayerEncodings, ...], Claims]:
    """Every projection in every encoding, and the claims. `count`: the machine runs where it can."""
    layers = []
    before = after = 0.0
    least: dict[str, float] = {}
    joined: dict[str, float] = {}
    layer_of = network.layer_of()
    for projection in network.projections:
        layer = layer_of[projection.target]
        channels = network.populations[projection.target].shape.depth
        links = links_of(projection, channels, chip, activity)
        costs = encoded(links, chip, activity, _machine_layer(projection, links, chip) if count else None)
        layers.append(
            LayerEncodings(
                layer.name,
                layer.operator,
                synapses(projection),
                costs,
                min(costs, key=lambda name: costs[name].stored_words),
                min(costs, key=lambda name: costs[name].training_fj),
            )
        )
        if links.is_shared:
            before += costs["index"].training_fj
            after += costs["functional"].training_fj
        least[layer.name] = WORD_BITS // bits_for(links.targets) / WORD_BITS
        kept = int(links.over_rows(links.kept.sum(axis=3)).sum())
        joined[layer.name] = kept / (links.sources * links.targets)
    return tuple(layers), Claims(1 - after / before if before else 0.0, least, joined)


def encoded(links: Links, chip: Chip, activity: Activity, layer: Layer | None = None) -> dict[str, Encoded]:
    """One layer in every encoding: by the machine where `layer` is given and not too large."""
    active = np.random.default_rng(SEED).random(links.sources) >= activity.silent
    found = {}
    for form in Form:
        formula = expected(links, form)
        total = formula.table_words + links.targets // links.states_a_word
        counted = layer is not None and total <= COUNTED_WORDS and links.sources <= COUNTED_ROWS
        passes = _counted(layer, form, active) if layer and counted else _stated(formula, active)
        forward, backward, update = (Cost(each, each.words, energy_fj(each, total, chip)) for each in passes)
        found[str(form)] = Encoded(formula.table_words, forward, backward, update, counted)
    return found


def energy_fj(accesses: Accesses, words: int, chip: Chip) -> float:
    """What accesses to a memory of so many words take, and the operations on synapses."""
    word_fj = chip.access_fj + chip.access_root_fj * math.sqrt(words)
    return accesses.words * word_fj + accesses.operations * chip.operation_fj


def _counted(layer: Layer, form: Form, active: Booleans) -> Iterator[Accesses]:
    stored = store(layer, form)
    rows = np.arange(layer.sources)
    return (run(stored, kind, rows, active.astype(np.int64)).accesses for kind in Pass)


def _stated(formula: Expected, active: Booleans) -> Iterator[Accesses]:
    return (formula.accesses(kind, active) for kind in Pass)


def links_of(projection: Projection, channels: int, chip: Chip, activity: Activity) -> Links:
    """A projection as the formulas see it: zeros of its own, and as many drawn ones as are assumed."""
    kernel = projection.kernel
    kept = kernel.weights.transpose(0, 2, 3, 1) != 0
    kept[kernel.first < 0] = False
    if activity.zeros:
        random = np.random.default_rng(SEED)
        for channel in kept:  # one by one: the draws of a large layer would take gigabytes
            channel &= random.random(channel.shape, dtype=np.float32) >= activity.zeros
    meets_y, meets_x = _meets(projection.y), _meets(projection.x)
    each = WORD_BITS // chip.state_bits
    a_word = 2 ** (each.bit_length() - 1)
    positions = projection.y.target_size * projection.x.target_size
    return Links(
        meets_y,
        meets_x,
        kept,
        kernel.first >= 0,
        np.maximum(kernel.first, 0),
        positions * -(-channels // a_word) * a_word,
        a_word,
        activity.weight_bits,
        any(bool((met.sum(axis=0) > 1).any()) for met in (meets_y, meets_x)),
    )


def _meets(axis: AxisMap) -> Integers:
    found = np.zeros((axis.source_size, axis.tap_count), dtype=np.int64)
    np.add.at(found, (axis.sources, axis.taps), 1)
    return found


def _machine_layer(projection: Projection, links: Links, chip: Chip) -> Layer | None:
    """A projection as the machine takes it; None where its axes are no convolution's."""
    y, x = _form(projection.y), _form(projection.x)
    if y is None or x is None or links.sources > COUNTED_ROWS:
        return None
    turned = tuple(1 + number for number, form in enumerate((y, x)) if form.turned)
    channels = links.targets // (y.axis.target * x.axis.target)
    weights = np.flip(links.kept, turned).astype(np.int64)
    first = projection.kernel.first
    return Layer(y.axis, x.axis, weights, first, channels, links.weight_bits, chip.state_bits)


def _form(axis: AxisMap) -> _Form | None:
    """The axis of the machine that joins the same positions through the same taps."""
    if not len(axis.taps):
        return None
    steps = [(stride, 1) for stride in range(1, STEPS_MAX + 1)]
    steps += [(1, spread) for spread in range(2, STEPS_MAX + 1)]
    for turned in (True, False):
        taps = axis.tap_count - 1 - axis.taps if turned else axis.taps
        for stride, spread in steps:
            bases = taps - axis.targets * stride + axis.sources * spread
            if (bases != bases[0]).any():
                continue
            found = Axis(axis.source_size, axis.target_size, axis.tap_count, stride, spread, int(bases[0]))
            if found.meets().sum() == len(axis.taps):
                return _Form(found, turned)
    return None
