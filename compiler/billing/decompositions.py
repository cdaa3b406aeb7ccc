"""One network on crossbars with each method of decomposition, beside what was published of one of them."""

from dataclasses import dataclass

from ...ir.crossbar.chip import CrossbarChip
from ...passes.crossbar.cluster import Greedy
from ...passes.crossbar.decompose import Method
from ...passes.crossbar.place import PlaceCrossbars
from ..pipeline.clock import Progress, unreported
from ..pipeline.crossbar.map import gathered
from ..pipeline.map import quantised
from ..pipeline.options import Options
from ..pipeline.prepare import Prepared


@dataclass(frozen=True, slots=True)
class DecompositionBill:
    """What a network takes, decomposed by a method.

    `held`: synapses of units, partial sums included, where `lost` of the network's are gone. `in_order`:
    crossbars when units are taken in firing order, each on that of the one before where it fits. `cells`: of
    the crossbars in use, `driven` of them on rows in use. `hops`: when every unit sends a value, `hops_bound`
    at least; None where the mesh has too few tiles. Energies: each row in use is driven once.
    """

    method: str
    lost: int
    units: int
    held: int
    crossbars: int
    crossbars_bound: int
    in_order: int
    cells: int
    driven: int
    hops: int | None
    hops_bound: int | None
    useful_nj: float
    wasted_nj: float

    @property
    def used(self) -> float:
        """The share of the cells of the crossbars in use that hold a synapse."""
        return self.held / max(self.cells, 1)

    @property
    def wasted(self) -> float:
        """The share of the cells of rows in use that hold none."""
        return 1 - self.held / max(self.driven, 1)


@dataclass(frozen=True, slots=True)
class AgainstPruning:
    """A method beside pruning: the share of crossbars saved, how many times the share of cells in use, and
    the share of the wasted energy saved, in all and for each synapse of the network that is left.

    `saved_in_order`: crossbars saved against pruning with units in firing order. What was published has one
    figure of each kind.
    """

    method: str
    crossbars_saved: float
    saved_in_order: float | None
    used_times: float
    waste_saved: float
    waste_saved_a_synapse: float | None


# Balaji et al., arXiv 2009.09298, averages over networks: the chain of two inputs against pruning.
PUBLISHED = AgainstPruning(Method.CHAIN.value, 0.60, None, 9.0, 0.62, None)


@dataclass(frozen=True, slots=True)
class Decompositions:
    """A network on crossbars of a target with each method. `synapses`: of the network."""

    model: str
    target: str
    weights: str
    rows: int
    columns: int
    neurons: int
    synapses: int
    bills: tuple[DecompositionBill, ...]
    against: tuple[AgainstPruning, ...]
    published: AgainstPruning


def decompositions(
    prepared: Prepared,
    chip: CrossbarChip,
    options: Options,
    progress: Progress = unreported,
    methods: tuple[Method, ...] = tuple(Method),
) -> Decompositions:
    """What a network takes with each method, whatever the mesh. Raises Unsupported for what no crossbar
    computes.
    """
    network = quantised(prepared, options.weights)
    neurons, synapses, bills = 0, 0, []
    for method in methods:
        progress(method.value)
        decomposed, clusters = gathered(network, chip, options.decomposed(method))
        units, synapses = clusters.units, decomposed.synapses
        neurons = int((~units.is_helper[units.computed]).sum())
        placed = PlaceCrossbars(chip.mesh, options.seed)(clusters) if clusters.count <= chip.cores else None
        held, driven = units.sources.size, clusters.rows[0].size * chip.columns
        bills.append(
            DecompositionBill(
                method=method.value,
                lost=decomposed.lost,
                units=units.computed.size,
                held=held,
                crossbars=clusters.count,
                crossbars_bound=clusters.bound,
                in_order=Greedy(chip.rows, chip.columns)(units).count,
                cells=clusters.count * chip.rows * chip.columns,
                driven=driven,
                hops=None if placed is None else placed.hops,
                hops_bound=None if placed is None else placed.bound,
                useful_nj=held * chip.cell_fj / 1e6,
                wasted_nj=(driven - held) * chip.cell_fj / 1e6,
            )
        )
    pruned = next((bill for bill in bills if bill.method == Method.NONE), None)
    return Decompositions(
        model=prepared.name,
        target=chip.name,
        weights=options.weights,
        rows=chip.rows,
        columns=chip.columns,
        neurons=neurons,
        synapses=synapses,
        bills=tuple(bills),
        against=tuple(
            _against(bill, pruned, synapses) for bill in bills if pruned is not None and bill is not pruned
        ),
        published=PUBLISHED,
    )


def _against(bill: DecompositionBill, pruned: DecompositionBill, synapses: int) -> AgainstPruning:
    left = max(synapses - pruned.lost, 1)
    return AgainstPruning(
        bill.method,
        1 - bill.crossbars / pruned.crossbars,
        1 - bill.crossbars / pruned.in_order,
        bill.used / pruned.used,
        _saved(bill.wasted_nj, pruned.wasted_nj),
        _saved(bill.wasted_nj / synapses, pruned.wasted_nj / left),
    )


def _saved(ours: float, theirs: float) -> float:
    return 1 - ours / theirs if theirs else 0.0
