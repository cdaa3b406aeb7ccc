"""The kernels of a wiring as the numbers that are stored: values, formats, and the descriptors of tiles."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...ir.mapping import Fragment, Span, Wiring
from ...ir.network import Kernel
from ...ir.storage.bitrun import BitRun
from ...ir.storage.tables import NULL, Descriptor
from ...ir.storage.weights import FORMATS, Codec, exact_format
from .tiles import Tile

Values = NDArray[np.float32]


class Stored:
    """The numbers of one wiring's kernels: each pair of kernels along the axes is evaluated once."""

    def __init__(self, kernel: Kernel, wiring: Wiring) -> None:
        self.kernel, self.wiring = kernel, wiring
        self._values: dict[tuple[int, int], tuple[Values, Codec, NDArray[np.int64]]] = {}

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all source channels share one kernel."""
        weights, exponents = self.kernel.weights, self.kernel.exponents
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

    def blob(self, tile: Tile, channel: int, low: int, high: int) -> BitRun:
        """Channels low .. high - 1 of a source channel's kernel, as stored."""
        values, known, exponents = self.values(tile)
        block = values[
            channel : channel + 1, low:high, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw
        ]
        codes = known.encode(block[:, :, ::-1, ::-1], exponents[channel : channel + 1])
        return BitRun.of(codes.transpose(0, 3, 2, 1), known.bits)

    def descriptors(self, tile: Tile, target: Fragment, sources: Span) -> tuple[Descriptor, ...]:
        """The kernel descriptors of source channels `sources` for a fragment, the weights transposed as the
        ESU reads them: [delta x, delta y, channel] (algorithm 2).
        """
        values, known, exponents = self.values(tile)
        first, depth = self.kernel.first[sources.start : sources.stop], self.kernel.depth
        low = np.maximum(first, target.c.start)
        high = np.where(first >= 0, np.minimum(first + depth, target.c.stop), 0)
        blobs: dict[tuple[int, int], BitRun] = {}
        if not self.is_uniform and len(np.unique(first)) == 1 and high[0] > low[0]:
            a, b = int(low[0] - first[0]), int(high[0] - first[0])
            rows = slice(sources.start, sources.stop)
            block = values[rows, a:b, tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw]
            codes = known.encode(block, exponents[rows])[:, :, ::-1, ::-1]
            runs = BitRun.rows(codes.transpose(0, 3, 2, 1), known.bits)
            return tuple(
                Descriptor(
                    b - a,
                    tile.kw,
                    tile.kh,
                    self.wiring.sl,
                    int(low[0]) - target.c.start,
                    known.name,
                    int(exponents[sources.start + i]),
                    run,
                )
                for i, run in enumerate(runs)
            )
        found = []
        for i, (start, lo, hi) in enumerate(zip(first.tolist(), low.tolist(), high.tolist(), strict=True)):
            if hi <= lo:
                found.append(NULL)
                continue
            channel = 0 if self.is_uniform else sources.start + i
            if self.is_uniform:
                key = (lo - start, hi - start)
                if key not in blobs:
                    blobs[key] = self.blob(tile, 0, *key)
                blob = blobs[key]
            else:
                blob = self.blob(tile, channel, lo - start, hi - start)
            found.append(
                Descriptor(
                    hi - lo,
                    tile.kw,
                    tile.kh,
                    self.wiring.sl,
                    lo - target.c.start,
                    known.name,
                    int(exponents[channel]),
                    blob,
                )
            )
        return tuple(found)


def _is_identity(matrix: NDArray[np.float64]) -> bool:
    return matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix)))


def _selects(matrix: NDArray[np.float64]) -> bool:
    """Whether each row of a matrix takes one tap, or none, as it is."""
    return bool(np.isin(matrix, (0.0, 1.0)).all() and ((matrix != 0).sum(axis=1) <= 1).all())
