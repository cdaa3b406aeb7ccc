"""The target chip as plain data: what it has and what its fields hold. ir/ reads no file."""

import math
from dataclasses import dataclass

SIZE_STEP = 8  # an axon counts the size of its target in steps of this many positions, rounded up


@dataclass(frozen=True, slots=True)
class Chip:
    """Limits of a target, in the units of the names. Every number is at most what the words' fields hold.

    `core_words`: 64-bit words of a core's memory. `width_max`, `height_max` (neurons) and `depth_max`
    (channels): of a population. `kernel_max`, `stride_max`, `upsampling_max`, `offset_min` and `offset_max`:
    positions in X and in Y. `channel_offset_max`: channels. `axons_max`: of a population; `ports_max`: of a
    core. `reach_min` and `reach_max`: cores in X and in Y, from one to another.
    `chip_mesh`: cores of one chip in X and Y; a larger mesh is several chips, and an event that crosses from
    one to the next costs `chip_border_cost` hops more. `wide_state_bits`: of states that sum whole numbers;
    fewer than 32: it has none. `strided_tables`: the most runs of source channels in a kernel table that has
    words for these in place of a word for each channel; 0: there are no such tables.
    The last five numbers bind nothing: estimates are made from them. An access to a memory of n words takes
    `access_fj` + `access_root_fj` * sqrt(n) femtojoules, a synaptic operation `operation_fj` and a hop
    `hop_fj` more, and a cycle `cycle_ps` picoseconds.
    """

    name: str
    mesh: tuple[int, int]
    core_words: int
    width_max: int
    height_max: int
    depth_max: int
    kernel_max: int
    stride_max: int
    upsampling_max: int
    offset_min: int
    offset_max: int
    channel_offset_max: int
    axons_max: int
    ports_max: int
    reach_min: int
    reach_max: int
    state_bits: int = 16
    wide_state_bits: int = 32
    strided_tables: int = 0
    chip_mesh: tuple[int, int] = (12, 12)
    chip_border_cost: int = 0
    access_fj: int = 1000
    access_root_fj: int = 80
    operation_fj: int = 500
    hop_fj: int = 1500
    cycle_ps: int = 1250

    @property
    def cores(self) -> int:
        """How many cores the mesh has."""
        return self.mesh[0] * self.mesh[1]


def snake(chip: Chip, count: int) -> list[tuple[int, int]]:
    """Places (x, y) along a snake through the smallest square that holds `count` cores."""
    columns = min(chip.mesh[0], max(math.isqrt(max(count, 1) - 1) + 1, -(-count // chip.mesh[1])))
    found = []
    for index in range(count):
        y, x = divmod(index, columns)
        found.append((columns - 1 - x if y % 2 else x, y))
    return found
