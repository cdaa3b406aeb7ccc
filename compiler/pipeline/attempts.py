"""Attempts: whether a network that was prepared once fits another target, or fits with other options."""

from collections.abc import Callable
from dataclasses import replace

from ...ir.aims import StateUse
from ...ir.chip import Chip
from ...ir.deadline import OVER, Deadline
from ...ir.errors import DoesNotFit, Origin, SncError
from ...ir.layers import LayerGraph
from ...ir.mapping import Mapping
from ...passes.cutting.pack import too_many
from ...passes.placing.locate import Locate
from .capacity import check_capacity
from .clock import Progress
from .map import packer_of, quantised, wired_within
from .options import Options
from .prepare import Prepared

PACKED_MAX = 5  # times that a network is cut and packed
LOCATED_MAX = 3  # times that its cores are given places, and relays
ENDLESS = (1, 2**30)  # cores: how a network is packed depends on no mesh


class Attempts:
    """Tries a network in the quickest way that finds a mapping, a few times: what is beyond a bound is not
    tried, and what is packed is packed once, whatever mesh it is for.
    """

    def __init__(
        self,
        graph: LayerGraph,
        prepared: Callable[[], Prepared],
        is_over: Deadline,
        progress: Progress,
    ) -> None:
        self.graph, self.prepared, self.is_over, self.progress = graph, prepared, is_over, progress
        self._packed: dict[tuple[Chip, str, StateUse], Mapping | SncError] = {}
        self._located = 0

    def __call__(self, chip: Chip, options: Options) -> None:
        """Raises SncError with what stands in the way; without `ways` where no more is tried."""
        check_capacity(self.graph, chip)
        endless = replace(chip, mesh=ENDLESS)
        network = quantised(self.prepared(), options.weights)
        wired_within(network, chip, options.states is StateUse.SHARED)
        self.progress(f"explain: try {chip.mesh[0]} x {chip.mesh[1]} cores of {chip.core_words} words")
        key = endless, options.weights, options.states
        if key not in self._packed:
            self._stop_after(len(self._packed) >= PACKED_MAX)
            try:
                packer = packer_of(network, endless, options, is_over=OVER)
                self._packed[key] = packer.choices()[0].mapping
            except SncError as error:
                self._packed[key] = error
        found = self._packed[key]
        if isinstance(found, SncError):
            raise found
        mapping = replace(found, chip=chip)
        if len(mapping.cores) > chip.cores:
            raise too_many(mapping)
        self._stop_after(self._located >= LOCATED_MAX)
        self._located += 1
        Locate(options.seed, self.is_over, attempts=2)(mapping)

    def _stop_after(self, is_enough: bool) -> None:
        if is_enough or self.is_over():
            raise DoesNotFit(Origin(file=self.graph.name), "no more is tried")
