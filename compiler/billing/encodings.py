"""Other encodings of synapses (arXiv 2003.11639), layer by layer: bits stored, words read, energy. A model.

Three encodings of the same synapses. `index`: compressed sparse rows, a pointer for each source neuron, an
index and a weight for each synapse that is not zero. `bitmap`: for each source neuron a pointer and one bit
for every target neuron of the layer, and a weight for each set bit. `functional`: the targets are computed
from a descriptor, as axons and kernels do; kernels are shared and whole, zeros included.

What each pass reads and writes:
forward    the rows of the source neurons that are active;
backward   every synapse once, by its target: tables that are sorted by source are read from end to end;
update     the rows of active source neurons, each weight read and written back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...ir.chip import Chip
from ...ir.counts import is_shared, synapses
from ...ir.network import Network, Projection
from ...ir.storage.bitrun import WORD_BYTES

WORD_BITS = 8 * WORD_BYTES
ENCODINGS = ("index", "bitmap", "functional")
PASSES = ("forward", "backward", "update")


@dataclass(frozen=True, slots=True)
class Activity:
    """What is assumed of a run: the shares of silent neurons and of zero weights, and a weight's bits."""

    silent: float = 0.5
    zeros: float = 0.0
    weight_bits: int = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Bits and words that a pass reads and writes, and the femtojoules that it takes."""

    bits: float
    words: float
    energy_fj: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer's synapses in one encoding: bits stored, and each pass."""

    stored_bits: float
    forward: Cost
    backward: Cost
    update: Cost


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
class _Links:
    """What the encodings need to know of a projection."""

    sources: int
    targets: int
    synapses: int
    weights: int
    source_channels: int


def encodings(network: Network, chip: Chip, activity: Activity) -> tuple[LayerEncodings, ...]:
    """Every projection of a network in every encoding."""
    found = []
    layer_of = network.layer_of()
    for projection in network.projections:
        layer = layer_of[projection.target]
        costs = encoded(_links(projection), chip, activity)
        training = {name: one.backward.energy_fj + one.update.energy_fj for name, one in costs.items()}
        found.append(
            LayerEncodings(
                layer.name,
                layer.operator,
                synapses(projection),
                costs,
                min(costs, key=lambda name: costs[name].stored_bits),
                min(training, key=lambda name: training[name]),
            )
        )
    return tuple(found)


def _links(projection: Projection) -> _Links:
    y, x, kernel = projection.y, projection.x, projection.kernel
    taps = y.tap_count * x.tap_count
    channels = 1 if is_shared(projection) else int((kernel.first >= 0).sum())
    depth = int(kernel.first.max(initial=0)) + kernel.depth
    return _Links(
        sources=len(kernel.first) * y.source_size * x.source_size,
        targets=depth * y.target_size * x.target_size,
        synapses=synapses(projection),
        weights=channels * kernel.depth * taps,
        source_channels=len(kernel.first),
    )


def encoded(links: _Links, chip: Chip, activity: Activity) -> dict[str, Encoded]:
    """One layer in every encoding."""
    bits, active = activity.weight_bits, 1 - activity.silent
    kept = links.synapses * (1 - activity.zeros)
    pointer = max(1, math.ceil(math.log2(links.synapses + 1)))
    index = _index_bits(links)
    row_ends = links.sources * pointer

    def priced(stored: float, forward: float, backward: float, update: float) -> Encoded:
        words = max(stored / WORD_BITS, 1.0)
        word_fj = chip.access_fj + chip.access_root_fj * math.sqrt(words)
        costs = [Cost(b, b / WORD_BITS, b / WORD_BITS * word_fj) for b in (forward, backward, update)]
        return Encoded(stored, *costs)

    table = row_ends + kept * (index + bits)
    maps = row_ends + links.sources * links.targets + kept * bits
    words = (1 + links.source_channels) * WORD_BITS
    function = words + links.weights * bits
    event = 2 * WORD_BITS  # the axon and the kernel descriptor
    computed = links.sources * event + links.synapses * bits
    return {
        "index": priced(table, active * table, table, active * (table + kept * bits)),
        "bitmap": priced(maps, active * maps, maps, active * (maps + kept * bits)),
        "functional": priced(
            function,
            active * computed,
            links.targets * event + links.synapses * bits,
            active * (computed + links.synapses * bits),
        ),
    }


@dataclass(frozen=True, slots=True)
class Claims:
    """The second paper's two claims, put to the model.

    `training_saved`: the share of the energy of backward pass and update that functional encoding saves
    against indices, over all layers that share weights. `bitmap_above`: by layer, the share of its pairs of
    neurons above which a bitmap stores less than indices; `joined`: the share that the layer joins.
    """

    training_saved: float
    bitmap_above: Mapping[str, float]
    joined: Mapping[str, float]


def claims(network: Network, chip: Chip, activity: Activity) -> Claims:
    """Whether functional encoding saves more than half in convolutions, and where a bitmap wins."""
    before = after = 0.0
    least: dict[str, float] = {}
    joined: dict[str, float] = {}
    layer_of = network.layer_of()
    for projection in network.projections:
        links = _links(projection)
        costs = encoded(links, chip, activity)
        if links.weights < links.synapses:
            before += costs["index"].backward.energy_fj + costs["index"].update.energy_fj
            after += costs["functional"].backward.energy_fj + costs["functional"].update.energy_fj
        name = layer_of[projection.target].name
        least[name] = 1 / _index_bits(links)
        joined[name] = links.synapses * (1 - activity.zeros) / (links.sources * links.targets)
    return Claims(1 - after / before if before else 0.0, least, joined)


def _index_bits(links: _Links) -> int:
    """Bits that name a target neuron of the layer."""
    return max(1, math.ceil(math.log2(max(links.targets, 2))))
