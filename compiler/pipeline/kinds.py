"""What a network becomes on a chip, by its kind: a row for each one of `compiler/targets/kinds.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...backends.emit import emit
from ...backends.image.image import Image
from ...ir.deadline import Deadline
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ..targets.kinds import CROSSBAR, ESU, kind_of
from .about import about
from .capacity import check_capacity
from .choices import Choice, Point
from .clock import Clock, Progress
from .crossbar.map import (
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


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """The steps that know the chip.

    `admit` raises DoesNotFit for layers that are far too large, before they are lowered. `weighed`: what a
    network takes at least, and the problems that show without mapping it. `map`: its weights as the image
    holds them, and its way into cores. `attempts`: what tries it on other chips of the kind. `front`: the
    points of `--pareto`. `emit`: the image of a choice, with the host's parts before and behind it. What
    `map` chooses and what the image is depend on the kind; a choice has a `mapping`.
    """

    admit: Callable[[LayerGraph, Any], None]
    weighed: Callable[[Network, Any, Options], Weighed]
    map: Callable[[Prepared, Any, Options, Clock, Watch], tuple[Network, Any]]
    attempts: Callable[
        [LayerGraph, Callable[[], Prepared], Deadline, Progress], Callable[[Any, Options], object]
    ]
    front: Callable[[Prepared, Any, Options, Clock], tuple[Point, ...]]
    emit: Callable[[Prepared, Any, Options, Model, Model], Any]


def _emitted(prepared: Prepared, choice: Choice, options: Options, before: Model, after: Model) -> Image:
    return emit(choice.mapping, about(prepared, choice, options), before, after)


PIPELINES: dict[str, Pipeline] = {
    ESU.name: Pipeline(check_capacity, weighed, map_network, Attempts, front_of, _emitted),
    CROSSBAR.name: Pipeline(
        admit_crossbars, weighed_crossbars, map_crossbars, attempts_on_crossbars, no_front, emit_choice
    ),
}


def pipeline_of(chip: object) -> Pipeline:
    """The steps for the kind that a chip is of."""
    return PIPELINES[kind_of(chip).name]
