"""The report of an image for crossbars: what `compile`, `inspect` and their --json say, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....backends.crossbar.decode import decode
from ....backends.crossbar.image import CrossbarImage, CrossbarLayer
from ....backends.image.whole import sha256_of
from ..report import TensorReport

if TYPE_CHECKING:
    from ...pipeline.driver import Compiled


@dataclass(frozen=True, slots=True)
class OneCrossbar:
    """A crossbar: its tile, the rows and columns in use, and the layers that have columns there.

    `cells`: of rows and columns in use, those with a weight that is not 0; `fill`: their share of all cells.
    """

    crossbar: int
    x: int
    y: int
    rows: int
    columns: int
    cells: int
    fill: float
    routes: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrossbarReport:
    """Everything there is to say of an image for crossbars. `decomposed`: by which method. `parts`: of the
    units, those that are no neurons: what they send is graded, also in a network of spikes.

    `synapses`: of the network, `lost` of them; `held`: those of units, partial sums included. `used`: the
    share of the cells of the crossbars in use that these take, and `wasted`: the share of the cells of rows
    in use that they leave. The bounds are proven; a gap is the share of a number that is above its bound.
    """

    model: str
    image: str
    image_sha256: str
    target: str
    compiler: str
    weights: str
    decomposed: str
    seed: int
    dynamics: str
    crossbars: int
    crossbars_available: int
    crossbars_bound: int
    crossbars_gap: float
    hops: int
    hops_bound: int
    hops_gap: float
    units: int
    parts: int
    synapses: int
    lost: int
    held: int
    used: float
    wasted: float
    layers: tuple[CrossbarLayer, ...]
    host_before: tuple[str, ...]
    host_after: tuple[str, ...]
    mesh: tuple[int, int]
    rows: int
    columns: int
    inputs: tuple[TensorReport, ...]
    outputs: tuple[TensorReport, ...]
    per_crossbar: tuple[OneCrossbar, ...]
    seconds: Mapping[str, float] | None = None


def crossbar_report(image: CrossbarImage, path: Path) -> CrossbarReport:
    """The report of an image that stands in a file. Raises BadImage."""
    about, chip = image.about, image.chip
    count = len(image.crossbars)
    held = sum(layer.synapses for layer in about.layers)
    each = _crossbars(image, path)
    driven = sum(one.rows for one in each) * chip.columns
    return CrossbarReport(
        model=about.model,
        image=str(path),
        image_sha256=sha256_of(path),
        target=chip.name,
        compiler=about.compiler,
        weights=about.weights,
        decomposed=about.decomposed,
        seed=about.seed,
        dynamics=about.dynamics,
        crossbars=count,
        crossbars_available=chip.cores,
        crossbars_bound=about.crossbars_bound,
        crossbars_gap=gap(count, about.crossbars_bound),
        hops=about.hops,
        hops_bound=about.hops_bound,
        hops_gap=gap(about.hops, about.hops_bound),
        units=sum(layer.units for layer in about.layers),
        parts=sum(layer.units - layer.neurons for layer in about.layers),
        synapses=about.synapses,
        lost=about.lost,
        held=held,
        used=held / max(count * chip.rows * chip.columns, 1),
        wasted=1 - held / max(driven, 1),
        layers=about.layers,
        host_before=about.host_before,
        host_after=about.host_after,
        mesh=chip.mesh,
        rows=chip.rows,
        columns=chip.columns,
        inputs=_tensors(image, "input"),
        outputs=_tensors(image, "output"),
        per_crossbar=each,
    )


def compiled_report(compiled: "Compiled", image: CrossbarImage, path: Path) -> CrossbarReport:
    """The report of an image that has just been compiled."""
    seconds = {"total": sum(compiled.seconds.values()), **compiled.seconds}
    return replace(crossbar_report(image, path), seconds=seconds)


def exactness(found: CrossbarReport) -> str:
    """Of a network of spikes: whether a chip that sends spikes alone would compute it. Empty for others."""
    if not found.dynamics:
        return ""
    if not found.parts:
        return "every value is a spike or a neuron's own: a chip that sends these is exact"
    return f"{found.parts:,} units send partial sums, which are graded: a chip of spikes alone is not exact"


def gap(found: int, bound: int) -> float:
    """The share of a number that is above its bound."""
    return (found - bound) / found if found else 0.0


def _crossbars(image: CrossbarImage, path: Path) -> tuple[OneCrossbar, ...]:
    chip = image.chip
    found = []
    for index, one in enumerate(decode(image, path.name).crossbars):
        rows, columns = one.cells.shape
        cells = int(np.count_nonzero(one.cells))
        layers = tuple(layer.name for layer in image.about.layers if index in layer.crossbars)
        fill = cells / (chip.rows * chip.columns)
        found.append(OneCrossbar(index, one.x, one.y, rows, columns, cells, fill, len(one.routes), layers))
    return tuple(found)


def _tensors(image: CrossbarImage, kind: str) -> tuple[TensorReport, ...]:
    return tuple(TensorReport(t.name, t.shape, t.dtype) for t in image.tensors if t.kind == kind)
