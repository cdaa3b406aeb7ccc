"""The walk: an image, lifted, runs map by map, with the literal machine's results to the last bit.

What cannot be lifted, and a frame in which a number is not finite (then weights of zero that maps add would
show), is left to the literal machine.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir.activations import Activation
from ...ir.errors import Origin
from ..image.image import Image
from ..machine.decode import decode
from ..machine.machine import Arithmetic, Fire, Machine, Run
from ..machine.tensors import fed, gathered
from ..machine.values import fire, rounded
from . import loops, rounding
from .census import Census
from .edges import edges
from .feeds import Recipes
from .maps import gathered as gather_maps
from .plans import Box, Floats, Plan, Span, plans
from .threads import processors

HALF_MOST = 65000.0  # a little less than what is rounded to no number
HALF_STEP = 2.0**-11  # by how much rounding to float16 makes a number larger, at most
WORTH = 1 << 19  # synapses that are worth another thread


class NotFiniteError(Exception):
    """A frame with a number that is not finite."""


@dataclass(slots=True)
class _Values:
    """The values of a map, flat [H, W, D], and their largest magnitude."""

    numbers: Floats
    peak: float


class Walk:
    """An image, lifted. What `Machine` says of arithmetics, frames and errors holds here too.

    Raises Unliftable for an image that only the literal machine can run. `threads`: as many as there are
    processors where it is None; results do not depend on it.
    """

    def __init__(
        self, image: Image, arithmetic: Arithmetic = "float32", *, file: str = "", threads: int | None = None
    ) -> None:
        self.image, self.arithmetic = image, arithmetic
        self._file, self._origin = file, Origin(file=file)
        self._chip = True if arithmetic == "chip" else None
        program = decode(image, self._origin)
        found = edges(program)
        gathered = gather_maps(image, program, found)
        recipes = Recipes(program, gathered)
        self._blocks, self._at, self._places = program.blocks, program.at, gathered.places
        self._census = Census(program, found)
        self._plans = plans(gathered, program.blocks, recipes)
        self._threads = threads or processors()
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self._unseen: dict[str, ArrayLike] | None = None  # a frame of which the literal machine knows nothing

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor."""
        return {tensor.name: tensor.shape for tensor in self.image.tensors if tensor.kind == "input"}

    def run(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        keep_layers: bool = False,
        trace: Callable[[Fire], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Run:
        """The next frame, as `Machine.run` gives it. `trace` has the literal machine run it, step by step."""
        self._unseen = None
        if trace is None:
            with suppress(NotFiniteError):
                run = self._run(inputs, keep_layers, on_step)
                self._unseen = {name: np.array(array) for name, array in inputs.items()}
                return run
        return self._literal.run(inputs, keep_layers=keep_layers, trace=trace, on_step=on_step)

    def states(self, core: int, population: int) -> tuple[Floats, ...]:
        """What the states of a population hold now, [D, H, W] each."""
        if self._unseen is not None:
            self._literal.run(self._unseen)
            self._unseen = None
        return self._literal.states(core, population)

    def restart(self) -> None:
        """The next frame is the first of a run; no frame depends on another here."""

    @cached_property
    def _literal(self) -> Machine:
        return Machine(self.image, self.arithmetic, file=self._file)

    def _run(
        self,
        inputs: Mapping[str, ArrayLike],
        keep_layers: bool,
        on_step: Callable[[int, int], None] | None,
    ) -> Run:
        kinds = ("output", "layer") if keep_layers else ("output",)
        tensors = {kind: [each for each in self.image.tensors if each.kind == kind] for kind in kinds}
        wanted: dict[int, set[int]] = defaultdict(set)
        for piece in (piece for each in tensors.values() for tensor in each for piece in tensor.pieces):
            block = self._at[piece.core, piece.population]
            wanted[self._places[block].map].add(block)
        kept: dict[tuple[int, int], Floats] = {}
        sums, steps = self._census.none(), len(self.image.steps)
        values = self._given(inputs)
        for number, plan in enumerate(self._plans, 1):
            index, row = plan.map.index, plan.map.width * plan.map.depth
            if index not in values:
                values[index] = self._values(plan, values)
            found = values[index]
            if not found.peak < np.inf:
                raise NotFiniteError
            self._census.by_pixel(found.numbers, row, plan.map.depth, plan.members, plan.firsts, sums)
            for block in wanted[index]:
                key = self._blocks[block].core, self._blocks[block].address
                kept[key] = self._view(block, found.numbers).copy()
            for done in plan.done:
                del values[done]
            if on_step is not None:
                on_step(steps * number // len(self._plans), steps)
        return Run(
            outputs={tensor.name: gathered(tensor, kept) for tensor in tensors["output"]},
            layers={tensor.name: gathered(tensor, kept) for tensor in tensors.get("layer", [])},
            counters=self._census.counters(sums),
            engine="walk",
        )

    def _view(self, block: int, values: Floats) -> Floats:
        """A population's values [D, H, W] in those of its map, flat [H, W, D]."""
        place, word = self._places[block], self._blocks[block].word
        map_ = self._plans[place.map].map
        box = values.reshape(map_.height, map_.width, map_.depth)[
            place.y : place.y + word.height, place.x : place.x + word.width, place.c : place.c + word.depth
        ]
        return box.transpose(2, 0, 1)

    def _given(self, inputs: Mapping[str, ArrayLike]) -> dict[int, _Values]:
        """The values of the maps that the host feeds."""
        found = {
            plan.map.index: np.zeros(plan.map.height * plan.map.width * plan.map.depth, dtype=np.float32)
            for plan in self._plans
            if plan.block.is_input
        }

        def at(core: int, population: int) -> Floats:
            block = self._at[core, population]
            return self._view(block, found[self._places[block].map])

        tensors = [tensor for tensor in self.image.tensors if tensor.kind == "input"]
        fed(tensors, inputs, self._origin, lambda piece: at(piece.core, piece.population))
        largest = rounding.halves if self._chip else rounding.peak
        return {index: _Values(numbers, largest(numbers)) for index, numbers in found.items()}

    def _values(self, plan: Plan, values: Mapping[int, _Values]) -> _Values:
        """The values of a map."""
        map_, block = plan.map, plan.block
        half = self._chip if not block.word.neuron.is_wide else None
        states = np.empty(
            (map_.height * map_.width, map_.depth), dtype=np.float64 if half is None else np.float32
        )
        first = plan.initial if half is None else rounded(plan.initial)
        states[:] = first
        flat = states.ravel()
        parts = self._parts(plan)
        bounded = None if half is None else _bounded(plan, values)
        hear = partial(self._hear, plan, flat, values, half, bounded)
        if len(parts) == 1 or self._pool is None:
            for box, targets in parts:
                hear(box, targets)
        else:
            for future in [self._pool.submit(hear, box, targets) for box, targets in parts]:
                future.result()
        limits = None if np.ndim(plan.scale) else _limits(block.activation, plan.parameters)
        if limits is not None:
            found = np.empty(flat.size, dtype=np.float32)
            peak = rounding.clipped(flat, found, np.float32(plan.scale), *limits, self._chip)
        else:
            states = states.astype(np.float32, copy=False)
            by_pixel, _ = fire(
                block.word.neuron, block.activation, plan.parameters, plan.scale, (states,), first
            )
            found = np.ascontiguousarray(by_pixel, dtype=np.float32).ravel()
            peak = rounding.halves(found) if self._chip else rounding.peak(found)
        return _Values(found, peak)

    def _parts(self, plan: Plan) -> list[tuple[Box, Span]]:
        """Boxes and channels of a map for the threads: neurons that none of the others writes."""
        map_ = plan.map
        if self._pool is None:
            return [((0, map_.height, 0, map_.width), (0, map_.depth))]
        count = min(self._threads, 1 + sum(call.synapses for call in plan.calls) // WORTH)
        for axis, size in enumerate((map_.height, map_.width, map_.depth)):
            if size >= 4 * count or axis == 2:
                cuts = [size * part // count for part in range(count + 1)]
                spans = [(first, last) for first, last in pairwise(cuts) if last > first]
                rows, columns, channels = (0, map_.height), (0, map_.width), (0, map_.depth)
                if axis == 0:
                    return [((*span, *columns), channels) for span in spans]
                if axis == 1:
                    return [((*rows, *span), channels) for span in spans]
                return [((*rows, *columns), span) for span in spans]
        raise AssertionError("a map has channels")

    def _hear(
        self,
        plan: Plan,
        states: NDArray[np.floating],
        values: Mapping[int, _Values],
        half: bool | None,
        bounded: bool | None,
        box: Box,
        targets: Span,
    ) -> None:
        """What a box of a map hears, feed by feed."""
        map_ = plan.map
        for call in plan.calls:
            feed = call.feed
            first, last = max(feed.targets[0], targets[0]), min(feed.targets[1], targets[1])
            rows = max(call.box[0], box[0]), min(call.box[1], box[1])
            columns = max(call.box[2], box[2]), min(call.box[3], box[3])
            if first >= last or rows[0] >= rows[1] or columns[0] >= columns[1]:
                continue
            source = self._plans[feed.source]
            tiles = np.array(list(feed.tiles(first, last)), dtype=np.int64)
            pixels = np.array([*rows, *columns])
            heard, zero = values[feed.source].numbers, source.block.fires_on_zero
            if feed.sources is None:
                loops.hear(
                    states, map_.width, map_.depth, heard, source.map.width, source.map.depth, zero,
                    call.window, call.channels, tiles, pixels, call.axons, feed.weights,
                    half, bounded, call.mixed,
                )  # fmt: skip
            else:
                sources = feed.sources[first - feed.targets[0] : last - feed.targets[0]]
                loops.hear_single(
                    states, map_.width, map_.depth, heard, source.map.width, source.map.depth, zero,
                    call.window, sources, tiles[0], pixels, call.axons, feed.weights,
                    half, bounded, call.mixed, call.apart,
                )  # fmt: skip


def _bounded(plan: Plan, values: Mapping[int, _Values]) -> bool | None:
    """Whether no state of a map can become too large for a float16, however its events are rounded."""
    most = float(np.abs(plan.initial).max())
    events = 0
    for call in plan.calls:
        most += call.most * values[call.feed.source].peak
        events += call.events
    return True if most < HALF_MOST * math.exp(-HALF_STEP * events) else None


def _limits(
    activation: Activation, parameters: Sequence[float | Floats]
) -> tuple[np.float32, np.float32] | None:
    """The least and the largest value of an activation function that does nothing else."""
    if activation is Activation.CLIP and not any(np.ndim(each) for each in parameters):
        return np.float32(parameters[0]), np.float32(parameters[1])
    if activation in (Activation.RELU, Activation.IDENTITY):
        return np.float32(0 if activation is Activation.RELU else -np.inf), np.float32(np.inf)
    return None
