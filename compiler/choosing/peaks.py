"""The largest values that neurons have on data: what thresholds of integrate-and-fire neurons are made of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import in_time
from ...ir.errors import BadInput
from ...ir.network import AxisMap, Network, Neuron, Population, Projection, Update
from ..frontend.runtime import Arrays, HostPart

FRAMES_MAX = 64

Maps = NDArray[np.float32]  # [D, H, W]


def peaks_of(
    network: Network,
    before: bytes | None,
    frames: Sequence[Mapping[str, NDArray[Any]]],
    percentile: float,
    *,
    are_sizes: bool = False,
) -> tuple[float, ...]:
    """Of each population of a network of sums, the value that so many per cent of its values are not above,
    or of their sizes. `before`: the host's part. Raises BadInput where there are no frames.
    """
    if not len(frames):
        raise BadInput(None, "there are no frames to balance thresholds on", hint="give --data")
    host = None if before is None else HostPart(before)
    step = max(1, -(-len(frames) // FRAMES_MAX))
    held: list[list[Maps]] = [[] for _ in network.populations]
    for index in range(0, len(frames), step):
        in_time("thresholds were balanced")
        frame = dict(frames[index])
        if host is not None:
            frame |= host(frame)
        for values, found in zip(held, evaluated(network, frame), strict=True):
            values.append(np.abs(found) if are_sizes else found)
    return tuple(float(np.percentile(np.stack(values), percentile)) for values in held)


def evaluated(network: Network, frame: Arrays) -> Iterator[Maps]:
    """The values of all populations of a network of sums for one frame."""
    fed = _inputs(network, frame)
    values: list[Maps] = []
    for index, population in enumerate(network.populations):
        if population.neuron is Neuron.INPUT:
            values.append(fed[index])
        else:
            values.append(_value(population, values, [p for p in network.projections if p.target == index]))
        yield values[-1]


def _inputs(network: Network, frame: Arrays) -> dict[int, Maps]:
    shapes = {
        index: (p.shape.depth, p.shape.height, p.shape.width)
        for index, p in enumerate(network.populations)
        if p.neuron is Neuron.INPUT
    }
    found = {index: np.zeros(shape, dtype=np.float32) for index, shape in shapes.items()}
    for tensor in (tensor for tensor in network.tensors if tensor.kind == "input"):
        flat = np.asarray(frame[tensor.name], dtype=np.float32).ravel()
        for piece in tensor.pieces:
            c, y, x = np.ogrid[: piece.depth, : piece.height, : piece.width]
            places = piece.base + c * piece.step_c + y * piece.step_y + x * piece.step_x
            box = found[piece.population][
                piece.c0 : piece.c0 + piece.depth,
                piece.y0 : piece.y0 + piece.height,
                piece.x0 : piece.x0 + piece.width,
            ]
            box[...] = flat[places]
    return found


def _value(population: Population, values: Sequence[Maps], into: Sequence[Projection]) -> Maps:
    shape = population.shape
    state = np.full((shape.depth, shape.height, shape.width), population.initial, dtype=np.float64)
    if population.bias is not None:
        state[...] = population.bias[:, None, None]
    for projection in into:
        assert projection.update is Update.ADD, "a network of sums"
        _add(state, values[projection.source], projection)
    held = (
        np.asarray(p, dtype=np.float32).reshape(-1, 1, 1) if isinstance(p, tuple) else np.float32(p)
        for p in population.parameters
    )
    scaled = np.float32(population.scale) * state.astype(np.float32)
    return np.asarray(population.activation.function(scaled, *held), dtype=np.float32)


def _add(state: NDArray[np.float64], source: Maps, projection: Projection) -> None:
    """What a projection brings, tap by tap."""
    kernel = projection.kernel
    live = np.flatnonzero(kernel.first >= 0)
    targets = (kernel.first[live, None] + np.arange(kernel.depth)).ravel()
    for tap_y, rows in _by_tap(projection.y):
        for tap_x, columns in _by_tap(projection.x):
            weights = kernel.weights[live, :, tap_y, tap_x].astype(np.float64)
            dense = np.zeros((len(live), len(state)))
            np.add.at(dense, (np.repeat(np.arange(len(live)), kernel.depth), targets), weights.ravel())
            y, x = projection.y, projection.x
            read = source[live][:, y.sources[rows]][:, :, x.sources[columns]].astype(np.float64)
            read *= y.factors[rows][:, None] * x.factors[columns]
            brought = np.tensordot(dense, read, axes=(0, 0))
            places = y.targets[rows][:, None] * x.target_size + x.targets[columns]
            np.add.at(state.reshape(len(state), -1).T, places.ravel(), brought.reshape(len(state), -1).T)


def _by_tap(axis: AxisMap) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for tap in np.unique(axis.taps).tolist():
        yield tap, np.flatnonzero(axis.taps == tap)
