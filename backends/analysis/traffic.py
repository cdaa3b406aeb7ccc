"""The traffic of an image when every neuron fires, read from its axons alone; the input is not counted.

An event goes along X first and then along Y. It counts when it passes algorithm 5's hit detection, whether or
not its kernel touches a neuron.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import SIZE_STEP, snake
from ...ir.errors import BadImage, Origin
from ..image.faults import population_at
from ..image.image import Image
from ..words.words import Axon, Population, Step
from .claims import bias_words

Integers = NDArray[np.int64]
Place = tuple[int, int]
TOWARDS = {(1, 0): "east", (-1, 0): "west", (0, 1): "south", (0, -1): "north"}


@dataclass(frozen=True, slots=True)
class Link:
    """The events of a frame on the way from core (x, y) to its neighbour. `border`: it is on another chip."""

    x: int
    y: int
    towards: str
    events: int
    border: bool


@dataclass(frozen=True, slots=True)
class Router:
    """The events of a frame that leave core (x, y) for its neighbours, its own and those on their way."""

    x: int
    y: int
    events: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events between cores, and events times hops: as placed, and along a snake in the order of cores.

    `border_events` are crossings from chip to chip. `links` and `routers` are those in use, row by row.
    """

    events: int
    hops: int
    snake_hops: int
    border_events: int
    busiest_link: int
    links: tuple[Link, ...]
    routers: tuple[Router, ...]


def traffic(image: Image) -> Traffic:
    """The traffic of an image."""
    flows = Counter[tuple[int, int]]()
    at = {(core.x, core.y): index for index, core in enumerate(image.cores)}
    steps = Step.decode_array(image.steps)
    for core, address in sorted(set(zip(steps["core"].tolist(), steps["population"].tolist(), strict=True))):
        population = population_at(image, core, address)
        if not population.neuron.is_fed:
            for target, events in _sent(image, core, population, at):
                flows[core, target] += events
    places = [(core.x, core.y) for core in image.cores]
    loads = Counter[tuple[Place, Place]]()
    for (source, target), events in flows.items():
        for link in _route(places[source], places[target]):
            loads[link] += events
    links = tuple(_link(image, start, end, loads[start, end]) for start, end in sorted(loads, key=_by_row))
    return Traffic(
        events=sum(events for (source, target), events in flows.items() if source != target),
        hops=_hops(flows, places),
        snake_hops=_hops(flows, snake(image.chip, len(places))),
        border_events=sum(link.events for link in links if link.border),
        busiest_link=max((link.events for link in links), default=0),
        links=links,
        routers=tuple(
            Router(x, y, sum(link.events for link in group))
            for (y, x), group in groupby(links, key=lambda link: (link.y, link.x))
        ),
    )


def _sent(image: Image, core: int, population: Population, at: dict[Place, int]) -> Iterator[tuple[int, int]]:
    """The target core of each axon of a population, and the events that it sends."""
    start = population.start + population.extensions + bias_words(population)
    words = image.cores[core].words[start : start + population.axons]
    axons = Axon.decode_array(words)
    across = _hits(population.width, axons["x_off"], axons["width"], axons["kw"], axons["us"])
    down = _hits(population.height, axons["y_off"], axons["height"], axons["kh"], axons["us"])
    xs, ys = image.cores[core].x + axons["core_x"], image.cores[core].y + axons["core_y"]
    events = population.depth * across * down
    for x, y, count in zip(xs.tolist(), ys.tolist(), events.tolist(), strict=True):
        if (x, y) not in at:
            raise BadImage(Origin(), f"core {core} sends events to ({x}, {y}), where no core is")
        yield at[x, y], count


def _hits(size: int, off: Integers, steps: Integers, kernel: Integers, us: Integers) -> Integers:
    """How many of s = 0 .. size - 1 have -kernel < s * 2^us + off < steps * 8 (algorithm 5)."""
    up = 2**us
    first = np.maximum(0, -((kernel - 1 + off) // up))
    last = np.minimum(size - 1, (steps * SIZE_STEP - 1 - off) // up)
    return np.asarray(np.maximum(0, last - first + 1))


def _route(source: Place, target: Place) -> Iterator[tuple[Place, Place]]:
    """The links from one place to another: along X, then along Y."""
    here = source
    while here != target:
        (x, y), (to_x, to_y) = here, target
        there = (x + (1 if to_x > x else -1), y) if x != to_x else (x, y + (1 if to_y > y else -1))
        yield here, there
        here = there


def _hops(flows: Counter[tuple[int, int]], places: Sequence[Place]) -> int:
    return sum(
        events * (abs(places[a][0] - places[b][0]) + abs(places[a][1] - places[b][1]))
        for (a, b), events in flows.items()
    )


def _by_row(link: tuple[Place, Place]) -> tuple[int, int, Place]:
    (x, y), end = link
    return y, x, end


def _link(image: Image, start: Place, end: Place, events: int) -> Link:
    chips = {(x // image.chip.chip_mesh[0], y // image.chip.chip_mesh[1]) for x, y in (start, end)}
    towards = TOWARDS[end[0] - start[0], end[1] - start[1]]
    return Link(*start, towards, events, len(chips) > 1)
