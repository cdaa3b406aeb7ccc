"""Loihi's neurons, in the whole numbers of its registers: products of 24 and 12 bits, which doubles hold.

A synapse adds its weight times 64, thresholds and biases are multiples of 64, a decay takes so many 4096ths.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..neurons import Floats, Function, States

DECAYS = 4096  # a decay of so many takes all
REACH = 2**23  # of registers of 24 bits
HELD = 128  # what the voltage's register shows for each step that a neuron waits
ALIGNED = 64  # a unit of weights, biases, thresholds and graded spikes, in the unit of registers


def _decayed(register: "Floats", decay: "Floats") -> "Floats":
    """What a decay leaves of a register, rounded towards zero."""
    return np.trunc(register * (DECAYS - decay) / DECAYS)


def cuba(
    states: "States", parameters: tuple["Floats", ...], function: "Function", first: "Floats"
) -> tuple["Floats", "States"]:
    """A current that takes the events drives a voltage; behind a spike, that waits."""
    current, voltage, wait = states
    current_decay, decay, drive, threshold, delay = parameters
    u = np.where(current > REACH, current - 2 * REACH, current)
    u = np.where(u <= -REACH, u + 2 * REACH, u)
    begin = np.where(wait > 0, np.float32(0), voltage)
    v = np.clip(_decayed(begin, decay) + u + drive, 1 - REACH, REACH - 1)
    waits = wait > 1
    spike = (v > threshold) & ~waits
    left = np.where(waits, wait - 1, np.where(spike, delay, np.float32(0)))
    after = np.where(waits | spike, HELD * left, v)
    return function(spike.astype(np.float32)), (_decayed(u, current_decay), after, left)


def sigma_delta(
    states: "States", parameters: tuple["Floats", ...], function: "Function", first: "Floats"
) -> tuple["Floats", "States"]:
    """What the value of all changes so far is more than what was sent, where that is enough."""
    accumulator, sent = states
    (threshold,) = parameters
    change = function(accumulator) - sent
    part = np.where(np.abs(change) >= threshold, change, np.float32(0))
    return np.floor(part / ALIGNED), (accumulator, sent + part)


def sigma(
    states: "States", _: tuple["Floats", ...], function: "Function", first: "Floats"
) -> tuple["Floats", "States"]:
    """The value of all changes so far."""
    return function(states[0]), states


CUBA_RULE = """\
u = current - 2^24 where current > 2^23, else current
u = u + 2^24 where u <= -2^23, else u
waits = 1 where wait > 1, else 0
begin = 0 where wait > 0, else voltage
v = trunc(begin * (4096 - decay) / 4096) + u + drive
v = min(max(v, 1 - 2^23), 2^23 - 1)
spike = 1 where v > threshold and not waits, else 0
value = activation(scale * spike)
wait = wait - 1 where waits, else delay where spike, else 0
voltage = 128 * wait where waits or spike, else v
current = trunc(u * (4096 - current_decay) / 4096)"""

SIGMA_DELTA_RULE = """\
change = activation(scale * accumulator) - sent
part = change where abs(change) >= threshold, else 0
value = floor(part / 64)
sent = sent + part"""
