"""What a prepared network becomes on crossbars: units, decomposed, gathered, placed, and their image."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ....backends.crossbar.emit import crossbar_layers, emit_crossbars
from ....backends.crossbar.image import CrossbarAbout, CrossbarImage
from ....ir.aims import NeuronUse
from ....ir.crossbar.chip import CrossbarChip
from ....ir.crossbar.layout import Clusters, Placed
from ....ir.deadline import Deadline
from ....ir.errors import DoesNotFit, Origin, Unsupported, raise_all
from ....ir.layers import LayerGraph
from ....ir.network import Network
from ....ir.storage.formats import INTEGERS, listed
from ....ir.storage.weights import FORMATS
from ....ir.version import __version__
from ....passes.crossbar.bound import bound
from ....passes.crossbar.cluster import Cluster
from ....passes.crossbar.decompose import Decompose, Decomposed, Method
from ....passes.crossbar.place import PlaceCrossbars
from ....passes.crossbar.repeat import Repeat
from ....passes.crossbar.schedule import steps
from ....passes.crossbar.unroll import Unroll
from ..choices import Point
from ..clock import Clock, Progress
from ..host_work import too_much
from ..map import quantised
from ..needs import Need, Weighed
from ..options import Options
from ..prepare import Prepared
from ..steps import Step, Watch, verified

Model = bytes | None  # a part that the host computes
GATHERED_MAX = 2  # times that a network is gathered to find what would make it fit


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarChoice:
    """A network on crossbars: `mapping` says which unit is where, `decomposed` what the units are made of."""

    chip: CrossbarChip
    network: Network
    decomposed: Decomposed
    mapping: Placed


def admit_crossbars(graph: LayerGraph, chip: CrossbarChip) -> None:
    """Any layers: how many synapses they have shows when they are unrolled."""


def weighed_crossbars(network: Network, chip: CrossbarChip, options: Options) -> Weighed:
    """What a network takes at least of a chip of crossbars."""
    try:
        units = _decomposed(Repeat()(network), chip, options).units
    except Unsupported as error:
        return Weighed((), (error,))
    least = bound(units, chip.rows, chip.columns, network)
    refusal = _too_many(network, chip, least, "at least ")
    return Weighed((Need("crossbars", least, chip.cores),), () if refusal is None else (refusal,))


def gathered(network: Network, chip: CrossbarChip, options: Options) -> tuple[Decomposed, Clusters]:
    """The units of a network, and their crossbars, whatever the mesh. Raises Unsupported."""
    found = _decomposed(network, chip, options)
    found.units.verify()
    return found, Cluster(chip.rows, chip.columns)(found.units, network)


def map_crossbars(
    prepared: Prepared, chip: CrossbarChip, options: Options, clock: Clock, watch: Watch
) -> tuple[Network, CrossbarChoice]:
    """A network's weights as the image holds them, and its units on crossbars that have tiles. Raises
    DoesNotFit, or Unsupported for what a crossbar cannot compute.
    """
    if not options.force and (refusal := too_much(prepared.graph, prepared.parts)):
        raise refusal
    if options.neurons is not NeuronUse.STANDARD:
        rule = f"{chip.name} is a chip of crossbars: its neurons send values, not what these have changed"
        raise Unsupported(Origin(file=prepared.name), rule, hint="leave --neurons out")
    with clock("partition"):
        network = verified(Step.QUANTISED, Repeat()(quantised(prepared, options.weights)), watch)
        raise_all(_too_fine(network, chip))
        decomposed, clusters = gathered(network, chip, options)
        if (large := _too_many(network, chip, clusters.count)) is not None:
            raise large
        raise_all(_too_far(network, chip, clusters))
        watch(Step.PACKED, clusters)
    with clock("place"):
        placed = PlaceCrossbars(chip.mesh, options.seed)(clusters)
        watch(Step.PLACED, placed)
    return network, CrossbarChoice(chip, network, decomposed, placed)


def attempts_on_crossbars(
    graph: LayerGraph, prepared: Callable[[], Prepared], is_over: Deadline, progress: Progress
) -> Callable[[CrossbarChip, Options], object]:
    """What tries a network on other chips: what is beyond a bound is not gathered, and what is gathered is
    gathered once, whatever mesh it is for, and as often as in two compiles.
    """
    made: dict[tuple[CrossbarChip, str], Clusters] = {}

    def attempt(chip: CrossbarChip, options: Options) -> object:
        if is_over():
            raise DoesNotFit(Origin(file=graph.name), "no more is tried")
        progress(f"explain: try {chip.mesh[0]} x {chip.mesh[1]} crossbars")
        network = Repeat()(quantised(prepared(), options.weights))
        raise_all(_too_fine(network, chip))
        # Which synapses there are depends on the weights only where the least of them go.
        weights = options.weights if options.decompose is Method.NONE else ""
        key = replace(chip, mesh=(1, 1)), weights
        if key not in made:
            decomposed = _decomposed(network, chip, options)
            least = bound(decomposed.units, chip.rows, chip.columns, network)
            if (refusal := _too_many(network, chip, least, "at least ")) is not None:
                raise refusal
            if len(made) >= GATHERED_MAX:
                raise DoesNotFit(Origin(file=graph.name), "no more is tried")
            made[key] = Cluster(chip.rows, chip.columns)(decomposed.units, network)
        clusters = made[key]
        if (refusal := _too_many(network, chip, clusters.count)) is not None:
            raise refusal
        raise_all(_too_far(network, chip, clusters))
        return clusters

    return attempt


def no_front(prepared: Prepared, chip: CrossbarChip, options: Options, clock: Clock) -> tuple[Point, ...]:
    """Raises Unsupported: a network has one number of crossbars."""
    rule = f"{chip.name} is a chip of crossbars: there is no trade of cores against their work"
    raise Unsupported(Origin(file=prepared.name), rule, hint="leave --pareto out")


def emit_choice(
    prepared: Prepared, choice: CrossbarChoice, options: Options, before: Model, after: Model
) -> CrossbarImage:
    """The image of a choice."""
    placed, parts = choice.mapping, prepared.parts
    clusters = placed.clusters
    about = CrossbarAbout(
        prepared.name,
        __version__,
        INTEGERS if prepared.network.is_whole else options.weights,
        options.decompose.value,
        options.seed,
        choice.decomposed.synapses,
        choice.decomposed.lost,
        clusters.bound,
        placed.hops,
        placed.bound,
        crossbar_layers(clusters, choice.network),
        tuple(layer.name for layer in (parts.before.layers if parts.before else ())),
        tuple(layer.name for layer in (parts.after.layers if parts.after else ())),
        "" if prepared.dynamics is None else str(prepared.dynamics),
    )
    when = steps(clusters.units.first, clusters.units.sources)
    return emit_crossbars(placed, when, choice.network, choice.chip, about, before, after)


def _decomposed(network: Network, chip: CrossbarChip, options: Options) -> Decomposed:
    return Decompose(min(chip.fan_in_max, chip.rows), options.decompose)(Unroll()(network))


def _too_many(network: Network, chip: CrossbarChip, count: int, how: str = "") -> DoesNotFit | None:
    if count <= chip.cores:
        return None
    rule = f"it takes {how}{count} crossbars, {chip.name} has {chip.cores}"
    ways = [{"cores": count}]
    return DoesNotFit(Origin(file=network.name), rule, hint="take a target with a larger mesh", ways=ways)


def _too_fine(network: Network, chip: CrossbarChip) -> list[DoesNotFit]:
    """Whether weights have more bits than a cell."""
    bits = max(FORMATS[name].bits for name in listed(network.weight_format))
    if bits <= chip.weight_bits:
        return []
    rule = f"its weights have {bits} bits, a cell of {chip.name} holds {chip.weight_bits}"
    ways = [{"weight_bits": bits}]
    return [DoesNotFit(Origin(file=network.name), rule, hint="take a --weights format of fewer", ways=ways)]


def _too_far(network: Network, chip: CrossbarChip, clusters: Clusters) -> list[DoesNotFit]:
    """Whether a unit's values go to more crossbars than they may."""
    _, source = clusters.rows
    most = int(np.bincount(source[clusters.of[source] >= 0], minlength=1).max())
    if most <= chip.fan_out_max:
        return []
    rule = f"values of a neuron go to {most} crossbars, on {chip.name} to {chip.fan_out_max} at most"
    ways = [{"fan_out_max": most}]
    return [DoesNotFit(Origin(file=network.name), rule, hint="take a target with more routes", ways=ways)]
