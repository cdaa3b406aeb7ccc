"""The float16 of the compiled code is numpy's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.backends.machine.loops.events import half
from snc.ir.compiled import kept


@kept()
def _halves(values: NDArray[np.floating[Any]], into: NDArray[np.float32]) -> None:
    for i in range(len(values)):
        into[i] = half(values[i])


def _same(values: NDArray[np.floating[Any]]) -> None:
    got = np.empty(values.shape, np.float32)
    _halves(values, got)
    with np.errstate(over="ignore"):
        want = values.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(got.view(np.uint32)[~np.isnan(want)], want.view(np.uint32)[~np.isnan(want)])
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


def test_every_half_is_itself() -> None:
    _same(np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32))


def test_midpoints_go_to_even_and_their_neighbours_to_the_nearest() -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middle = np.append((halves[1:] + halves[:-1]) / 2, np.float32(65520)).astype(np.float32)
    for towards in (np.float32(0), middle, np.float32(np.inf)):
        values = np.nextafter(middle, towards)
        _same(values)
        _same(-values)
        wide = np.nextafter(
            middle.astype(np.float64), np.float64(towards)
        )  # rounded twice these are midpoints
        _same(wide)
        _same(-wide)


def test_any_float() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 500_000, dtype=np.uint32)
    _same(bits.view(np.float32))
    _same(np.random.default_rng(1).standard_normal(500_000).astype(np.float32))
    bits = np.random.default_rng(2).integers(0, 2**64, 500_000, dtype=np.uint64)
    _same(bits.view(np.float64))
    _same(np.random.default_rng(3).standard_normal(500_000))
