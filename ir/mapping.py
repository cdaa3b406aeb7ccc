"""Fragments, their axons and kernel tables, and the cores they lie in: connectivity with cores.

The sizes here are the only ones: the partitioner, the packer, the emitter and the report all count with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, NewType

from .chip import Chip
from .errors import VerifyError
from .network import Network, PopulationId, Update
from .schedule import FragmentId as FragmentId
from .schedule import Schedule
from .storage.bitrun import BitRun, words_for
from .storage.states import LiveRange, region
from .storage.tables import Block, Descriptor, block_blobs, listed, strided

CoreId = NewType("CoreId", int)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Positions start .. stop - 1 of one axis."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Grid:
    """The cuts of a feature map: the spans along each axis; every combination is a fragment."""

    c: tuple[Span, ...]
    y: tuple[Span, ...]
    x: tuple[Span, ...]

    @property
    def fragments(self) -> int:
        """How many fragments the cuts make."""
        return len(self.c) * len(self.y) * len(self.x)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A box of a population that lies in one core (paper 4.2)."""

    population: PopulationId
    c: Span
    y: Span
    x: Span

    @property
    def neurons(self) -> int:
        """D * H * W of the fragment."""
        return len(self.c) * len(self.y) * len(self.x)


class Entry(NamedTuple):
    """Where a port stands: `base` is its offset in the table, `offset` that in the block it leads to."""

    base: int
    block: Block
    offset: int


@dataclass(frozen=True, slots=True)
class Table:
    """The kernel descriptors of everything that reaches a fragment with one update: segments, end to end.

    `entries`: a port for each, so that every segment is within the chip's largest C_off of one of them.
    """

    update: Update
    entries: tuple[Entry, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is stored, each once."""
        return tuple(dict.fromkeys(entry.block for entry in self.entries))


def table(chip: Chip, update: Update, descriptors: Sequence[Descriptor], segments: Sequence[int]) -> Table:
    """The table of these descriptors. `segments`: where each begins.

    On a chip with strided tables, what a port reaches has the form that takes fewer words; a list where there
    would be more runs than the chip looks through.
    """
    bases: list[int] = []
    for segment in segments:
        if not bases or segment - bases[-1] > chip.channel_offset_max:
            bases.append(segment)
    whole = Block(listed(descriptors))
    if not chip.strided_tables:
        return Table(update, tuple(Entry(base, whole, base) for base in bases))
    # A port without strides leads to a list: what has no synapse at all stays one.
    forms: list[tuple[Block, Block]] = [
        (Block(whole[start:stop]), Block(strided(descriptors[start:stop], chip.strided_tables)))
        for start, stop in pairwise((*bases, len(whole)))
    ]
    blocks = (min(filter(None, form), key=_stored_words) for form in forms)
    return Table(update, tuple(Entry(base, block, 0) for base, block in zip(bases, blocks, strict=True)))


def _stored_words(block: Block) -> int:
    """The words of a block and of all numbers that it points to."""
    return block.words + _blob_words(block.blobs)


@dataclass(frozen=True, slots=True)
class Axon:
    """An axon before cores and addresses are known: `segment` is the offset in the target's table for
    `update`.
    """

    target: FragmentId
    update: Update
    segment: int
    x_off: int
    y_off: int
    width: int
    height: int
    kw: int
    kh: int
    us: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything a fragment puts into its core's memory. Sizes are in words.

    `parameters`: numbers of the activation function that differ from channel to channel, as stored.
    `live_range`: when its states are in use, if others may have the words before and after; else None. It
    counts in turns of fragments, of which its own begins when `turn` does.
    """

    fragment: Fragment
    extensions: int
    bias_bits: int
    state_bits: int
    axons: tuple[Axon, ...]
    tables: tuple[Table, ...]
    parameters: tuple[BitRun, ...] = ()
    live_range: LiveRange | None = None
    turn: int = -1

    @property
    def head_words(self) -> int:
        """Descriptor, extension words and axons."""
        return 1 + self.extensions + len(self.axons)

    @cached_property
    def block_words(self) -> int:
        """Its head, biases and states of its own: what no other fragment shares."""
        own = words_for(1, self.state_bits) if self.live_range is None else 0
        return self.head_words + words_for(1, self.bias_bits) + own

    @property
    def shared_states(self) -> tuple[tuple[int, LiveRange], ...]:
        """The words of its states and their live range, where others may share them."""
        return () if self.live_range is None else ((words_for(1, self.state_bits), self.live_range),)

    # Packing asks for these a thousand times, and hashing a table takes as long as reading it.
    @cached_property
    def kernels(self) -> frozenset[Block]:
        """The different blocks of its tables: a core has equal ones once."""
        return frozenset(block for table in self.tables for block in table.blocks)

    @cached_property
    def blobs(self) -> frozenset[BitRun]:
        """Its different weights and parameters, as stored: a core has equal ones once."""
        return frozenset((*block_blobs(self.kernels), *self.parameters))

    @cached_property
    def kernel_words(self) -> int:
        """The words of `kernels`."""
        return _table_words(self.kernels)

    @cached_property
    def blob_words(self) -> int:
        """The words of `blobs`."""
        return _blob_words(self.blobs)

    @property
    def ports(self) -> int:
        """How many port words the fragment takes."""
        return sum(len(table.entries) for table in self.tables)


def _table_words(blocks: Iterable[Block]) -> int:
    return sum(block.words for block in blocks)


def _blob_words(blobs: Iterable[BitRun]) -> int:
    return sum(blob.words for blob in blobs)


@dataclass(frozen=True, slots=True)
class Size:
    """The bill of a core, or of a fragment alone, in words and bytes."""

    blocks: int = 0
    ports: int = 0
    tables: int = 0
    weights: int = 0
    states: int = 0

    @property
    def words(self) -> int:
        """All of it."""
        return self.blocks + self.ports + self.tables + self.weights + self.states

    def is_within(self, chip: Chip) -> bool:
        """Whether a core has so much memory and so many ports."""
        return self.words <= chip.core_words and self.ports <= chip.ports_max


class Contents:
    """The size of a core while fragments are put into it; equal tables and equal weights are stored once."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.size = Size()
        self._tables: set[Block] = set()
        self._weights: set[BitRun] = set()
        self._states: tuple[tuple[int, LiveRange], ...] = ()

    def with_plan(self, plan: Plan) -> Size:
        """The size that the core would have with one more fragment."""
        return Size(
            self.size.blocks + plan.block_words,
            self.size.ports + plan.ports,
            self.size.tables + plan.kernel_words - _table_words(plan.kernels & self._tables),
            self.size.weights + plan.blob_words - _blob_words(plan.blobs & self._weights),
            region(self._states + plan.shared_states).words if plan.shared_states else self.size.states,
        )

    def with_plans(self, plans: Sequence[Plan]) -> Size:
        """The size that the core would have with several more, sooner than one by one."""
        states = tuple(each for plan in plans for each in plan.shared_states)
        kernels = frozenset[Block]().union(*(plan.kernels for plan in plans)) - self._tables
        blobs = frozenset[BitRun]().union(*(plan.blobs for plan in plans)) - self._weights
        return Size(
            self.size.blocks + sum(plan.block_words for plan in plans),
            self.size.ports + sum(plan.ports for plan in plans),
            self.size.tables + _table_words(kernels),
            self.size.weights + _blob_words(blobs),
            region(self._states + states).words if states else self.size.states,
        )

    def add_all(self, plans: Sequence[Plan]) -> None:
        """Puts several in."""
        self.size = self.with_plans(plans)
        for plan in plans:
            self._tables |= plan.kernels
            self._weights |= plan.blobs
            self._states += plan.shared_states

    def copy(self) -> "Contents":
        """The same contents, to go on with apart."""
        found = Contents(self.chip)
        found.size, found._states = self.size, self._states
        found._tables, found._weights = set(self._tables), set(self._weights)
        return found

    def fits(self, plan: Plan) -> bool:
        """Whether one more fragment fits, in memory and in ports."""
        if self.size.words - self.size.states + plan.block_words > self.chip.core_words:
            return False  # nothing that could be shared need be looked at
        return self.with_plan(plan).is_within(self.chip)

    def add(self, plan: Plan) -> None:
        """Puts a fragment in."""
        self.size = self.with_plan(plan)
        self._tables |= plan.kernels
        self._weights |= plan.blobs
        self._states += plan.shared_states


def core_size(chip: Chip, plans: Iterable[Plan]) -> Size:
    """The size of a core that holds these fragments. The emitter writes exactly as many words."""
    contents = Contents(chip)
    for plan in plans:
        contents.add(plan)
    return contents.size


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Fragments in cores. `cores` lists each core's fragments, `places` each core's (x, y) on the mesh.

    `schedule`: what a run does to the fragments, and in which order they fire.
    """

    network: Network
    chip: Chip
    grids: tuple[Grid, ...]
    plans: tuple[Plan, ...]
    schedule: Schedule
    cores: tuple[tuple[FragmentId, ...], ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    def core_of(self) -> dict[FragmentId, CoreId]:
        """The core of every fragment."""
        return {fragment: CoreId(core) for core, held in enumerate(self.cores) for fragment in held}

    def of_population(self) -> dict[PopulationId, list[FragmentId]]:
        """Every population's fragments."""
        found: dict[PopulationId, list[FragmentId]] = {}
        for index, plan in enumerate(self.plans):
            found.setdefault(plan.fragment.population, []).append(FragmentId(index))
        return found

    def verify(self) -> None:
        """Raises VerifyError when a neuron has no fragment or two, events are lost, or a core is too full."""
        neurons = dict.fromkeys(range(len(self.network.populations)), 0)
        for plan in self.plans:
            neurons[plan.fragment.population] += plan.fragment.neurons
        for pid, population in enumerate(self.network.populations):
            if neurons[pid] != population.shape.neurons:
                raise VerifyError(
                    f"{population.name}: {neurons[pid]} of {population.shape.neurons} neurons mapped"
                )
        if sorted(self.schedule.firing) != list(range(len(self.plans))):
            raise VerifyError("a fragment fires never, or twice in a frame")
        for target in self.schedule.unseen([{axon.target for axon in plan.axons} for plan in self.plans]):
            name = self.network.populations[self.plans[target].fragment.population].name
            raise VerifyError(f"{name}: feeds itself, or is reset behind events that it has not seen")
        if not self.cores:
            return
        held = sorted(fragment for core in self.cores for fragment in core)
        if held != list(range(len(self.plans))):
            raise VerifyError("a fragment is in no core, or in two")
        for index, core in enumerate(self.cores):
            size = core_size(self.chip, (self.plans[f] for f in core))
            if not size.is_within(self.chip):
                raise VerifyError(f"core {index} is too full: {size}")
        if len(set(self.places)) != len(self.places):
            raise VerifyError("two cores share a place")
