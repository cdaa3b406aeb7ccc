"""Neuron models: what a population does with its states. A new type of neuron is a new declaration.

What stands in the image for a model is its row in `backends/words/codes.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from .storage.bitrun import WORD_BITS, words_for

STATE_BITS = 16  # of the paper's states

Floats = NDArray[np.float32]
States = tuple[Floats, ...]
Fire = Callable[[States, tuple[Floats, ...], Callable[[Floats], Floats]], tuple[Floats, States]]


class Update(Enum):
    """What a synapse does to a neuron's state, with the event's value v and the weight w.

    Except for ADD, a weight of zero is no synapse.
    """

    ADD = "state + w * v"
    MULTIPLY = "state * (w * v)"
    MAXIMUM = "w * v where w * v > state, else the state as it is"
    MINIMUM = "w * v where w * v < state, else the state as it is"


class Lifetime(Enum):
    """How long a state means anything."""

    FRAME = "within a frame"
    RUN = "from frame to frame"


class State(NamedTuple):
    """A number that each neuron keeps, of so many bits."""

    name: str
    bits: int = STATE_BITS
    lifetime: Lifetime = Lifetime.FRAME


@dataclass(frozen=True, slots=True, eq=False)
class NeuronModel:
    """What a population does with its states.

    Events go into the first of `states`, in the ways of `updates`; it begins at the bias or at the initial
    value, the others at 0. `fire` takes the states [neurons by pixel, channels], the numbers of `parameters`
    and the population's activation function, of a number times the population's scale; it gives the values,
    where 0 is no event unless the population fires on zeros, and the states as they go on. None: the values
    are the host's. `parameters` stand before those of the activation function. `text`: the manual's.
    """

    name: str
    text: str
    states: tuple[State, ...]
    updates: frozenset[Update]
    fire: Fire | None
    parameters: tuple[str, ...] = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Those of `Neuron` are pickled by their names: what is one of them stays that one."""
        if vars(Neuron).get(self.name) is self:
            return getattr, (Neuron, self.name)
        return object.__reduce_ex__(self, protocol)

    @property
    def is_fed(self) -> bool:
        """Whether its values are the host's."""
        return self.fire is None

    @property
    def lasts(self) -> bool:
        """Whether it has states that go on from frame to frame: then no others may have their place."""
        return any(state.lifetime is Lifetime.RUN for state in self.states)

    @property
    def is_reset_each_frame(self) -> bool:
        """Whether it has states that each frame begins anew."""
        return any(state.lifetime is Lifetime.FRAME for state in self.states)

    def state_words(self, neurons: int) -> int:
        """The words that the states of so many neurons take: those of one name from a whole word on."""
        return sum(words_for(neurons, state.bits) for state in self.states)

    def state_bits(self, neurons: int) -> int:
        """The bits of the states of so many neurons, without what is left of the last word."""
        if not self.states:
            return 0
        *others, last = self.states
        return sum(words_for(neurons, state.bits) for state in others) * WORD_BITS + neurons * last.bits

    @property
    def bits_each(self) -> int:
        """The bits of one neuron's states."""
        return sum(state.bits for state in self.states)


def _activate(
    states: States, _: tuple[Floats, ...], function: Callable[[Floats], Floats]
) -> tuple[Floats, States]:
    return function(states[0]), states


class Neuron:
    """The neuron models that the compiler uses."""

    STANDARD = NeuronModel(
        "STANDARD",
        "accumulates events in its state; its value is activation(scale * state)",
        (State("accumulator"),),
        frozenset(Update),
        _activate,
    )
    INPUT = NeuronModel(
        "INPUT", "has no state; its value is an element of an input tensor", (), frozenset(), None
    )
