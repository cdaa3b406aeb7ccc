"""The machine: runs a memory image event by event, and knows nothing but what the image says.

The steps of the firing order are taken one after the other. RESET sets a population's states to their first
values. FIRE computes the values of a population's neurons and sends their events, channel by channel, row by
row; each event is dealt with in the target core before the next is sent. States stay from frame to frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from ..ir.errors import BadInput, Origin
from .image import Image, ImagePiece, ImageTensor
from .machine_counters import Counters
from .machine_values import activate, rounded
from .words import Order

if TYPE_CHECKING:
    from .machine_decode import Block

Floats = NDArray[np.float32]
Arithmetic = Literal["float32", "chip"]
ARITHMETICS: tuple[Arithmetic, ...] = ("float32", "chip")


@dataclass(frozen=True, slots=True)
class Fire:
    """What a trace says of one step: population, neurons that fired, and the events they sent.

    `core` indexes the image's cores, `population` is the address of the descriptor, `step` counts the steps.
    """

    step: int
    core: int
    population: int
    firing: int
    events: int
    empty_events: int
    synaptic_operations: int


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What came of one frame: output tensors, the layers' tensors if asked for, and the counters."""

    outputs: dict[str, Floats]
    layers: dict[str, Floats]
    counters: Counters


class Machine:
    """An image, decoded, with its states.

    `arithmetic` "float32": states and values are float32. "chip": values, first states, and every state after
    every update, are rounded to float16; products and sums are computed in float32 before that.
    Raises BadImage for an image that does not hold together; `file` is named in it.
    """

    def __init__(self, image: Image, arithmetic: Arithmetic = "float32", *, file: str = "") -> None:
        if arithmetic not in ARITHMETICS:
            raise BadInput(None, f"arithmetic {arithmetic!r} is none of {', '.join(ARITHMETICS)}")
        # Numba comes with these, which takes its time: `snc --help` must not wait for it.
        from .machine_decode import decode
        from .machine_events import COUNTERS, fire

        self.image = image
        self.arithmetic = arithmetic
        self._origin = Origin(file=file)
        self._chip = True if arithmetic == "chip" else None
        self._program = decode(image, self._origin)
        self._fire = fire
        self._counter_columns = COUNTERS
        self._states = np.zeros(self._program.states, dtype=np.float32)
        self._at = {(block.core, block.address): i for i, block in enumerate(self._program.blocks)}

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
        """One frame. `inputs`: an array for each input tensor, in its shape; raises BadInput for others.

        `keep_layers` keeps the layers' tensors too. `trace` is told of every population that fired, `on_step`
        how many of all steps are done.
        """
        given = self._given(inputs)
        with np.errstate(all="ignore"):  # infinities run their course, as in the compiled code
            return self._run(given, keep_layers, trace, on_step)

    def _run(
        self,
        given: dict[int, Floats],
        keep_layers: bool,
        trace: Callable[[Fire], None] | None,
        on_step: Callable[[int, int], None] | None,
    ) -> Run:
        program = self._program
        outputs = self._tensors("output")
        layers = self._tensors("layer") if keep_layers else []
        wanted = {self._at[p.core, p.population] for t in (*outputs, *layers) for p in t.pieces}
        kept: dict[int, Floats] = {}
        counters = np.zeros((program.axons, self._counter_columns), dtype=np.int64)
        firing = np.zeros(len(program.blocks), dtype=np.int64)
        for step, (order, index) in enumerate(program.steps):
            block = program.blocks[index]
            if order == Order.RESET:
                self._reset(block)
            else:
                values = given[index] if block.is_input else self._values(block)
                if index in wanted:
                    kept[index] = values
                fired = values.size if block.fires_on_zero else int(np.count_nonzero(values))
                firing[index] += fired
                sent = np.zeros(self._counter_columns, dtype=np.int64)
                for bundle in program.bundles[index]:
                    counts = np.zeros((len(bundle.axons), self._counter_columns), dtype=np.int64)
                    self._fire(
                        values,
                        block.fires_on_zero,
                        bundle.axons,
                        program.rows,
                        program.kernels,
                        program.weights,
                        self._states,
                        counts,
                        self._chip,
                        True if bundle.mixed else None,
                    )
                    counters[bundle.counters : bundle.counters + len(counts)] += counts
                    sent += counts.sum(axis=0)
                if trace is not None:
                    events, empty, operations = sent.tolist()
                    trace(Fire(step, block.core, block.address, fired, events, empty, operations))
            if on_step is not None:
                on_step(step + 1, len(program.steps))
        return Run(
            outputs={tensor.name: self._gathered(tensor, kept) for tensor in outputs},
            layers={tensor.name: self._gathered(tensor, kept) for tensor in layers},
            counters=self._counted(firing, counters),
        )

    def _tensors(self, kind: str) -> list[ImageTensor]:
        return [tensor for tensor in self.image.tensors if tensor.kind == kind]

    def _given(self, inputs: Mapping[str, ArrayLike]) -> dict[int, Floats]:
        """The values of the input populations."""
        tensors = self._tensors("input")
        names = {tensor.name for tensor in tensors}
        expected = ", ".join(f"{t.name} {list(t.shape)}" for t in tensors)
        if unknown := sorted(set(inputs) - names):
            raise BadInput(self._origin, f"there is no input {unknown[0]!r}", hint=f"inputs are {expected}")
        values = {
            index: np.zeros((block.word.depth, block.word.height, block.word.width), dtype=np.float32)
            for index, block in enumerate(self._program.blocks)
            if block.is_input
        }
        for tensor in tensors:
            if tensor.name not in inputs:
                raise BadInput(
                    self._origin, f"input {tensor.name!r} is missing", hint=f"inputs are {expected}"
                )
            elements = self._elements(tensor, inputs[tensor.name])
            for piece in tensor.pieces:
                _neurons(piece, values[self._at[piece.core, piece.population]])[:] = _box(piece, elements)
        return values

    def _elements(self, tensor: ImageTensor, given: ArrayLike) -> Floats:
        """An input as a flat array of float32, in the chip's arithmetic rounded."""
        array = np.asarray(given)
        title = f"input {tensor.name!r}"
        if array.dtype.kind not in "biuf":
            raise BadInput(self._origin, f"{title} is made of {array.dtype}, not of numbers")
        if array.shape != tensor.shape:
            got, want = list(array.shape), list(tensor.shape)
            raise BadInput(self._origin, f"{title} has the shape {got}, the model takes {want}")
        with np.errstate(over="ignore"):
            flat = np.ascontiguousarray(array, dtype=np.float32).ravel()
        if not np.isfinite(flat).all():
            raise BadInput(self._origin, f"{title} has elements that are not finite")
        with np.errstate(over="ignore"):
            return flat if self._chip is None else rounded(flat)

    def _reset(self, block: "Block") -> None:
        initial = block.initial if self._chip is None else rounded(block.initial)
        self._states[block.states : block.states + block.neurons].reshape(-1, block.word.depth)[:] = initial

    def _values(self, block: "Block") -> Floats:
        """The values of a population's neurons, [D, H, W]."""
        word = block.word
        states = self._states[block.states : block.states + block.neurons]
        values = activate(word.activation, block.parameters, block.scale, states)
        if self._chip is not None:
            values = rounded(values)
        by_channel = values.reshape(word.height, word.width, word.depth).transpose(2, 0, 1)
        return np.ascontiguousarray(by_channel)

    def _gathered(self, tensor: ImageTensor, kept: dict[int, Floats]) -> Floats:
        """A tensor of what neurons said; elements that no piece names are 0."""
        elements = np.zeros(int(np.prod(tensor.shape, dtype=np.int64)), dtype=np.float32)
        for piece in tensor.pieces:
            _box(piece, elements)[:] = _neurons(piece, kept[self._at[piece.core, piece.population]])
        return elements.reshape(tensor.shape)

    def _counted(self, firing: NDArray[np.int64], counters: NDArray[np.int64]) -> Counters:
        """The axons' counters, by population."""
        blocks = self._program.blocks
        events, hops, empty, operations = (np.zeros(len(blocks), dtype=np.int64) for _ in range(4))
        for index, bundles in enumerate(self._program.bundles):
            for bundle in bundles:
                sent, missed, done = counters[bundle.counters : bundle.counters + len(bundle.axons)].T
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
        )


def _neurons(piece: ImagePiece, values: Floats) -> Floats:
    """The neurons of a piece among those of its population, [D, H, W]."""
    return values[
        piece.c0 : piece.c0 + piece.depth,
        piece.y0 : piece.y0 + piece.height,
        piece.x0 : piece.x0 + piece.width,
    ]


def _box(piece: ImagePiece, elements: Floats) -> Any:
    """The elements of a piece in its flat tensor, [D, H, W]; loading has checked that none lies outside."""
    steps = (piece.step_c, piece.step_y, piece.step_x)
    return as_strided(
        elements[piece.base :],
        (piece.depth, piece.height, piece.width),
        tuple(step * elements.itemsize for step in steps),
    )
