"""Learning on the chip: the rule by which the weights of a projection change while an image runs.

A spike of a neuron draws its weights towards the sources that have just spiked (STDP, one update in a frame).
All numbers are whole, so that whoever runs the rule ends with the same words.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import inf

from ..neurons import Neuron

LEARNER = Neuron.LIF  # its spike says how far the voltage is beyond the threshold


class Rounding(IntEnum):
    """What becomes of a change of a weight that is no multiple of its step."""

    TRUNCATE = 0
    NEAREST = 1
    STOCHASTIC = 2

    def __str__(self) -> str:
        return self.name.lower()


NOISE_MODULUS, NOISE_FACTOR, NOISE_TERM = 2**31, 1103515245, 12345  # of the generator of STOCHASTIC
NOISE_DROPPED = 2**8  # its lowest bits are the least random: the others make a number of 0 to 1
NOISE_PARTS = NOISE_MODULUS // NOISE_DROPPED


@dataclass(frozen=True, slots=True)
class Learning:
    """Which projection learns, from the neurons of one layer to those of another, and how.

    In a frame in which neurons of `to` spike, the one furthest beyond its threshold learns: its weights make
    2^-`shift` of their way, to `maximum` from sources that have spiked in this frame or in the last `window`,
    to 0 from all others; then its threshold rises by `growth`. From the threshold `settled` on they make half
    as much of it. Weights have `bits` bits. `noise`: the state of the generator of STOCHASTIC.
    """

    source: str
    to: str
    window: int = 6
    shift: int = 2
    maximum: int = 127
    growth: float = 320.0
    settled: float = inf
    bits: int = 8
    rounding: Rounding = Rounding.STOCHASTIC
    noise: int = 1

    @property
    def exponent(self) -> int:
        """Weights are whole numbers of `bits` bits times this power of two."""
        return max(0, self.maximum.bit_length() - (self.bits - 1))

    @property
    def format(self) -> str:
        """The codec of the weights."""
        return f"fixed{self.bits}"


def moved(
    code: int, is_drawn: bool, exponent: int, maximum: int, shift: int, rounding: Rounding, part: int
) -> int:
    """The number that a weight's becomes. `part`: what STOCHASTIC has drawn, 0 to NOISE_PARTS - 1."""
    step: int = 2**exponent
    scale: int = 2**shift * step
    way = maximum - code * step if is_drawn else code * step
    parts = {Rounding.TRUNCATE: 0, Rounding.NEAREST: NOISE_PARTS // 2, Rounding.STOCHASTIC: part}[rounding]
    change = (way * NOISE_PARTS + parts * scale) // (NOISE_PARTS * scale)
    return code + change if is_drawn else code - change
