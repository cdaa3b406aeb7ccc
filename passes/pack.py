"""Packing: several fragments of any layers share a core (paper 5.2.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ir.errors import DoesNotFit, Origin
from ..ir.mapping import Contents, FragmentId, Mapping


@dataclass(frozen=True, slots=True)
class Pack:
    """Every fragment is in one core, and every core holds what it must: memory and ports.

    First fit, the largest fragments first; sizes are exact, equal tables and weights within a core count
    once.
    """

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with its cores. Raises DoesNotFit when the chip has too few."""
        chip = mapping.chip
        alone = [_alone(mapping, FragmentId(i)) for i in range(len(mapping.plans))]
        order = sorted(range(len(alone)), key=lambda i: (-alone[i], i))
        contents: list[Contents] = []
        cores: list[list[FragmentId]] = []
        for index in order:
            plan = mapping.plans[index]
            held = next((h for h in contents if h.fits(plan)), None)
            if held is None:
                held = Contents(chip)
                contents.append(held)
                cores.append([])
            held.add(plan)
            cores[contents.index(held)].append(FragmentId(index))
        if len(cores) > chip.cores:
            words = sum(held.size.words for held in contents)
            raise DoesNotFit(
                Origin(file=mapping.network.name),
                f"the network takes {len(cores)} cores ({words} words), {chip.name} has {chip.cores} cores "
                f"({chip.cores * chip.core_words} words)",
                hint="take a target with a larger mesh, or weights of fewer bits",
            )
        ordered = sorted(sorted(core) for core in cores)
        return replace(mapping, cores=tuple(tuple(core) for core in ordered))


def _alone(mapping: Mapping, fragment: FragmentId) -> int:
    contents = Contents(mapping.chip)
    return contents.with_plan(mapping.plans[fragment]).words


def cores_lower_bound(mapping: Mapping) -> int:
    """No packing needs fewer cores: all words, equal tables and weights once, over a core's words."""
    whole = Contents(mapping.chip)
    for plan in mapping.plans:
        whole.add(plan)
    return max(1, -(-whole.size.words // mapping.chip.core_words))


def fits_alone(mapping: Mapping) -> Sequence[FragmentId]:
    """The fragments that are too large for an empty core: none, after a partition that is right."""
    chip = mapping.chip
    return [FragmentId(i) for i, plan in enumerate(mapping.plans) if not Contents(chip).fits(plan)]
