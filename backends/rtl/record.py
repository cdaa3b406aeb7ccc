"""What the bench says of a run, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Of float16: the bit of the sign, the infinity, and the NaN that stands for all.
SIGN, INFINITY, NAN = 0x8000, 0x7C00, 0x7E00

Event = tuple[int, int, int, int, int]  # port, x_min, y_min, channel, and the value's 16 bits
Value = tuple[int, int, int, int, int]  # c, y, x, and 16 bits each of the state and the value


@dataclass(slots=True)
class Fired:
    """A population that fired: neurons in the order of their firing, and events by the node that took them.

    `step` is its number in the firing order, `begin` the cycle in which it began.
    """

    step: int
    node: int
    population: int
    begin: int = 0
    values: list[Value] = field(default_factory=list)
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
                now.events.setdefault(node, []).append((port, x_min, y_min, channel, _half(rest[5])))
            case "value":
                c, y, x = map(int, rest[1:4])
                now.values.append((c, y, x, _half(rest[4]), _half(rest[5])))
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
    return np.where(np.isnan(values), NAN, np.where(values == 0, 0, bits))


def _half(text: str) -> int:
    number = int(text, 16)
    size = number % SIGN
    return NAN if size > INFINITY else number if size else 0
