"""The dense engine: a lifted image as an ONNX graph, in ONNX Runtime, for batches of frames.

Its numbers are float32, summed in ONNX Runtime's order: near the machine's, and not the same. It counts what
the chip would do with these: a neuron that is 0 here and nearly 0 there is counted as silent.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....backends.image.image import Image, ImagePiece, ImageTensor
from ....backends.lifted.census import Census
from ....backends.lifted.edges import ADD, Unliftable
from ....backends.lifted.feeds import Lifted, Recipes, lift
from ....backends.lifted.maps import Map
from ....backends.lifted.plans import of_all_channels
from ....backends.lifted.threads import processors
from ....backends.lifted.walk import Walk
from ....backends.machine.decode import Program
from ....backends.machine.machine import Fire, Run
from ....backends.machine.tensors import fed, gathered
from ....ir.activations import Activation
from ....ir.errors import BadInput, Origin
from .counting import Counting
from .exact import ROUNDING_ANEW, Neurons, Proof, are_integers, integers
from .functions import activated
from .graph import Graph, Size
from .session import Session, Values
from .sums import added, added_in_place
from .terms import NotDenseError, stages
from .updates import updated
from .windows import Operand, Operands

Floats = NDArray[np.float32]

TOGETHER = 8  # frames at most, and the neurons of all: what the cache holds
NEURONS = 2**22
WORTH = 2**28  # synapses of a frame that are quicker on several threads


class _Views(NamedTuple):
    """The values [D, H, W] of the populations of tensors, frame by frame, by core and address."""

    of: Values
    frames: list[dict[tuple[int, int], Floats]]


class Dense:
    """An image, lifted into a graph. Raises BadInput for one that has none.

    A frame with a number that is not finite is left to the walk. `threads`: ONNX Runtime's, as many as there
    are processors where it is 0 and a frame is worth to wake them. `lifted`: the image, where that is known.
    `is_exact`: results are the machine's to the last bit of inputs that are `integers`. `exactly`: frames of
    which that is not known are left to the walk, too.
    """

    def __init__(
        self,
        image: Image,
        *,
        file: str = "",
        threads: int = 0,
        lifted: Lifted | None = None,
        exactly: bool = False,
    ) -> None:
        self.image, self._file = image, file
        self._origin = Origin(file=file)
        try:
            self._lifted = lift(image, self._origin) if lifted is None else lifted
            program, found, maps, recipes = self._lifted
            self._graph, self.is_exact, synapses = graph_of(program, recipes, maps.maps)
        except (Unliftable, NotDenseError) as why:
            rule = f"the dense engine does not know {why}"
            raise BadInput(self._origin, rule, hint="use --engine walk") from None
        self._threads = threads or (processors() if synapses >= WORTH else 1)
        self._exactly = exactly
        self._census = Census(program, found)
        self._blocks, self._at, self._places = program.blocks, program.at, maps.places
        self._maps = maps.maps
        self._tensors: dict[str, list[ImageTensor]] = {"input": [], "output": [], "layer": []}
        for tensor in image.tensors:
            self._tensors[tensor.kind].append(tensor)
        self._sessions: dict[bool, tuple[Session, Counting]] = {}
        self._views: dict[bool, _Views] = {}

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor."""
        return {tensor.name: tensor.shape for tensor in self.image.tensors if tensor.kind == "input"}

    def run(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        keep_layers: bool = False,
        trace: Callable[[Fire], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Run:
        """The next frame; `trace` has the walk run it."""
        if trace is not None:
            return self._walk.run(inputs, keep_layers=keep_layers, trace=trace, on_step=on_step)
        (run,) = self.run_several([inputs], keep_layers=keep_layers)
        if on_step is not None:
            on_step(len(self.image.steps), len(self.image.steps))
        return run

    @cached_property
    def together(self) -> int:
        """How many frames `run_several` takes at once: as many as leave the cache no worse."""
        neurons = sum(each.depth * each.height * each.width for each in self._maps)
        return max(1, min(TOGETHER, NEURONS // neurons))

    def run_several(
        self, frames: Sequence[Mapping[str, ArrayLike]], *, keep_layers: bool = False
    ) -> list[Run]:
        """Frames, all at once."""
        left = [self._exactly and not self._is_known(frame) for frame in frames]
        if all(left):
            if keep_layers:
                return [self._walk.run(frame, keep_layers=True) for frame in frames]
            return self._walk.run_several(frames)
        if keep_layers not in self._sessions:
            session = self.session(keep_layers=keep_layers)
            counting = Counting(self._census, self._maps, self._places, session)
            self._sessions[keep_layers] = session, counting
        session, counting = self._sessions[keep_layers]
        values = session.values(len(frames))
        views = self._views.get(keep_layers)
        if views is None or views.of is not values:
            views = self._views[keep_layers] = self._standing(values, len(frames), keep_layers)
        for frame, own in zip(frames, views.frames, strict=True):
            fed(self._tensors["input"], frame, self._origin, own)
        sums, infinite = counting.none(len(frames))
        for part in range(len(session.parts)):
            session.run(values, part)
            counting.add(part, values, sums, infinite)
        counters = self._census.counters(sums)
        return [
            self._walk.run(frame, keep_layers=keep_layers)
            if infinite[number] or left[number]
            else Run(*self._made(views.frames[number], keep_layers), counters[number], "dense")
            for number, frame in enumerate(frames)
        ]

    def session(self, *, counted: bool = True, keep_layers: bool = False) -> Session:
        """The graph, which gives the maps with outputs, and those whose events are counted."""
        kinds = ("output", "layer") if keep_layers else ("output",)
        wanted = {
            self._places[self._block(piece)].map
            for kind in kinds
            for tensor in self._tensors[kind]
            for piece in tensor.pieces
        }
        inputs, outputs = {}, {}
        for each in self._maps:
            block, size = self._blocks[each.first], Size(each.depth, each.height, each.width)
            if block.is_input:
                inputs[each.index] = size
            elif each.index in wanted or (counted and not block.fires_on_zero):
                outputs[each.index] = size
        left = ROUNDING_ANEW if self.is_exact else ()
        return Session(self._graph, inputs, outputs, wanted, self._threads, left)

    def states(self, core: int, population: int) -> tuple[Floats, ...]:
        """Nothing: what a population computes from is never kept here."""
        raise BadInput(self._origin, "the dense engine has no states", hint="use the engine walk")

    def restart(self) -> None:
        """The next frame is the first of a run; no frame depends on another here."""

    def _is_known(self, frame: Mapping[str, ArrayLike]) -> bool:
        """Whether the results of a frame are known to be the machine's."""
        return self.is_exact and all(are_integers(np.asarray(array)) for array in frame.values())

    @cached_property
    def _walk(self) -> Walk:
        return Walk(self.image, file=self._file, lifted=self._lifted)

    def _block(self, piece: ImagePiece) -> int:
        return self._at[piece.core, piece.population]

    def _standing(self, values: Values, frames: int, keep_layers: bool) -> _Views:
        """Where the values of tensors stand."""
        kinds = ("input", "output", "layer") if keep_layers else ("input", "output")
        blocks = {
            self._block(piece) for kind in kinds for each in self._tensors[kind] for piece in each.pieces
        }
        found: list[dict[tuple[int, int], Floats]] = [{} for _ in range(frames)]
        for block in sorted(blocks):
            own, place = self._blocks[block], self._places[block]
            box = values.maps[place.map][
                :,
                place.c : place.c + own.word.depth,
                place.y : place.y + own.word.height,
                place.x : place.x + own.word.width,
            ]
            for frame, each in zip(found, box, strict=True):
                frame[own.core, own.address] = each
        return _Views(values, found)

    def _made(
        self, own: Mapping[tuple[int, int], Floats], keep_layers: bool
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Outputs of a frame, and layers where they are kept."""
        outputs = {tensor.name: gathered(tensor, own) for tensor in self._tensors["output"]}
        return outputs, {each.name: gathered(each, own) for each in self._tensors["layer"] if keep_layers}


class Made(NamedTuple):
    """The maps of an image as a graph: map i is the tensor "m<i>". `is_exact`: whether its numbers are the
    machine's to the last bit where all inputs are `integers`. `synapses`: of a frame, about.
    """

    graph: Graph
    is_exact: bool
    synapses: int


def graph_of(program: Program, recipes: Recipes, maps: Sequence[Map]) -> Made:
    """Makes the graph of an image. Raises NotDenseError."""
    graph = Graph()
    known: dict[int, Operand] = {}
    least: dict[int, float] = {}
    constant: set[int] = set()
    all_fire = {each.index for each in maps if program.blocks[each.first].fires_on_zero}
    inputs = {each.index: integers(each.depth) for each in maps if program.blocks[each.first].is_input}
    proof = Proof(maps, all_fire, inputs)
    synapses = 0
    for each in maps:
        size, block = Size(each.depth, each.height, each.width), program.blocks[each.first]
        known[each.index] = Operand(f"m{each.index}", size)
        least[each.index] = -np.inf
        if block.is_input:
            continue
        first, scale, parameters = of_all_channels(each, program.blocks)
        feeds = recipes.feeds(each)
        synapses += (
            sum(feed.units * (feed.targets[1] - feed.targets[0]) for feed in feeds) * size.height * size.width
        )
        found = stages(each, feeds, maps)
        operands = Operands(graph, known, size, all_fire, least, constant)
        if all(term.source in constant for stage in found for term in stage.terms):
            constant.add(each.index)
        proof.add(Neurons(each, found, first, scale, block.activation, parameters))
        # A scale of all channels goes into the weights of a sum, where no product or maximum follows.
        is_inside = not proof.holds and all(stage.update == ADD for stage in found)
        is_inside &= not isinstance(scale, np.ndarray)
        inside = scale if is_inside and isinstance(scale, float) else 1.0
        state: str | None = None
        for stage in found:
            if proof.holds and each.index in proof.pairs:
                state = added_in_place(operands, stage.terms, first)
            elif stage.update != ADD:
                state = updated(operands, state, first, stage.update, stage.terms)
            elif state is None:
                state = added(operands, stage.terms, first, inside)
            else:
                state = graph.node("Add", [state, added(operands, stage.terms, np.zeros_like(first), 1.0)])
        if state is None:
            state = added(operands, (), first, inside)
        if np.ndim(scale):
            by = np.asarray(scale, dtype=np.float32)[:, None, None]
            state = graph.node("Mul", [state, graph.constant(by)])
        elif inside != scale:
            state = graph.node("Mul", [state, graph.constant(scale)])
        if proof.holds and block.activation is Activation.IDENTITY and found and found[-1].update == ADD:
            # Else ONNX Runtime may add a convolution's products one by one to what its sum is added to.
            state = graph.node("Clip", [state, graph.constant(-np.inf), graph.constant(np.inf)])
        least[each.index] = block.activation.least(
            tuple(tuple(p.tolist()) if isinstance(p, np.ndarray) else p for p in parameters)
        )
        value = activated(graph, state, block.activation, parameters, each.depth)
        graph.name(value, f"m{each.index}")
    return Made(graph, proof.holds, synapses)
