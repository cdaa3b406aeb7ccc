"""What a simulation and a verification found, as plain values for tables and scripts. Draws nothing."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from .comparison import Compared
from .figures import Divergence, Figures, is_class_numbers
from .runner import Runner
from .verify import Verdict

NO_ERROR_DB = (
    999.0  # JSON has no infinity: the SQNR of values that do not differ at all; of infinite errors minus that
)


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


@dataclass(frozen=True, slots=True)
class Errors:
    """How far all outputs are from what they should be; the worst output counts."""

    max_abs_error: float
    max_rel_error: float
    sqnr_db: float
    outputs: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A comparison that binds: how far the worst output was off, how far it may be, and where it began."""

    says: str
    max_rel_error: float
    limit: float
    is_right: bool
    first_divergence: Divergence | None
    outputs: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict: the outputs against the original model, against the reference graph (the mapping), and the
    network as it was read against the model (the front end). `rounding`: what the chip's arithmetic costs.
    """

    max_abs_error: float
    max_rel_error: float
    sqnr_db: float
    outputs: tuple[Figures, ...]
    first_divergence: Divergence | None
    reference: Errors
    frontend: Held
    rounding: Errors | None
    layers: tuple[Figures, ...]
    model: str
    image: str
    weights: str
    arithmetic: str
    frames: int
    tolerance: float
    rounds_to: str
    is_mapped_right: bool
    is_right: bool


def verification(
    verdict: Verdict, image: Image, model: Path, path: Path, arithmetic: str, frames: int
) -> Verification:
    """A verdict with its worst figures."""
    original, reference = _errors(verdict.outputs), _errors(verdict.reference)
    rounding = verdict.compared.get("rounding")
    return Verification(
        max_abs_error=original.max_abs_error,
        max_rel_error=original.max_rel_error,
        sqnr_db=original.sqnr_db,
        outputs=original.outputs,
        first_divergence=verdict.first_divergence,
        reference=reference,
        frontend=_held(verdict.compared["frontend"]),
        rounding=None if rounding is None else _errors(rounding.outputs),
        layers=tuple(_finite(layer) for layer in verdict.layers),
        model=model.name,
        image=str(path),
        weights=image.about.weights,
        arithmetic=arithmetic,
        frames=frames,
        tolerance=verdict.tolerance,
        rounds_to=verdict.rounds_to,
        is_mapped_right=verdict.is_mapped_right,
        is_right=verdict.is_right,
    )


def _held(found: Compared) -> Held:
    errors = _errors(found.outputs)
    assert found.limit is not None, "it binds"
    return Held(
        found.says,
        errors.max_rel_error,
        found.limit,
        found.is_right,
        found.first_divergence,
        errors.outputs,
    )


def _errors(figures: Sequence[Figures]) -> Errors:
    finite = tuple(_finite(figure) for figure in figures)
    return Errors(
        _worst(figure.max_abs_error for figure in finite),
        _worst(figure.max_rel_error for figure in finite),
        -_worst(-figure.sqnr_db for figure in finite),
        finite,
    )


def _worst(values: Iterable[float]) -> float:
    """The largest value, NaN before all others; 0 of none."""
    found = list(values)
    return next((value for value in found if math.isnan(value)), max(found, default=0.0))


def _finite(figure: Figures) -> Figures:
    return replace(figure, sqnr_db=max(-NO_ERROR_DB, min(figure.sqnr_db, NO_ERROR_DB)))
