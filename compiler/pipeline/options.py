"""What a user may choose when a network is compiled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from ...ir.aims import NeuronUse, Objective, StateUse
from ...ir.errors import BadInput
from ...ir.firing.learning import Learning
from ...ir.layers import Value
from ...ir.storage.formats import AUTO, START
from ...passes.crossbar.decompose import Method
from ..frontend.nir.dynamics import Dynamics

STEPS, STEPS_MIN = 32, 2
PERCENTILE = 99.9
TIME_LEAST = 1e-3  # seconds that are left for a mapping when all are spent: the first one is taken

Frames = Callable[[Sequence[Value]], Sequence[Mapping[str, NDArray[Any]]]]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. `weights`: a format of `snc compile --help`; `states`: "shared", "banded" or
    "persistent" words; `objective`: what the cuts save; `seed`: of every random choice; `input_shapes`: by
    input, where the model leaves them open. `effort` is the solver's deterministic time; after `time_limit`
    seconds what was found by then is taken, and the bytes depend on the machine. `force`: compile also what
    leaves the host most of the work, and what is far from the model's answers. `dynamics`: the steps of a
    network of spiking neurons. `threshold`: of sigma-delta neurons, a change that is not worth an event;
    None: 0 for whole numbers, for others a step of eight bits of the largest values on `data`. `steps`: of
    integrate-and-fire neurons for each frame, whose thresholds are the values that `percentile` per cent of
    those on `data` are not above; `peaks`: these, once they are known.

    `data` gives frames for the network's inputs, on which the errors of weights are measured. With it,
    `weights` "auto" means that formats are chosen constant by constant, so that outputs are as near as 30 dB,
    or that the image takes at most `budget` bytes, or `cores` cores, or keeps `min_sqnr` dB with the fewest
    bits; without it, that each constant has the format of eight bits that errs least on its weights.

    `decompose`: what becomes of neurons with more inputs than a crossbar has, on chips of crossbars.
    `as_float`: a quantised model is compiled in its float form, whose weights `weights` is for.
    `learning`: the rule by which a projection learns on the chip.
    """

    weights: str = AUTO
    states: StateUse = StateUse.SHARED
    objective: Objective = Objective.CORES
    seed: int = 0
    effort: float = 4.0
    time_limit: float | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    force: bool = False
    dynamics: Dynamics = field(default_factory=Dynamics)
    data: Frames | None = None
    budget: int | None = None
    cores: int | None = None
    min_sqnr: float | None = None
    neurons: NeuronUse = NeuronUse.STANDARD
    threshold: float | None = 0.0
    steps: int = STEPS
    percentile: float = PERCENTILE
    peaks: tuple[float, ...] = ()
    decompose: Method = Method.TREE
    as_float: bool = False
    learning: Learning | None = None

    @property
    def keeps_nothing(self) -> bool:
        """Whether there is no wish about the formats of weights."""
        return self.budget is None and self.cores is None and self.min_sqnr is None

    @property
    def bits_as(self) -> str:
        """Formats with as many bits as those have that are chosen where nothing is measured."""
        return START if self.weights == AUTO else self.weights

    def decomposed(self, method: Method) -> "Options":
        """The same with another method of decomposition. Raises BadInput as the class does."""
        return replace(self, decompose=method)

    def with_formats(self, weights: str) -> "Options":
        """The same with these formats, and nothing more to choose. Raises BadInput as the class does."""
        return replace(self, weights=weights, data=None, budget=None, cores=None, min_sqnr=None)

    def __post_init__(self) -> None:
        """Takes names for what they name. Raises BadInput where they name nothing."""
        for name, known in (
            ("states", StateUse),
            ("objective", Objective),
            ("neurons", NeuronUse),
            ("decompose", Method),
        ):
            value = getattr(self, name)
            if value not in tuple(known):
                rule = f"{value!r} is no choice of {name}"
                raise BadInput(None, rule, hint=f"known are {', '.join(known)}")
            object.__setattr__(self, name, known(value))
        if self.neurons is NeuronUse.IF and self.steps < STEPS_MIN:
            raise BadInput(None, f"{self.steps} steps are no rates", hint=f"give at least {STEPS_MIN}")
        for name in ("budget", "cores", "min_sqnr"):
            if getattr(self, name) is None:
                continue
            if self.weights != AUTO:
                raise BadInput(None, f"{name} is a wish about weights that are chosen", hint="--weights auto")
            if self.data is None:
                raise BadInput(
                    None, f"{name} asks how far weights may be rounded", hint="give frames: --data"
                )
