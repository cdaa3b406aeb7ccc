"""Where the graph's numbers are the machine's to the last bit, however ONNX Runtime adds.

The machine rounds products to float32, adds them up with twice the bits, and rounds the sum once. Any order
gives the same where nothing is rounded: all products are multiples of a power of two, and all together
not too many times as much. It does where the activation function makes one number of whatever may come of
rounding. And it does where two products are added one by one, for each is rounded as the machine rounds it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....backends.lifted.edges import ADD
from ....backends.lifted.maps import Map
from ....backends.words.codes import UPDATES
from ....ir.activations import Activation
from ....ir.neurons import Update
from .terms import Stage, Term, reached

Reals = NDArray[np.float64]

MOST = 255.0  # of inputs
TOGETHER = 2**20  # weights that are looked at, about
BITS = 2**24  # multiples of a power of two, from 0 on, that float32 has without a gap
LARGEST, SMALLEST = 2.0**127, 2.0**-149  # that float32 has, nearly and above 0
ROUNDED = 2.0**-23  # of the magnitudes of all numbers, what rounding one of their sums adds, twice over
MAXIMUM = UPDATES.numbers[Update.MAXIMUM]
# Functions that ONNX Runtime computes as the machine does, and that nowhere fall, or nowhere rise, where some
# of their parameters are not negative.
STEADY: Mapping[Activation, tuple[int, ...]] = {
    Activation.IDENTITY: (),
    Activation.RELU: (),
    Activation.CLIP: (),
    Activation.LEAKY_RELU: (0,),
    Activation.HARD_SIGMOID: (),
    Activation.SIGN: (),
    Activation.FLOOR: (),
    Activation.CEIL: (),
    Activation.ROUND: (),
    Activation.REQUANTISE: (),
}
WHOLE = {Activation.SIGN, Activation.FLOOR, Activation.CEIL, Activation.ROUND, Activation.REQUANTISE}
LIMITED = {Activation.CLIP, Activation.REQUANTISE}
# What ONNX Runtime must leave as it is: a factor of sums becomes one of weights there, which is rounded.
ROUNDING_ANEW = ("ConvMulFusion", "MatMulScaleFusion")


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """What values may be: multiples of `step`, a power of two, or of 0 if they may be anything; from `low` to
    `high`, which are of each channel.
    """

    step: float
    low: Reals
    high: Reals


def integers(depth: int) -> Numbers:
    """Of so many channels of 8 bits, less their zero point."""
    return Numbers(1.0, np.full(depth, -MOST), np.full(depth, MOST))


def are_integers(values: NDArray[Any]) -> bool:
    """Whether values are such."""
    if values.dtype.kind not in "biuf":
        return False
    # The least of a type of integers has no magnitude there.
    return bool(((values >= -MOST) & (values <= MOST) & (np.rint(values) == values)).all())


@dataclass(frozen=True, slots=True, eq=False)
class Neurons:
    """What the neurons of a map do: they begin, hear the stages, are scaled and activated."""

    map: Map
    stages: Sequence[Stage]
    first: Any
    scale: Any
    activation: Activation
    parameters: Sequence[Any]

    @property
    def are_steady(self) -> bool:
        """Whether their scale and function are known."""
        known, is_scaled = STEADY.get(self.activation), np.any(np.asarray(self.scale) != 1)
        return (
            known is not None
            and not is_scaled
            and all(np.all(np.asarray(self.parameters[each]) >= 0) for each in known)
        )

    def values(self, states: Reals) -> Reals:
        """What becomes of states, one of each channel."""
        with np.errstate(all="ignore"):  # infinities run their course
            held = [np.asarray(each, np.float32) for each in self.parameters]
            return np.asarray(self.activation.function(states.astype(np.float32), *held), np.float64)


@dataclass(slots=True)
class Proof:
    """`holds` as long as all maps so far are known to be the machine's; `numbers`: what their values may be.
    `all_fire`: maps whose neurons fire on 0, too. `pairs`: maps that are known if products are added in turn.
    """

    maps: Sequence[Map]
    all_fire: Collection[int]
    numbers: dict[int, Numbers]
    holds: bool = True
    pairs: set[int] = field(default_factory=set)

    def add(self, neurons: Neurons) -> None:
        """The next map."""
        if not self.holds:
            return
        states = self._states(neurons) if neurons.are_steady else None
        sent = _sent(neurons, states) if states is not None else None
        if sent is None:
            self.holds = False
        else:
            self.numbers[neurons.map.index] = sent

    def _states(self, neurons: Neurons) -> Numbers | None:
        """What the states of a map may be, if they are known."""
        updates = [stage.update for stage in neurons.stages]
        terms = [term for stage in neurons.stages for term in stage.terms]
        if updates == [MAXIMUM]:
            return self._largest(neurons, terms)
        return self._summed(neurons, terms) if updates in ([], [ADD]) else None

    def _summed(self, neurons: Neurons, terms: Sequence[Term]) -> Numbers | None:
        first = np.asarray(neurons.first, np.float64)
        low, high, most, step, count = first, first, np.abs(first), grid(first), 2
        for term in terms:
            heard = _heard(term, self.numbers[term.source])
            low, high, most = low + heard[0], high + heard[1], most + heard[2]
            step = np.minimum(step, heard[3])
            count += term.weights[0].size
        if (most > LARGEST).any():
            return None
        is_exact = (most <= BITS * step) & (step >= SMALLEST)
        slack = np.where(is_exact, 0, count * (ROUNDED * most + SMALLEST))
        found = Numbers(float(step.min()), low - slack, high + slack)
        if is_exact.all():
            return found
        if self._is_pair(neurons.map, terms, first):
            self.pairs.add(neurons.map.index)
            return Numbers(0.0, found.low, found.high)
        one, other = (neurons.values(each)[~is_exact] for each in (found.low, found.high))
        return found if (one == other).all() else None

    def _is_pair(self, own: Map, terms: Sequence[Term], first: Reals) -> bool:
        """Whether neurons hear those at their own place, and two numbers at most are added."""
        for term in terms:
            source, geometry = self.maps[term.source], term.geometry
            here = (geometry.us, geometry.sl, geometry.kh, geometry.kw, geometry.y, geometry.x)
            whole = term.window == (0, source.height, 0, source.width)
            if not term.is_single or here != (0, 0, 1, 1, 0, 0) or not whole or (term.channels < 0).any():
                return False
            if (source.height, source.width) != (own.height, own.width):
                return False
        return len(terms) + int(first.any()) <= 2

    def _largest(self, neurons: Neurons, terms: Sequence[Term]) -> Numbers | None:
        """The largest of the first state and products, each of which is rounded."""
        first = np.asarray(neurons.first, np.float64)
        low, high, step = first, first, np.inf
        for term in terms:
            source, shape = self.numbers[term.source], (-1, 1, 1) if term.is_single else (1, -1, 1)
            weights = term.weights.reshape(len(first), -1, term.geometry.kh * term.geometry.kw)
            ends = [each[term.channels].reshape(shape) * weights for each in (source.low, source.high)]
            least, most, heard = np.minimum(*ends), np.maximum(*ends), weights != 0
            step = min(step, float(_times(grid(weights), source.step).min()))
            if step < SMALLEST or (np.maximum(-least, most) > BITS * step).any():
                step = 0.0
            high = np.maximum(high, most.max(axis=(1, 2), where=heard, initial=-np.inf))
            if heard.all(axis=2).any(axis=1).all() and self._covers(term, neurons.map):
                low = np.maximum(low, least.min(axis=(1, 2), where=heard, initial=np.inf))
        if np.isinf(low).any():  # ONNX Runtime knows no less than the least number that float32 has
            return None
        return Numbers(min(step, float(grid(first[first >= low]).min(initial=np.inf))), low, high)

    def _covers(self, term: Term, target: Map) -> bool:
        """Whether each neuron of a map hears an event of a term."""
        g, (top, bottom, left, right) = term.geometry, term.window
        rows = {at for y in range(top, bottom) for _, at in reached(y, g.y, g.us, g.sl, g.kh, target.height)}
        columns = {
            at for x in range(left, right) for _, at in reached(x, g.x, g.us, g.sl, g.kw, target.width)
        }
        return term.source in self.all_fire and (len(rows), len(columns)) == (target.height, target.width)


def _heard(term: Term, source: Numbers) -> list[Reals]:
    """What the channels of a map hear of a term: at least and at most, all magnitudes together, and what the
    products are multiples of.
    """
    # Windows may lie beyond a map's border, and then hear nothing.
    lows, highs = np.minimum(source.low, 0)[term.channels], np.maximum(source.high, 0)[term.channels]
    found, many = [], len(term.weights)
    for rows in np.array_split(np.arange(many), min(many, 1 + term.weights.size // TOGETHER)):
        weights = term.weights[rows].reshape(rows.size, *term.weights.shape[1:-2], -1).astype(np.float64)
        up, down = (np.clip(weights, *limits).sum(axis=-1) for limits in ((0, None), (None, 0)))
        if term.is_single:
            low, high = lows[rows], highs[rows]
            ends = up * low + down * high, up * high + down * low, (up - down) * np.maximum(high, -low)
        else:
            ends = up @ lows + down @ highs, up @ highs + down @ lows, (up - down) @ np.maximum(highs, -lows)
        found.append((*ends, _times(grid(weights), source.step)))
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def _sent(neurons: Neurons, states: Numbers) -> Numbers | None:
    """What a map sends, of what its states may be; None where it may be an infinity, or no number."""
    zero = np.clip(0, states.low, states.high)  # or what is next to it: 0 / 0 is no number
    one, other, middle = (neurons.values(each) for each in (states.low, states.high, zero))
    if not np.isfinite([one, other, middle]).all():
        return None
    low, high = np.minimum(one, other), np.maximum(one, other)
    met = [low[low == high]]
    if neurons.activation in LIMITED:
        limits = (np.broadcast_to(each, low.shape) for each in neurons.parameters[-2:])
        met += [each[(each >= low) & (each <= high)] for each in limits]
    step = 1.0 if neurons.activation in WHOLE else states.step
    if neurons.activation in (Activation.LEAKY_RELU, Activation.HARD_SIGMOID):
        step = 0.0
    return Numbers(min(step, *(float(grid(each).min(initial=np.inf)) for each in met)), low, high)


def grid(numbers: Any) -> Reals:
    """A power of two of which the finite numbers of each row are multiples; infinity where all are 0."""
    rows = np.asarray(numbers, np.float64)
    rows = np.where(np.isfinite(rows), rows, 0)
    rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    if (rows == np.rint(rows)).all():
        return np.where(rows.any(axis=1), 1.0, np.inf)
    mantissa, exponent = np.frexp(rows)
    whole = np.gcd((mantissa * 2**53).astype(np.int64), 2**53)
    found = np.where(mantissa == 0, np.inf, np.ldexp(whole.astype(np.float64), exponent - 53))
    return np.asarray(found.min(axis=1, initial=np.inf))


def _times(steps: Reals, step: float) -> Reals:
    """What products are multiples of; infinity where a factor is 0."""
    return np.where(np.isinf(steps), np.inf, np.where(np.isinf(steps), 1, steps) * step)
