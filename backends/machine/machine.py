"""The machine: runs a memory image event by event, and knows nothing but what the image says.

The steps of the firing order are taken one after the other. RESET sets a population's states to their first
values, those that last before the first frame only. FIRE computes the values of a population's neurons and
sends their events, channel by channel, row by row; each event is dealt with in the target core before the
next is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir.errors import BadInput, Origin
from ...ir.neurons import Lifetime, Neuron, worth_sending
from ..image.image import Image, ImageTensor
from ..words.words import Order
from .counters import Counters
from .tensors import fed, gathered
from .values import fire, rounded

if TYPE_CHECKING:
    from .decode import Block
    from .learning.pupil import Pupil

Floats = NDArray[np.float32]
Arithmetic = Literal["float32", "chip"]
ARITHMETICS: tuple[Arithmetic, ...] = ("float32", "chip")


@dataclass(frozen=True, slots=True, eq=False)
class Fire:
    """What a trace says of one step: population, neurons that fired, and what became of their events.

    `core` indexes the image's cores, `population` is the address of the descriptor, `step` counts the steps.
    `firing` neurons sent `events`, of which `empty_events` touched no neuron; the others made
    `synaptic_operations`, a state's update each.
    `values`: those of the neurons, [D, H, W]; what is not 0 sent an event, or all where 0 fires, too.
    """

    step: int
    core: int
    population: int
    firing: int
    events: int
    empty_events: int
    synaptic_operations: int
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What came of one frame: outputs, the layers' tensors if asked for, the counters, and what ran it."""

    outputs: dict[str, Floats]
    layers: dict[str, Floats]
    counters: Counters
    engine: str = "literal"


class Machine:
    """An image, decoded, with its states.

    `arithmetic` "float32": values and products are float32, states gather them in float64 and are rounded
    once, when the neuron fires, so that the order of events does not show. "chip": values and first states
    are rounded to float16, and so is every state after every update, once, from the exact product and sum;
    states of 32 bits are not.
    `learns`: the image's rules of learning are run behind each frame, on words of its own.
    Raises BadImage for an image that does not hold together; `file` is named in it.
    """

    def __init__(
        self, image: Image, arithmetic: Arithmetic = "float32", *, learns: bool = False, file: str = ""
    ) -> None:
        if arithmetic not in ARITHMETICS:
            raise BadInput(None, f"arithmetic {arithmetic!r} is none of {', '.join(ARITHMETICS)}")
        # Numba comes with this, which takes its time: nobody who only asks for help must wait for it.
        from .decode import decode
        from .fire import send
        from .timing import Clock

        if learns:  # on words of its own: the image that was given stays
            cores = tuple(replace(core, words=core.words.copy()) for core in image.cores)
            image = replace(image, cores=cores)
        self.image = image
        self.arithmetic = arithmetic
        self._origin = Origin(file=file)
        self._chip = arithmetic == "chip"
        self._program = decode(image, self._origin)
        self.pupil: Pupil | None = None
        if learns:
            from .learning import pupil

            self._program = pupil.without_shortcuts(self._program)  # which have copies of weights
            self.pupil = pupil.Pupil(self.image, self._program, self._origin)
        self._clock = Clock(self._program)
        self._send = send
        self._begun = False
        self._frame = 0  # how many were run
        self._states: NDArray[Any] = np.zeros(self._program.states, dtype=np.float64)
        self._sent: dict[int, Floats] = {}  # of input populations that send changes

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor."""
        return {tensor.name: tensor.shape for tensor in self._tensors("input")}

    def run(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        keep_layers: bool = False,
        trace: Callable[[Fire], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Run:
        """The next frame. `inputs`: an array for each input tensor, in its shape; raises BadInput for others.

        States that last go on from the frame before; `restart` begins anew.

        `keep_layers` keeps the layers' tensors too. `trace` is called for every population that fired,
        `on_step` with how many of all steps are done.
        """
        given = self._given(inputs)
        outputs = self._tensors("output")
        layers = self._tensors("layer") if keep_layers else []
        wanted = {(piece.core, piece.population) for tensor in (*outputs, *layers) for piece in tensor.pieces}
        kept: dict[tuple[int, int], Floats] = {}
        program = self._program
        program.clear()
        firing = np.zeros(len(program.blocks), dtype=np.int64)
        busiest = np.zeros(len(program.blocks), dtype=np.int64)
        before_frame = () if self._begun else program.prologue
        if not self._begun:
            self._sent, self._frame = {}, 0
        self._begun = True
        steps = [*enumerate(before_frame), *enumerate(program.body, len(program.prologue))]
        for done, (step, act) in enumerate(steps, 1):
            order, index = act.order, act.block
            block = program.blocks[index]
            if not act.is_taken(self._frame):
                pass
            elif order == Order.RESET:
                self._reset(block, whole=step < len(program.prologue) or act.every > 0)
            else:
                if self.pupil is not None and block.states:
                    self.pupil.competes(index, self._held(block, block.states[0]).astype(np.float32))
                values = self._fed(index, given[index]) if block.is_input else self._values(block)
                if self.pupil is not None:
                    self.pupil.hears(index, values)
                if (block.core, block.address) in wanted:
                    kept[block.core, block.address] = self._shown(index, values)
                fired = values.size if block.fires_on_zero else int(np.count_nonzero(values))
                firing[index] += fired
                busiest[index] += self._clock.busiest(index, values, block.fires_on_zero)
                before = program.sent(index)
                self._send(program, index, values, self._states, self._chip)
                if trace is not None:
                    sent, empty, done_here = (program.sent(index) - before).tolist()
                    trace(Fire(step, block.core, block.address, fired, sent, empty, done_here, values))
            if on_step is not None:
                on_step(done, len(steps))
        self._frame += 1
        if self.pupil is not None:
            self.pupil.learn()
        return Run(
            outputs={tensor.name: gathered(tensor, kept) for tensor in outputs},
            layers={tensor.name: gathered(tensor, kept) for tensor in layers},
            counters=self._counted(firing, busiest),
        )

    def states(self, core: int, population: int) -> tuple[Floats, ...]:
        """What the states of a population hold now, [D, H, W] each."""
        block = self._program.blocks[self._program.at[core, population]]
        shape = block.word.height, block.word.width, block.word.depth
        held = (self._held(block, first) for first in block.states)
        return tuple(each.astype(np.float32).reshape(shape).transpose(2, 0, 1) for each in held)

    def restart(self) -> None:
        """The next frame is the first of a run: all states are set before it."""
        self._begun = False
        if self.pupil is not None:
            self.pupil.restart()

    def trained(self) -> Image:
        """The image with the words that learning has changed so far."""
        assert self.pupil is not None, "the machine learns"
        cores = tuple(replace(core, words=core.words.copy()) for core in self.image.cores)
        return replace(self.image, cores=cores, learning=self.pupil.words)

    def _tensors(self, kind: str) -> list[ImageTensor]:
        return [tensor for tensor in self.image.tensors if tensor.kind == kind]

    def _given(self, inputs: Mapping[str, ArrayLike]) -> dict[int, Floats]:
        """The values of the input populations, [D, H, W], by their index."""
        found = {
            index: np.zeros((block.word.depth, block.word.height, block.word.width), dtype=np.float32)
            for index, block in enumerate(self._program.blocks)
            if block.is_input
        }
        at = {key: found[index] for key, index in self._program.at.items() if index in found}
        fed(self._tensors("input"), inputs, self._origin, at)
        return {index: rounded(values) for index, values in found.items()} if self._chip else found

    def _fed(self, index: int, elements: Floats) -> Floats:
        """What an input sends: its elements, or what they are more than what it has sent."""
        least = self._program.blocks[index].changes_above
        if least is None:
            return elements
        sent = self._sent.get(index, np.zeros_like(elements))
        change = self._rounded(elements - sent)
        found = worth_sending(change, sent, np.asarray(least, dtype=np.float32))
        self._sent[index] = self._rounded(sent + found)
        return found

    def _shown(self, index: int, values: Floats) -> Floats:
        """What outputs that name neurons of a population take."""
        block = self._program.blocks[index]
        if block.is_input:
            return self._sent.get(index, values)
        word, own = block.word, len(block.word.neuron.parameters)
        if not word.neuron.sends_changes:
            return values
        states = (self._held(block, block.states[0]).astype(np.float32),)
        parameters = block.parameters[own:]
        found, _ = fire(Neuron.STANDARD, block.activation, parameters, block.scale, states, block.initial)
        return self._rounded(found).reshape(word.height, word.width, word.depth).transpose(2, 0, 1)

    def _rounded(self, numbers: Floats) -> Floats:
        return rounded(numbers) if self._chip else numbers

    def _reset(self, block: "Block", *, whole: bool) -> None:
        for number, (state, first) in enumerate(zip(block.word.neuron.states, block.states, strict=True)):
            if state.lifetime is Lifetime.RUN and not whole:
                continue
            begin = block.initial if number == 0 else np.zeros_like(block.initial)
            self._held(block, first)[:] = begin if state.is_wide else self._rounded(begin)

    def _held(self, block: "Block", first: int) -> NDArray[Any]:
        """One state of all neurons of a population, [pixels, channels]."""
        return self._states[first : first + block.neurons].reshape(-1, block.word.depth)

    def _values(self, block: "Block") -> Floats:
        """The values of a population's neurons, [D, H, W]."""
        word = block.word
        held = [self._held(block, first) for first in block.states]
        states = tuple(each.astype(word.neuron.dtype) for each in held)
        first = block.initial if word.neuron.is_wide else self._rounded(block.initial)
        values, after = fire(
            word.neuron, block.activation, block.parameters, block.scale, states, first, is_half=self._chip
        )
        for kind, place, before, new in zip(word.neuron.states, held, states, after, strict=True):
            if new is not before:
                place[:] = new if kind.is_wide else self._rounded(new)
        by_pixel = self._rounded(values.astype(np.float32, copy=False))
        return by_pixel.reshape(word.height, word.width, word.depth).transpose(2, 0, 1)

    def _counted(self, firing: NDArray[np.int64], busiest: NDArray[np.int64]) -> Counters:
        """The axons' counters, by population."""
        blocks = self._program.blocks
        events, hops, empty, operations = (np.zeros(len(blocks), dtype=np.int64) for _ in range(4))
        for index, bundles in enumerate(self._program.bundles):
            for bundle in bundles:
                sent, missed, done = bundle.counters.T
                events[index] += sent.sum()
                hops[index] += (sent * bundle.hops).sum()
                empty[bundle.target] += missed.sum()
                operations[bundle.target] += done.sum()
        return Counters(
            populations=tuple((block.core, block.address) for block in blocks),
            inputs=np.array([block.is_input for block in blocks], dtype=np.bool_),
            firing=firing,
            events=events,
            hops=hops,
            empty_events=empty,
            synaptic_operations=operations,
            cycles=self._clock.cycles(firing, events, busiest),
        )
