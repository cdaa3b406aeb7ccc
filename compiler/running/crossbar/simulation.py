"""What a run counted on crossbars, and what that would cost: plain values for tables and scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....backends.crossbar.counters import CrossbarCounters
from ....backends.crossbar.image import CrossbarImage
from ....backends.crossbar.words import Column, Head
from ....ir.crossbar.chip import CrossbarChip

ENERGY = (
    "energy = (used + unused) * cell_fj + hops * hop_fj: the cells that a driven row crosses, of which those "
    "without a weight are wasted, and the way of values from tile to tile"
)
LATENCY = "latency = steps * step_ps: all columns of a step fire at the same time, no waiting"


@dataclass(frozen=True, slots=True)
class CrossbarCount:
    """What a run counted in a crossbar, and the layers that have columns there."""

    crossbar: int
    x: int
    y: int
    layers: tuple[str, ...]
    firing: int
    events: int
    local: int
    hops: int
    reads: int
    silent: int
    used: int
    unused: int


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarSimulation:
    """Frames that were run: shapes of the outputs, the frames along the first axis, and counters, summed.

    `firing`: units whose value is not 0. `spikes`: their values that go to other tiles, taking so many
    `hops`; `local`: those to a row of their own crossbar. `reads`: rows driven by a value that is not 0,
    `silent`: rows in use that were not; the cells that driven rows cross have a synapse (`used`) or none
    (`unused`). `steps`: of a frame.
    """

    image: str
    arithmetic: str
    frames: int
    outputs: Mapping[str, tuple[int, ...]]
    steps: int
    firing: int
    spikes: int
    local: int
    hops: int
    reads: int
    silent: int
    used: int
    unused: int
    seconds: float
    per_crossbar: tuple[CrossbarCount, ...]
    engine: str = "auto"

    @property
    def events(self) -> int:
        """Values that are sent to a row."""
        return self.spikes + self.local

    @property
    def synaptic_operations(self) -> int:
        """Cells with a weight on rows that are driven."""
        return self.used


@dataclass(frozen=True, slots=True)
class CrossbarEstimates:
    """Energy and latency of one frame, the mean of those that ran, with the formulas and costs behind them.

    `useful_nj`: of cells with a synapse, `wasted_nj`: of those without one, `mesh_nj`: of values on the mesh.
    """

    energy_formula: str
    latency_formula: str
    cell_fj: int
    hop_fj: int
    step_ps: int
    useful_nj: float
    wasted_nj: float
    mesh_nj: float
    energy_nj: float
    latency_us: float


def counted(
    image: CrossbarImage,
    path: Path,
    frames: int,
    shapes: Mapping[str, tuple[int, ...]],
    counters: CrossbarCounters,
    seconds: float,
) -> CrossbarSimulation:
    """What a run of so many frames counted. `shapes`: of the outputs."""
    held: list[list[str]] = [[] for _ in image.crossbars]
    for layer in image.about.layers:
        for index in layer.crossbars:
            held[index].append(layer.name)

    def rows(name: str) -> list[int]:
        found: list[int] = getattr(counters, name).tolist()
        return found

    names = ("firing", "events", "local", "hops", "reads", "silent", "synaptic_operations", "unused")
    by_crossbar = zip(*(rows(name) for name in names), strict=True)
    events, local = sum(rows("events")), sum(rows("local"))
    return CrossbarSimulation(
        image=str(path),
        arithmetic="float32",
        frames=frames,
        outputs=shapes,
        steps=_steps(image),
        firing=sum(rows("firing")),
        spikes=events - local,
        local=local,
        hops=sum(rows("hops")),
        reads=sum(rows("reads")),
        silent=sum(rows("silent")),
        used=sum(rows("synaptic_operations")),
        unused=sum(rows("unused")),
        seconds=seconds,
        per_crossbar=tuple(
            CrossbarCount(index, one.x, one.y, tuple(held[index]), *counts)
            for index, (one, counts) in enumerate(zip(image.crossbars, by_crossbar, strict=True))
        ),
    )


def estimated(found: CrossbarSimulation, chip: CrossbarChip) -> CrossbarEstimates:
    """The estimates for a run on a target."""
    useful, wasted = (count * chip.cell_fj / found.frames / 1e6 for count in (found.used, found.unused))
    mesh = found.hops * chip.hop_fj / found.frames / 1e6
    return CrossbarEstimates(
        ENERGY,
        LATENCY,
        chip.cell_fj,
        chip.hop_fj,
        chip.step_ps,
        useful,
        wasted,
        mesh,
        useful + wasted + mesh,
        found.steps * chip.step_ps / 1e6,
    )


def _steps(image: CrossbarImage) -> int:
    """The steps in which columns fire."""
    heads = (Head.decode(int(one.words[0])).columns for one in image.crossbars)
    steps = [
        Column.decode_array(one.words[1 : 1 + columns])["step"]
        for one, columns in zip(image.crossbars, heads, strict=True)
    ]
    return int(np.unique(np.concatenate([np.empty(0, dtype=np.int64), *steps])).size)
