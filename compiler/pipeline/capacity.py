"""Whether a network is too large for a target, as the shapes of its tensors or its states alone show."""

import math

from ...ir.aims import StateUse
from ...ir.chip import Chip
from ...ir.errors import DoesNotFit, Origin, SncError
from ...ir.layers import LayerGraph
from ...ir.network import Network, Neuron
from ...ir.storage.bitrun import WORD_BITS
from .options import Options

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
            f"{rule}; {chip.name} holds the states of {states} neurons",
            hint=f"{cores} such cores are the least that may hold it; or take a smaller input",
            ways=[{"cores": cores}] * (total <= VALUES_TRIED_MAX),
        )


def too_large(network: Network, chip: Chip, options: Options) -> list[SncError]:
    """Whether states alone take more than all cores have: no cut and no packing changes that.

    Persistent states count together; of shared ones, those of each population.
    """
    held = [p for p in network.populations if p.neuron is not Neuron.INPUT]
    if options.states is StateUse.PERSISTENT or not held:
        origin, count = Origin(file=network.name), neurons(network)
    else:
        largest = max(held, key=lambda population: population.shape.neurons)
        origin, count = largest.origin, largest.shape.neurons
    need = count * chip.state_bits // 8
    have = chip.cores * chip.core_words * 8
    if need <= have:
        return []
    rule = f"its states alone take {need} bytes, the {chip.cores} cores of {chip.name} have {have}"
    return [DoesNotFit(origin, rule, hint="take a target with more or larger cores")]


def neurons(network: Network) -> int:
    """How many neurons have states."""
    return sum(p.shape.neurons for p in network.populations if p.neuron is not Neuron.INPUT)
