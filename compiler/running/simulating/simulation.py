"""Running an image on frames: what is counted, as plain values for tables and scripts. Draws nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload

from ....backends.analysis.widths import bits_of_weights
from ....backends.crossbar.counters import CrossbarCounters
from ....backends.crossbar.decode import decode
from ....backends.crossbar.image import CrossbarImage
from ....backends.image.image import Image, ImageLayer
from ....backends.machine.counters import Counters, Tally
from ....backends.machine.machine import Arithmetic
from ....backends.words.words import Population, Step
from ...frontend.nir.dynamics import steps_of
from ...frontend.runtime import Arrays
from ..chain import runner_of
from ..crossbar.simulation import CrossbarSimulation, counted
from ..engines import AnyImage
from .answers import Answers
from .blocks import Block, Energy, OnStep, run_blocks
from .prices import Prices


@dataclass(frozen=True, slots=True)
class LayerCount:
    """What a run counted in a layer; `events` and `hops` of those it sends, the rest of those it receives.

    `sparsity`: the share of its neurons that stay silent in a frame. `busiest`: of its synaptic operations,
    those of the core that does most of them. `weight_bits`: what one of its weights takes in memory, as it is
    stored, up to whole words. `cycles`: what its steps take, with the work that its events are elsewhere.
    """

    name: str
    op: str
    neurons: int
    sparsity: float
    weight_bits: float
    busiest: int
    cycles: int
    firing: int
    events: int
    synaptic_operations: int
    empty_events: int
    hops: int


@dataclass(frozen=True, slots=True)
class CoreCount:
    """What a run counted in a core."""

    core: int
    x: int
    y: int
    layers: tuple[str, ...]
    firing: int
    events: int
    synaptic_operations: int
    empty_events: int
    hops: int


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """Frames that were run: shapes of the outputs, the frames along the first axis, and counters, summed.

    `dense_events`: one of each neuron in each frame, of which the others are a share.
    """

    image: str
    arithmetic: str
    frames: int
    outputs: Mapping[str, tuple[int, ...]]
    events: int
    dense_events: int
    synaptic_operations: int
    empty_events: int
    hops: int
    input_hops: int
    firing: int
    seconds: float
    per_layer: tuple[LayerCount, ...]
    per_core: tuple[CoreCount, ...]
    engine: str = "auto"


AnySimulation = Simulation | CrossbarSimulation


class Watcher(Protocol):
    """What is given every block, in order."""

    def add(self, block: Block) -> None:
        """The next block."""


@overload
def simulate(
    image: Image,
    path: Path,
    frames: Sequence[Arrays],
    arithmetic: Arithmetic = "float32",
    *,
    engine: str = "auto",
    watchers: Sequence[Watcher] = (),
    before: Iterable[Block] = (),
    on_step: OnStep = lambda frame, done, of: None,
    begins: Callable[[int], bool] = lambda frame: False,
) -> Simulation: ...
@overload
def simulate(
    image: AnyImage,
    path: Path,
    frames: Sequence[Arrays],
    arithmetic: Arithmetic = "float32",
    *,
    engine: str = "auto",
    watchers: Sequence[Watcher] = (),
    before: Iterable[Block] = (),
    on_step: OnStep = lambda frame, done, of: None,
    begins: Callable[[int], bool] = lambda frame: False,
) -> AnySimulation: ...
def simulate(
    image: AnyImage,
    path: Path,
    frames: Sequence[Arrays],
    arithmetic: Arithmetic = "float32",
    *,
    engine: str = "auto",
    watchers: Sequence[Watcher] = (),
    before: Iterable[Block] = (),
    on_step: OnStep = lambda frame, done, of: None,
    begins: Callable[[int], bool] = lambda frame: False,
) -> AnySimulation:
    """Runs frames one after the other by one of `ENGINES`, and tells the watchers. `before`: blocks of an
    earlier run, which are not run again. `begins`: whether states that last begin anew before a frame.
    """
    answers = Answers()
    counters: Counters | None = None
    seconds, done = 0.0, 0
    for block in _all_blocks(before, image, arithmetic, engine, frames, on_step, begins):
        for watcher in (answers, *watchers):
            watcher.add(block)
        counters = block.counters if counters is None else counters + block.counters
        seconds += block.seconds
        done = block.stop
    assert counters is not None, "no frame"
    assert done == len(frames), "every frame once"
    return summed(image, path, arithmetic, len(frames), answers.shapes, counters, seconds, engine)


def summed(
    image: AnyImage,
    path: Path,
    arithmetic: Arithmetic,
    frames: int,
    shapes: Mapping[str, tuple[int, ...]],
    counters: Counters,
    seconds: float,
    engine: str = "auto",
) -> AnySimulation:
    """What a run of so many frames counted. `shapes`: of the outputs."""
    if isinstance(image, CrossbarImage):
        assert isinstance(counters, CrossbarCounters), "of its machine"
        return counted(image, path, frames, shapes, counters, seconds)
    total = counters.total
    cores, weight_bits = counters.per_core(len(image.cores)), bits_of_weights(image)
    layers = tuple(_layer(image, layer, counters, frames, weight_bits) for layer in image.about.layers)
    held: list[list[str]] = [[] for _ in image.cores]
    for layer in image.about.layers:
        for core in sorted({fragment.core for fragment in layer.fragments}):
            held[core].append(layer.name)
    return Simulation(
        image=str(path),
        arithmetic=arithmetic,
        frames=frames,
        outputs=shapes,
        events=total.events,
        dense_events=sum(layer.neurons for layer in layers) * frames,
        synaptic_operations=total.synaptic_operations,
        empty_events=total.empty_events,
        hops=total.hops,
        input_hops=total.input_hops,
        firing=total.firing,
        seconds=seconds,
        per_layer=layers,
        per_core=tuple(
            CoreCount(index, core.x, core.y, tuple(held[index]), *_row(tally))
            for index, (core, tally) in enumerate(zip(image.cores, cores, strict=True))
        ),
        engine=engine,
    )


def counters_of(image: AnyImage) -> type[Counters]:
    """What the machine of an image counts in."""
    return CrossbarCounters if isinstance(image, CrossbarImage) else Counters


def energy_of(image: AnyImage) -> Energy:
    """What gives the nanojoules of a frame's counters; of crossbars, which count other things, 0."""
    return (lambda counters: 0.0) if isinstance(image, CrossbarImage) else Prices(image).energy_nj


def has_memory(image: AnyImage) -> bool:
    """Whether a frame's outputs depend on the frames before it: states last."""
    if isinstance(image, CrossbarImage):
        return decode(image).has_memory
    lasts = any(Step.decode(int(step)).once for step in image.steps)
    return lasts and steps_of(image.about.dynamics) == 1


def _all_blocks(
    before: Iterable[Block],
    image: AnyImage,
    arithmetic: Arithmetic,
    engine: str,
    frames: Sequence[Arrays],
    on_step: OnStep,
    begins: Callable[[int], bool],
) -> Iterator[Block]:
    done = 0
    for block in before:
        yield block
        done = block.stop
    if done < len(frames):
        runner = runner_of(image, arithmetic, engine)
        yield from run_blocks(runner, frames, done, on_step, begins, energy_of(image))


def _layer(
    image: Image, layer: ImageLayer, counters: Counters, frames: int, weight_bits: Mapping[str, float]
) -> LayerCount:
    """What a layer's fragments counted; how many neurons they have, their descriptors say."""
    tally = counters.per_layer([layer])[layer.name]
    places = {(fragment.core, fragment.population) for fragment in layer.fragments}
    neurons = 0
    busy: dict[int, int] = {}
    for core, address in places:
        found = Population.decode(int(image.cores[core].words[address]))
        neurons += found.width * found.height * found.depth
        done = counters.of(core, address).synaptic_operations
        busy[core] = busy.get(core, 0) + done
    silent = 1 - tally.firing / (neurons * frames * steps_of(image.about.dynamics))
    bits = weight_bits.get(layer.name, 0.0)
    most = max(busy.values())
    return LayerCount(layer.name, layer.op, neurons, silent, bits, most, tally.cycles, *_row(tally))


def _row(tally: Tally) -> tuple[int, int, int, int, int]:
    return tally.firing, tally.events, tally.synaptic_operations, tally.empty_events, tally.hops
