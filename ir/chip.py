"""The target chip as plain data: what it has and what its fields hold. ir/ reads no file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    """Limits of a target, in the units of the names. Every number is at most what the words' fields hold."""

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

    @property
    def cores(self) -> int:
        """How many cores the mesh has."""
        return self.mesh[0] * self.mesh[1]
