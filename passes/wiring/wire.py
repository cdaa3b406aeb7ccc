"""Wiring: every projection is expressed with the chip's strides and upsampling, run by run (paper 4.3;
equation 12).

A run is a stretch of target positions that one kernel serves with one stride. An ordinary convolution is one
run; borders with other kernels, stride 3 and odd interpolation have more, and the feature map is cut between
them.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...ir.chip import Chip
from ...ir.deadline import in_time
from ...ir.network import AxisMap, Network, Projection
from ...ir.storage.bitrun import WORD_BITS
from ...ir.storage.weights import FORMATS
from ...ir.wiring import Run, Wiring
from .wired import Wired

Row = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Wire:
    """Each projection gets the strides that need the least memory; nothing about its synapses changes."""

    def __call__(self, network: Network, chip: Chip) -> tuple[Wired, ...]:
        """Every projection wired, in their order."""
        return tuple(_wired(network, index, chip) for index in range(len(network.projections)))


def _wired(network: Network, index: int, chip: Chip) -> Wired:
    in_time("projections were wired")
    return Wired(network, _wire(index, network.projections[index], chip), chip)


def _wire(index: int, projection: Projection, chip: Chip) -> Wiring:
    best: tuple[float, Wiring] | None = None
    for us, sl in _strides(chip):
        if best is not None and _shares(projection, 2**us, 1, chip) >= best[0]:
            continue
        y, x = runs(projection.y, 2**us, 2**sl), runs(projection.x, 2**us, 2**sl)
        cost = _words(projection, 2**us, y, x, chip)
        if best is None or cost < best[0]:
            best = cost, Wiring(index, us, sl, y, x)
        if len(y) * len(x) == 1 and us + sl <= 1:
            break
    assert best is not None
    return best[1]


def _words(projection: Projection, up: int, y: tuple[Run, ...], x: tuple[Run, ...], chip: Chip) -> float:
    """About how many words the runs take: their kernels, and the fragments' ports."""
    kernel = projection.kernel
    codec = FORMATS[kernel.format or "fixed8"]
    channels, depth = (1 if kernel.is_shared else len(kernel.first)), kernel.depth
    kernels = 0.0
    for rows, columns in product(_sizes(y), _sizes(x)):
        tiles = -(-rows // chip.kernel_max) * -(-columns // chip.kernel_max)
        kernels += tiles * len(kernel.first) + channels * codec.size_bits(depth * rows * columns) / WORD_BITS
    return kernels + _shares(projection, up, len(y) * len(x), chip)


def _shares(projection: Projection, up: int, targets: int, chip: Chip) -> float:
    """A port's share of a core for each fragment of the target, and of the source where offsets cut it."""
    reach = max(1, (1 - chip.kernel_max - chip.offset_min) // up + 1)
    sources = -(-projection.y.source_size // reach) * -(-projection.x.source_size // reach)
    return (targets + sources) * chip.core_words / chip.ports_max


def _sizes(runs_of_axis: tuple[Run, ...]) -> list[int]:
    """The extents of the different kernels of an axis; equal ones are stored once."""
    return [run.size for run in {run.kernel: run for run in runs_of_axis}.values()]


def _strides(chip: Chip) -> list[tuple[int, int]]:
    """(US, SL) in the order of preference: the fewest doublings first."""
    ups, downs = chip.upsampling_max.bit_length(), chip.stride_max.bit_length()
    return sorted(((us, sl) for us in range(ups) for sl in range(downs)), key=lambda pair: (sum(pair), pair))


def runs(axis: AxisMap, up: int, stride: int) -> tuple[Run, ...]:
    """The longest runs, from the first target position on, for one upsampling factor and one stride."""
    rows: list[dict[int, Row]] = [{} for _ in range(axis.target_size)]
    listed: list[dict[int, list[tuple[int, float]]]] = [{} for _ in range(axis.target_size)]
    for x, s, tap, factor in zip(
        axis.targets.tolist(), axis.sources.tolist(), axis.taps.tolist(), axis.factors.tolist(), strict=True
    ):
        listed[x].setdefault(s * up - x * stride, []).append((tap, factor))
    rows = [{k: tuple(row) for k, row in found.items()} for found in listed]

    def has_source(k: int, x: int) -> bool:
        s, rest = divmod(k + x * stride, up)
        return rest == 0 and 0 <= s < axis.source_size

    found: list[Run] = []
    numbers: dict[tuple[int, bytes], int] = {}  # of the different kernels
    start, kernel = 0, dict(rows[0])
    for x in range(1, axis.target_size + 1):
        if x < axis.target_size and _agrees(rows[x], kernel, x, range(start, x), has_source):
            kernel.update(rows[x])
            continue
        found.append(_run(start, x, kernel, axis.tap_count, numbers))
        if x < axis.target_size:
            start, kernel = x, dict(rows[x])
    return tuple(found)


def _agrees(row: dict[int, Row], kernel: dict[int, Row], x: int, before: range, has_source) -> bool:  # type: ignore[no-untyped-def]
    """Whether a target position can share a kernel with those before it.

    Where both have a source at a kernel position they must say the same of it; where one has no source
    there, it does not care.
    """
    for k, taps in row.items():
        known = kernel.get(k)
        if known is not None and known != taps:
            return False
        if known is None and any(has_source(k, earlier) for earlier in before):
            return False
    return not any(k not in row and has_source(k, x) for k in kernel)


def _run(
    start: int, stop: int, kernel: dict[int, Row], tap_count: int, numbers: dict[tuple[int, bytes], int]
) -> Run:
    first, last = min(kernel, default=0), max(kernel, default=-1)
    matrix = np.zeros((last - first + 1, tap_count))
    for k, row in kernel.items():
        for tap, factor in row:
            matrix[k - first, tap] += factor
    number = numbers.setdefault((len(matrix), matrix.tobytes()), len(numbers))
    return Run(start, stop, -first, matrix, number)
