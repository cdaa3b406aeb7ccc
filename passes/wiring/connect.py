"""Connecting: every fragment gets its kernel tables and its axons; cores are still open (paper 4.2, 4.3)."""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.chip import Chip
from ...ir.deadline import in_time
from ...ir.mapping import (
    Axon,
    Fragment,
    FragmentId,
    Grid,
    Mapping,
    Plan,
    Span,
    Table,
    table,
)
from ...ir.network import Network, Population, Update
from ...ir.schedule import scheduled
from ...ir.storage.formats import bias_codec
from ...ir.storage.states import LiveRange, live_ranges
from ...ir.storage.tables import Descriptor
from ...ir.storage.weights import PARAMETER_CODEC
from .depth_first import depth_first
from .meeting import meeting, offset
from .tiles import Tile
from .wired import Wired

CONNECTED = "fragments were connected"  # what time may be over in


@dataclass(frozen=True, slots=True)
class Connect:
    """Fragments in the order of populations, then channels, rows and columns, with everything they store.

    `shared`: states may have the place of others that live at other times. `banded`: fragments fire depth
    first, and each has a live range of its own, where no states are for the next frame.
    """

    shared: bool = False
    banded: bool = False

    def __call__(
        self, network: Network, chip: Chip, wiring: Sequence[Wired], grids: Sequence[Grid]
    ) -> Mapping:
        """The plans of all fragments of these cuts."""
        fragments = [
            Fragment(p, c, y, x)  # type: ignore[arg-type]
            for p, grid in enumerate(grids)
            for c in grid.c
            for y in grid.y
            for x in grid.x
        ]
        of: dict[int, list[FragmentId]] = {}
        for index, fragment in enumerate(fragments):
            of.setdefault(fragment.population, []).append(FragmentId(index))
        descriptors: dict[tuple[FragmentId, Update], list[Descriptor]] = {}
        segments: dict[tuple[FragmentId, Update], list[int]] = {}
        axons: dict[FragmentId, list[Axon]] = {}
        for wired in wiring:
            projection = wired.projection
            first = of[projection.source][0]
            for target in of[projection.target]:
                in_time(CONNECTED)
                box = fragments[target]
                key = target, projection.update
                listed = descriptors.setdefault(key, [])
                for tile in wired.tiles(box):
                    placed: dict[Span, int] = {}
                    for source in _meeting(wired, tile, box, grids[projection.source]):
                        axon_box = fragments[first + source]
                        if axon_box.c not in placed:
                            found = wired.stored.descriptors(tile, box, axon_box.c)
                            if all(d.is_null for d in found):
                                continue
                            placed[axon_box.c] = len(listed)
                            segments.setdefault(key, []).append(len(listed))
                            listed += found
                        axons.setdefault(FragmentId(first + source), []).append(
                            _axon(wired, tile, axon_box, box, target, placed[axon_box.c])
                        )
        firing, turns, live = self._turns(network, fragments, axons)
        sharing = {p for p in network.firing if self.shared and not network.keeps_states(p)}
        plans = []
        for index, fragment in enumerate(fragments):
            in_time(CONNECTED)
            population = network.populations[fragment.population]
            tables = tuple(
                table(chip, update, descriptors[key], segments[key])
                for update in Update
                if (key := (FragmentId(index), update)) in segments
            )
            plans.append(
                plan(
                    population,
                    fragment,
                    network.weight_format,
                    tuple(axons.get(FragmentId(index), ())),
                    tables,
                    live[turns[index]] if fragment.population in sharing else None,
                    turns[index],
                )
            )
        return Mapping(network, chip, tuple(grids), tuple(plans), scheduled(network, plans, firing))

    def _turns(
        self,
        network: Network,
        fragments: Sequence[Fragment],
        axons: MappingOf[FragmentId, Sequence[Axon]],
    ) -> tuple[list[FragmentId], list[int], Sequence[LiveRange]]:
        """The order in which fragments fire, the turn of each, and the live range of each turn: a population
        has one, or, banded, each fragment has.
        """
        every = [FragmentId(index) for index in range(len(fragments))]
        if not self.banded or any(network.keeps_states(p) for p in network.firing):
            return every, [fragment.population for fragment in fragments], network.live_ranges()
        targets = [{axon.target for axon in axons.get(fragment, ())} for fragment in every]

        def place(index: int) -> tuple[int, ...]:
            box = fragments[index]
            return box.population, box.y.start, box.x.start, box.c.start

        firing = [FragmentId(index) for index in depth_first(targets, place)]
        turns = {fragment: turn for turn, fragment in enumerate(firing)}
        edges = [(turns[source], turns[target]) for source in every for target in targets[source]]
        live = live_ranges(range(len(firing)), edges)
        return firing, [turns[fragment] for fragment in every], live


def _meeting(wired: Wired, tile: Tile, target: Fragment, sources: Grid) -> list[int]:
    """Which fragments of a source, counted from its first, any synapse of a tile joins with a target."""
    y = meeting(wired, sources.y, target.y, tile.run_y.shift, tile.y0, tile.kh)
    x = meeting(wired, sources.x, target.x, tile.run_x.shift, tile.x0, tile.kw)
    rows, columns = len(sources.y), len(sources.x)
    return [(c * rows + i) * columns + j for c in range(len(sources.c)) for i in y for j in x]


def plan(
    population: Population,
    fragment: Fragment,
    weight_format: str,
    axons: tuple[Axon, ...],
    tables: tuple[Table, ...],
    live_range: LiveRange | None = None,
    turn: int = -1,
) -> Plan:
    """What a fragment puts into its core's memory. `live_range`: when shared states are in use, in turns of
    which this is its own.
    """
    if not population.neuron.states:
        live_range = None
    return Plan(
        fragment,
        extension_count(population) + (live_range is not None),
        0 if population.bias is None else bias_codec(weight_format).size_bits(len(fragment.c)),
        population.neuron.state_bits(fragment.neurons),
        axons,
        tables,
        tuple(
            PARAMETER_CODEC.run(np.array(value[fragment.c.start : fragment.c.stop]))._replace(
                owner=(fragment, number) if population.learns else None
            )
            for number, value in enumerate((population.scales, *population.parameters))
            if isinstance(value, tuple) and value
        ),
        live_range,
        turn,
    )


def extension_count(population: Population) -> int:
    """How many extension words say what is unusual about a population."""
    facts = (
        population.fires_on_zero,
        population.initial != 0 and population.bias is None,
        population.scale != 1 or bool(population.scales),
        population.changes_above is not None,
        population.activation.is_further,
    )
    return sum(facts) + len(population.parameters)


def _axon(wired: Wired, tile: Tile, source: Fragment, target: Fragment, to: FragmentId, segment: int) -> Axon:
    return Axon(
        to,
        wired.projection.update,
        segment,
        offset(wired, source.x, target.x, tile.run_x.shift, tile.x0, tile.kw),
        offset(wired, source.y, target.y, tile.run_y.shift, tile.y0, tile.kh),
        len(target.x) * wired.stride,
        len(target.y) * wired.stride,
        tile.kw,
        tile.kh,
        wired.wiring.us,
    )
