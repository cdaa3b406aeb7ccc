"""What a network becomes on a chip, by its kind: a row for each one of `compiler/targets/kinds.py`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, overload

from ...backends.crossbar.image import CrossbarImage
from ...backends.emit import emit
from ...backends.image.image import Image
from ...ir.chip import Chip
from ...ir.crossbar.chip import CrossbarChip
from ...ir.deadline import Deadline
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ..targets.kinds import CROSSBAR, ESU, kind_of
from .about import about, added
from .capacity import check_capacity
from .choices import Choice, Point
from .clock import Clock, Progress
from .crossbar.map import (
    CrossbarChoice,
    admit_crossbars,
    attempts_on_crossbars,
    emit_choice,
    map_crossbars,
    no_front,
    weighed_crossbars,
)
from .map import front_of, map_network
from .needs import Weighed, weighed
from .options import Options
from .prepare import Prepared
from .remedy import Attempts
from .steps import Watch

Model = bytes | None  # a part that the host computes

C = TypeVar("C")  # a kind's chip,
D = TypeVar("D")  # what its `map` chooses,
M = TypeVar("M")  # and its image


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline(Generic[C, D, M]):
    """The steps that know the chip.

    `admit` raises DoesNotFit for layers that are far too large, before they are lowered. `weighed`: what a
    network takes at least, and the problems that show without mapping it. `map`: its weights as the image
    holds them, and its way into cores. `attempts`: what tries it on other chips of the kind. `front`: the
    points of `--pareto`. `emit`: the image of a choice, with the host's parts before and behind it. What
    `map` chooses and what the image is depend on the kind; a choice has a `mapping`.
    """

    admit: Callable[[LayerGraph, C], None]
    weighed: Callable[[Network, C, Options], Weighed]
    map: Callable[[Prepared, C, Options, Clock, Watch], tuple[Network, D]]
    attempts: Callable[
        [LayerGraph, Callable[[], Prepared], Deadline, Progress], Callable[[C, Options], object]
    ]
    front: Callable[[Prepared, C, Options, Clock], tuple[Point, ...]]
    emit: Callable[[Prepared, D, Options, Model, Model], M]


def _emitted(prepared: Prepared, choice: Choice, options: Options, before: Model, after: Model) -> Image:
    image = emit(choice.mapping, about(prepared, choice, options), before, after)
    return replace(image, added=added(prepared))


ON_CORES: Pipeline[Chip, Choice, Image] = Pipeline(
    check_capacity, weighed, map_network, Attempts, front_of, _emitted
)
ON_CROSSBARS: Pipeline[CrossbarChip, CrossbarChoice, CrossbarImage] = Pipeline(
    admit_crossbars, weighed_crossbars, map_crossbars, attempts_on_crossbars, no_front, emit_choice
)

PIPELINES: dict[str, Pipeline[Any, Any, Any]] = {ESU.name: ON_CORES, CROSSBAR.name: ON_CROSSBARS}


@overload
def pipeline_of(chip: Chip) -> Pipeline[Chip, Choice, Image]: ...
@overload
def pipeline_of(chip: CrossbarChip) -> Pipeline[CrossbarChip, CrossbarChoice, CrossbarImage]: ...
@overload
def pipeline_of(chip: Chip | CrossbarChip) -> Pipeline[Any, Any, Any]: ...
def pipeline_of(chip: object) -> Pipeline[Any, Any, Any]:
    """The steps for the kind that a chip is of."""
    return PIPELINES[kind_of(chip).name]
