"""Kinds of chips: what target files of each may say. `esu` is the paper's chip, `crossbar` one of
crossbars of synapses.

What a network becomes on a chip of a kind is its row in `compiler/pipeline/kinds.py`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib import resources
from typing import Any, NamedTuple

from ...backends.words.bits import WORD_BYTES
from ...backends.words.limits import CORES, LIMITS, beyond
from ...ir.chip import Chip
from ...ir.crossbar.chip import CrossbarChip
from ...ir.errors import TargetRule


class Fault(NamedTuple):
    """What is wrong with a number of a chip, what to do about it, and the rule that it breaks."""

    sentence: str
    hint: str
    rule: TargetRule = TargetRule.RANGE


class Bytes(int):
    """A size, to be shown in a unit that suits it."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of chip, as its target files say it.

    `chip`: a frozen dataclass, whose fields are a file's numbers, and `name`. `sample` reads a file that has
    every number, and a comment on each: what others leave out is as there. `limits`: each number's least and
    most. `pairs`: numbers in X and Y, with what they may be, in words. `faults`: all that is wrong with a
    chip. `row`: what a list of targets says of it. `grown`: the chip with one of the numbers that errors say
    a network needs (`DoesNotFit.ways`).
    """

    name: str
    text: str
    chip: type[Any]
    sample: Callable[[], str]
    limits: Mapping[str, tuple[int, int]]
    pairs: Mapping[str, str]
    faults: Callable[[Any], Iterable[Fault]]
    row: Callable[[Any], Mapping[str, int | str]]
    grown: Callable[[Any, str, int], Any]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Everything that a file may say of a chip but its kind, the name first."""
        return tuple(field.name for field in fields(self.chip))


def shipped_text(name: str) -> str:
    """The target file of a chip that comes with the package."""
    return resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


POWERS = ("stride_max", "upsampling_max")


def _faults(chip: Chip) -> Iterator[Fault]:
    yield from (Fault(sentence, "the words' fields hold no more") for sentence in beyond(chip))
    for key in POWERS:
        value = getattr(chip, key)
        if LIMITS[key][0] <= value <= LIMITS[key][1] and value.bit_count() != 1:
            yield Fault(f"{key} = {value} is no power of two", "write a power of two", TargetRule.POWER)


def _row(chip: Chip) -> dict[str, int | str]:
    return {
        "mesh": f"{chip.mesh[0]} x {chip.mesh[1]}",
        "cores": chip.cores,
        "a core": Bytes(chip.core_words * WORD_BYTES),
        "all cores": Bytes(chip.cores * chip.core_words * WORD_BYTES),
        "kernel": f"{chip.kernel_max} x {chip.kernel_max}",
    }


def _grown(chip: Chip, name: str, value: int) -> Chip:
    """More cores are more rows, and more columns, too, where these would be beyond an axon's reach."""
    if name == "cores":
        columns, reach = chip.mesh[0], chip.reach_max + 1
        if -(-value // columns) > max(reach, chip.mesh[1]):
            columns = max(columns, math.isqrt(value - 1) + 1)
        return replace(chip, mesh=(columns, -(-value // columns)))
    return replace(chip, **{name: value})  # type: ignore[arg-type]


ESU = Kind(
    name="esu",
    text="cores send events along axons, and scatter them through kernels",
    chip=Chip,
    sample=partial(shipped_text, "grai-vip"),
    limits=LIMITS,
    pairs=dict.fromkeys(("mesh", "chip_mesh"), f"1 to {CORES} cores"),
    faults=_faults,
    row=_row,
    grown=_grown,
)


def _crossbar_faults(chip: CrossbarChip) -> Iterator[Fault]:
    for name, (low, high) in CROSSBAR_LIMITS.items():
        if not low <= getattr(chip, name) <= high:
            yield Fault(f"{name} = {getattr(chip, name)} is outside {low}..{high}", "the image holds no more")
    if not (1 <= min(chip.mesh) <= max(chip.mesh) <= TILES_ACROSS and chip.cores <= CROSSBARS):
        yield Fault(f"mesh = {list(chip.mesh)} is no mesh of 1 to {CROSSBARS} tiles", "write mesh = [5, 5]")
    if chip.fan_in_max > chip.rows:
        sentence = f"fan_in_max = {chip.fan_in_max} is above rows = {chip.rows}"
        yield Fault(sentence, "an input takes a row", TargetRule.TOGETHER)


def _crossbar_row(chip: CrossbarChip) -> dict[str, int | str]:
    return {
        "mesh": f"{chip.mesh[0]} x {chip.mesh[1]}",
        "crossbars": chip.cores,
        "a crossbar": f"{chip.rows} x {chip.columns}",
        "fan-in": chip.fan_in_max,
        "weight bits": chip.weight_bits,
    }


def _crossbar_grown(chip: CrossbarChip, name: str, value: int) -> CrossbarChip:
    """More crossbars are a mesh that is as square as may be."""
    if name == "cores":
        columns = max(chip.mesh[0], math.isqrt(max(value, 1) - 1) + 1)
        return replace(chip, mesh=(columns, max(chip.mesh[1], -(-value // columns))))
    return replace(chip, **{name: value})  # type: ignore[arg-type]


CROSSBARS, TILES_ACROSS = 4096, 256
CROSSBAR_LIMITS = {
    "rows": (2, 4095),
    "columns": (1, 4095),
    "fan_in_max": (2, 4095),
    "fan_out_max": (1, CROSSBARS),
    "weight_bits": (2, 32),
    "cell_fj": (0, 10**9),
    "hop_fj": (0, 10**9),
    "step_ps": (0, 10**9),
}
CROSSBAR = Kind(
    name="crossbar",
    text="crossbars of synapses, a column for each neuron or part of one",
    chip=CrossbarChip,
    sample=partial(shipped_text, "crossbar-128"),
    limits=CROSSBAR_LIMITS,
    pairs={"mesh": f"1 to {CROSSBARS} tiles"},
    faults=_crossbar_faults,
    row=_crossbar_row,
    grown=_crossbar_grown,
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in (ESU, CROSSBAR)}


def kind_of(chip: object) -> Kind:
    """The kind that a chip is of."""
    return next(kind for kind in KINDS.values() if kind.chip is type(chip))
