"""What a handler says of a population that it adds."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ...ir.network import Activation, Cycle, NeuronModel, Parameter


class Facts(TypedDict, total=False):
    """What a handler may say of a population: the fields of `Population` that have defaults."""

    neuron: NeuronModel
    activation: Activation
    parameters: tuple[Parameter, ...]
    bias: NDArray[np.float32] | None
    bias_constants: tuple[str, ...]
    nodes: tuple[str, ...]
    initial: float
    scale: float
    fires_on_zero: bool
    changes_above: float | None
    ends: Cycle | None
