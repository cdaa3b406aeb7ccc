"""The walk: an image, lifted, runs map by map, with the literal machine's results to the last bit.
The sign of a zero alone may differ: events of nothing are added, too.

What cannot be lifted, and a frame in which a number is not finite (then weights of zero that maps add would
show), is left to the literal machine.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ...ir.errors import Origin
from ..image.image import Image
from ..machine.machine import Arithmetic, Fire, Machine, Run
from ..machine.tensors import fed, gathered
from ..machine.values import fire
from .census import Census
from .feeds import Lifted, lift
from .lists import LANES, Marks
from .loops.run import LATE, NOT_FINITE, run_stages
from .plans import Floats, Integers, Plan, plans
from .stages import Space, stages
from .threads import Helpers, processors

FRAMES = 32  # that are run together at most, and neurons of all their maps
NEURONS = 1 << 20
EVERYTHING = 1 << 62  # more than there is to do
PAUSE = 5e-5  # seconds for which a thread leaves its processor to others


class NotFiniteError(Exception):
    """A frame with a number that is not finite."""


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """The values and marks of all maps, map by map those of all frames: flat [frames, H, W, D]. `runs` and
    `units`: of stages. `fed`, `shown`: by core and population, values [D, H, W] of inputs and outputs, frame
    by frame. `spaces`: those of threads that are idle.
    """

    frames: int
    values: Floats
    marks: Marks
    runs: tuple[tuple[int, int, int], ...]
    units: tuple[Integers, Integers]
    fed: list[dict[tuple[int, int], Floats]]
    shown: list[dict[tuple[int, int], Floats]]
    spaces: list[dict[bool | None, Space]]


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """What the threads of a frame share: units of stages that are taken and done, and from which end they
    were taken, populations that are counted (loops/run.py), the bits of the largest magnitude of each map,
    and the sums of the census.
    """

    turns: Integers
    ends: Integers
    counted: Integers
    peaks: Integers
    sums: Integers

    def stop(self) -> None:
        """Everything is taken, and done: no thread goes on, or waits."""
        self.turns[:] = self.counted[:] = EVERYTHING


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
        self._layers = self._standing("layer")
        shown = {block for blocks in self._standing("output").values() for block in blocks}
        self._plans = plans(gathered, program.blocks, recipes, shown, self._chip)
        self._stages = stages(self._plans, self._chip)
        self._threads = threads or processors()
        self._helpers = Helpers(self._threads - 1)
        members, standing = (
            np.concatenate(each)
            for each in zip(*((plan.members, plan.standing) for plan in self._plans), strict=True)
        )
        order = np.argsort(-self._census.work(members), kind="stable")
        self._counted = members[order], standing[order]
        self._memory = self._made(1)
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
        if self._memory.frames != len(frames):
            self._memory = self._made(len(frames))
        memory, blocks = self._memory, self._blocks
        layers = self._layers if keep_layers else {}
        maps = layers if on_step is None else range(len(self._plans))
        runs = self._stages.runs(len(frames), self._threads, maps) if maps else memory.runs
        self._feed(frames)
        kept: dict[tuple[int, int], Floats] = {}
        shared = _Shared(
            np.zeros(2 * len(self._stages.all), np.int64),
            np.zeros(2 * len(self._stages.all), np.int64),
            np.zeros(1, np.int64),
            np.zeros(len(self._plans), np.int64),
            self._census.none(len(frames)),
        )
        steps = len(self.image.steps)
        for first, end, threads in runs:
            self._do(first, end, threads, shared)
            stage = self._stages.all[end - 1]
            if not stage.sent:
                self._fire(stage.plan)
                continue
            number = stage.plan.map.index + 1
            for block in layers.get(number - 1, ()):  # others take the memory of a map
                kept[blocks[block].core, blocks[block].address] = self._view(
                    memory.values, memory.frames, block
                ).copy()
            if on_step is not None:
                on_step(steps * number // len(self._plans), steps)
        found = []
        for frame, counters in enumerate(self._census.counters(shared.sums)):
            own = memory.shown[frame]
            outputs = {tensor.name: gathered(tensor, own) for tensor in self._tensors["output"]}
            held = {key: array[frame] for key, array in kept.items()}
            told = {tensor.name: gathered(tensor, held) for tensor in self._tensors["layer"] if keep_layers}
            found.append(Run(outputs, told, counters, engine="walk"))
        return found

    def _standing(self, kind: str) -> dict[int, set[int]]:
        """The populations of tensors, by map."""
        found: dict[int, set[int]] = defaultdict(set)
        for piece in (piece for tensor in self._tensors[kind] for piece in tensor.pieces):
            block = self._at[piece.core, piece.population]
            found[self._places[block].map].add(block)
        return found

    def _made(self, frames: int) -> _Memory:
        """What so many frames need."""
        # Some values are read, and not used, behind the last one.
        size = frames * max(plan.place + plan.neurons for plan in self._plans) + LANES
        values = np.zeros(size, np.float32)
        blocks = self._blocks

        def views(kind: str) -> list[dict[tuple[int, int], Floats]]:
            held = [
                ((blocks[block].core, blocks[block].address), self._view(values, frames, block))
                for standing in self._standing(kind).values()
                for block in standing
            ]
            return [{key: view[frame] for key, view in held} for frame in range(frames)]

        return _Memory(
            frames,
            values,
            np.zeros(frames * max(plan.word + plan.words for plan in self._plans), np.uint64),
            self._stages.runs(frames, self._threads),
            self._stages.units(frames, self._threads),
            views("input"),
            views("output"),
            [self._stages.space(frames) for _ in range(self._threads)],
        )

    def _view(self, values: Floats, frames: int, block: int) -> Floats:
        """A population's values [frames, D, H, W] in those of all maps."""
        place, word = self._places[block], self._blocks[block].word
        plan = self._plans[place.map]
        box = plan.of(values, frames).reshape(-1, plan.map.height, plan.map.width, plan.map.depth)[
            :,
            place.y : place.y + word.height,
            place.x : place.x + word.width,
            place.c : place.c + word.depth,
        ]
        return box.transpose(0, 3, 1, 2)

    def _feed(self, frames: Sequence[Mapping[str, ArrayLike]]) -> None:
        """The maps that the host feeds take their values."""
        memory = self._memory
        for plan in (plan for plan in self._plans if plan.block.is_input):
            plan.of(memory.values, memory.frames)[:] = 0
        for inputs, own in zip(frames, memory.fed, strict=True):
            fed(self._tensors["input"], inputs, self._origin, own)

    def _do(self, first: int, end: int, threads: int, shared: _Shared) -> None:
        """Stages `first` .. `end` - 1, and the census behind the last one."""
        all_, memory = self._stages, self._memory
        half = bounded = all_.all[first].half
        while first < end:

            def work(number: int, first: int = first, bounded: bool | None = bounded) -> int:
                spaces = memory.spaces.pop()
                found, space = LATE, spaces[half]
                try:
                    while found == LATE:
                        found = run_stages(
                            memory.values, memory.marks, memory.frames, first, end, all_.columns, all_.limits,
                            all_.bounds, all_.feeds, all_.most, all_.lists, all_.initial[half], *memory.units,
                            shared.turns, shared.ends, number % 2, shared.peaks, space.pixels,
                            space.states, space.at, space.sent, space.along, half, bounded, self._chip,
                        )  # fmt: skip
                        if found == LATE:
                            time.sleep(PAUSE)
                    if found == len(all_.all):
                        self._census.by_pixel(memory.marks, *self._counted, shared.sums, shared.counted)
                except BaseException:
                    shared.stop()
                    raise
                finally:
                    memory.spaces.append(spaces)
                return found

            found = self._helpers.beside(work, threads - 1)
            if found == NOT_FINITE:
                raise NotFiniteError
            # What is left has states of the other kind.
            first, bounded = found, None if bounded else half

    def _fire(self, plan: Plan) -> None:
        """States of a map become values as its activation function says."""
        states, block = plan.of(self._memory.values, self._memory.frames), plan.block
        by_pixel, _ = fire(
            block.word.neuron, block.activation, plan.parameters, plan.scale,
            (states.reshape(-1, plan.map.depth),), plan.initial.astype(np.float32),
        )  # fmt: skip
        states[:] = by_pixel.ravel()
