"""The kernels of a wiring as the numbers that are stored: values, formats, and the descriptors of tiles."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.mapping import Fragment, Span
from ...ir.network import Kernel
from ...ir.storage.bitrun import BitRun
from ...ir.storage.skipping import Layout, skipping
from ...ir.storage.tables import NULL, Descriptor
from ...ir.storage.weights import FORMATS, Codec, exact_format
from ...ir.wiring import Wiring
from .tiles import Tile

Values = NDArray[np.float32]
Counts = NDArray[np.unsignedinteger[Any]]


class Held(NamedTuple):
    """A kernel's numbers, how many there are where zeros are skipped, and their layout."""

    weights: BitRun
    stored: int | None = None
    layout: Layout = Layout.WHOLE


class Stored:
    """The numbers of one wiring's kernels: each pair of kernels along the axes is evaluated once."""

    def __init__(self, kernel: Kernel, wiring: Wiring, scales: Sequence[float] = ()) -> None:
        self.kernel, self.wiring = _unscaled(kernel, scales) if scales else kernel, wiring
        self._values: dict[tuple[int, int], tuple[Values, Codec, NDArray[np.int64]]] = {}
        self._present: dict[tuple[int, ...], Counts] = {}
        self._descriptors: dict[tuple[object, ...], tuple[Descriptor, ...]] = {}

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all source channels share one kernel."""
        weights, exponents = self.kernel.weights, self.kernel.exponents
        if self.kernel.is_plastic and len(weights) > 1:
            return False
        if self.kernel.is_shared or len(weights) == 1:
            return True
        if exponents is not None and (exponents != exponents[0]).any():
            return False
        return np.array_equal(weights[0], weights[-1]) and bool((weights == weights[0]).all())

    @cached_property
    def is_dense(self) -> bool:
        """Whether every source channel has weights of its own for the same target channels."""
        first = np.unique(self.kernel.first)
        return not self.is_uniform and len(first) == 1 and int(first[0]) >= 0

    def values(self, tile: Tile) -> tuple[Values, Codec, NDArray[np.int64]]:
        """The kernel of two runs [source channels, KD, Ky, Kx], its format and its exponents."""
        key = tile.run_y.kernel, tile.run_x.kernel
        if key not in self._values:
            self._values[key] = self._evaluate(tile.run_y.matrix, tile.run_x.matrix)
        return self._values[key]

    def _evaluate(
        self, y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> tuple[Values, Codec, NDArray[np.int64]]:
        weights = self.kernel.weights
        channels = len(weights)
        if self.is_uniform:
            weights = weights[:1]
        if not _is_identity(y):
            weights = np.einsum("cdyx,ky->cdkx", weights, y).astype(np.float32)
        if not _is_identity(x):
            weights = np.einsum("cdyx,kx->cdyk", weights, x).astype(np.float32)
        if self.kernel.format is not None and _selects(y) and _selects(x):
            exponents = self.kernel.exponents
            zeros = np.zeros(channels, dtype=np.int64)
            return weights, FORMATS[self.kernel.format], zeros if exponents is None else exponents
        known, exponent = exact_format(weights)
        return weights, known, np.full(channels, exponent)

    def present(self, tile: Tile) -> Counts:
        """For each source channel, how many of the first 0, 1 .. KD target channels' weights are not zero: of
        the smallest type that holds them, for there are as many as weights.
        """
        if tile.key not in self._present:
            values, _, _ = self.values(tile)
            held = _window(values, tile)
            # A weight of 0 that learns has a place like any other.
            is_some = np.ones(held.shape, dtype=np.bool_) if self.kernel.is_plastic else held != 0
            smallest = np.min_scalar_type(values[0].size)
            found = np.zeros((held.shape[0], held.shape[1] + 1), dtype=smallest)
            np.cumsum(is_some.sum(axis=(2, 3), dtype=smallest), axis=1, dtype=smallest, out=found[:, 1:])
            self._present[tile.key] = found
        return self._present[tile.key]

    def blob(self, tile: Tile, channel: int, low: int, high: int, whole: bool = False) -> Held:
        """Channels low .. high - 1 of a source channel's kernel, as stored; `whole`: with their zeros."""
        return self._held(tile, np.array([channel]), low, high, whole)[0]

    def _held(
        self, tile: Tile, rows: NDArray[np.int64], low: int, high: int, whole: bool = False
    ) -> list[Held]:
        """Channels low .. high - 1 of some source channels' kernels, as stored."""
        values, known, exponents = self.values(tile)
        block = _window(values[rows, low:high], tile)
        codes = _broadcast(known.encode(block, exponents[rows]))
        count, found = codes.shape[1], self.present(tile)[rows]
        present = (found[:, high] - found[:, low]).astype(np.int64)
        layouts = known.layouts(count, present)
        if whole or not layouts.any():
            runs = BitRun.rows(codes, known.bits)
            if self.kernel.is_plastic:
                runs = [
                    run._replace(owner=(tile.key, int(row), low)) for row, run in zip(rows, runs, strict=True)
                ]
            return [Held(run) for run in runs]
        is_present = _broadcast(block != 0)
        return [
            Held(skipping(codes[i], is_present[i], known.bits, layout), int(present[i]), layout)
            if layout
            else Held(BitRun.of(codes[i], known.bits))
            for i, layout in enumerate(map(Layout, layouts.tolist()))
        ]

    def descriptors(self, tile: Tile, target: Fragment, sources: Span) -> tuple[Descriptor, ...]:
        """The kernel descriptors of source channels `sources` for a fragment, the weights transposed as the
        ESU reads them: [delta x, delta y, channel] (algorithm 2). The same channels have the same ones.
        """
        key = tile.key, target.c
        if key not in self._descriptors:
            self._descriptors[key] = self._described(tile, target.c)
        return self._descriptors[key][sources.start : sources.stop]

    def _described(self, tile: Tile, targets: Span) -> tuple[Descriptor, ...]:
        """The descriptors of all source channels: those that reach the target with the same part of their
        kernels are made together.
        """
        _, known, exponents = self.values(tile)
        first = self.kernel.first
        low = np.maximum(first, targets.start)
        high = np.where(first >= 0, np.minimum(first + self.kernel.depth, targets.stop), 0)
        alike: dict[tuple[int, int], list[int]] = {}
        parts = np.stack([low - first, high - first], axis=1).tolist()
        for channel in np.flatnonzero(high > low).tolist():
            alike.setdefault(tuple(parts[channel]), []).append(channel)
        found = [NULL] * len(first)
        starts, powers = (low - targets.start).tolist(), exponents.tolist()
        shape = tile.kw, tile.kh, self.wiring.sl
        for (start, stop), channels in alike.items():
            if self.is_uniform:
                held = [self.blob(tile, 0, start, stop)] * len(channels)
            else:
                held = self._held(tile, np.array(channels), start, stop)
            for channel, each in zip(channels, held, strict=True):
                found[channel] = Descriptor(
                    stop - start, *shape, starts[channel], known.name, powers[channel], *each
                )
        return tuple(found)


def _unscaled(kernel: Kernel, scales: Sequence[float]) -> Kernel:
    """A kernel without the scales of its target's channels: what is stored of it."""
    own = np.asarray(scales, dtype=np.float32)
    channels = np.clip(kernel.first[:, None] + np.arange(kernel.depth), 0, own.size - 1)
    weights = (kernel.weights / own[channels][:, :, None, None]).astype(np.float32)
    return replace(kernel, weights=weights, is_shared=False)


def _window(values: NDArray[Any], tile: Tile) -> NDArray[Any]:
    """The part of kernels [channels, KD, Ky, Kx] that lies in a tile."""
    return values[:, :, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw]


def _broadcast(kernels: NDArray[Any]) -> NDArray[Any]:
    """Kernels [channels, KD, KH, KW] turned, each in a row: [delta x, delta y, target channel]."""
    turned = kernels[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
    return turned.reshape(len(kernels), -1)


def _is_identity(matrix: NDArray[np.float64]) -> bool:
    return matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix)))


def _selects(matrix: NDArray[np.float64]) -> bool:
    """Whether each row of a matrix takes one tap, or none, as it is."""
    return bool(np.isin(matrix, (0.0, 1.0)).all() and ((matrix != 0).sum(axis=1) <= 1).all())
