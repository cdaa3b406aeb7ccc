"""What a neuron sends: its model's values, in float32, and the chip's rounding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ...ir.neurons import NeuronModel, States

Floats = NDArray[np.float32]


def fire(
    neuron: NeuronModel,
    activation: Activation,
    parameters: Sequence[float | Floats],
    scale: float | Floats,
    states: States,
    first: Floats,
    *,
    is_half: bool = False,
) -> tuple[Floats, States]:
    """The values of neurons, and their states as they go on. `activation` is applied to scale * number.
    `is_half`: where changes are sent, they are changes of float16.

    The last axis of `states` is the channels': a parameter may be an array of one number for each, and
    `first` is one, of what the first state begins at.
    """
    assert neuron.fire is not None
    held = [np.asarray(each, np.float32) for each in parameters]
    count = len(neuron.parameters)

    def value(numbers: Floats) -> Floats:
        found = np.asarray(activation.function(np.asarray(scale, np.float32) * numbers, *held[count:]))
        return rounded(found) if is_half and neuron.sends_changes else found

    with np.errstate(all="ignore"):  # infinities run their course
        return neuron.fire(states, tuple(held[:count]), value, first)


def rounded(values: Floats) -> Floats:
    """The nearest float16 of each value, ties to even, as float32."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)
