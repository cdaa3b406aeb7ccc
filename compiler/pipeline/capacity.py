"""Whether a network is far too large for a target, as the shapes of its tensors alone show."""

import math

from ...ir.chip import Chip
from ...ir.errors import DoesNotFit, Origin
from ...ir.layers import LayerGraph
from ...ir.storage.bitrun import WORD_BITS

VALUES_TRIED_MAX = 2**26  # in all results of a network that is lowered to find a target that holds it
# A neuron stands in as many tensors at most: convolution, activation, sum, concatenation.
TENSORS_PER_STATE = 8
STATES_PER_TENSOR = 2  # inputs have no states, and views name neurons more than once


def check_capacity(graph: LayerGraph, chip: Chip) -> None:
    """Raises DoesNotFit for a network that is far too large for a chip, before it is lowered."""
    states = chip.cores * chip.core_words * WORD_BITS // chip.state_bits
    made: list[tuple[Origin, tuple[str, ...]]] = [
        (Origin(file=graph.name, node=value.name, operator="input"), (value.name,)) for value in graph.inputs
    ]
    made += [(layer.origin, layer.outputs) for layer in graph.layers]
    results = [[math.prod(graph.shape(name)) for name in names if name] for _, names in made]
    total, values = sum(map(sum, results)), 0
    for (origin, _), sizes in zip(made, results, strict=True):
        values += sum(sizes)
        largest = max(sizes, default=0)
        if largest > STATES_PER_TENSOR * states:
            rule = f"one tensor has {largest} values"
        elif values > TENSORS_PER_STATE * states:
            rule = f"up to here, results have {values} values"
        else:
            continue
        most = max(*(max(each, default=0) / STATES_PER_TENSOR for each in results), total / TENSORS_PER_STATE)
        cores = math.ceil(most * chip.cores / states)
        raise DoesNotFit(
            origin,
            f"{rule}; {chip.name} has room for {states} neurons",
            hint=f"{cores} such cores are the least that may hold it; or take a smaller input",
            ways=[{"cores": cores}] * (total <= VALUES_TRIED_MAX),
        )
