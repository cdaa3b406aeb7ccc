"""The memory bill of one network with each technique: tables, the paper's rules, and our own image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...ir.aims import StateUse
from ...ir.chip import Chip
from ...ir.counts import padded_synapses, synapses, trained_weights
from ...ir.errors import DoesNotFit
from ...ir.network import Network, Neuron, PopulationId
from ...ir.storage.bitrun import WORD_BYTES
from ..pipeline.clock import Clock, Progress
from ..pipeline.map import pack_network, quantised
from ..pipeline.options import Options
from ..pipeline.prepare import Prepared
from .encodings import Activity, Claims, LayerEncodings, studied
from .literal import literal
from .packed import other_form, packed_bill
from .techniques import Memory, Widths, hierarchical, lut, priced

WIDER_MESH = 2  # a network that is too large for the chip is billed on a mesh so many times as wide and high


@dataclass(frozen=True, slots=True)
class LayerBills:
    """A layer and what it takes with each technique; `snc` is None where no image was made."""

    name: str
    op: str
    shape: tuple[int, int, int]
    neurons: int
    synapses: int
    padded_synapses: int
    fragments: int
    paper_rules: Memory
    snc: Memory | None
    lut: Memory
    hier_lut: Memory


@dataclass(frozen=True, slots=True)
class Ratios:
    """How many times as much a table takes. `synapses`: connectivity and parameters together."""

    total: float
    connectivity: float
    parameters: float
    synapses: float


@dataclass(frozen=True, slots=True)
class Compression:
    """One of our bills against both tables, without padding and with it."""

    lut: Ratios
    hier_lut: Ratios
    padded_lut: Ratios
    padded_hier_lut: Ratios


@dataclass(frozen=True, slots=True)
class Tables:
    """Bills of our image's fragments with a kernel word for each source channel, and with strided tables."""

    listed: Memory
    strided: Memory


@dataclass(frozen=True, slots=True)
class CoreCounts:
    """Cores that the fragments fill by the paper's rules and in our image, and what the chip has."""

    paper_rules: int
    snc: int | None
    available: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The bill of a network with every technique, in all and layer by layer."""

    model: str
    target: str
    widths: Widths
    neurons: int
    synapses: int
    padded_synapses: int
    weights: int
    paper_rules: Memory
    snc: Memory | None
    lut: Memory
    hier_lut: Memory
    padded_lut: Memory
    padded_hier_lut: Memory
    compression: Compression
    snc_compression: Compression | None
    snc_tables: Tables | None
    cores: CoreCounts
    snc_options: Options
    layers: tuple[LayerBills, ...]
    activity: Activity
    encodings: tuple[LayerEncodings, ...]
    claims: Claims


@dataclass(frozen=True, slots=True, eq=False)
class _Ours:
    """Our image's part of a comparison."""

    total: Memory
    cores: int
    layers: dict[str, Memory]
    tables: Tables


def compare(
    prepared: Prepared,
    chip: Chip,
    options: Options,
    widths: Widths,
    progress: Progress = lambda stage: None,
    *,
    ours: bool = True,
    activity: Activity = Activity(),  # noqa: B008
    count: bool = False,
) -> Comparison:
    """All bills of a model. Without `ours` no image is made, which takes most of the time. `count`: accesses
    of other encodings are counted by their machine.
    """
    progress("count")
    # What is counted does not depend on how weights are rounded, and single precision needs no rounding.
    network = quantised(prepared, options.weights if ours else "float32")
    comparison = _counted(network, prepared.name, chip, options, widths, activity, count)
    if not ours:
        return comparison
    return _with_ours(comparison, _bill_ours(network, chip, options, comparison.paper_rules, progress))


def _bill_ours(
    network: Network, chip: Chip, options: Options, rules: Memory, progress: Progress
) -> _Ours | None:
    """The bill of our image, on a larger mesh where the chip is too small; None where that is, too.

    Cores need no places for it. `rules`, the bill by the paper's rules, says when an attempt on the chip
    itself is in vain.
    """
    least = rules.parameters_bytes + (rules.neurons_bytes if options.states is StateUse.PERSISTENT else 0)
    wider = (WIDER_MESH * chip.mesh[0], WIDER_MESH * chip.mesh[1])
    for mesh in [chip.mesh, wider] if least <= chip.cores * chip.core_words * WORD_BYTES else [wider]:
        try:
            mapping = pack_network(network, replace(chip, mesh=mesh), options, Clock(progress)).mapping
        except DoesNotFit:
            continue
        layers = packed_bill(mapping)
        total, other = _sum(layers.values()), _sum(packed_bill(other_form(mapping, options.states)).values())
        tables = Tables(other, total) if chip.strided_tables else Tables(total, other)
        return _Ours(total, len(mapping.cores), layers, tables)
    return None


def _with_ours(comparison: Comparison, ours: _Ours | None) -> Comparison:
    """A comparison with the bill of our image beside the others, if there is one."""
    if ours is None:
        return comparison
    tables = (comparison.lut, comparison.hier_lut, comparison.padded_lut, comparison.padded_hier_lut)
    return replace(
        comparison,
        snc=ours.total,
        snc_compression=_compression(ours.total, tables),
        snc_tables=ours.tables,
        cores=replace(comparison.cores, snc=ours.cores),
        layers=tuple(
            replace(layer, snc=ours.layers.get(layer.name, Memory())) for layer in comparison.layers
        ),
    )


def _counted(
    network: Network,
    model: str,
    chip: Chip,
    options: Options,
    widths: Widths,
    activity: Activity,
    count: bool,
) -> Comparison:
    rules = literal(network, chip, widths)
    flat, tags = priced(network, lut, widths), priced(network, hierarchical, widths)
    padded = [_sum(priced(network, table, widths, padded=True)) for table in (lut, hierarchical)]
    totals = (_sum(flat), _sum(tags), *padded)
    layers = []
    for layer in network.layers:
        members, shape = layer.populations, network.populations[layer.result].shape
        into = [p for p in network.projections if p.target in members]
        layers.append(
            LayerBills(
                layer.name,
                layer.operator,
                (shape.depth, shape.height, shape.width),
                _neurons(network, members),
                sum(map(synapses, into)),
                sum(map(padded_synapses, into)),
                sum(rules.fragments[p] for p in members),
                _sum(rules.populations[p] for p in members),
                None,
                _sum(flat[p] for p in members),
                _sum(tags[p] for p in members),
            )
        )
    ours = _sum(rules.populations)
    encodings, claims = studied(network, chip, activity, count=count)
    return Comparison(
        model=model,
        target=chip.name,
        widths=widths,
        neurons=_neurons(network, range(len(network.populations))),
        synapses=sum(map(synapses, network.projections)),
        padded_synapses=sum(map(padded_synapses, network.projections)),
        weights=trained_weights(network),
        paper_rules=ours,
        snc=None,
        lut=totals[0],
        hier_lut=totals[1],
        padded_lut=totals[2],
        padded_hier_lut=totals[3],
        compression=_compression(ours, totals),
        snc_compression=None,
        snc_tables=None,
        cores=CoreCounts(rules.cores, None, chip.cores),
        snc_options=options,
        layers=tuple(layers),
        activity=activity,
        encodings=encodings,
        claims=claims,
    )


def _compression(ours: Memory, tables: Sequence[Memory]) -> Compression:
    return Compression(*(_ratios(table, ours) for table in tables))


def _ratios(table: Memory, ours: Memory) -> Ratios:
    def ratio(theirs: int, mine: int) -> float:
        return theirs / mine if mine else 0.0

    return Ratios(
        ratio(table.total_bytes, ours.total_bytes),
        ratio(table.connectivity_bytes, ours.connectivity_bytes),
        ratio(table.parameters_bytes, ours.parameters_bytes),
        ratio(
            table.connectivity_bytes + table.parameters_bytes,
            ours.connectivity_bytes + ours.parameters_bytes,
        ),
    )


def _sum(parts: Iterable[Memory]) -> Memory:
    return sum(parts, Memory())


def _neurons(network: Network, members: Iterable[int | PopulationId]) -> int:
    populations = (network.populations[p] for p in members)
    return sum(p.shape.neurons for p in populations if p.neuron is not Neuron.INPUT)
