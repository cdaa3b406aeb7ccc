"""What a user may choose when a network is compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ...ir.aims import Objective, StateUse
from ...ir.errors import BadInput
from ..frontend.nir.dynamics import Dynamics


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. `effort` is the solver's deterministic time; after `time_limit` seconds what
    was found by then is taken, and the bytes depend on the machine. `force`: compile also what leaves the
    host most of the work. `dynamics`: the steps of a network of spiking neurons.
    """

    weights: str = "fixed8"
    states: StateUse = StateUse.SHARED
    objective: Objective = Objective.CORES
    seed: int = 0
    effort: float = 4.0
    time_limit: float | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    force: bool = False
    dynamics: Dynamics = field(default_factory=Dynamics)

    def __post_init__(self) -> None:
        """Takes names for what they name. Raises BadInput where they name nothing."""
        for name, known in (("states", StateUse), ("objective", Objective)):
            value = getattr(self, name)
            if value not in tuple(known):
                rule = f"{value!r} is no choice of {name}"
                raise BadInput(None, rule, hint=f"known are {', '.join(known)}")
            object.__setattr__(self, name, known(value))
