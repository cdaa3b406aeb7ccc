"""What the words' fields hold, as limits of a chip: a target states these numbers or tighter ones."""

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace

from ...ir.chip import Chip
from ...ir.neurons import STATE_BITS, WIDE_BITS
from .bits import WORD_BYTES
from .words import Axon, Kernel, Population, Port, Step, Stride

ADDRESSES = Population.field("start").maximum + 1
PORTS = Axon.field("port").maximum + 1
CORES = Step.field("core").maximum + 1

_AXON = {field.name: field for field in Axon.FIELDS}

# The smallest and the largest value of every number of a Chip.
LIMITS: dict[str, tuple[int, int]] = {
    "core_words": (1, ADDRESSES),
    "width_max": (1, Population.field("width").maximum),
    "height_max": (1, Population.field("height").maximum),
    "depth_max": (1, min(Population.field("depth").maximum, Kernel.field("kd").maximum)),
    "kernel_max": (1, min(_AXON["kw"].maximum, Kernel.field("kw").maximum)),
    "stride_max": (1, 2 ** Kernel.field("sl").maximum),
    "upsampling_max": (1, 2 ** _AXON["us"].maximum),
    "offset_min": (_AXON["x_off"].minimum, 0),
    "offset_max": (0, _AXON["x_off"].maximum),
    "channel_offset_max": (0, _AXON["c_off"].maximum),
    "axons_max": (0, Population.field("axons").maximum),
    "ports_max": (1, PORTS),
    "reach_min": (_AXON["core_x"].minimum, 0),
    "reach_max": (0, _AXON["core_x"].maximum),
    "strided_tables": (0, Port.field("strides").maximum),
    "state_bits": (STATE_BITS, STATE_BITS),
    "wide_state_bits": (0, WIDE_BITS),
    "chip_border_cost": (0, CORES),  # no way through a mesh is longer
    **dict.fromkeys(("access_fj", "access_root_fj", "operation_fj", "hop_fj", "cycle_ps"), (0, 10**9)),
}

assert Port.field("table").maximum + 1 == Kernel.field("address").maximum + 1 == ADDRESSES
# A stride may be as long as a memory, and every channel of an event at a port has a place in it.
assert Stride.field("stride").maximum + 1 == ADDRESSES * WORD_BYTES
assert Stride.field("begin").maximum >= _AXON["c_off"].maximum + Population.field("depth").maximum - 1


def widest(name: str, mesh: tuple[int, int], core_words: int, strided_tables: int = 0) -> Chip:
    """A chip of so many cores and words, with all else that the words' fields hold."""
    numbers = {
        field.name: LIMITS[field.name][0 if field.name.endswith("_min") else 1]
        for field in fields(Chip)
        if field.name in LIMITS and field.default is MISSING
    }
    found = Chip(name, mesh, **{**numbers, "core_words": core_words})  # type: ignore[arg-type]
    return replace(found, strided_tables=strided_tables)


def beyond(chip: Chip) -> Iterator[str]:
    """Each number of a chip that the words, or the image, cannot hold, as a sentence."""
    for name, (low, high) in LIMITS.items():
        value = getattr(chip, name)
        if not low <= value <= high:
            yield f"{name} = {value} is outside {low}..{high}"
    for name, (columns, rows) in (("mesh", chip.mesh), ("chip_mesh", chip.chip_mesh)):
        if min(columns, rows) < 1 or columns * rows > CORES:
            yield f"{name} = {columns} x {rows} is not between 1 and {CORES} cores"
