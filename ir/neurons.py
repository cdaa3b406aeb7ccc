"""Neuron models: what a population does with its states. A new type of neuron is a new declaration.

What stands in the image for a model is its row in `backends/words/codes.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from .firing import loihi
from .storage.bitrun import WORD_BITS, words_for

STATE_BITS = 16  # of the paper's states
WIDE_BITS = 32  # of states that are sums of whole numbers

Floats = NDArray[np.float32]
States = tuple[Floats, ...]
Function = Callable[[Floats], Floats]
Fire = Callable[[States, tuple[Floats, ...], Function, Floats], tuple[Floats, States]]


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


class Cycle(NamedTuple):
    """In which frames something is done: those whose number, from 0 on, is `phase` modulo `every`."""

    every: int
    phase: int


class State(NamedTuple):
    """A number that each neuron keeps, of so many bits."""

    name: str
    bits: int = STATE_BITS
    lifetime: Lifetime = Lifetime.FRAME

    @property
    def is_wide(self) -> bool:
        """Whether it is wider than the paper's states."""
        return self.bits > STATE_BITS


@dataclass(frozen=True, slots=True, eq=False)
class NeuronModel:
    """What a population does with its states.

    Events go into the first of `states`, in the ways of `updates`; it begins at the bias or at the initial
    value, the others at 0. `fire` takes the states [neurons by pixel, channels], the numbers of `parameters`,
    the population's activation function, of a number times the population's scale, and what the first state
    begins at, by channel; it gives the values, where 0 is no event unless the population fires on zeros, and
    the states as they go on. None: the values are the host's. `parameters` stand before those of the
    activation function. `text`: the manual's. `rule`: what happens when it fires, statement by statement.
    `sends_changes`: outputs take what it computes of its first state, as STANDARD does, not what it sends.
    `is_exact`: its numbers are whole ones, beyond what singles hold: `fire` is given doubles. `is_single`:
    the first state is a float32 in the chip, which rounds each update; other wide ones are whole numbers.
    """

    name: str
    text: str
    states: tuple[State, ...]
    updates: frozenset[Update]
    fire: Fire | None
    parameters: tuple[str, ...] = ()
    rule: str = ""
    sends_changes: bool = False
    is_exact: bool = False
    is_single: bool = False

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
    def is_wide(self) -> bool:
        """Whether what gathers events is wider than the paper's states: the chip does not round it."""
        return bool(self.states) and self.states[0].is_wide

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Of the numbers that `fire` computes with."""
        return np.float64 if self.is_exact else np.float32

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
    states: States, _: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    return function(states[0]), states


def _lif(
    states: States, parameters: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    (voltage,) = states
    decay, threshold, keep, reset = parameters
    spikes = voltage > threshold
    after = np.where(spikes, keep * voltage + reset, voltage)
    return function(spikes.astype(np.float32)), (decay * after + first,)


def _counting_lif(
    states: States, parameters: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    (voltage,) = states
    decay, threshold = parameters
    spikes = np.maximum(np.floor(voltage / threshold), np.float32(0))
    return function(spikes), (decay * (voltage - spikes * threshold) + first,)


def _li(
    states: States, parameters: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    (voltage,) = states
    decay, gain = parameters
    return function(gain * voltage), (decay * voltage + first,)


def _cuba_lif(
    states: States, parameters: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    current, before = states
    current_decay, decay, leak, threshold, keep, reset = parameters
    voltage = decay * before + leak + current
    spikes = voltage > threshold
    after = np.where(spikes, keep * voltage + reset, voltage)
    return function(spikes.astype(np.float32)), (current_decay * current + first, after)


ROUNDING = np.float32(2.0**-22)  # of a value: what float32's last bits change is no change


def worth_sending(change: Floats, sent: Floats, threshold: Floats) -> Floats:
    """Changes of more than a threshold, and of more than rounding, against what was sent so far; else 0."""
    return np.where(np.abs(change) > threshold + np.abs(sent) * ROUNDING, change, np.float32(0))


def _sigma_delta(
    states: States, parameters: tuple[Floats, ...], function: Function, first: Floats
) -> tuple[Floats, States]:
    accumulator, sent = states
    (threshold,) = parameters
    change = function(accumulator) - sent
    value = worth_sending(change, sent, threshold)
    return value, (accumulator, sent + value)


def _lasting(*names: str, bits: int = STATE_BITS) -> tuple[State, ...]:
    return tuple(State(name, bits, Lifetime.RUN) for name in names)


class Neuron:
    """The neuron models that the compiler uses.

    Those that integrate over time do so with events alone: a voltage in units in which an event's weight is
    what it adds, and what decays or leaks does so when the neuron fires. A step of the voltage towards its
    rest is then one product and one sum.
    """

    STANDARD = NeuronModel(
        "STANDARD",
        "accumulates events in its state; its value is activation(scale * state)",
        (State("accumulator"),),
        frozenset(Update),
        _activate,
        rule="value = activation(scale * accumulator)",
    )
    WIDE = NeuronModel(
        "WIDE",
        "as STANDARD, with a state that holds every whole number of 32 bits",
        (State("accumulator", WIDE_BITS),),
        frozenset(Update),
        _activate,
        rule="value = activation(scale * accumulator)",
    )
    INPUT = NeuronModel(
        "INPUT", "has no state; its value is an element of an input tensor", (), frozenset(), None
    )
    LIF = NeuronModel(
        "LIF",
        "leaky integrate-and-fire: spikes above a threshold, is reset, decays",
        _lasting("voltage"),
        frozenset({Update.ADD}),
        _lif,
        ("decay", "threshold", "keep", "reset"),
        "\n".join(
            (
                "spike = 1 where voltage > threshold, else 0",
                "value = activation(scale * spike)",
                "after = keep * voltage + reset where spike, else voltage",
                "voltage = decay * after + first",
            )
        ),
    )
    COUNTING_LIF = NeuronModel(
        "COUNTING_LIF",
        "the same with as many spikes at once as the voltage holds thresholds",
        _lasting("voltage"),
        frozenset({Update.ADD}),
        _counting_lif,
        ("decay", "threshold"),
        "\n".join(
            (
                "spikes = max(floor(voltage / threshold), 0)",
                "value = activation(scale * spikes)",
                "voltage = decay * (voltage - spikes * threshold) + first",
            )
        ),
    )
    LI = NeuronModel(
        "LI",
        "leaky integrator: its value is its voltage, which decays",
        _lasting("voltage"),
        frozenset({Update.ADD}),
        _li,
        ("decay", "gain"),
        "value = activation(scale * (gain * voltage))\nvoltage = decay * voltage + first",
    )
    CUBA_LIF = NeuronModel(
        "CUBA_LIF",
        "leaky integrate-and-fire, driven by a current that takes the events and decays",
        _lasting("current", "voltage"),
        frozenset({Update.ADD}),
        _cuba_lif,
        ("current_decay", "decay", "leak", "threshold", "keep", "reset"),
        "\n".join(
            (
                "v = (decay * voltage + leak) + current",
                "spike = 1 where v > threshold, else 0",
                "value = activation(scale * spike)",
                "voltage = keep * v + reset where spike, else v",
                "current = current_decay * current + first",
            )
        ),
    )
    SIGMA_DELTA = NeuronModel(
        "SIGMA_DELTA",
        "accumulates changes for good; sends what its value is more than what it has sent so far",
        (*_lasting("accumulator", bits=WIDE_BITS), *_lasting("sent")),
        frozenset({Update.ADD}),
        _sigma_delta,
        ("threshold",),
        "\n".join(
            (
                "change = activation(scale * accumulator) - sent",
                "value = change where abs(change) > threshold + abs(sent) * 2^-22, else 0",
                "sent = sent + value",
            )
        ),
        sends_changes=True,
        is_single=True,
    )
    LOIHI_CUBA = NeuronModel(
        "LOIHI_CUBA",
        "Loihi's current-driven neuron in whole numbers, with a delay of so many steps behind a spike",
        (*_lasting("current", "voltage", bits=WIDE_BITS), *_lasting("wait")),
        frozenset({Update.ADD}),
        loihi.cuba,
        ("current_decay", "decay", "drive", "threshold", "delay"),
        loihi.CUBA_RULE,
        is_exact=True,
    )
    LOIHI_SIGMA_DELTA = NeuronModel(
        "LOIHI_SIGMA_DELTA",
        "as SIGMA_DELTA in whole numbers: six bits of what it sends stay behind",
        _lasting("accumulator", "sent", bits=WIDE_BITS),
        frozenset({Update.ADD}),
        loihi.sigma_delta,
        ("threshold",),
        loihi.SIGMA_DELTA_RULE,
        is_exact=True,
    )
    SIGMA = NeuronModel(
        "SIGMA",
        "accumulates changes for good; its value is activation(scale * state)",
        _lasting("accumulator", bits=WIDE_BITS),
        frozenset({Update.ADD}),
        loihi.sigma,
        rule="value = activation(scale * accumulator)",
        is_exact=True,
    )
