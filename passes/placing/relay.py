"""Relays: where two cores that talk lie too far apart for an axon, identity populations pass events on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import in_time
from ...ir.errors import DoesNotFit, Origin
from ...ir.mapping import Axon, Contents, Fragment, FragmentId, Grid, Mapping, Plan, Span, table
from ...ir.network import (
    AxisMap,
    Kernel,
    NeuronLayer,
    Population,
    PopulationId,
    Projection,
    Shape,
    Update,
    neuron_layer,
)
from ...ir.schedule import scheduled
from ...ir.storage.bitrun import BitRun
from ...ir.storage.tables import Descriptor
from ...ir.storage.weights import exact_format
from ..wiring.connect import plan
from .place import far_axons, out_of_reach

FAR_MESH = 1.5  # times the cores that an axon reaches across

Place = tuple[int, int]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Relay:
    """Every axon is within reach. A fragment with axons that are not has a relay closer to their targets.

    A relay has its fragment's shape, one synapse a neuron and the axons that it takes over as they were, and
    fires on zeros if the fragment does. Where one relay is not enough there is a chain or a tree. Relays lie
    in cores with free words, or in cores that were free.
    """

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with its relays. Raises DoesNotFit where one fits nowhere."""
        if not any(True for _ in far_axons(mapping)):
            return mapping
        return _Relays(mapping).inserted()


class _Relays:
    """A mapping while relays are put in: fragments after the original ones are relays."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.chip = mapping.chip
        self.plans = list(mapping.plans)
        self.populations = list(mapping.network.populations)
        self.core_of = [int(core) for _, core in sorted(mapping.core_of().items())]
        self.places: list[Place] = list(mapping.places)
        self.contents: list[Contents] = []
        for held in mapping.cores:
            self.contents.append(Contents(self.chip))
            for fragment in held:
                self.contents[-1].add(self.plans[fragment])
        self.relays_of: dict[int, list[int]] = {}
        self.projections: list[Projection] = []
        self.origin_of: dict[PopulationId, PopulationId] = {}  # what population a relay's events come from

    def inserted(self) -> Mapping:
        """The mapping in which nothing is out of reach. Raises DoesNotFit."""
        for index in range(len(self.mapping.plans)):
            tree = {self._place(index): index}
            while far := [axon for axon in self.plans[index].axons if not self._reaches(index, axon)]:
                in_time("relays were put in")
                self._extend(index, tree, far)
        order = [fragment for i in self.mapping.schedule.firing for fragment in self._family(i)]
        new_id = {old: FragmentId(new) for new, old in enumerate(order)}
        held: list[list[FragmentId]] = [[] for _ in self.contents]
        for fragment in order:
            held[self.core_of[fragment]].append(new_id[fragment])
        old_count = len(self.mapping.network.populations)
        network = replace(
            self.mapping.network,
            populations=tuple(self.populations),
            projections=(*self.mapping.network.projections, *self.projections),
            layers=(*self.mapping.network.layers, *self._layers()),
        )
        plans = tuple(
            replace(
                self.plans[old],
                axons=tuple(replace(axon, target=new_id[axon.target]) for axon in self.plans[old].axons),
            )
            for old in order
        )
        return replace(
            self.mapping,
            network=network,
            grids=self.mapping.grids + tuple(_whole(p.shape) for p in self.populations[old_count:]),
            plans=plans,
            schedule=scheduled(network, plans, [new_id[old] for old in order]),
            cores=tuple(tuple(core) for core in held),
            places=tuple(self.places),
        )

    def _family(self, index: int) -> list[int]:
        """A fragment and behind it all relays of its events: they fire after it and before its targets."""
        return [index, *(each for relay in self.relays_of.get(index, ()) for each in self._family(relay))]

    def _place(self, index: int) -> Place:
        return self.places[self.core_of[index]]

    def _reaches(self, index: int, axon: Axon) -> bool:
        return bool(self._covered([self._place(index)], [axon])[0, 0])

    def _covered(self, places: Sequence[Place], axons: Sequence[Axon]) -> Truths:
        """Which places reach which axons' targets [places, axons]."""
        targets = np.array([self._place(axon.target) for axon in axons])
        return np.asarray(out_of_reach(self.chip, targets[None] - np.array(places)[:, None]) == 0)

    def _extend(self, index: int, tree: dict[Place, int], far: list[Axon]) -> None:
        """A fragment's relays (place to fragment) become as many more as bring them to a far target."""
        bare = self._plan(index, ())
        root = self._place(index)
        parents: dict[Place, Place] = {}
        level = [place for place, node in tree.items() if node == index or self._free_words(place) > 0]
        while level:
            found = self._next_level(level, {*tree, *parents}, bare)
            if not found:
                break
            parents |= found
            level = list(found)
            covered = self._covered(level, far)
            # most targets first; then a core in use before a free one, and a near one before a far one
            best = min(
                range(len(level)),
                key=lambda i: (
                    -min(int(covered[i].sum()), self._free_words(level[i], bare)),
                    level[i] not in self.places,
                    abs(level[i][0] - root[0]) + abs(level[i][1] - root[1]),
                ),
            )
            if covered[best].any():
                path = [level[best]]
                while path[-1] not in tree:
                    path.append(parents[path[-1]])
                node = tree[path.pop()]
                for place in reversed(path):
                    node = tree[place] = self._add(node, place)
                taken = [axon for axon, hit in zip(far, covered[best], strict=True) if hit]
                self._take(index, node, taken[: self._free_words(path[0])])
                return
        raise self._no_space(index, bare, list(parents))

    def _next_level(self, level: Sequence[Place], known: set[Place], bare: Plan) -> dict[Place, Place]:
        """The places with space for a relay that these places reach, each with the first that does."""
        found: dict[Place, Place] = {}
        steps = range(self.chip.reach_min, self.chip.reach_max + 1)
        for x, y in level:
            for dy, dx in product(steps, steps):
                place = x + dx, y + dy
                inside = 0 <= place[0] < self.chip.mesh[0] and 0 <= place[1] < self.chip.mesh[1]
                if inside and place not in known and place not in found and self._free_words(place, bare) > 0:
                    found[place] = x, y
        return found

    def _free_words(self, place: Place, more: Plan | None = None) -> int:
        """Words left in a core, beside one more fragment; 0 where that does not fit."""
        core = self._core(place)
        contents = Contents(self.chip) if core is None else self.contents[core]
        size = contents.size if more is None else contents.with_plan(more)
        return max(0, self.chip.core_words - size.words) if size.ports <= self.chip.ports_max else 0

    def _core(self, place: Place) -> int | None:
        return self.places.index(place) if place in self.places else None

    def _add(self, parent: int, place: Place) -> int:
        """A new relay of a fragment, or of its relay, with the axon that leads to it."""
        core = self._core(place)
        if core is None:
            core = len(self.places)
            self.places.append(place)
            self.contents.append(Contents(self.chip))
        made, relay = self._plan(parent, ()), FragmentId(len(self.plans))
        self.contents[core].add(made)
        source = self.plans[parent].fragment.population
        self.origin_of[made.fragment.population] = self.origin_of.get(source, source)
        self.populations.append(self._population(parent))
        self.projections.append(self._projection(parent, made.fragment.population))
        self.core_of.append(core)
        self.plans.append(made)
        self.relays_of.setdefault(parent, []).append(relay)
        self._give(parent, [_axon_to(relay, self.plans[parent].fragment)])
        return relay

    def _give(self, index: int, axons: Sequence[Axon]) -> None:
        """More axons for a fragment. An original one has lost others for them: its core has the space."""
        self.plans[index] = replace(self.plans[index], axons=(*self.plans[index].axons, *axons))
        if index >= len(self.mapping.plans):
            contents = self.contents[self.core_of[index]]
            contents.size = replace(contents.size, blocks=contents.size.blocks + len(axons))

    def _take(self, index: int, relay: int, axons: Sequence[Axon]) -> None:
        """A relay takes over axons of its fragment."""
        kept = tuple(axon for axon in self.plans[index].axons if axon not in axons)
        self.plans[index] = replace(self.plans[index], axons=kept)
        self._give(relay, axons)

    def _population(self, index: int) -> Population:
        """The identity of a fragment."""
        box = self.plans[index].fragment
        source = self.populations[self.origin_of.get(box.population, box.population)]
        origin = Origin(source.origin.file, f"relay of {source.origin.node}", "Relay")
        return Population(
            f"relay of {source.name}",
            Shape(len(box.c), len(box.y), len(box.x)),
            origin,
            fires_on_zero=source.fires_on_zero,
        )

    def _layers(self) -> list[NeuronLayer]:
        """The relays of a layer's events are a layer of their own."""
        layer_of = self.mapping.network.layer_of()
        relays: dict[str, list[PopulationId]] = {}
        for relay, source in self.origin_of.items():
            name = layer_of[source].name if source in layer_of else self.populations[source].name
            relays.setdefault(f"relay of {name}", []).append(relay)
        return [neuron_layer(name, "Relay", self.populations, members) for name, members in relays.items()]

    def _projection(self, index: int, relay: PopulationId) -> Projection:
        """The identity from a fragment of a population to its relay."""
        box = self.plans[index].fragment
        source, target = self.populations[box.population], self.populations[relay]
        depth = source.shape.depth
        inside = (np.arange(depth) >= box.c.start) & (np.arange(depth) < box.c.stop)
        ones = np.broadcast_to(np.ones((1, 1, 1, 1), dtype=np.float32), (depth, 1, 1, 1))
        return Projection(
            box.population,
            relay,
            _copies(source.shape.height, box.y),
            _copies(source.shape.width, box.x),
            Kernel(ones, np.where(inside, np.arange(depth) - box.c.start, -1)),
            target.origin,
        )

    def _plan(self, index: int, axons: tuple[Axon, ...]) -> Plan:
        population = self._population(index)
        shape = population.shape
        box = Fragment(
            PopulationId(len(self.populations)),
            Span(0, shape.depth),
            Span(0, shape.height),
            Span(0, shape.width),
        )
        held = table(self.chip, Update.ADD, [_identity(c) for c in range(shape.depth)], (0,))
        return plan(population, box, self.mapping.network.weight_format, axons, (held,))

    def _no_space(self, index: int, bare: Plan, met: Sequence[Place]) -> DoesNotFit:
        need = Contents(self.chip).with_plan(bare)
        source = self.populations[self.plans[index].fragment.population]
        return DoesNotFit(
            source.origin,
            f"some of its axons end in cores out of reach ({self.chip.reach_min} to {self.chip.reach_max} in "
            f"X and Y), and no chain of cores with {need.words + 1} words and {need.ports} ports left leads "
            f"there ({len(met)} such cores lie on this side)",
            hint="take a target with a longer reach, larger cores or a larger mesh",
            ways=(
                self._whole_reach(),
                {"reach_min": self.chip.reach_min - 1, "reach_max": self.chip.reach_max + 1},
                *self._larger(),
            ),
        )

    def _larger(self) -> tuple[dict[str, int], ...]:
        """More cores for relays; but where a mesh is far beyond the reach, rather fewer and larger ones."""
        cores = {"cores": self.chip.cores * 5 // 4 + 1}
        if min(self.chip.mesh) > FAR_MESH * (self.chip.reach_max - self.chip.reach_min + 1):
            return {"core_words": 2 * self.chip.core_words}, cores
        return (cores,)

    def _whole_reach(self) -> dict[str, int]:
        """The reach with which these places need no relay."""
        core_of, places = self.mapping.core_of(), np.array(self.mapping.places)
        deltas = [
            places[core_of[axon.target]] - places[core_of[fragment]]
            for fragment, axon in far_axons(self.mapping)
        ]
        return {"reach_min": int(np.min(deltas)), "reach_max": int(np.max(deltas))}


def _identity(channel: int) -> Descriptor:
    """Channel to channel, neuron to neuron, weight 1."""
    one = np.ones((1, 1, 1, 1), dtype=np.float32)
    known, exponent = exact_format(one)
    number = known.encode(one, np.array([exponent]))
    return Descriptor(1, 1, 1, 0, channel, known.name, exponent, BitRun.of(number, known.bits))


def _copies(size: int, span: Span) -> AxisMap:
    """The positions of a span, one after the other."""
    targets = np.arange(len(span))
    zeros = np.zeros(len(span), dtype=np.int64)
    return AxisMap(size, len(span), 1, targets, span.start + targets, zeros, np.ones(len(span)))


def _axon_to(relay: FragmentId, source: Fragment) -> Axon:
    """Every neuron of a fragment reaches the same neuron of its relay: equation 12 gives offsets of 0."""
    return Axon(relay, Update.ADD, 0, 0, 0, len(source.x), len(source.y), 1, 1, 0)


def _whole(shape: Shape) -> Grid:
    return Grid((Span(0, shape.depth),), (Span(0, shape.height),), (Span(0, shape.width),))
