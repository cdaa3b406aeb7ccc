"""What a network takes at least of a target, beside what that has: known without mapping it."""

from dataclasses import dataclass

from ...ir.chip import Chip
from ...ir.errors import SncError, each_of
from ...ir.network import Network
from ...passes.cutting.bound import beyond, least
from ...passes.cutting.partition import without_cut
from ...passes.quantise import Quantise
from ...passes.wiring.wire import Wire
from .capacity import refusals
from .options import Options


@dataclass(frozen=True, slots=True)
class Need:
    """What of something a network takes at least, and how much the target has: a mapping takes more."""

    what: str
    need: int
    have: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """The needs of a network, and the problems that they are."""

    needs: tuple[Need, ...]
    problems: tuple[SncError, ...]


def weighed(network: Network, chip: Chip, options: Options) -> Weighed:
    """What a network takes at least of the cores of a chip."""
    shared = options.states.is_shared
    if found := refusals(network, chip, options):
        return Weighed((), tuple(found))
    stored = Quantise(options.bits_as)(network)
    wiring = Wire()(stored, chip)
    if refused := tuple(without_cut(stored, chip, wiring, shared)):
        return Weighed(needs_of(refused, chip), refused)
    limits = least(stored, chip, wiring, shared)
    refusal = beyond(stored, chip, limits)
    needs = (
        Need("cores", limits.cores, chip.cores),
        Need("words", limits.words, chip.cores * chip.core_words),
        Need("words of states", limits.state_words, chip.cores * chip.core_words),
        Need("ports", limits.ports, chip.cores * chip.ports_max),
    )
    return Weighed(needs, () if refusal is None else (refusal,))


def needs_of(errors: tuple[SncError, ...], chip: Chip) -> tuple[Need, ...]:
    """What obstacles say of the numbers of a chip that they take."""
    most: dict[str, int] = {}
    for way in (getattr(one, "ways", ())[:1] for error in errors for one in each_of(error)):
        for name, value in (item for each in way for item in each.items()):
            most[name] = (
                min(most.get(name, value), value)
                if name.endswith("_min")
                else max(most.get(name, value), value)
            )
    return tuple(Need(name, value, getattr(chip, name)) for name, value in most.items())
