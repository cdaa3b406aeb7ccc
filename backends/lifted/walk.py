"""The walk: an image, lifted, runs map by map, with the literal machine's results to the last bit.
The sign of a zero alone may differ: events of nothing are added, too.

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
from .plans import Floats, Plan, Reached, plans
from .threads import processors

HALF_MOST = 65000.0  # a little less than what is rounded to no number
HALF_STEP = 2.0**-11  # by how much rounding to float16 makes a number larger, at most
FRAMES = 32  # that are run together at most, and neurons of all their maps
NEURONS = 1 << 20


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
                (run,) = self._run([inputs], keep_layers, on_step)
                self._unseen = {name: np.array(array) for name, array in inputs.items()}
                return run
        return self._literal.run(inputs, keep_layers=keep_layers, trace=trace, on_step=on_step)

    @property
    def together(self) -> int:
        """How many frames `run_several` takes at once: as many as leave the cache no worse."""
        return max(1, min(FRAMES, NEURONS // sum(plan.neurons for plan in self._plans)))

    def run_several(self, frames: Sequence[Mapping[str, ArrayLike]]) -> list[Run]:
        """What `run` gives for each of these frames, all map by map together, which is quicker."""
        with suppress(NotFiniteError):
            runs = self._run(frames, False, None)
            self._unseen = {name: np.array(array) for name, array in frames[-1].items()}
            return runs
        return [self.run(frame) for frame in frames]

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
        frames: Sequence[Mapping[str, ArrayLike]],
        keep_layers: bool,
        on_step: Callable[[int, int], None] | None,
    ) -> list[Run]:
        kinds = ("output", "layer") if keep_layers else ("output",)
        tensors = {kind: [each for each in self.image.tensors if each.kind == kind] for kind in kinds}
        wanted: dict[int, set[int]] = defaultdict(set)
        for piece in (piece for each in tensors.values() for tensor in each for piece in tensor.pieces):
            block = self._at[piece.core, piece.population]
            wanted[self._places[block].map].add(block)
        kept: dict[tuple[int, int], Floats] = {}
        sums, steps = self._census.none(len(frames)), len(self.image.steps)
        values = self._given(frames)
        for number, plan in enumerate(self._plans, 1):
            index, row = plan.map.index, plan.map.width * plan.map.depth
            if index not in values:
                values[index] = self._values(plan, values, len(frames))
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
        runs = []
        for frame, counters in enumerate(self._census.counters(sums)):
            own = {key: array[frame] for key, array in kept.items()}
            outputs, layers = (
                {tensor.name: gathered(tensor, own) for tensor in tensors.get(kind, [])}
                for kind in ("output", "layer")
            )
            runs.append(Run(outputs, layers, counters, engine="walk"))
        return runs

    def _view(self, block: int, values: Floats) -> Floats:
        """A population's values [frames, D, H, W] in those of its map, flat [frames, H, W, D]."""
        place, word = self._places[block], self._blocks[block].word
        map_ = self._plans[place.map].map
        box = values.reshape(-1, map_.height, map_.width, map_.depth)[
            :,
            place.y : place.y + word.height,
            place.x : place.x + word.width,
            place.c : place.c + word.depth,
        ]
        return box.transpose(0, 3, 1, 2)

    def _given(self, frames: Sequence[Mapping[str, ArrayLike]]) -> dict[int, _Values]:
        """The values of the maps that the host feeds."""
        found = {
            plan.map.index: np.zeros(len(frames) * plan.neurons, dtype=np.float32)
            for plan in self._plans
            if plan.block.is_input
        }
        tensors = [tensor for tensor in self.image.tensors if tensor.kind == "input"]
        views = {}
        for piece in (piece for tensor in tensors for piece in tensor.pieces):
            block = self._at[piece.core, piece.population]
            views[piece.core, piece.population] = self._view(block, found[self._places[block].map])
        for number, inputs in enumerate(frames):
            fed(
                tensors,
                inputs,
                self._origin,
                lambda piece, number=number: views[piece.core, piece.population][number],  # type: ignore[misc]
            )
        largest = rounding.halves if self._chip else rounding.peak
        return {index: _Values(numbers, largest(numbers)) for index, numbers in found.items()}

    def _values(self, plan: Plan, values: Mapping[int, _Values], frames: int) -> _Values:
        """The values of a map."""
        map_, block = plan.map, plan.block
        half = self._chip if not block.word.neuron.is_wide else None
        states = np.empty(
            (frames * map_.height * map_.width, map_.depth),
            dtype=np.float64 if half is None else np.float32,
        )
        first = plan.initial if half is None else rounded(plan.initial)
        states[:] = first
        flat = states.ravel()
        bounded = None if half is None else _bounded(plan, values)
        hear = partial(self._hear, plan, flat, values, half, bounded)
        parts = plan.parts(frames, self._threads)
        if len(parts) == 1 or self._pool is None:
            for part in parts:
                hear(part)
        else:
            for future in [self._pool.submit(hear, part) for part in parts]:
                future.result()
        limits = plan.limits
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

    def _hear(
        self,
        plan: Plan,
        states: NDArray[np.floating],
        values: Mapping[int, _Values],
        half: bool | None,
        bounded: bool | None,
        part: Sequence[Reached],
    ) -> None:
        """What a part of a map hears, feed by feed."""
        map_ = plan.map
        for call, frames, box, tiles, sources in part:
            feed = call.feed
            source = self._plans[feed.source]
            heard, zero = values[feed.source].numbers, source.block.fires_on_zero
            if sources is None:
                loops.hear(
                    states, map_.height, map_.width, map_.depth, heard, source.map.height, source.map.width,
                    source.map.depth, zero, call.window, call.channels, tiles, frames, box, call.axons,
                    feed.weights, half, bounded, call.mixed,
                )  # fmt: skip
            else:
                loops.hear_single(
                    states, map_.height, map_.width, map_.depth, heard, source.map.height, source.map.width,
                    source.map.depth, zero, call.window, sources, tiles[0], frames, box, call.axons,
                    feed.weights, half, bounded, call.mixed, call.apart,
                )  # fmt: skip


def _bounded(plan: Plan, values: Mapping[int, _Values]) -> bool | None:
    """Whether no state of a map can become too large for a float16, however its events are rounded."""
    most = float(np.abs(plan.initial).max())
    events = 0
    for call in plan.calls:
        most += call.most * values[call.feed.source].peak
        events += call.events
    return True if most < HALF_MOST * math.exp(-HALF_STEP * events) else None
