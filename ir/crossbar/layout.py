"""Units on crossbars, and crossbars on the mesh."""

from dataclasses import dataclass

import numpy as np

from .units import Integers, Units


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Units on crossbars. `of`: the crossbar of each unit, -1 for inputs. `bound`: no way to gather these
    units takes fewer crossbars.
    """

    units: Units
    of: Integers
    count: int
    bound: int

    def members(self, crossbar: int) -> Integers:
        """The units on a crossbar, in firing order: its columns."""
        return np.flatnonzero(self.of == crossbar)

    @property
    def rows(self) -> tuple[Integers, Integers]:
        """Crossbar and source of each row in use, crossbar by crossbar, sources in order."""
        key = np.unique(self.of[self.units.targets] * self.units.count + self.units.sources)
        return key // self.units.count, key % self.units.count


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Clusters on tiles. `tiles`: x and y of each. `hops`: of all values between tiles, when every unit sends
    one; `bound`: no way to place these crossbars takes fewer.
    """

    clusters: Clusters
    tiles: Integers
    hops: int
    bound: int
