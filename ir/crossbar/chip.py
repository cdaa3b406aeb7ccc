"""A chip of crossbars as plain data: what it has and what an access costs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CrossbarChip:
    """Limits of a target of crossbars, one to a tile of the mesh.

    A unit is a column of a crossbar and hears the rows; a row is driven by one source. `fan_in_max`: inputs
    of a unit. `fan_out_max`: crossbars that a unit's values go to. `weight_bits`: the widest weight a cell
    holds; 32: single precision. The last three numbers bind nothing: estimates are made from them.
    """

    name: str
    mesh: tuple[int, int]
    rows: int
    columns: int
    fan_in_max: int
    fan_out_max: int
    weight_bits: int
    cell_fj: int
    hop_fj: int
    step_ps: int

    @property
    def cores(self) -> int:
        """How many crossbars the mesh has."""
        return self.mesh[0] * self.mesh[1]
