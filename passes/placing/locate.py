"""Locating: cores have places on the mesh, and relays stand where an axon would not reach its target."""

from collections.abc import Callable
from dataclasses import dataclass

from ...ir.deadline import NEVER, Deadline
from ...ir.errors import DoesNotFit
from ...ir.mapping import Mapping
from .place import Place
from .relay import Relay
from .settle import Settle

Pass = Callable[[Mapping], Mapping]
Gaps = tuple[int, int]  # columns, rows

# The gaps that are tried, and what is added to the seed: none, then free columns and rows for relays, few or
# many; on a chip too full for them, no gaps in other ways.
ATTEMPTS: tuple[tuple[Gaps, int], ...] = (
    ((0, 0), 0),
    ((7, 0), 0),
    ((3, 0), 0),
    ((1, 1), 0),
    ((0, 0), 1),
    ((0, 0), 2),
    ((0, 0), 3),
)


@dataclass(frozen=True, slots=True)
class Locate:
    """Every core has a place, every axon is in reach, and there are relays only where it takes them.

    The passes are made by `place`, from a seed and gaps, by `settle`, from a seed, and by `relay`. So many
    `attempts` are made, and no other once time `is_over`.
    """

    seed: int = 0
    is_over: Deadline = NEVER
    attempts: int = len(ATTEMPTS)
    place: Callable[..., Place] = Place
    settle: Callable[[int, Deadline], Pass] = Settle
    relay: Callable[[], Pass] = Relay

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with places and relays. Raises DoesNotFit."""
        errors: list[DoesNotFit] = []
        for gaps, more in ATTEMPTS[: self.attempts]:
            if errors and self.is_over():
                break
            place = self.place(self.seed + more, gaps, is_over=self.is_over)
            if not errors or place.fits(mapping):
                try:
                    return self.relay()(self.settle(self.seed, self.is_over)(place(mapping)))
                except DoesNotFit as error:
                    errors.append(error)
        raise errors[0]
