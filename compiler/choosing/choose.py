"""Which format each trained constant gets: few bits where that does no harm, more where it does.

The noise that each constant's rounding makes at the outputs is measured alone; together they are taken for
their sum, which is confirmed on the whole network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
from ortools.sat.python import cp_model

from ...ir.deadline import NEVER, Deadline
from ...ir.errors import DoesNotFit, Origin, OutOfTime, Unsupported
from ...ir.storage.bitrun import BYTE_BITS
from ...ir.storage.channels import codec_of
from ...ir.storage.formats import AUTO, START, formats_of, spelled
from ...ir.storage.weights import FORMATS
from .frames import LayerAccuracy, Measured, StateAccuracy
from .meter import Accuracy, Meter
from .unmeasured import EIGHT_BITS, by_weights

LADDER = ("float16", START, "adaptive7e2s", "adaptive6e2s", "adaptive5e2s", "adaptive4e2s")
WANTED_DB, WARNED_DB, REFUSED_DB = 30.0, 25.0, 20.0
TIED_DB = 40.0  # an answer that changes even so is a tie: it is not worth more bits
ROUNDS = 8  # of choosing and confirming, or of choosing and mapping
NEAR = 0.98  # of a budget: what is left is not worth another mapping
NOISE_UNITS = 10**9
SOLVER_TIME = 5.0  # deterministic: the same on every machine


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the formats. `weights`: a list of them, or "auto". `budget`: bytes of all memory."""

    weights: str
    budget: int | None = None
    cores: int | None = None
    min_sqnr: float | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What a mapping takes: bytes of all cores' memory, and cores."""

    bytes: int
    cores: int


@dataclass(frozen=True, slots=True)
class Point:
    """A choice that was measured, on the frames to choose by and on those held out. `bytes` of all cores'
    memory, and `cores`, where it was mapped.
    """

    weights: str
    bits_per_weight: float
    calibration: Measured
    held_out: Measured | None
    bytes: int | None = None
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class ConstantFormat:
    """A trained constant and its format; `sqnr_db`: of the outputs where it alone is rounded, if measured."""

    constant: str
    format: str
    weights: int
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class Precision:
    """The formats, and what they cost: on the frames to choose by, and on those held out. `corrected`: how
    many biases make up for what rounding changes on average; `uncorrected`: how near it is without that.
    `chip`: how near it is with states of 16 bits, too, if that was asked for.
    """

    weights: str
    bits_per_weight: float
    constants: tuple[ConstantFormat, ...]
    calibration: Measured
    held_out: Measured | None
    corrected: int = 0
    uncorrected: Accuracy | None = None
    layers: tuple[LayerAccuracy, ...] = ()
    chip: StateAccuracy | None = None
    front: tuple[Point, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def mapped(self, taken: Taken) -> "Precision":
        """The same, where what the choice takes is known."""
        points = [
            replace(point, bytes=taken.bytes, cores=taken.cores) if point.weights == self.weights else point
            for point in self.front
        ]
        return replace(self, front=tuple(points))


NOWHERE = Taken(2**62, 2**62)  # what does not fit the target
Mapper = Callable[[str], Taken]  # raises DoesNotFit


def decide(meter: Meter, wish: Wish, mapped: Mapper, is_over: Deadline = NEVER) -> Precision:
    """The formats for a wish. Raises DoesNotFit for a budget that cannot be kept, Unsupported where the
    answers would be too far from the model's. Once time `is_over`, the best known formats are taken.
    """
    choice = Choosing(meter, is_over)
    if wish.weights != AUTO:
        formats = formats_of(wish.weights, len(meter.constants))
    elif wish.budget is not None or wish.cores is not None:
        formats = choice.fitted(wish, mapped)
    elif wish.min_sqnr is not None:
        formats = choice.cheapest(wish.min_sqnr)
    else:
        formats = choice.promoted()
    return choice.precision(formats, wish)


class Choosing:
    """The measured points of a network, and the ways to choose among formats."""

    def __init__(self, meter: Meter, is_over: Deadline = NEVER) -> None:
        self.meter, self.is_over = meter, is_over
        self.points: dict[str, Point] = {}

    def sqnr(self, formats: Sequence[str], taken: Taken | None = None) -> float:
        """The SQNR of a choice on the frames to choose by, which becomes a point of the front."""
        found, held_out = self.meter.whole(formats)
        text, old = spelled(formats), self.points.get(spelled(formats))
        if old is None or taken is not None:
            size = (taken.bytes, taken.cores) if taken else (None, None)
            self.points[text] = Point(text, self.bits(formats), found, held_out, *size)
        return found.sqnr_db

    def bits(self, formats: Sequence[str]) -> float:
        """Bits of a weight, on average."""
        return self._size(formats) / max(1, self.meter.weights)

    def _size(self, formats: Sequence[str]) -> int:
        pairs = zip(self.meter.sizes, formats, strict=True)
        return sum(size * codec_of(name).bits for size, name in pairs)

    def promoted(self) -> tuple[str, ...]:
        """Eight bits, and sixteen where that takes most of the noise away, until the wanted SQNR, and until
        no answer of a classifier changes. Eight are of adaptive float, or where that is nearer, for each
        constant of what errs least on its weights.
        """
        meter = self.meter
        formats = [START] * len(meter.constants)
        if not formats or self._is_enough(formats):
            return tuple(formats)
        others = list(formats_of(by_weights(meter.network), len(formats)))
        formats = max(formats, others, key=self.sqnr)
        if self._is_enough(formats):
            return tuple(formats)
        noise = self._noise(EIGHT_BITS)
        if noise is None:
            return (LADDER[0],) * len(formats)
        parts = [row[EIGHT_BITS.index(codec)] for row, codec in zip(noise, formats, strict=True)]
        order = np.argsort([-part / size for part, size in zip(parts, meter.sizes, strict=True)])
        limit, left = 10 ** (-WANTED_DB / 10), sum(parts)
        for index in order:
            formats[index] = LADDER[0]
            left -= parts[index]
            if left <= limit and not self.is_over():
                if self._is_enough(formats):
                    break
                limit = left / 2  # the constants' noise does not quite add up
        return tuple(formats)

    def _is_enough(self, formats: Sequence[str]) -> bool:
        """Whether a choice is near enough, and a classifier's answers on the frames to choose by stay."""
        reached = self.sqnr(formats)
        if not self.meter.is_classifier or reached >= TIED_DB:
            return reached >= WANTED_DB
        return reached >= WANTED_DB and self.meter.whole(formats)[0].agreement == 1

    def cheapest(self, sqnr_db: float) -> tuple[str, ...]:
        """The fewest bits that keep an SQNR. Raises DoesNotFit where no formats do."""
        allowed = 10 ** (-sqnr_db / 10)
        for _ in range(ROUNDS):
            found = self._solved(noise_max=allowed)
            if found is None or self.is_over():
                break
            if self.sqnr(found) >= sqnr_db:
                return found
            allowed *= 0.7
        best = (LADDER[0],) * len(self.meter.constants)
        if (reached := self.sqnr(best)) >= sqnr_db:
            return best
        rule = f"reaches {reached:.1f} dB with weights of 16 bits, {sqnr_db:g} are asked for"
        raise DoesNotFit(Origin(file=self.meter.graph.name), rule, hint="ask for less, or --weights float32")

    def fitted(self, wish: Wish, mapped: Mapper) -> tuple[str, ...]:
        """The least noise within the bytes or the cores that are wished for. Raises DoesNotFit."""
        least = (LADDER[-1],) * len(self.meter.constants)
        taken = mapped(spelled(least))
        self.sqnr(least, taken)
        if not keeps(taken, wish):
            rule = f"takes {taken.bytes} bytes and {taken.cores} cores with weights of 4 bits"
            asked = f"{wish.budget} bytes" if wish.budget is not None else f"{wish.cores} cores"
            raise DoesNotFit(Origin(file=self.meter.graph.name), f"{rule}, {asked} are allowed")
        best, most = least, (LADDER[0],) * len(least)
        low, high = self._size(least), self._size(most) + 1  # bits that are few enough, and too many
        size = self._first(wish, taken, low, high)
        for _ in range(ROUNDS):
            found = self._solved(bits_max=min(size, high - 1))
            if found is None or found == best or self.is_over():
                break
            bits = self._size(found)
            try:
                taken = mapped(spelled(found))
            except OutOfTime:
                break
            except DoesNotFit:
                taken = NOWHERE
            if keeps(taken, wish):
                self.sqnr(found, taken)
                best, low = found, bits
                if found == most or (wish.budget is not None and taken.bytes >= NEAR * wish.budget):
                    break
            else:
                high = bits
            size = (low + high) // 2
            if wish.budget is not None and taken is not NOWHERE:
                nearer = bits + (wish.budget - taken.bytes) * BYTE_BITS
                size = nearer if low < nearer < high else size
            elif size - low < (1 - NEAR) * low:
                break
        return best

    def _first(self, wish: Wish, taken: Taken, low: int, high: int) -> int:
        """The weights' bits to try first, from what the fewest take."""
        if wish.budget is not None:
            return low + int(0.995 * (wish.budget - taken.bytes)) * BYTE_BITS
        assert wish.cores is not None
        if wish.cores == taken.cores:  # what is left of the last core may hold all
            return high
        return low + int(taken.bytes / taken.cores * (wish.cores - taken.cores)) * BYTE_BITS

    def _solved(
        self, *, bits_max: int | None = None, noise_max: float | None = None
    ) -> tuple[str, ...] | None:
        """One format for each constant: the least noise within so many bits, or the fewest bits. None where
        there are none such, or no time.
        """
        meter, model = self.meter, cp_model.CpModel()
        noise = self._noise(LADDER)
        if noise is None:
            return None
        total = sum(max(row) for row in noise)
        unit = NOISE_UNITS / max(total if noise_max is None else min(total, 100 * noise_max), 1e-300)
        costs = [[round(min(part * unit, 1e12)) for part in row] for row in noise]
        bits = [[size * FORMATS[codec].bits for codec in LADDER] for size in meter.sizes]
        picks = [[model.new_bool_var("") for _ in LADDER] for _ in meter.constants]
        for row in picks:
            model.add_exactly_one(row)
        flat = [pick for row in picks for pick in row]
        noises = cp_model.LinearExpr.weighted_sum(flat, [cost for row in costs for cost in row])
        sizes = cp_model.LinearExpr.weighted_sum(flat, [cost for row in bits for cost in row])
        if bits_max is not None:
            model.add(sizes <= bits_max)
            model.minimize(noises)
        else:
            assert noise_max is not None
            model.add(noises <= round(noise_max * unit))
            model.minimize(sizes)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = SOLVER_TIME
        if -inf < self.is_over.end < inf:
            solver.parameters.max_time_in_seconds = self.is_over.left
        solver.parameters.catch_sigint_signal = False  # an interrupt is not the end of a search
        if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        chosen = [next(i for i, pick in enumerate(row) if solver.value(pick)) for row in picks]
        return tuple(LADDER[i] for i in chosen)

    def _noise(self, codecs: Sequence[str]) -> list[list[float]] | None:
        """What each constant's rounding to each format makes at the outputs; None where there is no time."""
        found: list[list[float]] = []
        for name in self.meter.constants:
            if self.is_over():
                return None
            found.append([float(self.meter.alone(name, codec).max()) for codec in codecs])
        return found

    def precision(self, formats: Sequence[str], wish: Wish) -> Precision:
        """What is to be said of a choice. Raises Unsupported where it is too far from the model."""
        meter, text = self.meter, spelled(formats) if formats else START
        if spelled(formats) not in self.points:
            self.sqnr(formats)
        known = meter.measured(formats)
        calibration, held_out = known.best.calibration, known.best.held_out
        origin = Origin(file=meter.graph.name)
        reached = min(found.sqnr_db for found in (calibration, held_out) if found is not None)
        if wish.min_sqnr is not None and calibration.sqnr_db < wish.min_sqnr:
            rule = f"reaches {calibration.sqnr_db:.1f} dB within what is allowed, not {wish.min_sqnr:g}"
            raise DoesNotFit(origin, rule, hint="allow more, or ask for less")
        said = f"the image is {reached:.1f} dB from the model on the given frames"
        if reached < REFUSED_DB and not wish.force:
            rule = f"{said}, less than {REFUSED_DB:g}: its answers would be others"
            raise Unsupported(origin, rule, hint="give --weights float16, or --force")
        warnings = (f"{said}, less than {WARNED_DB:g}",) if reached < WARNED_DB else ()
        constants = tuple(
            ConstantFormat(name, codec, size, meter.known(name, codec))
            for name, codec, size in zip(meter.constants, formats, meter.sizes, strict=True)
        )
        front = tuple(sorted(self.points.values(), key=lambda point: (point.bits_per_weight, point.weights)))
        uncorrected = known.plain if known.added else None
        return Precision(
            text,
            self.bits(formats),
            constants,
            calibration,
            held_out,
            len(known.added),
            uncorrected,
            meter.layers(formats),
            None,
            front,
            warnings,
        )


def keeps(taken: Taken, wish: Wish) -> bool:
    """Whether a mapping is within what is wished for."""
    return taken.bytes <= (wish.budget or taken.bytes) and taken.cores <= (wish.cores or taken.cores)
