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
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ...ir.errors import Origin
from ..image.image import Image
from ..machine.machine import Arithmetic, Fire, Machine, Run
from ..machine.tensors import fed, gathered
from ..machine.values import fire
from . import rounding
from .census import Census
from .feeds import Lifted, lift
from .lists import LANES, Marks, marked
from .pixels import computed
from .plans import Floats, Integers, Plan, plans
from .threads import processors

HALF_MOST = 65000.0  # a little less than what is rounded to no number
HALF_STEP = 2.0**-11  # by how much rounding to float16 makes a number larger, at most
FRAMES = 32  # that are run together at most, and neurons of all their maps
NEURONS = 1 << 20
P = TypeVar("P")
R = TypeVar("R")
UNLIMITED = np.float32(1), -np.float32(np.inf), np.float32(np.inf)


class NotFiniteError(Exception):
    """A frame with a number that is not finite."""


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """The values and marks of all maps, map by map those of all frames: flat [frames, H, W, D]."""

    frames: int
    values: Floats
    marks: Marks

    @classmethod
    def of(cls, plans: Sequence[Plan], frames: int) -> "_Memory":
        """What the maps of so many frames need."""
        values = frames * max(plan.place + plan.neurons for plan in plans)
        words = frames * max(plan.word + plan.words for plan in plans)
        # Some values are read, and not used, behind the last one.
        return cls(frames, np.zeros(values + LANES, np.float32), np.zeros(words, np.uint64))

    def of_map(self, plan: Plan) -> Floats:
        """The values of a map, flat."""
        return self.values[self.frames * plan.place :][: self.frames * plan.neurons]


class Walk:
    """An image, lifted. What `Machine` says of arithmetics, frames and errors holds here too.

    Raises Unliftable for an image that only the literal machine can run. `threads`: as many as there are
    processors where it is None; results do not depend on it. `lifted`: the image, where that is known.
    """

    def __init__(
        self,
        image: Image,
        arithmetic: Arithmetic = "float32",
        *,
        file: str = "",
        threads: int | None = None,
        lifted: Lifted | None = None,
    ) -> None:
        self.image, self.arithmetic = image, arithmetic
        self._file, self._origin = file, Origin(file=file)
        self._chip = True if arithmetic == "chip" else None
        program, found, gathered, recipes = lift(image, self._origin) if lifted is None else lifted
        self._blocks, self._at, self._places = program.blocks, program.at, gathered.places
        self._census = Census(program, found)
        self._tensors = {
            kind: [each for each in image.tensors if each.kind == kind]
            for kind in ("input", "output", "layer")
        }
        self._shown, self._wanted = self._standing("output"), self._standing("output", "layer")
        shown = {block for blocks in self._shown.values() for block in blocks}
        self._plans = plans(gathered, program.blocks, recipes, shown, self._chip)
        self._threads = threads or processors()
        self._pool = ThreadPoolExecutor(self._threads - 1) if self._threads > 1 else None
        self._memory = _Memory.of(self._plans, 1)
        self._inputs = tuple(plan for plan in self._plans if plan.block.is_input)
        members, standing = (
            np.concatenate(each)
            for each in zip(*((plan.members, plan.standing) for plan in self._plans), strict=True)
        )
        self._counted = _shares(members, standing, self._threads)
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

    @cached_property
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
        wanted = self._wanted if keep_layers else self._shown
        kept: dict[tuple[int, int], Floats] = {}
        sums, steps = self._census.none(len(frames)), len(self.image.steps)
        if self._memory.frames != len(frames):
            self._memory = _Memory.of(self._plans, len(frames))
        self._feed(frames)
        peaks: list[float] = []
        for number, plan in enumerate(self._plans, 1):
            peaks.append(self._run_map(plan, peaks))
            if not peaks[-1] < np.inf:
                raise NotFiniteError
            for block in wanted.get(plan.map.index, ()):
                key = self._blocks[block].core, self._blocks[block].address
                # Others take the memory of a map that is no output.
                is_shown = block in self._shown.get(plan.map.index, ())
                kept[key] = self._view(block) if is_shown else self._view(block).copy()
            if on_step is not None and number < len(self._plans):
                on_step(steps * number // len(self._plans), steps)
        marks = self._memory.marks
        self._each(lambda share: self._census.by_pixel(marks, share[0], share[1], sums), self._counted)
        if on_step is not None:
            on_step(steps, steps)
        runs = []
        for frame, counters in enumerate(self._census.counters(sums)):
            own = {key: array[frame] for key, array in kept.items()}
            outputs, layers = (
                {tensor.name: gathered(tensor, own) for tensor in self._tensors[kind]} if each else {}
                for kind, each in (("output", True), ("layer", keep_layers))
            )
            runs.append(Run(outputs, layers, counters, engine="walk"))
        return runs

    def _standing(self, *kinds: str) -> dict[int, set[int]]:
        """The populations of tensors, by map."""
        found: dict[int, set[int]] = defaultdict(set)
        for piece in (piece for kind in kinds for tensor in self._tensors[kind] for piece in tensor.pieces):
            block = self._at[piece.core, piece.population]
            found[self._places[block].map].add(block)
        return found

    def _view(self, block: int) -> Floats:
        """A population's values [frames, D, H, W] in those of its map."""
        place, word = self._places[block], self._blocks[block].word
        plan = self._plans[place.map]
        box = self._memory.of_map(plan).reshape(-1, plan.map.height, plan.map.width, plan.map.depth)[
            :,
            place.y : place.y + word.height,
            place.x : place.x + word.width,
            place.c : place.c + word.depth,
        ]
        return box.transpose(0, 3, 1, 2)

    def _feed(self, frames: Sequence[Mapping[str, ArrayLike]]) -> None:
        """The maps that the host feeds take their values."""
        for plan in self._inputs:
            self._memory.of_map(plan)[:] = 0
        tensors = self._tensors["input"]
        views = {
            (piece.core, piece.population): self._view(self._at[piece.core, piece.population])
            for tensor in tensors
            for piece in tensor.pieces
        }
        for number, inputs in enumerate(frames):
            fed(
                tensors,
                inputs,
                self._origin,
                lambda piece, number=number: views[piece.core, piece.population][number],  # type: ignore[misc]
            )

    def _run_map(self, plan: Plan, peaks: Sequence[float]) -> float:
        """The values of a map, and their marks. Gives their largest magnitude."""
        memory, block = self._memory, plan.block
        if plan in self._inputs:
            return self._sent(plan)
        bounded = None if plan.half is None else _bounded(plan, peaks)

        def compute(part: Integers) -> int:
            return computed(
                memory.values, memory.marks, memory.frames, part, plan.columns, plan.feeds, plan.lists,
                plan.initial, *(plan.limits or UNLIMITED), plan.half, bounded, self._chip,
            )  # fmt: skip

        bits = self._each(compute, plan.parts(memory.frames, self._threads))
        if plan.limits is not None:
            return float(np.int32(max(bits)).view(np.float32))
        states = memory.of_map(plan)
        by_pixel, _ = fire(
            block.word.neuron, block.activation, plan.parameters, plan.scale,
            (states.reshape(-1, plan.map.depth),), plan.initial.astype(np.float32),
        )  # fmt: skip
        states[:] = by_pixel.ravel()
        return self._sent(plan)

    def _each(self, work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
        """What work makes of each of some parts, which are as many as there are threads at most."""
        own, *others = parts
        futures = [self._pool.submit(work, part) for part in others] if self._pool else []
        return [work(own), *(future.result() for future in futures)]

    def _sent(self, plan: Plan) -> float:
        """Values become what the chip sends, and are marked. Gives their largest magnitude."""
        memory, map_ = self._memory, plan.map
        numbers = memory.of_map(plan)
        peak = rounding.halves(numbers) if self._chip else rounding.peak(numbers)
        marked(
            memory.values, memory.frames * plan.place, map_.depth, memory.marks, memory.frames * plan.word,
            memory.frames * map_.height * map_.width, plan.block.fires_on_zero,
        )  # fmt: skip
        return peak


def _shares(members: Integers, standing: Integers, threads: int) -> list[tuple[Integers, Integers]]:
    """Populations, each with where its marks are, for so many threads to count."""
    cuts = [members.size * share // threads for share in range(threads + 1)]
    return [(members[first:last], standing[first:last]) for first, last in pairwise(cuts)]


def _bounded(plan: Plan, peaks: Sequence[float]) -> bool | None:
    """Whether no state of a map can become too large for a float16, however its events are rounded."""
    most, events = plan.most, 0
    for call in plan.calls:
        most += call.most * peaks[call.feed.source]
        events += call.events
    return True if most < HALF_MOST * math.exp(-HALF_STEP * events) else None
