"""Frames to measure on: which of them a choice may see, and how near outputs are on them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAMES_MAX = 64  # for the errors of a whole network, of each kind
HELD_OUT = 4  # every fourth frame is not used to choose
EXACT_DB = 999.0  # JSON has no infinity

Ratios = NDArray[np.float64]  # of noise to signal, for each output


@dataclass(frozen=True, slots=True)
class Measured:
    """How near a network is to the one with its own weights: SQNR of the worst output, and the share of
    frames whose largest element stays the same one.
    """

    frames: int
    sqnr_db: float
    agreement: float


@dataclass(frozen=True, slots=True)
class StateAccuracy:
    """How near an image is with states of 16 bits, as on the chip, and of 32, on the same frames."""

    frames: int
    sqnr_db: float
    agreement: float
    wide_sqnr_db: float


@dataclass(frozen=True, slots=True)
class LayerAccuracy:
    """What a layer's values are on the frames to choose by, the share of them that is 0 and sends no event,
    and how near they are where all weights are rounded.
    """

    layer: str
    least: float
    most: float
    zeros: float
    sqnr_db: float


def apart(count: int) -> tuple[list[int], list[int]]:
    """The frames to choose by, and those held out."""
    is_held = [index % HELD_OUT == HELD_OUT - 1 for index in range(count)]
    return [i for i in range(count) if not is_held[i]], [i for i in range(count) if is_held[i]]


def evenly(indices: Sequence[int]) -> Sequence[int]:
    """As many of them as are measured on, from all over."""
    return indices[:: max(1, -(-len(indices) // FRAMES_MAX))]


class Errors:
    """Noise and signal of outputs, summed over frames."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._noise, self._signal = np.zeros(len(names)), np.zeros(len(names))
        self._frames = self._agreed = 0

    def add(self, wanted: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]]) -> None:
        """A frame's outputs as they should be, and as they are."""
        for i, name in enumerate(self._names):
            want, got = wanted[name].astype(np.float64), found[name].astype(np.float64)
            same = (want == got) | (np.isnan(want) & np.isnan(got))
            with np.errstate(invalid="ignore", over="ignore"):
                self._noise[i] += (np.where(same, 0, got - want) ** 2).sum()
            self._signal[i] += (np.where(np.isfinite(want), want, 0) ** 2).sum()
        first = self._names[0]
        self._frames += 1
        self._agreed += int(wanted[first].argmax() == found[first].argmax())

    @property
    def ratios(self) -> Ratios:
        """Noise over signal of each output."""
        ratios = np.where(self._noise == 0, 0.0, self._noise / np.maximum(self._signal, 1e-300))
        return np.where(np.isnan(ratios), np.inf, ratios)

    def measured(self) -> Measured:
        """What is said of them."""
        share = self._agreed / max(1, self._frames)
        return Measured(self._frames, decibels(float(self.ratios.max())), share)


class Values:
    """What the values of a layer are, frame by frame."""

    def __init__(self, layer: str) -> None:
        self._layer, self._errors = layer, Errors([layer])
        self._least, self._most, self._zeros, self._count = math.inf, -math.inf, 0, 0

    def add(self, wanted: NDArray[Any], found: NDArray[Any]) -> None:
        """A frame's values as they should be, and as they are."""
        self._errors.add({self._layer: wanted}, {self._layer: found})
        self._least = min(self._least, float(wanted.min()))
        self._most = max(self._most, float(wanted.max()))
        self._zeros += int(wanted.size - np.count_nonzero(wanted))
        self._count += wanted.size

    def accuracy(self) -> LayerAccuracy:
        """What is said of them."""
        reached = decibels(float(self._errors.ratios.max()))
        return LayerAccuracy(self._layer, self._least, self._most, self._zeros / self._count, reached)


def decibels(ratio: float) -> float:
    """Signal to noise of a ratio of noise to signal."""
    if ratio <= 0:
        return EXACT_DB
    return max(-EXACT_DB, min(EXACT_DB, -10 * math.log10(ratio))) if math.isfinite(ratio) else -EXACT_DB
