"""What an image says of itself: the model, the options, the layers, and how good the mapping is."""

from ...backends.emit import image_layers
from ...backends.image.image import About, Solver
from ...ir.counts import operations
from ...ir.layers import LayerGraph
from ...ir.network import Network, PopulationId
from ...ir.version import __version__
from ...passes.lowering.host import READS_INPUTS
from .choices import Choice
from .options import Options
from .prepare import Prepared


def about(prepared: Prepared, choice: Choice, options: Options) -> About:
    """What the image of a mapping says of itself."""
    parts = prepared.parts
    before, after = _names(parts.before), _names(parts.after)
    return About(
        prepared.name,
        __version__,
        options.weights,
        options.states,
        options.objective,
        options.seed,
        _solver(options, choice),
        image_layers(choice.mapping, layers_of(choice.mapping.network)),
        before,
        after,
        parts.share_of_macs,
        tuple(parts.reasons.get(name, READS_INPUTS) for name in (*before, *after)),
    )


def _solver(options: Options, choice: Choice) -> Solver:
    """What was minimised, and how near to the proven bound it is."""
    solution, mapping = choice.solution, choice.mapping
    least = solution.least_cores
    if options.objective == "memory":
        return Solver(solution.status, solution.objective, solution.bound, least)
    if options.objective == "throughput":
        work = operations(mapping)
        used, bound = max(work), -(-sum(work) // mapping.chip.cores)
    else:
        used, bound = len(mapping.cores), least
    return Solver("optimal" if used <= bound else "feasible", float(used), float(bound), least)


def layers_of(network: Network) -> list[tuple[str, str, tuple[str, ...], tuple[PopulationId, ...]]]:
    """Name, operator, nodes and populations of each layer of the model that has neurons of its own."""
    found: dict[str, list[PopulationId]] = {}
    for index, population in enumerate(network.populations):
        found.setdefault(population.origin.node, []).append(PopulationId(index))
    return [
        (
            name,
            network.populations[members[-1]].origin.operator,
            tuple(dict.fromkeys(node for p in members for node in network.populations[p].nodes)),
            tuple(members),
        )
        for name, members in found.items()
    ]


def _names(part: LayerGraph | None) -> tuple[str, ...]:
    return () if part is None else tuple(layer.name for layer in part.layers)
