"""What a verification found, as plain values for tables and scripts. Draws nothing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .comparison import Compared
from .engines import AnyImage, lost
from .figures import Divergence, Figures
from .verify import Verdict


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
    """A verdict: the outputs against the original model, against the `reference` graph (the mapping), and the
    network as it was read against the model (`frontend`). `integers`: of a model that was compiled as its
    integers, every layer against these. `rounding`: what the chip's arithmetic costs. `lost`: synapses
    that the image does not have; then no error of the mapping is wrong.

    `max_abs_error` is in the unit of the worst of `outputs`, `max_rel_error` over its peak, and `sqnr_db` in
    decibels, against the original `model`. `layers`: the same of every layer, against the reference, where
    `first_divergence` names the first that is off. `image`, `weights` and `arithmetic` say what ran, on so
    many `frames`. `is_mapped_right`: no output is further from the reference than `tolerance` of its peak;
    `is_right`: nothing that binds is further than it may be. `rounds_to`: the numbers that the model rounds
    its tensors to.
    """

    max_abs_error: float
    max_rel_error: float
    sqnr_db: float
    outputs: tuple[Figures, ...]
    first_divergence: Divergence | None
    reference: Errors
    frontend: Held
    integers: Held | None
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
    lost: int = 0


def verification(
    verdict: Verdict, image: AnyImage, model: Path, path: Path, arithmetic: str, frames: int
) -> Verification:
    """A verdict with its worst figures."""
    original, reference = _errors(verdict.outputs), _errors(verdict.reference)
    rounding, integers = verdict.compared.get("rounding"), verdict.compared.get("integers")
    return Verification(
        max_abs_error=original.max_abs_error,
        max_rel_error=original.max_rel_error,
        sqnr_db=original.sqnr_db,
        outputs=original.outputs,
        first_divergence=verdict.first_divergence,
        reference=reference,
        frontend=_held(verdict.compared["frontend"]),
        integers=None if integers is None else _held(integers),
        rounding=None if rounding is None else _errors(rounding.outputs),
        layers=tuple(layer.finite() for layer in verdict.layers),
        model=model.name,
        image=str(path),
        weights=image.about.weights,
        arithmetic=arithmetic,
        frames=frames,
        tolerance=verdict.tolerance,
        rounds_to=verdict.rounds_to,
        is_mapped_right=verdict.is_mapped_right,
        is_right=verdict.is_right,
        lost=lost(image),
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
    finite = tuple(figure.finite() for figure in figures)
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
