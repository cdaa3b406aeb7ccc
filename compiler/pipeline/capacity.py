"""Whether a network is too large for a target, as the shapes of its tensors or its states alone show."""

import math

from ...ir.aims import StateUse
from ...ir.chip import Chip
from ...ir.errors import DoesNotFit, Origin, SncError
from ...ir.layers import LayerGraph
from ...ir.network import Network, Neuron
from ...ir.storage.bitrun import BYTE_BITS, WORD_BITS, WORD_BYTES
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
    bits = [p.neuron.bits_each * p.shape.neurons for p in network.populations]
    origin, need = Origin(file=network.name), sum(bits) // BYTE_BITS
    if options.states is not StateUse.PERSISTENT and need:
        largest = bits.index(max(bits))
        origin, need = network.populations[largest].origin, bits[largest] // BYTE_BITS
    have = chip.cores * chip.core_words * WORD_BYTES
    if need <= have:
        return []
    rule = f"its states alone take {need} bytes, the {chip.cores} cores of {chip.name} have {have}"
    return [DoesNotFit(origin, rule, hint="take a target with more or larger cores")]


def too_wide(network: Network, chip: Chip) -> list[SncError]:
    """Whether a network has states that are wider than the target's: the first population's that has."""
    for population in network.populations:
        need = max((state.bits for state in population.neuron.states), default=0)
        if population.neuron.is_wide and need > chip.wide_state_bits:
            rule = f"it sums in states of {need} bits, {chip.name} has none so wide"
            hint = f"take a target with wide_state_bits = {need}, or a float model with --neurons standard"
            return [DoesNotFit(population.origin, rule, hint, [{"wide_state_bits": need}])]
    return []


def refusals(network: Network, chip: Chip, options: Options) -> list[SncError]:
    """The problems of a network that show without mapping it."""
    return too_wide(network, chip) or too_large(network, chip, options)


def neurons(network: Network) -> int:
    """How many neurons have states."""
    return sum(p.shape.neurons for p in network.populations if p.neuron is not Neuron.INPUT)
