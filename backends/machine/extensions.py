"""What a population's extension words say of it, and its descriptor where they do not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ...ir.storage.weights import PARAMETER_CODEC
from ..words.bits import unpack, words_for
from ..words.codes import ACTIVATIONS
from ..words.words import BiasFormat, Extension, ExtensionKind, Population
from .memory import Memory

Floats = NDArray[np.float32]

OF_INPUTS = {ExtensionKind.FIRING, ExtensionKind.CHANGES}


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """`scale` and `parameters`: a number, or one by channel. `first`: of states, where there are no biases.
    `states`: their address, None where they lie behind the axons.
    """

    activation: Activation
    parameters: tuple[float | Floats, ...]
    scale: float | Floats
    fires_on_zero: bool
    first: float
    changes_above: float | None
    states: int | None


def said(memory: Memory, word: Population, address: int) -> Said:
    """What the extension words of a descriptor say. Raises BadImage where that makes no sense."""
    at = word.start
    facts: dict[ExtensionKind, Extension] = {}
    parameters: list[float | Floats] = []
    for place in range(at, at + word.extensions):
        extension = memory.word(Extension, place, address)
        if extension.kind == ExtensionKind.PARAMETER:
            parameters.append(extension.value)
        elif extension.kind == ExtensionKind.PARAMETERS:
            parameters.append(_numbers(memory, extension.address, word.depth, address))
        elif facts.setdefault(extension.kind, extension) is not extension:
            raise memory.fault(place, f"says {extension.kind.name} a second time")
    activation = _activation(memory, word, facts.get(ExtensionKind.FUNCTION), address)
    computes = activation is not Activation.IDENTITY or word.bias != BiasFormat.NONE
    if word.neuron.is_fed and (computes or facts.keys() - OF_INPUTS):
        what = "is an input population, which has no states, biases, scale or activation function"
        raise memory.fault(address, what)
    if ExtensionKind.CHANGES in facts and not word.neuron.is_fed:
        raise memory.fault(address, "is no input, and says that it sends changes of elements")
    own, count = word.neuron.parameters, len(word.neuron.parameters) + len(activation.parameters)
    if len(parameters) != count:
        title = f"{word.neuron.name} with {activation.name}" if own else activation.name
        raise memory.fault(address, f"{title} has {count} parameters, not {len(parameters)}")
    if {ExtensionKind.SCALE, ExtensionKind.SCALES} <= facts.keys():
        raise memory.fault(address, "has a SCALE and SCALES")
    scale: float | Floats = facts[ExtensionKind.SCALE].value if ExtensionKind.SCALE in facts else 1.0
    if ExtensionKind.SCALES in facts:
        scale = _numbers(memory, facts[ExtensionKind.SCALES].address, word.depth, address)
    firing = facts.get(ExtensionKind.FIRING, Extension(kind=ExtensionKind.FIRING)).address
    if firing > 1:
        raise memory.fault(at, f"FIRING is 0 or 1, not {firing}")
    states, changes = facts.get(ExtensionKind.STATES), facts.get(ExtensionKind.CHANGES)
    return Said(
        activation,
        tuple(parameters),
        scale,
        firing == 1,
        facts.get(ExtensionKind.INITIAL, Extension(kind=ExtensionKind.INITIAL)).value,
        None if changes is None else changes.value,
        None if states is None else states.address,
    )


def _activation(memory: Memory, word: Population, function: Extension | None, address: int) -> Activation:
    """The activation function of the descriptor, or of an extension word, which is none of those."""
    if function is None:
        return word.activation
    found = ACTIVATIONS.thing(function.address)
    if found is None or not found.is_further or word.activation is not Activation.IDENTITY:
        beside = f"FUNCTION is {function.address} beside {word.activation.name}"
        raise memory.fault(address, f"{beside}, which is no activation function")
    return found


def _numbers(memory: Memory, at: int, count: int, population: int) -> Floats:
    """One number for each channel, that an extension word points to."""
    bits = PARAMETER_CODEC.bits
    words = memory.numbers(at, words_for(count, bits), "parameter words", population)
    found = PARAMETER_CODEC.from_codes(unpack(words, bits, count)).astype(np.float32)
    if np.isnan(found).any():
        raise memory.fault(at, "a parameter is not a number")
    return found
