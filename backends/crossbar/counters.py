"""What a chip of crossbars is counted in, crossbar by crossbar."""

from dataclasses import dataclass
from typing import ClassVar

from ..machine.counters import Counters, Integers


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarCounters(Counters):
    """Counters of each crossbar, a population of its own at address 0.

    `firing`: units whose value is not 0. `events`: their values that are sent to a row, `local`: of these,
    those to a row of their own crossbar; no event is empty, and cycles are not estimated. `reads`: rows that
    were driven by a value that is not 0, `silent`: rows in use that were not. The cells that a driven row
    crosses hold a weight (`synaptic_operations`) or none (`unused`).
    """

    COUNTS: ClassVar[tuple[str, ...]] = (*Counters.COUNTS, "local", "reads", "silent", "unused")

    local: Integers
    reads: Integers
    silent: Integers
    unused: Integers
