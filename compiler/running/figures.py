"""How far tensors are from what they should be, gathered frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_ERROR_DB = (
    999.0  # JSON has no infinity: the SQNR of values that do not differ at all; of infinite errors minus that
)
PEAK_MIN = 1e-6  # below it, errors are taken as they are


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a tensor is from its reference; `max_rel_error` is over the reference's peak.

    `argmax_agree`: the share of frames whose largest element is the same one; of class numbers, the share of
    equal elements. `mismatches`: how many of all frames' `elements` differ at all.
    """

    name: str
    max_abs_error: float
    max_rel_error: float
    sqnr_db: float
    argmax_agree: float
    mismatches: int
    elements: int
    has_argmax: bool

    def finite(self) -> "Figures":
        """With an SQNR that JSON can hold."""
        return replace(self, sqnr_db=max(-NO_ERROR_DB, min(self.sqnr_db, NO_ERROR_DB)))


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first layer whose values differ from the reference's, and its worst neuron, without the frame."""

    layer: str
    neuron: tuple[int, ...]
    got: float
    want: float


def is_class_numbers(array: NDArray[Any]) -> bool:
    """Whether a tensor holds classes by their numbers, as ArgMax and TopK give them, not scores."""
    return array.dtype.kind in "iu" and array.dtype.itemsize > 2


class Gauge:
    """A tensor's figures while they are gathered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.worst, self.peak, self.noise, self.signal = 0.0, 0.0, 0.0, 0.0
        self.frames, self.agreed, self.mismatches, self.elements = 0, 0.0, 0, 0
        self.has_argmax = False
        self.place: tuple[int, ...] = ()
        self.pair = (0.0, 0.0)

    def add(self, got: NDArray[Any], want: NDArray[Any]) -> None:
        """One frame; both have the same number of elements."""
        are_numbers = is_class_numbers(want)
        out, ref = got.astype(np.float64).reshape(want.shape), want.astype(np.float64)
        same = (out == ref) | (np.isnan(out) & np.isnan(ref))
        with np.errstate(invalid="ignore"):
            error = np.where(same, 0.0, np.abs(out - ref))
        error = np.where(np.isnan(error), np.inf, error)
        largest = float(error.max(initial=0.0))
        if largest > self.worst or not self.place:
            self.place = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
            self.pair = float(out[self.place]), float(ref[self.place])
        finite = np.where(np.isfinite(ref), ref, 0.0)
        self.worst = max(self.worst, largest)
        self.peak = max(self.peak, float(np.abs(finite).max(initial=0.0)))
        self.noise += float((error**2).sum())
        self.signal += float((finite**2).sum())
        self.frames += 1
        self.elements += want.size
        self.mismatches += int(np.count_nonzero(~same))
        self.has_argmax = are_numbers or want.size > 1
        if are_numbers:
            self.agreed += float(same.mean())
        else:
            self.agreed += float(out.argmax() == ref.argmax())

    def figures(self) -> Figures:
        """What was gathered."""
        with np.errstate(divide="ignore"):
            ratio = max(self.signal, 1e-300) / self.noise if self.noise else np.inf
            sqnr = float(10 * np.log10(ratio))
        relative = self.worst / self.peak if self.peak > PEAK_MIN else self.worst
        agreed = self.agreed / self.frames
        return Figures(
            self.name,
            self.worst,
            relative,
            sqnr,
            agreed,
            self.mismatches,
            self.elements,
            self.has_argmax,
        )

    def divergence(self, layer: str) -> Divergence:
        """The worst element, as a layer's neuron."""
        return Divergence(layer, self.place, *self.pair)


def first_above(gauges: Sequence[Gauge], layers: Sequence[str], limit: float | None) -> Divergence | None:
    """The first tensor that is further from its reference than the limit."""
    for gauge, layer in zip(gauges, layers, strict=True):
        if limit is not None and gauge.figures().max_rel_error > limit:
            return gauge.divergence(layer)
    return None
