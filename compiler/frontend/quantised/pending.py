"""What is known of the tensors of a quantised model while it is rewritten to whole numbers."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantisation import Quantisation, Reals, limits

SUM_BITS = 31  # of the magnitude of a sum, which a state of 32 bits holds
ONE: Reals = np.ones((), dtype=np.float32)
EXACT = 2.0**24  # whole numbers up to this are single-precision numbers

# What these make of whole numbers are some of them: they mean the same for integers and for floats.
CARRIERS = (
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Gather", "MaxPool"),
    *("GlobalMaxPool", "Split", "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Resize", "Upsample"),
    *("ReduceMax", "ReduceMin", "Pad"),
)
MIXING = ("linear", "bilinear", "cubic")  # modes of some of them that make other numbers
BY_CHANNEL = ("Identity", "MaxPool", "GlobalMaxPool")  # which keep the channels


class NotWhole(Exception):
    """A model, or a part of it, computes with other than whole numbers: `rule` says what and why."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A tensor of integers: the floats that hold the same numbers less their zero point, and how they mean
    real ones.
    """

    name: str
    how: Quantisation

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest of the whole numbers."""
        found = limits(self.how.dtype)
        assert found is not None
        zero = float(self.how.zero.ravel()[0])
        return found[0] - zero, found[1] - zero


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A quantised constant: its integers less their zero point, and the scale along an axis, or of all."""

    whole: NDArray[np.float64]
    scale: Reals
    axis: int

    @property
    def is_one(self) -> bool:
        """Whether all of it has one scale."""
        return self.scale.size == 1


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """Whole numbers times a scale, which broadcasts over them."""

    name: str
    scale: Reals

    @property
    def is_one(self) -> bool:
        """Whether all numbers have one scale."""
        return self.scale.size == 1


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Real numbers that no tensor holds yet: the sum of terms, clamped to bounds.

    `is_sum`: the one term is a sum of products, which is rounded with one factor. `count`: it is divided by
    this, or by one number for each place of its maps.
    """

    terms: tuple[Term, ...]
    is_sum: bool = False
    count: Reals = field(default_factory=lambda: ONE)
    low: float = -math.inf
    high: float = math.inf

    @property
    def only(self) -> Term | None:
        """The one term of a value that is not clamped."""
        is_bare = len(self.terms) == 1 and (self.low, self.high) == (-math.inf, math.inf)
        return self.terms[0] if is_bare else None

    @property
    def is_mean(self) -> bool:
        """Whether it is divided by other than one."""
        return bool((self.count != 1).any())

    def factor(self, step: Reals) -> Reals:
        """What a sum of products is multiplied with before it is rounded: f32(f32(sx sw) / sy)."""
        return np.asarray(self.terms[0].scale / (step * self.count), dtype=np.float32)

    def whole_bounds(self, target: Whole) -> tuple[float, float]:
        """The bounds as whole numbers of a quantised tensor, within its own."""
        step, ends = float(target.how.scale.ravel()[0]), target.ends

        def end(bound: float) -> float:
            whole = bound if math.isinf(bound) else float(np.rint(np.float32(bound) / np.float32(step)))
            return min(max(whole, ends[0]), ends[1])

        return end(self.low), end(self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Values that are joined along an axis once each is rounded."""

    parts: tuple["Value", ...]
    axis: int


Value = Pending | Joined | Held


def whole_numbers(value: NDArray[Any], how: Quantisation) -> NDArray[np.float64]:
    """A constant's integers less their zero point. Raises NotWhole."""
    if how.dequantised(value).shape != value.shape:
        raise NotWhole("a constant's scales do not fit it")
    zero = how.zero.astype(np.float64)
    if zero.size > 1:
        if how.spread or how.block:
            raise NotWhole("a constant has scales for blocks")
        zero = zero.reshape([-1 if a == how.axis % value.ndim else 1 for a in range(value.ndim)])
    found = np.asarray(value.astype(np.float64) - (zero.reshape(()) if zero.size == 1 else zero))
    if not (found == np.rint(found)).all() or np.abs(found).max(initial=0) > 2.0**SUM_BITS:
        raise NotWhole("a constant is no whole number of at most 32 bits")
    return found
