"""What a user may choose when a network is compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. `effort` is the solver's deterministic time; after `time_limit` seconds what
    was found by then is taken, and the bytes depend on the machine. `force`: compile also what leaves the
    host most of the work.
    """

    weights: str = "fixed8"
    states: str = "shared"
    objective: str = "cores"
    seed: int = 0
    effort: float = 4.0
    time_limit: float | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    force: bool = False
