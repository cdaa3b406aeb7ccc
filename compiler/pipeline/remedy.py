"""What would make a model fit: the cheapest change of the options or of the target, found by trying."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from ...ir.aims import StateUse
from ...ir.chip import Chip
from ...ir.deadline import OVER, Deadline
from ...ir.errors import Change, DoesNotFit, ManyErrors, Origin, OutOfTime, SncError, each_of
from ...ir.layers import LayerGraph
from ...ir.mapping import Mapping as Mapped
from ...ir.storage.channels import codec_of
from ...ir.storage.formats import listed
from ...ir.storage.weights import FORMATS, PLAIN
from ...passes.cutting.pack import too_many
from ...passes.placing.locate import Locate
from ..targets.kinds import kind_of
from .capacity import check_capacity
from .choices import PENALTIES
from .clock import Progress
from .map import packer_of, quantised, wired_within
from .options import Options
from .prepare import Prepared

ATTEMPTS_MAX = 20  # larger targets that are looked at; most are refused by a bound
GROWTH = 8  # a number of which no need is known grows by this part of itself
COMPILES = 2  # trying counts no more than so many times what a compile does
PASSES = 2 + len(PENALTIES)  # of a compile over a network's fragments: each way into cores, and to places
PIECES_LEAST = 500  # populations and fragments that are handled in any case: a few seconds
LOCATED = 2  # ways to places that are tried
ENDLESS = (1, 2**30)  # cores: how a network is packed depends on no mesh
MEMORY = {"core_words", "cores"}  # what fewer bits, or states that share words, are a way out of

Need = Mapping[str, int]
Attempt = Callable[[Chip, Options], object]


class Budget:
    """How much is tried: no more than `COMPILES` times what a compile does for the first network that is
    within all bounds. What is wired counts its populations; what is packed or gets places, its fragments.
    Nothing is timed, so that the same input gives the same answer.
    """

    def __init__(self) -> None:
        self.spent = 0
        self.allowed: int | None = None

    def measure(self, fragments: int) -> None:
        """A network of so many fragments at least is packed: the first says what a compile counts."""
        if self.allowed is None:
            self.allowed = max(PIECES_LEAST, COMPILES * PASSES * fragments)

    def spend(self, pieces: int) -> None:
        """So many are handled, or have been."""
        self.spent += pieces

    @property
    def is_over(self) -> bool:
        """Whether nothing more is begun."""
        return self.allowed is not None and self.spent >= self.allowed


class Attempts:
    """Tries a network in the quickest way that finds a mapping: what is beyond a bound is not tried, and what
    is packed is packed once, whatever mesh it is for.
    """

    def __init__(
        self,
        graph: LayerGraph,
        prepared: Callable[[], Prepared],
        is_over: Deadline,
        progress: Progress,
    ) -> None:
        self.graph, self.prepared, self.is_over, self.progress = graph, prepared, is_over, progress
        self._packed: dict[tuple[Chip, str, StateUse], Mapped | SncError] = {}
        self.budget = Budget()

    def __call__(self, chip: Chip, options: Options) -> None:
        """Raises SncError with what stands in the way; without `ways` where no more is tried."""
        check_capacity(self.graph, chip)
        if self.budget.is_over or self.is_over():
            raise DoesNotFit(Origin(file=self.graph.name), "no more is tried")
        endless = replace(chip, mesh=ENDLESS)
        network = quantised(self.prepared(), options.weights)
        self.budget.spend(len(network.populations))
        _, limits = wired_within(network, chip, options.states)
        self.progress(f"explain: try {chip.mesh[0]} x {chip.mesh[1]} cores of {chip.core_words} words")
        key = endless, options.weights, options.states
        if key not in self._packed:
            self.budget.measure(sum(limits.fragments))
            self.budget.spend(sum(limits.fragments))
            try:
                packer = packer_of(network, endless, options, is_over=OVER)
                self._packed[key] = packer.choices()[0].mapping
            except SncError as error:
                self._packed[key] = error
        found = self._packed[key]
        if isinstance(found, SncError):
            raise found
        mapping = replace(found, chip=chip)
        if len(mapping.cores) > chip.cores:
            raise too_many(mapping)
        self.budget.spend(LOCATED * len(mapping.plans))
        Locate(options.seed, self.is_over, attempts=LOCATED)(mapping)


def remedied(error: SncError, chip: Chip, options: Options, attempt: Attempt) -> SncError:
    """The error, with the cheapest change that makes the model fit as its hint and its remedy.

    Options come first, for they cost nothing: states that share words, then weights of fewer bits. Then the
    target's numbers grow to what each obstacle needs. What is not about fitting stays as it is.
    """
    if not can_be_remedied(error):
        return error
    remedy = _chosen(error, chip, options, attempt) or _enlarged(error, chip, options, attempt)
    hint = _sentence(remedy) if remedy else "no change that was tried makes it fit"
    found = [
        DoesNotFit(one.origin, one.message, hint, getattr(one, "ways", ()), remedy) for one in each_of(error)
    ]
    return found[0] if len(found) == 1 else ManyErrors(found)


def can_be_remedied(error: SncError) -> bool:
    """Whether it is known of an obstacle what would get past it."""
    return bool(_ways(error))


def late(error: SncError, options: Options) -> SncError:
    """What is said where time was over before a mapping was found: that there is none is not known."""
    one = each_of(error)[0]
    rule = f"no mapping was found within {options.time_limit:g} s; the last obstacle: {one.message}"
    return OutOfTime(one.origin, rule, hint="give it more time, or take a larger target")


def with_change(change: Change, chip: Chip, options: Options) -> tuple[Chip, Options]:
    """The target and the options with a change made."""
    numbers = {name: value for name, value in change.items() if hasattr(chip, name)}
    chosen = {name: value for name, value in change.items() if name not in numbers}
    return replace(chip, **numbers), replace(options, **chosen)  # type: ignore[arg-type]


def _ways(error: SncError) -> tuple[Need, ...]:
    """The ways past an obstacle; past several at once, those of all together."""
    each = each_of(error)
    found = [one.ways for one in each if isinstance(one, DoesNotFit) and one.ways]
    if len(found) < len(each):
        return ()
    return tuple(
        _together([ways[min(rank, len(ways) - 1)] for ways in found]) for rank in range(max(map(len, found)))
    )


def _together(ways: Iterable[Need]) -> Need:
    """What meets several needs."""
    found: dict[str, int] = {}
    for way in ways:
        for name, value in way.items():
            found[name] = _wider(name, found.get(name, value), value)
    return found


def _wider(name: str, a: int, b: int) -> int:
    """The one of two values of a number that allows more."""
    return min(a, b) if name.endswith("_min") else max(a, b)


def _failure(chip: Chip, options: Options, attempt: Attempt) -> SncError | None:
    """What stands in the way of a target and options; None if the model fits."""
    try:
        attempt(chip, options)
    except SncError as error:
        return error
    return None


def _chosen(error: SncError, chip: Chip, options: Options, attempt: Attempt) -> Change:
    """Other options with which the model fits this target; empty if there are none."""
    if not any(MEMORY.intersection(way) for way in _ways(error)):
        return {}
    for change in _cheaper(options):
        if _failure(*with_change(change, chip, options), attempt) is None:
            return change
    return {}


def _cheaper(options: Options) -> Iterator[Change]:
    """The options that take less memory, in the order of what they cost."""
    states: list[Change] = [{"states": StateUse.SHARED}] * (options.states is not StateUse.SHARED)
    bits = max(codec_of(name).bits for name in listed(options.bits_as))
    weights: list[Change] = [{"weights": name} for name in reversed(PLAIN) if FORMATS[name].bits < bits]
    yield from states
    yield from weights
    yield from ({**a, **b} for a in states for b in weights)


def _enlarged(error: SncError, chip: Chip, options: Options, attempt: Attempt) -> Change:
    """The numbers of a larger target that holds the model; empty if none was found."""
    larger, left = chip, error
    for _ in range(ATTEMPTS_MAX):
        found = ((new, way) for way in _ways(left) if (new := _grown(larger, way)) != larger)
        grown, way = next(found, (None, {}))
        if grown is None:
            return {}
        larger = grown
        if "core_words" in way and "cores" not in way:  # of larger cores, fewer may be enough
            larger = replace(larger, **{name: getattr(chip, name) for name in kind_of(chip).pairs})
        failure = _failure(larger, options, attempt)
        if failure is None:
            return _least(chip, larger, options, attempt)
        left = failure
    return {}


def _grown(chip: Chip, way: Need) -> Chip:
    """A chip that has what a way needs; if it has that already, a larger one. The same one, if words do not
    hold more.
    """
    kind = kind_of(chip)
    for grows in (False, True):
        found = chip
        for name, need in way.items():
            value: int = getattr(chip, name)
            step = (-1 if name.endswith("_min") else 1) * max(1, abs(value) // GROWTH)
            found = kind.grown(found, name, _wider(name, need, value + grows * step))
        if found != chip:
            return chip if any(True for _ in kind.faults(found)) else found
    return chip


def _least(chip: Chip, larger: Chip, options: Options, attempt: Attempt) -> Change:
    """The numbers that are larger, those left out that turn out to be needless."""
    kind = kind_of(chip)
    names = [name for name in (*kind.limits, *kind.pairs) if getattr(chip, name) != getattr(larger, name)]
    for name in names if len(names) > 1 else ():
        without = replace(larger, **{name: getattr(chip, name)})
        if _failure(without, options, attempt) is None:
            larger = without
    return {name: getattr(larger, name) for name in names if getattr(chip, name) != getattr(larger, name)}


def _sentence(change: Change) -> str:
    """A change as a hint."""
    match change:
        case {"mesh": (columns, rows)} if len(change) == 1:
            return f"a mesh of {columns} x {rows} holds it"
        case {"states": _} | {"weights": _}:
            return f"{' '.join(f'--{name} {value}' for name, value in change.items())} makes it fit"
    numbers = {name: list(value) if isinstance(value, tuple) else value for name, value in change.items()}
    return f"a target with {', '.join(f'{name} = {value}' for name, value in numbers.items())} holds it"
