"""Running a network in parts: each part reads what those before it made, as one network."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...backends.image.image import Image
from ...backends.image.parts import SplitImage
from ...backends.machine.counters import Counters
from ...ir.errors import BadImage, Origin
from ..frontend.nir.dynamics import steps_of
from ..frontend.runtime import Arrays, HostPart
from .engines import AnyImage
from .runner import Result, Runner, network_inputs

if TYPE_CHECKING:
    from ...backends.machine.machine import Arithmetic


class Runs(Protocol):
    """What runs a network frame by frame."""

    def __call__(
        self, inputs: Arrays, keep_layers: bool = False, on_step: Callable[[int, int], None] | None = None
    ) -> Result:
        """The next frame."""

    def restart(self) -> None:
        """The next frame is the first of a run."""

    @property
    def together(self) -> int:
        """How many frames are quicker together than one by one."""

    def several(self, frames: Sequence[Arrays]) -> list[Result]:
        """Frames that follow one another, as many as `together`. Raises BadInput where one of them would."""


class _OneByOne:
    """Frames that are not quicker together."""

    together = 1

    def several(self: Runs, frames: Sequence[Arrays]) -> list[Result]:
        """Frames that follow one another."""
        return [self(frame) for frame in frames]


def runner_of(image: AnyImage, arithmetic: "Arithmetic" = "float32", engine: str = "walk") -> Runs:
    """An image, or the parts of a network, ready to run by one of `ENGINES`."""
    if isinstance(image, SplitImage):
        return Chain(image, arithmetic, engine)
    steps = steps_of(image.about.dynamics)
    runner = Runner(image, arithmetic, engine)
    return runner if steps == 1 else Shown(runner, steps)


class Shown(_OneByOne):
    """An image of rates: each frame begins anew, and is shown for some steps."""

    def __init__(self, runner: Runner, steps: int) -> None:
        self._runner, self._steps = runner, steps

    def __call__(
        self, inputs: Arrays, keep_layers: bool = False, on_step: Callable[[int, int], None] | None = None
    ) -> Result:
        """One frame; outputs are those after the last step, counters those of all."""
        from ...backends.machine.machine import Run

        self._runner.restart()
        results = [self._runner(inputs, keep_layers, on_step) for _ in range(self._steps)]
        counters = results[0].run.counters
        for result in results[1:]:
            counters += result.run.counters
        last = results[-1]
        run = Run(last.run.outputs, last.run.layers, counters)
        return Result(last.outputs, run, tuple(result.outputs for result in results))

    def restart(self) -> None:
        """The next frame is the first of a run; each is."""


class Chain(_OneByOne):
    """The parts of a network, ready to run one after the other."""

    def __init__(self, image: SplitImage, arithmetic: "Arithmetic" = "float32", engine: str = "walk") -> None:
        self.image = image
        self.inputs = [tensor.name for tensor in network_inputs(image)]
        self.parts = [
            Runner(part, arithmetic, engine) if isinstance(part, Image) else HostPart(part)
            for part in image.parts
        ]

    def __call__(
        self, inputs: Arrays, keep_layers: bool = False, on_step: Callable[[int, int], None] | None = None
    ) -> Result:
        """One frame. Raises BadInput for arrays that are not the network's inputs."""
        from ...backends.machine.machine import Run

        known = dict(inputs)
        layers: Arrays = {}
        counters: list[Counters] = []
        done, total = 0, len(self.image.steps)

        def step(now: int, _: int) -> None:
            if on_step is not None:
                on_step(done + now, total)

        for row, part, given in zip(self.image.manifest.parts, self.parts, self.image.parts, strict=True):
            fed = {name: known[name] for name in row.inputs if name in known}
            if isinstance(part, HostPart):
                made = part(fed)
            else:
                result = part(fed, keep_layers, step)
                made = result.outputs
                layers |= result.run.layers
                counters.append(result.run.counters)
                done += len(given.steps) if isinstance(given, Image) else 0
            if missing := [name for name in row.outputs if name not in made]:
                raise BadImage(
                    Origin(file=row.file), f"does not make {missing[0]!r}", hint="compile it again"
                )
            known |= {name: made[name] for name in row.outputs}
        outputs = {tensor.name: known[tensor.name] for tensor in self.image.manifest.outputs}
        return Result(outputs, Run(outputs, layers, _together(counters, self._cores())))

    def restart(self) -> None:
        """The next frame is the first of a run."""
        for part in self.parts:
            if isinstance(part, Runner):
                part.restart()

    def _cores(self) -> list[int]:
        return [len(part.cores) for part in self.image.parts if isinstance(part, Image)]


def _together(counters: Sequence[Counters], cores: Sequence[int]) -> Counters:
    """What all parts counted, their cores side by side."""
    firsts = np.cumsum([0, *cores]).tolist()
    return Counters(
        tuple(
            (core + first, address)
            for each, first in zip(counters, firsts, strict=False)
            for core, address in each.populations
        ),
        *(
            np.concatenate([getattr(each, name) for each in counters])
            for name in (field.name for field in fields(Counters)[1:])
        ),
    )
