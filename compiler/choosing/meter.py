"""What weight formats cost in accuracy, measured on frames: the network in ONNX Runtime with other weights.

Trained constants are inputs of the model, so that one session runs all formats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import BadInput, Origin
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ...ir.storage.formats import formats_of, spelled
from ...passes.quantise import Quantise, held_constants, trained_constants
from ..frontend.onnx_file import first_line
from ..frontend.read import to_onnx
from ..frontend.runtime import Arrays, session
from .frames import Errors, Measured, Ratios, apart, decibels, evenly

LAYER_FRAMES = 8  # for the errors of single layers, which are many runs


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames with what the network makes of them: its float outputs."""

    given: Sequence[Mapping[str, NDArray[Any]]]
    wanted: Sequence[Arrays]


class Meter:
    """A network, and frames to measure it on. Every fourth frame is held out, where there are so many."""

    def __init__(
        self, graph: LayerGraph, network: Network, frames: Sequence[Mapping[str, NDArray[Any]]]
    ) -> None:
        self.graph, self.network = graph, network
        self.constants = trained_constants(network)
        self.sizes = [int(graph.constants[name].size) for name in self.constants]
        self._held: dict[str, Mapping[str, NDArray[Any]]] = {}
        self._alone: dict[tuple[str, str], Ratios] = {}
        self._whole: dict[str, tuple[Measured, Measured | None]] = {}
        self._outputs = [value.name for value in graph.outputs if np.dtype(value.dtype).kind == "f"]
        if not self._outputs:
            rule = "has no output of numbers with a fraction, so no error is measured"
            raise BadInput(Origin(file=graph.name), rule, hint="compile it without --data")
        own = self.constants_in("float32")
        self._session = _opened(graph, own)
        kept, others = apart(len(frames))
        self.calibration = self._frames(frames, kept, own)
        self.held_out = self._frames(frames, others, own)

    def _frames(
        self, frames: Sequence[Mapping[str, NDArray[Any]]], indices: list[int], own: Mapping[str, Any]
    ) -> Frames:
        given = [frames[index] for index in evenly(indices)]
        return Frames(given, [self._run(frame, own) for frame in given])

    def constants_in(self, weights: str) -> Mapping[str, NDArray[Any]]:
        """All constants of the chip as formats hold them."""
        if weights not in self._held:
            held = held_constants(Quantise(weights)(self.network), dict(self.graph.constants))
            self._held[weights] = {name: array.astype(np.float32) for name, array in held.items()}
        return self._held[weights]

    @cached_property
    def weights(self) -> int:
        """How many trained weights there are."""
        return sum(self.sizes)

    def alone(self, name: str, codec: str) -> Ratios:
        """Noise to signal of each output where one constant alone is rounded."""
        if (name, codec) not in self._alone:
            given = {**self.constants_in("float32"), name: self.constants_in(codec)[name]}
            frames = self.calibration
            few = Frames(frames.given[:LAYER_FRAMES], frames.wanted[:LAYER_FRAMES])
            self._alone[name, codec] = self._errors(few, given).ratios
        return self._alone[name, codec]

    def known(self, name: str, codec: str) -> float | None:
        """The SQNR of the worst output where one constant alone is rounded, if it was measured."""
        found = self._alone.get((name, codec))
        return None if found is None else decibels(float(found.max()))

    def whole(self, formats: Sequence[str]) -> tuple[Measured, Measured | None]:
        """The network with a format for each constant: on the frames to choose by, and on those held out."""
        text = spelled(formats)
        if text not in self._whole:
            coarse = [codec for codec in formats if codec != "float32"]  # which biases of float16 go with
            given = dict(self.constants_in(coarse[0] if coarse else "float32"))
            for name, codec in zip(self.constants, formats, strict=True):
                given[name] = self.constants_in(codec)[name]
            others = self._measured(self.held_out, given) if self.held_out.given else None
            self._whole[text] = self._measured(self.calibration, given), others
        return self._whole[text]

    def of_text(self, weights: str) -> tuple[Measured, Measured | None]:
        """The same for formats as a text says them."""
        return self.whole(formats_of(weights, len(self.constants)))

    def _measured(self, frames: Frames, constants: Mapping[str, NDArray[Any]]) -> Measured:
        return self._errors(frames, constants).measured()

    def _errors(self, frames: Frames, constants: Mapping[str, NDArray[Any]]) -> Errors:
        errors = Errors(self._outputs)
        for frame, wanted in zip(frames.given, frames.wanted, strict=True):
            errors.add(wanted, self._run(frame, constants))
        return errors

    def _run(self, frame: Mapping[str, NDArray[Any]], constants: Mapping[str, NDArray[Any]]) -> Arrays:
        fed = {v.name: np.asarray(frame[v.name]).reshape(v.shape).astype(v.dtype) for v in self.graph.inputs}
        known = {name: constants[name] for name in self._session[1]}
        try:
            outputs = self._session[0].run(self._outputs, {**fed, **known})
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"ONNX Runtime cannot run it ({first_line(error)})"
            raise BadInput(Origin(file=self.graph.name), rule, hint="compile it without --data") from None
        return dict(zip(self._outputs, outputs, strict=True))


def _opened(graph: LayerGraph, constants: Mapping[str, NDArray[Any]]) -> tuple[Any, tuple[str, ...]]:
    """The network with these constants as inputs, and which of them it reads."""
    model = to_onnx(graph)
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in constants]
    moved = [tensor for tensor in model.graph.initializer if tensor.name in constants]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for tensor in moved:
        value = model.graph.input.add()
        value.name = tensor.name
        value.type.tensor_type.elem_type = tensor.data_type
        for size in tensor.dims:
            value.type.tensor_type.shape.dim.add().dim_value = size
    return session(model.SerializeToString()), tuple(tensor.name for tensor in moved)
