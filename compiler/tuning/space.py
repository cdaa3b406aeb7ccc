"""What a search may vary: the format of each trained constant, whether biases make up for rounding, how
states are shared, the neurons, and the threshold of changes.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ...ir.aims import NeuronUse, Objective, StateUse
from ...ir.errors import BadInput, DoesNotFit, Origin, Unsupported
from ...ir.storage.formats import spelled
from ...passes.quantise import trained_constants
from ..choosing.choose import LADDER, Choosing
from ..choosing.meter import Meter
from ..sweeping.measure import Material
from ..sweeping.spec import CORRECTED, KEPT, Stated

FORMATS = (LADDER[0], "int8", *LADDER[1:], "adaptive3e1s")  # from more bits to fewer
EIGHT = (LADDER[1], "int8")  # formats of eight bits
STARTS_DB = (45.0, 40.0, 35.0, 30.0, 25.0, 20.0, 15.0, 12.0, 10.0)
# Of mappings, by what is to be little: bands never take more memory, and more cores may take less of it.
MAPPINGS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "memory": {"states": (StateUse.BANDED,), "objective": (Objective.MEMORY,)},
    "cores": {"states": (StateUse.BANDED,)},
    "energy": {"states": (StateUse.SHARED, StateUse.BANDED)},
}
SMALL = (0.05, 0.1)  # of all weights: the smallest constants, which have 16 bits
FIRST = (1, 2, 3)  # constants that have 16 bits, and the last one with them
THRESHOLDS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # of sigma-delta neurons

Numbers = Mapping[str, int]  # of each choice, which of its values


@dataclass(frozen=True, slots=True)
class Space:
    """Choices by name, each with its values in an order, and where a search is to begin."""

    choices: Mapping[str, Sequence[str | float]]
    starts: Sequence[Numbers]
    constants: Sequence[str]

    def stated(self, numbers: Numbers) -> Stated:
        """The options of a try, as a sweep's file states them."""
        found: dict[str, Any] = {}
        if self.constants:
            formats = [str(self._value(name, numbers)) for name in self.constants]
            found["weights"] = spelled(formats)
            found["biases"] = self._value("biases", numbers)
        if "neurons" in self.choices:
            found["neurons"] = self._value("neurons", numbers)
            if found["neurons"] == NeuronUse.SIGMA_DELTA:
                found["threshold"] = self._value("threshold", numbers)
        if "states" in self.choices and found.get("neurons") != NeuronUse.SIGMA_DELTA:
            found["states"] = str(self._value("states", numbers))
        if "objective" in self.choices:
            found["objective"] = str(self._value("objective", numbers))
        return found

    def _value(self, name: str, numbers: Numbers) -> str | float:
        return self.choices[name][numbers[name]]


def space_of(material: Material, neurons: Sequence[NeuronUse], minimise: str = "memory") -> Space:
    """What may be varied of a network that is to take little memory, cores or energy. Raises SncError where
    that is nothing.
    """
    prepared = material.prepared
    origin = Origin(file=prepared.name)
    if prepared.dynamics is not None:
        rule = "is a network of spiking neurons: its image is not compared with the model's answers"
        raise Unsupported(origin, rule, hint="compare formats in a sweep: snc sweep")
    is_rounded = not prepared.network.is_whole
    constants = tuple(trained_constants(prepared.network)) if is_rounded else ()
    choices: dict[str, Sequence[str | float]] = dict.fromkeys(constants, FORMATS)
    starts: list[dict[str, int]] = [{}]
    if constants:
        starts = [dict.fromkeys(constants, step) for step in range(len(FORMATS))]
        starts += _few_wide(material, constants)
        starts += _solved(material, constants)
        choices["biases"] = (CORRECTED, KEPT)
        kept = [dict.fromkeys(constants, FORMATS.index(few)) | {"biases": 1} for few in EIGHT]
        starts = [*kept, *({**start, "biases": 0} for start in starts)]
    if len(neurons) > 1 or neurons[0] is not NeuronUse.STANDARD:
        choices |= {"neurons": tuple(neurons), "threshold": THRESHOLDS}
        count = len(neurons)
        starts = [{**start, "neurons": n, "threshold": 0} for start in starts for n in range(count)]
    if NeuronUse.STANDARD in neurons:  # of others, states go on from frame to frame
        choices |= MAPPINGS[minimise]
        starts = [{**start, **dict.fromkeys(MAPPINGS[minimise], 0)} for start in starts]
    if not choices:
        rule = "has weights that are integers already, and nothing else is to be varied"
        raise BadInput(origin, rule, hint="let the neurons differ: --neurons standard,sigma-delta")
    unique = {tuple(sorted(start.items())): start for start in starts}
    return Space(choices, tuple(unique.values()), constants)


def _few_wide(material: Material, constants: Sequence[str]) -> list[dict[str, int]]:
    """The widest format for constants that take little, or that much depends on: the smallest, and the first
    and the last; eight bits for the others.
    """
    sizes = {name: material.prepared.graph.constants[name].size for name in constants}
    order = sorted(constants, key=lambda name: sizes[name])
    ends = dict(zip(order, accumulate(sizes[name] for name in order), strict=True))
    total = sum(sizes.values())
    wide = [{name for name in constants if ends[name] <= share * total} for share in SMALL]
    wide += [{*constants[:count], constants[-1]} for count in FIRST]
    return [
        {name: 0 if name in chosen else FORMATS.index(few) for name in constants}
        for few in EIGHT
        for chosen in wide
    ]


def _solved(material: Material, constants: Sequence[str]) -> list[dict[str, int]]:
    """The fewest bits for each of some SQNRs, as `snc compile --min-sqnr` chooses them."""
    choosing = Choosing(Meter(material.prepared.graph, material.prepared.network, material.frames))
    found = []
    for wanted in STARTS_DB:
        with suppress(DoesNotFit):  # no formats reach it
            formats = choosing.cheapest(wanted)
            found.append({name: FORMATS.index(each) for name, each in zip(constants, formats, strict=True)})
    return found
