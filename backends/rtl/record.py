"""What the bench says of a run, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Of float16 and float32: the bit of the sign, the infinity, and the NaN that stands for all.
HALF = 0x8000, 0x7C00, 0x7E00
SINGLE = 0x80000000, 0x7F800000, 0x7FC00000
HALF_DIGITS = 4

Event = tuple[int, int, int, int, int]  # port, x_min, y_min, channel, and the value's 16 bits
Value = tuple[int, ...]  # c, y, x, the bits of each state, 16 or 32, and the value's 16


@dataclass(slots=True)
class Fired:
    """A population that fired: neurons in the order of their firing, and events by the node that took them.

    `step` is its number in the firing order, `begin` the cycle in which it began. `computed`: the bits that
    outputs take of each neuron, as the chip says.
    """

    step: int
    node: int
    population: int
    begin: int = 0
    values: list[Value] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    events: dict[int, list[Event]] = field(default_factory=dict)


@dataclass(slots=True)
class Recorded:
    """A frame: what fired, and the cycle in which it ended. `begins`: of every step, the cycle it began in.

    `is_cut`: a step does not come to its end.
    """

    fired: list[Fired] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    end: int = 0
    is_cut: bool = False


Counts = dict[str, int]


def recorded(said: Iterator[list[str]]) -> Iterator[Recorded | tuple[int, Counts]]:
    """The frames of a run in order, then the counters of each node."""
    frame, now = Recorded(), Fired(-1, -1, -1)
    for kind, *rest in (line for line in said if line):
        match kind:
            case "event":
                node, port, x_min, y_min, channel = map(int, rest[:5])
                now.events.setdefault(node, []).append((port, x_min, y_min, channel, _bits(rest[5])))
            case "value":
                c, y, x = map(int, rest[1:4])
                value, computed, *states = map(_bits, rest[4:])
                now.values.append((c, y, x, *states, value))
                now.computed.append(computed)
            case "step":
                cycle, step, node, order, population = map(int, rest)
                now = Fired(step, node, population, cycle)
                frame.begins.append(cycle)
                if order:
                    frame.fired.append(now)
            case "frame" | "limit":
                frame.end, frame.is_cut = int(rest[0]), kind == "limit"
                yield frame
                frame = Recorded()
            case "core":
                yield int(rest[0]), dict(zip(rest[1::2], map(int, rest[2::2]), strict=True))


def half_bits(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The 16 bits of numbers that are float16 already; zeros are alike, and so are NaNs."""
    with np.errstate(over="ignore"):
        bits = values.astype(np.float16).view(np.uint16).astype(np.int64)
    return np.where(np.isnan(values), HALF[-1], np.where(values == 0, 0, bits))


def single_bits(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The 32 bits of numbers; zeros are alike, and so are NaNs."""
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.int64)
    return np.where(np.isnan(values), SINGLE[-1], np.where(values == 0, 0, bits))


def _bits(text: str) -> int:
    """Of a number in hexadecimal, float16 or float32 by its digits: zeros are alike, and so are NaNs."""
    number = int(text, 16)
    sign, infinity, nan = HALF if len(text) == HALF_DIGITS else SINGLE
    size = number % sign
    return nan if size > infinity else number if size else 0
