"""Running an image on frames: outputs and counters, as plain values for tables and scripts. Draws nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...backends.image.image import Image, ImageLayer
from ...backends.machine.counters import Counters, Tally
from ...backends.machine.machine import Arithmetic
from ...backends.words.words import Population
from ...ir.errors import BadInput, Origin
from ..frontend.runtime import Arrays
from .figures import is_class_numbers
from .runner import Runner


@dataclass(frozen=True, slots=True)
class LayerCount:
    """What a run counted in a layer; `events` and `hops` of those it sends, the rest of those it receives.

    `sparsity`: the share of its neurons that stay silent in a frame. `busiest`: of its synaptic operations,
    those of the core that does most of them.
    """

    name: str
    op: str
    neurons: int
    sparsity: float
    busiest: int
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
    """Frames that were run: outputs with the frames along the first axis, counters summed over the frames."""

    image: str
    arithmetic: str
    frames: int
    outputs: Mapping[str, NDArray[Any]]
    events: int
    synaptic_operations: int
    empty_events: int
    hops: int
    input_hops: int
    firing: int
    seconds: float
    per_layer: tuple[LayerCount, ...]
    per_core: tuple[CoreCount, ...]

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """The share of frames whose class is their label. Raises BadInput where no output says a class."""
        return float((self.classes() == labels).mean())

    def classes(self) -> NDArray[np.int64]:
        """Each frame's class: the number that an output holds (the first of several, as TopK orders them), or
        else the place of the first output's largest element. Raises BadInput where there is neither.
        """
        for name, array in self.outputs.items():
            if is_class_numbers(array):
                numbers = array.reshape(self.frames, -1)
                if numbers.shape[1] != max(array.shape[1:], default=1):
                    raise BadInput(
                        Origin(node=name, operator="output"),
                        f"gives {numbers.shape[1]} classes for each frame, {list(array.shape)} in all",
                        hint="labels are for networks that give each frame one",
                    )
                return np.asarray(numbers[:, 0], dtype=np.int64)
        name, first = next(iter(self.outputs.items()))
        scores = first.reshape(self.frames, -1)
        if scores.shape[1] < 2:
            raise BadInput(
                Origin(node=name, operator="output"),
                "gives each frame one number, which names no class",
                hint="labels are for networks that score classes or give their numbers",
            )
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def simulate(
    image: Image,
    path: Path,
    frames: Sequence[Arrays],
    arithmetic: Arithmetic = "float32",
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Simulation:
    """Runs frames one after the other."""
    runner = Runner(image, arithmetic)
    found: dict[str, list[NDArray[Any]]] = {}
    counters: Counters | None = None
    start = time.perf_counter()
    for index, frame in enumerate(frames):

        def step(done: int, total: int, before: int = index) -> None:
            on_step(before * total + done, len(frames) * total)

        result = runner(frame, on_step=step)
        for name, array in result.outputs.items():
            found.setdefault(name, []).append(np.asarray(array))
        counters = result.run.counters if counters is None else counters + result.run.counters
    seconds = time.perf_counter() - start
    assert counters is not None, "no frame"
    total = counters.total
    cores = counters.per_core(len(image.cores))
    held: list[list[str]] = [[] for _ in image.cores]
    for layer in image.about.layers:
        for core in sorted({fragment.core for fragment in layer.fragments}):
            held[core].append(layer.name)
    return Simulation(
        image=str(path),
        arithmetic=arithmetic,
        frames=len(frames),
        outputs={name: batched(arrays) for name, arrays in found.items()},
        events=total.events,
        synaptic_operations=total.synaptic_operations,
        empty_events=total.empty_events,
        hops=total.hops,
        input_hops=total.input_hops,
        firing=total.firing,
        seconds=seconds,
        per_layer=tuple(_layer(image, layer, counters, len(frames)) for layer in image.about.layers),
        per_core=tuple(
            CoreCount(index, core.x, core.y, tuple(held[index]), *_row(tally))
            for index, (core, tally) in enumerate(zip(image.cores, cores, strict=True))
        ),
    )


def _layer(image: Image, layer: ImageLayer, counters: Counters, frames: int) -> LayerCount:
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
    silent = 1 - tally.firing / (neurons * frames)
    return LayerCount(layer.name, layer.op, neurons, silent, max(busy.values()), *_row(tally))


def _row(tally: Tally) -> tuple[int, int, int, int, int]:
    return tally.firing, tally.events, tally.synaptic_operations, tally.empty_events, tally.hops


def batched(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One array of all frames: along the batch axis where there is one, else along a new first axis."""
    first = arrays[0]
    if len(arrays) == 1:
        return first
    return np.concatenate(arrays) if first.shape[:1] == (1,) else np.stack(arrays)


def load_labels(path: Path, name: str, frames: int) -> NDArray[np.int64]:
    """The right class of every frame, an array of an .npz file. Raises BadInput."""
    origin = Origin(file=path.name)
    if path.suffix.lower() != ".npz":
        raise BadInput(origin, "has no labels", hint="they stand in an .npz beside the inputs")
    with np.load(path, allow_pickle=False) as archive:
        if name not in archive.files:
            known = ", ".join(archive.files)
            raise BadInput(origin, f"has no array {name!r}", hint=f"its arrays are {known}")
        labels = archive[name]
    if labels.size != frames or labels.dtype.kind not in "iu":
        rule = f"{name} has the shape {list(labels.shape)} and type {labels.dtype}"
        raise BadInput(origin, rule, hint=f"give {frames} whole numbers, one for each frame")
    return np.asarray(labels.reshape(-1), dtype=np.int64)
