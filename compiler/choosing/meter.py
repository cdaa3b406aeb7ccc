"""What weight formats cost in accuracy, measured on frames: the network in ONNX Runtime with other weights.

Trained constants are inputs of the model, so that one session runs all formats.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import in_time
from ...ir.errors import BadInput, Origin
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ...ir.storage.formats import formats_of, spelled
from ...passes.correct import Correct
from ...passes.quantise import Quantise, held_constants, trained_constants
from ..frontend.onnx_file import first_line
from ..frontend.read import to_onnx
from ..frontend.runtime import Arrays, session
from .frames import Errors, LayerAccuracy, Measured, Ratios, Values, apart, decibels, evenly
from .means import mean_errors, sites, twins

LAYER_FRAMES = 8  # for the errors of single layers, which are many runs
HELPS_DB = 0.5  # what corrected biases are worth at least

Biases = Mapping[str, NDArray[np.float32]]  # for each bias a number for each channel


class Opened(NamedTuple):
    """A session, and the constants that it takes as inputs."""

    runtime: Any
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames with what the network makes of them: its float outputs."""

    given: Sequence[Mapping[str, NDArray[Any]]]
    wanted: Sequence[Arrays]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How near a choice is, on the frames to choose by and on those held out."""

    calibration: Measured
    held_out: Measured | None


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A choice of formats, measured on the whole network: as it is, and with `added` to its biases where that
    is better.
    """

    plain: Accuracy
    best: Accuracy
    added: Biases


class Meter:
    """A network, and frames to measure it on. Every fourth frame is held out, where there are so many."""

    def __init__(
        self, graph: LayerGraph, network: Network, frames: Sequence[Mapping[str, NDArray[Any]]]
    ) -> None:
        self.graph, self.network = graph, network
        self.constants = trained_constants(network)
        self.sizes = [int(graph.constants[name].size) for name in self.constants]
        self._held: dict[str, Mapping[str, NDArray[Any]]] = {}
        self._errors_of: dict[str, Biases] = {}
        self._alone: dict[tuple[str, str], Ratios] = {}
        self._whole: dict[str, Whole] = {}
        self._outputs = [value.name for value in graph.outputs if np.dtype(value.dtype).kind == "f"]
        if not self._outputs:
            rule = "has no output of numbers with a fraction, so no error is measured"
            raise BadInput(Origin(file=graph.name), rule, hint="compile it without --data")
        own = self.constants_in("float32")
        self._opened = opened(graph, own)
        self._sites = sites(graph, network, self.constants)
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
            self._held[weights] = self._constants(weights, {})
        return self._held[weights]

    def _constants(self, weights: str, added: Biases) -> Mapping[str, NDArray[Any]]:
        held = held_constants(Quantise(weights)(Correct(added)(self.network)), dict(self.graph.constants))
        return {name: array.astype(np.float32) for name, array in held.items()}

    @cached_property
    def is_classifier(self) -> bool:
        """Whether a frame has one answer: the largest element of the only output, a vector."""
        shapes = [value.shape for value in self.graph.outputs]
        return len(shapes) == 1 and 1 < math.prod(shapes[0]) == max(shapes[0])

    @cached_property
    def weights(self) -> int:
        """How many trained weights there are."""
        return sum(self.sizes)

    def alone(self, name: str, codec: str) -> Ratios:
        """Noise to signal of each output where one constant alone is rounded, and its layers' biases make up
        for what that changes on average.
        """
        if (name, codec) not in self._alone:
            own = self.constants_in("float32")
            given = {**own, name: self.constants_in(codec)[name]}
            for bias, added in self._added([name], [codec]).items():
                given[bias] = own[bias] + added.reshape(own[bias].shape)
            frames = self.calibration
            few = Frames(frames.given[:LAYER_FRAMES], frames.wanted[:LAYER_FRAMES])
            self._alone[name, codec] = self._errors(few, given).ratios
        return self._alone[name, codec]

    def known(self, name: str, codec: str) -> float | None:
        """The SQNR of the worst output where one constant alone is rounded, if it was measured."""
        found = self._alone.get((name, codec))
        return None if found is None else decibels(float(found.max()))

    def measured(self, formats: Sequence[str]) -> Whole:
        """The network with a format for each constant: biases are corrected where that is better on the
        frames to choose by.
        """
        text = spelled(formats) if formats else "float32"
        if text not in self._whole:
            plain = self._accuracy(self._constants(text, {}))
            added = self._added(self.constants, formats)
            best = self._accuracy(self._constants(text, added)) if added else plain
            helps = best.calibration.sqnr_db >= plain.calibration.sqnr_db + HELPS_DB
            self._whole[text] = Whole(plain, best, added) if helps else Whole(plain, plain, {})
        return self._whole[text]

    def whole(self, formats: Sequence[str]) -> tuple[Measured, Measured | None]:
        """How near it then is, on the frames to choose by, and on those held out."""
        best = self.measured(formats).best
        return best.calibration, best.held_out

    def of_text(self, weights: str) -> tuple[Measured, Measured | None]:
        """The same for formats as a text says them."""
        return self.whole(formats_of(weights, len(self.constants)))

    def added(self, weights: str) -> Biases:
        """What is added to biases with the formats that a text says."""
        return self.measured(formats_of(weights, len(self.constants))).added

    def layers(self, formats: Sequence[str]) -> tuple[LayerAccuracy, ...]:
        """What the layers' values are, and how near these are with a format for each constant."""
        made = self.graph.producers()
        named = [tensor for tensor in self.network.tensors if tensor.kind == "layer" and tensor.name in made]
        values = [self.graph.values[name] for name in dict.fromkeys(tensor.name for tensor in named)]
        values = [value for value in values if np.dtype(value.dtype).kind == "f"]
        if not values:
            return ()
        own, held = (
            self.constants_in("float32"),
            self._constants(spelled(formats), self.measured(formats).added),
        )
        graph = opened(replace(self.graph, outputs=tuple(values)), own)
        kept = {value.name: Values(value.name) for value in values}
        for frame in self.calibration.given[:LAYER_FRAMES]:
            wanted, found = (self._run(frame, each, graph, list(kept)) for each in (own, held))
            for name, seen in kept.items():
                seen.add(wanted[name], found[name])
        return tuple(seen.accuracy() for seen in kept.values())

    def _added(self, names: Sequence[str], formats: Sequence[str]) -> Biases:
        """What makes up for the errors of some constants' weights, by the biases of their layers."""
        codecs = dict(zip(names, formats, strict=True))
        return {
            site.bias: -self._mean_errors(codecs[site.weights])[site.bias]
            for site in self._sites
            if codecs.get(site.weights, "float32") != "float32"
        }

    def _mean_errors(self, codec: str) -> Biases:
        if codec not in self._errors_of:
            own, held = self.constants_in("float32"), self.constants_in(codec)
            self._errors_of[codec] = mean_errors(self._sites, self._twins, own, held)
        return self._errors_of[codec]

    def _twins(self, errors: Mapping[str, NDArray[Any]]) -> Iterator[Arrays]:
        names = [site.output for site in self._sites]
        return (self._run(frame, errors, self._twin, names) for frame in self.calibration.given)

    @cached_property
    def _twin(self) -> Opened:
        graph = twins(self.graph, self._sites)
        return opened(graph, {site.errors: graph.constants[site.errors] for site in self._sites})

    def _accuracy(self, constants: Mapping[str, NDArray[Any]]) -> Accuracy:
        others = self._errors(self.held_out, constants).measured() if self.held_out.given else None
        return Accuracy(self._errors(self.calibration, constants).measured(), others)

    def _errors(self, frames: Frames, constants: Mapping[str, NDArray[Any]]) -> Errors:
        errors = Errors(self._outputs)
        for frame, wanted in zip(frames.given, frames.wanted, strict=True):
            errors.add(wanted, self._run(frame, constants))
        return errors

    def _run(
        self,
        frame: Mapping[str, NDArray[Any]],
        constants: Mapping[str, NDArray[Any]],
        session: Opened | None = None,
        names: Sequence[str] = (),
    ) -> Arrays:
        in_time("errors were measured")
        runtime, reads = session or self._opened
        fed = {v.name: np.asarray(frame[v.name]).reshape(v.shape).astype(v.dtype) for v in self.graph.inputs}
        wanted = list(names or self._outputs)
        try:
            outputs = runtime.run(wanted, {**fed, **{name: constants[name] for name in reads}})
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"ONNX Runtime cannot run it ({first_line(error)})"
            raise BadInput(Origin(file=self.graph.name), rule, hint="compile it without --data") from None
        return dict(zip(wanted, outputs, strict=True))


def opened(graph: LayerGraph, constants: Mapping[str, NDArray[Any]]) -> Opened:
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
    return Opened(session(model.SerializeToString()), tuple(tensor.name for tensor in moved))
