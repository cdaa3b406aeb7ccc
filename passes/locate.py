"""Locating: cores have places on the mesh, and relays stand where an axon would not reach its target."""

from dataclasses import dataclass

from ..ir.errors import DoesNotFit
from ..ir.mapping import Mapping
from .place import Place
from .relay import Relay

# Neighbours' distances in X and in Y that are tried: side by side, then with free cores between for relays.
SPACINGS = ((1, 1), (2, 1), (2, 2))


@dataclass(frozen=True, slots=True)
class Locate:
    """Every core has a place, every axon is in reach, and there are relays only where it takes them."""

    seed: int = 0

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with places and relays. Raises DoesNotFit."""
        errors: list[DoesNotFit] = []
        for spacing in SPACINGS:
            place = Place(seed=self.seed, spacing=spacing)
            if not errors or place.fits(mapping):
                try:
                    return Relay()(place(mapping))
                except DoesNotFit as error:
                    errors.append(error)
        raise errors[0]
