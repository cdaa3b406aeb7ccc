"""What an image says of itself: the model, the options, the layers, and how good the mapping is."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...backends.emit import image_layers
from ...backends.image.image import About, Addend, Solver
from ...ir.aims import NeuronUse, Objective
from ...ir.counts import operations
from ...ir.errors import BadInput, Origin
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ...ir.storage.formats import INTEGERS
from ...ir.version import __version__
from ...passes.correct import correctable
from ...passes.lowering.host import READS_INPUTS
from ..frontend.nir.dynamics import RATES
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
        INTEGERS if prepared.network.is_whole else options.weights,
        options.states.value,
        options.objective.value,
        options.seed,
        _solver(options, choice),
        image_layers(choice.mapping),
        before,
        after,
        parts.share_of_macs,
        tuple(
            f"{layer.op}: {parts.reasons.get(layer.name, READS_INPUTS)}"
            for part in (parts.before, parts.after)
            for layer in (part.layers if part else ())
        ),
        _dynamics(prepared, options),
    )


def added(prepared: Prepared) -> tuple[Addend, ...]:
    """What was added to biases, as an image says it."""
    return tuple(Addend(name, tuple(map(float, values))) for name, values in sorted(prepared.added.items()))


def added_by(
    said: Sequence[Addend], networks: Sequence[Network], file: str
) -> Mapping[str, NDArray[np.float32]]:
    """The same as an image says it. Raises BadInput where the networks of the chip have no such bias."""
    sizes = {name: size for network in networks for name, size in correctable(network).items()}
    for each in said:
        if sizes.get(each.constant) != len(each.values):
            rule = f"has no bias {each.constant!r} of {len(each.values)} channels, to which the image adds"
            raise BadInput(Origin(file=file), rule, hint="give the model that the image was compiled from")
    return {each.constant: np.array(each.values, dtype=np.float32) for each in said}


def _dynamics(prepared: Prepared, options: Options) -> str:
    """How a network runs over time, "" where its frames know nothing of each other."""
    if prepared.dynamics is not None:
        return str(prepared.dynamics)
    if options.neurons is NeuronUse.SIGMA_DELTA:
        threshold = "auto" if options.threshold is None else repr(options.threshold)
        return f"neurons={options.neurons} threshold={threshold}"
    if options.neurons is NeuronUse.IF:
        return f"{RATES}{options.steps}"
    if prepared.graph.carried:
        return f"neurons={options.neurons} carried={len(prepared.graph.carried)}"
    return ""


def _solver(options: Options, choice: Choice) -> Solver:
    """What was minimised, and how near to the proven bound it is."""
    solution, mapping = choice.solution, choice.mapping
    least = solution.least_cores
    if options.objective is Objective.MEMORY:
        return Solver(solution.status, solution.objective, solution.bound, least)
    if options.objective is Objective.THROUGHPUT:
        work = operations(mapping)
        used, bound = max(work), -(-sum(work) // mapping.chip.cores)
    else:
        used = len(mapping.cores)
        # The bound takes kernels of different layers for different: if not, what was found counts.
        least = bound = min(least, used)
    return Solver("optimal" if used <= bound else "feasible", float(used), float(bound), least)


def _names(part: LayerGraph | None) -> tuple[str, ...]:
    return () if part is None else tuple(layer.name for layer in part.layers)
