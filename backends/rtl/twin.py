"""The chip in Verilog beside the machine: values, states, events and outputs of the two must be the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import Origin
from ..image.image import Image
from ..machine.decode import AXON_UNIT, Block, decode
from ..machine.machine import Fire
from ..machine.tensors import gathered
from ..machine.values import rounded
from ..words.words import Axon
from .memories import nodes_of
from .record import Event, Fired, Recorded, Value, half_bits, single_bits

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A population that fired in the machine, and its states at that moment, of an input population none."""

    fire: Fire
    states: tuple[Floats, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """A frame in the machine: what fired, in order, and the chip's outputs."""

    seen: tuple[Seen, ...]
    outputs: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not the same: the chip in Verilog has `found`, the machine `expected`.

    `step` is a number in the firing order, or -1 where outputs differ.
    """

    frame: int
    step: int
    core: int
    population: int
    what: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared in a frame, and the first difference, if there is one."""

    values: int
    events: int
    outputs: int
    difference: Difference | None


class Twin:
    """What an image's populations must do, by the words of their axons. Frames are compared in order."""

    def __init__(self, image: Image, mesh: tuple[int, int]) -> None:
        program = decode(image, Origin())
        self.image = image
        self.nodes = nodes_of(image, mesh)
        self._blocks = {(block.core, block.address): block for block in program.blocks}
        self._sent: dict[tuple[int, int], Floats] = {}  # of inputs that send changes
        self._places = {(core.x, core.y): index for index, core in enumerate(image.cores)}

    def expected(self, seen: Seen) -> Fired:
        """Values and events of a step, in order: algorithm 5 for the values that the machine has."""
        fire = seen.fire
        found = Fired(fire.step, self.nodes[fire.core], fire.population)
        block = self._blocks[fire.core, fire.population]
        kinds = block.word.neuron.states
        held = [half_bits(np.zeros_like(fire.values))]
        if seen.states is not None:
            pairs = zip(seen.states, kinds, strict=True)
            held = [single_bits(each) if kind.is_wide else half_bits(each) for each, kind in pairs]
        bits = half_bits(fire.values)
        for (c, y, x), value in np.ndenumerate(bits):
            found.values.append((c, y, x, *(int(each[c, y, x]) for each in held), int(value)))
        axons = list(self._axons(block))
        for c, y, x in np.argwhere((bits != 0) | block.fires_on_zero).tolist():
            for axon, node in axons:
                x_min, y_min = x * 2**axon.us + axon.x_off, y * 2**axon.us + axon.y_off
                across = x_min < AXON_UNIT * axon.width and x_min + axon.kw > 0
                if across and y_min < AXON_UNIT * axon.height and y_min + axon.kh > 0:
                    event = axon.port, x_min, y_min, c + axon.c_off, int(bits[c, y, x])
                    found.events.setdefault(node, []).append(event)
        return found

    def compared(self, number: int, seen: SeenFrame, recorded: Recorded) -> Compared:
        """Frame `number` of both."""
        expected = [self.expected(each) for each in seen.seen]
        difference = next(self._differences(number, expected, recorded), None)
        outputs = sum(values.size for values in seen.outputs.values())
        if difference is None and recorded.is_cut:
            difference = Difference(number, -1, -1, -1, "the last step", "no end", "an end")
        if difference is None:
            difference = self._outputs(number, seen, recorded)
        events = sum(len(part) for fired in expected for part in fired.events.values())
        return Compared(sum(len(fired.values) for fired in expected), events, outputs, difference)

    def _axons(self, block: Block) -> Iterator[tuple[Axon, int]]:
        """The axons of a population, and the nodes that they lead to."""
        core = self.image.cores[block.core]
        for word in core.words[block.axons : block.axons + block.word.axons].tolist():
            axon = Axon.decode(word)
            yield axon, self.nodes[self._places[core.x + axon.core_x, core.y + axon.core_y]]

    def _differences(self, number: int, expected: Sequence[Fired], found: Recorded) -> Iterator[Difference]:
        for wanted, got in zip_longest(expected, found.fired):
            place = wanted or got
            here = number, place.step, self.nodes.index(place.node), place.population

            def key(fired: Fired | None) -> tuple[int, int, int] | None:
                return None if fired is None else (fired.step, fired.node, fired.population)

            if wanted is None or got is None or key(wanted) != key(got):
                yield Difference(*here, "step", str(key(got)), str(key(wanted)))
                return
            pairs: list[tuple[str, Sequence[Value | Event], Sequence[Value | Event]]] = [
                ("value (c, y, x, states, value)", got.values, wanted.values)
            ]
            for node in sorted(wanted.events.keys() | got.events.keys()):
                what = f"event to node {node} (port, x_min, y_min, channel, value)"
                pairs.append((what, got.events.get(node, []), wanted.events.get(node, [])))
            for what, ours, theirs in pairs:
                if list(ours) != list(theirs):
                    both = enumerate(zip_longest(ours, theirs))
                    at, (one, other) = next((at, both) for at, both in both if both[0] != both[1])
                    yield Difference(*here, f"{what}, number {at}", _shown(one), _shown(other))

    def _outputs(self, number: int, seen: SeenFrame, found: Recorded) -> Difference | None:
        values: dict[tuple[int, int], Floats] = {}
        for fired in found.fired:
            core = self.nodes.index(fired.node)
            block = self._blocks[core, fired.population]
            bits = np.array(fired.computed, dtype=np.uint16)
            numbers = bits.view(np.float16).astype(np.float32)
            if block.changes_above is not None:  # the host has what it has sent
                before = self._sent.get((core, fired.population), np.zeros_like(numbers))
                numbers = self._sent[core, fired.population] = rounded(before + numbers)
            word = block.word
            values[core, fired.population] = numbers.reshape(word.depth, word.height, word.width)
        for tensor in self.image.tensors:
            if tensor.kind == "output":
                ours, theirs = half_bits(gathered(tensor, values)), half_bits(seen.outputs[tensor.name])
                if (ours != theirs).any():
                    at = tuple(np.argwhere(ours != theirs)[0].tolist())
                    what = f"output {tensor.name!r} {list(at)}"
                    return Difference(number, -1, -1, -1, what, f"{ours[at]:04x}", f"{theirs[at]:04x}")
        return None


def _shown(numbers: Value | Event | None) -> str:
    """Of an event or a value its coordinates in decimal, and its bits in hexadecimal."""
    return "none" if numbers is None else f"{list(numbers[:-1])} {numbers[-1]:04x}"
