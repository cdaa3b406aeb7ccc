"""Decoding: everything that the firing order leads to becomes arrays, once, and every index fits.

What no pointer leads to is never looked at: no word says what it is. After `decode` nothing can leave an
array, so the compiled code checks nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ...ir.errors import BadImage, Origin
from ..image.faults import faults
from ..image.image import Image
from ..words.bits import WORD_BITS, unpack, words_for
from ..words.codes import NEURONS, UPDATES
from ..words.words import Axon, Order, Population, Port, Step
from .extensions import said
from .kernels import Kernels, Row
from .liveness import Held, liveness_faults
from .loops.columns import COUNTERS, ROW
from .loops.events import ADD
from .loops.shortcuts import Channels, Pixels, shortcut
from .memory import Memory
from .order import Act, Steps, order_faults

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

AXON_UNIT = 8  # an axon's W and H count eights


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A population and what its block says. `initial`: first value of a state, by channel; `scale`, too, or
    of all channels. `activation`: what the descriptor or an extension word says. `states`: the places of
    neuron 0's states in the machine's array; neuron (c, y, x) is (y * W + x) * D + c further on. `axons` is
    the address of the first axon.
    """

    core: int
    address: int
    word: Population
    activation: Activation
    initial: Floats
    scale: float | Floats
    parameters: tuple[float | Floats, ...]
    fires_on_zero: bool
    changes_above: float | None
    states: tuple[int, ...]
    axons: int

    @property
    def is_input(self) -> bool:
        """Whether the host feeds its events; it has no states then."""
        return self.word.neuron.is_fed

    @property
    def neurons(self) -> int:
        """D * H * W."""
        return self.word.depth * self.word.height * self.word.width


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A population's axons that end in the same population; between bundles, the order of events is free.

    `axons` and `counters` have the columns of `columns`, a row for each axon; `counters` are of the
    frame that runs. `mixed`: some update is not ADD.
    """

    target: int
    axons: Integers
    hops: Integers
    counters: Integers
    mixed: bool
    shortcut: Channels | Pixels | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An image as arrays: blocks, the bundles of each, and the steps, those before the first frame apart.

    `at`: the block of a population, by core and address. `skipped`: how many weights before each one are
    skipped; empty where none is. `facts`: the words of each core that hold anything but weights and lists of
    parameters. `states`: how many numbers all cores' states take.
    """

    blocks: tuple[Block, ...]
    bundles: tuple[tuple[Bundle, ...], ...]
    prologue: Steps
    body: Steps
    rows: Integers
    kernels: Integers
    weights: Floats
    skipped: Integers
    facts: tuple[NDArray[np.bool_], ...]
    states: int
    at: dict[tuple[int, int], int]

    def sent(self, index: int) -> Integers:
        """Events, empty events and synaptic operations of a population in the frame that runs."""
        counters = [bundle.counters for bundle in self.bundles[index]]
        none = np.zeros((1, COUNTERS), dtype=np.int64)
        return np.asarray(np.concatenate([none, *counters]).sum(axis=0))

    def clear(self) -> None:
        """Sets every counter to zero."""
        for bundle in chain.from_iterable(self.bundles):
            bundle.counters[:] = 0


def decode(image: Image, origin: Origin) -> Program:
    """The image as arrays. Raises BadImage where a word cannot be what leads to it takes it for."""
    for fault in faults(image):
        raise BadImage(origin, fault, hint="compile it again")
    return _Decoder(image, origin).program()


class _Decoder:
    def __init__(self, image: Image, origin: Origin) -> None:
        self.image = image
        self.origin = origin
        self.memories = [Memory(index, core, origin) for index, core in enumerate(image.cores)]
        self.places = {(core.x, core.y): index for index, core in enumerate(image.cores)}
        narrowest = min(state.bits for model in NEURONS for state in model.states)
        self.slots = WORD_BITS // narrowest  # of a word, in the machine's array
        sizes = [core.words.size * self.slots for core in image.cores]
        self.first_state = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).tolist()
        self.kernels = Kernels(self.memories)
        self.ports: dict[tuple[int, int], Port] = {}

    def program(self) -> Program:
        steps = Step.decode_array(self.image.steps)
        keys = list(zip(steps["core"].tolist(), steps["population"].tolist(), strict=True))
        self.at = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        self.blocks = tuple(self._block(core, address) for core, address in self.at)
        fields = (steps[name].tolist() for name in ("order", "every", "phase"))
        acts = [Act(Order(o), self.at[k], *cycle) for o, *cycle, k in zip(*fields, keys, strict=True)]
        first = int(steps["once"].sum())
        if not steps["once"][:first].all():
            late = int(np.flatnonzero(steps["once"])[-1])
            raise BadImage(self.origin, f"step {late} is taken once, and stands behind steps of each frame")
        prologue, body = tuple(acts[:first]), tuple(acts[first:])
        self._check_pieces(body)
        bundles = [list(self._bundles(block)) for block in self.blocks]
        reached = [[bundle.target for bundle in own] for own in bundles]
        for index, what in order_faults(prologue, body, [b.word.neuron for b in self.blocks], reached):
            raise self.memories[self.blocks[index].core].fault(self.blocks[index].address, what)
        rows, kernels, weights, skipped = self.kernels.decoded([block.word.depth for block in self.blocks])
        self._check_states(prologue, body)
        for block, own in zip(self.blocks, bundles, strict=True):
            for i, bundle in enumerate(own):
                if len(bundle.axons) == 1:
                    row = int(bundle.axons[0, ROW])
                    chosen = rows[row : row + block.word.depth]
                    own[i] = replace(
                        bundle, shortcut=shortcut(chosen, kernels, weights, skipped, bundle.mixed)
                    )
        bundled, facts = tuple(map(tuple, bundles)), tuple(memory.facts for memory in self.memories)
        held = rows, kernels, weights, skipped, facts
        return Program(self.blocks, bundled, prologue, body, *held, self.first_state[-1], self.at)

    def _block(self, core: int, address: int) -> Block:
        memory = self.memories[core]
        word = memory.word(Population, address, address)
        about = said(memory, word, address)
        at = word.start + word.extensions
        codec = word.bias.codec
        size = words_for(word.depth, codec.bits) if codec else 0
        bias = memory.take(at, size, "bias words", address)
        at += size
        constant = np.full(word.depth, about.first)
        held = codec.from_codes(unpack(bias, codec.bits, word.depth)) if codec else constant
        initial = held.astype(np.float32)
        if np.isnan(initial).any():
            raise memory.fault(at - size, "a bias is not a number")
        memory.span(at, word.axons, "axon words", address)
        states = at + word.axons if about.states is None else about.states
        block = Block(
            core=core,
            address=address,
            word=word,
            activation=about.activation,
            initial=initial,
            scale=about.scale,
            parameters=about.parameters,
            fires_on_zero=about.fires_on_zero,
            changes_above=about.changes_above,
            states=self._states(core, states, word),
            axons=at,
        )
        if block.states:
            memory.span(self._state_address(block), self._state_words(block), "state words", address)
        return block

    def _state_address(self, block: Block) -> int:
        return int(block.states[0] - self.first_state[block.core]) // self.slots

    def _state_words(self, block: Block) -> int:
        return block.word.neuron.state_words(block.neurons)

    def _states(self, core: int, address: int, word: Population) -> tuple[int, ...]:
        """The places of a population's states, which begin at an address."""
        neurons, found = word.depth * word.height * word.width, []
        for state in word.neuron.states:
            found.append(self.first_state[core] + address * self.slots)
            address += words_for(neurons, state.bits)
        return tuple(found)

    def _check_pieces(self, body: Steps) -> None:
        fired = {act.block for act in body if act.order == Order.FIRE}
        for tensor in self.image.tensors:
            for piece in tensor.pieces:
                if self.at.get((piece.core, piece.population)) not in fired:
                    what = f"{tensor.kind} {tensor.name!r} names its neurons, and it never fires"
                    raise self.memories[piece.core].fault(piece.population, what)

    def _check_states(self, prologue: Steps, body: Steps) -> None:
        """Raises when a state would be written over a word that says something, or over another's state."""
        held: dict[int, Held] = {}
        for index, block in enumerate(self.blocks):
            if block.states:
                at = self._state_address(block)
                words = slice(at, at + self._state_words(block))
                held[index] = Held(block.core, words, block.word.neuron.lasts)
                lost = np.flatnonzero(self.memories[block.core].read[words])
                if lost.size:
                    what = f"its states, from address {at} on, lie over the word at {at + int(lost[0])}"
                    raise self.memories[block.core].fault(block.address, what)
        sizes = [memory.words.size for memory in self.memories]
        for index, other in liveness_faults(prologue, body, held, sizes):
            block, there = self.blocks[index], self.blocks[other].address
            what = f"is reset while the states of the population at {there} are in the same words"
            raise self.memories[block.core].fault(block.address, what)

    def _bundles(self, block: Block) -> Iterator[Bundle]:
        """The axons of a block, gathered by target."""
        if not block.word.axons:
            return
        memory = self.memories[block.core]
        addresses = np.arange(block.axons, block.axons + block.word.axons)
        fields = memory.array(Axon, addresses, block.address)
        targets, updates, rows = [], [], []
        for i, address in enumerate(addresses.tolist()):
            core, port = self._port(block, fields, i, address)
            target = self.at[core, port.population]
            port_at, kw, kh, c_off = (int(fields[name][i]) for name in ("port", "kw", "kh", "c_off"))
            row = Row(core, port_at, port.table, port.strides, c_off, block.word.depth, target, kw, kh)
            rows.append(self.kernels.row(row))
            targets.append(target)
            updates.append(UPDATES.numbers[port.update])
        table = self._columns(fields, targets, updates, rows)
        hops = np.abs(fields["core_x"]) + np.abs(fields["core_y"])
        for target in dict.fromkeys(targets):
            chosen = np.flatnonzero(np.array(targets) == target)
            mixed = any(updates[i] != ADD for i in chosen)
            counters = np.zeros((chosen.size, COUNTERS), dtype=np.int64)
            yield Bundle(target, table[chosen], hops[chosen], counters, mixed)

    def _port(self, block: Block, fields: dict[str, Integers], i: int, address: int) -> tuple[int, Port]:
        """The core that an axon reaches and the port word in it."""
        memory, here = self.memories[block.core], self.image.cores[block.core]
        place = here.x + int(fields["core_x"][i]), here.y + int(fields["core_y"][i])
        core = self.places.get(place)
        if core is None:
            width, height = self.image.chip.mesh
            outside = not (0 <= place[0] < width and 0 <= place[1] < height)
            what = "is outside the mesh" if outside else "is not there"
            raise memory.fault(address, f"the axon reaches core ({place[0]}, {place[1]}), which {what}")
        at = int(fields["port"][i])
        key = core, at
        if key not in self.ports:
            if at >= self.memories[core].words.size:
                raise memory.fault(address, f"the axon names port {at} of core {core}, which is not there")
            port = self.memories[core].word(Port, at, at)
            if (core, port.population) not in self.at:
                what = f"the port leads to {port.population}, where no population of the firing order is"
                raise self.memories[core].fault(at, what)
            if port.strides > (most := self.image.chip.strided_tables):
                what = f"the port's strided table has {port.strides} pairs, the target's at most {most}"
                raise self.memories[core].fault(at, what)
            model = self.blocks[self.at[core, port.population]].word.neuron
            if not model.states:
                raise self.memories[core].fault(at, "the port leads to an input population, without states")
            if port.update not in model.updates:
                what = f"the port leads to a {model.name} population, which does not {port.update.name}"
                raise self.memories[core].fault(at, what)
            self.ports[key] = port
        return core, self.ports[key]

    def _columns(
        self, fields: dict[str, Integers], targets: list[int], updates: list[int], rows: list[int]
    ) -> Integers:
        """Axons in the columns of `columns`."""
        into = [self.blocks[target] for target in targets]
        columns = [
            fields["x_off"],
            fields["y_off"],
            fields["width"] * AXON_UNIT,
            fields["height"] * AXON_UNIT,
            fields["kw"],
            fields["kh"],
            fields["us"],
            rows,
            updates,
            [block.states[0] for block in into],
            [block.word.depth for block in into],
            [block.word.height for block in into],
            [block.word.width for block in into],
            fields["port"],
            np.arange(len(into)),
        ]
        return np.ascontiguousarray(np.stack([np.asarray(column, np.int64) for column in columns], axis=1))
