"""Whether layers still compute what a model computes: each one alone, on what the model gives it to read.

A rounding of one layer is not carried to the next, so what differs is the fault of the layer that is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from ...ir.errors import Origin, VerifyError
from ...ir.layers import Array, Layer, LayerGraph, Value
from .observe import run_tensors
from .read import Reading, to_layers, to_onnx
from .sizes import RANDOM

TOLERANCE = 1e-4  # of a tensor's peak
# Of the largest sum that its summands could have: a normalisation that is folded scales what cancels, too.
ROUNDING = 1e-5
LINEAR = ("Conv", "ConvTranspose", "Gemm", "BatchNormalization")


@dataclass(frozen=True, slots=True)
class Difference:
    """The first tensor that a layer makes otherwise than the model, and its worst element."""

    tensor: str
    origin: Origin
    position: tuple[int, ...]
    got: float
    want: float

    def __str__(self) -> str:
        place = list(self.position)
        return f"{self.origin}: {self.tensor!r} is {self.got:g} at {place}, not {self.want:g} as in the model"


def first_difference(
    original: onnx.ModelProto, graph: LayerGraph, frames: Sequence[Mapping[str, Array]]
) -> Difference | None:
    """The first layer that differs from the model in one of the frames, or None."""
    unfolded = to_layers(original, graph.name)
    names = [name for layer in unfolded.layers for name in layer.outputs if name]
    made = {name for node in original.graph.node for name in node.output}
    for frame in frames:
        arrays = run_tensors(original, [name for name in names if name in made], frame, graph.name)
        found = differing(graph, Reading(unfolded, {**frame, **arrays}))
        if found is not None:
            return found
    return None


def assert_agrees(graph: LayerGraph, reading: Reading) -> None:
    """Raises VerifyError where a layer makes anything else than the model that was read, if that was run."""
    found = differing(graph, reading) if reading.arrays else None
    if found is not None:
        raise VerifyError(f"{found} (snc has read the model wrong: please report it)")


def differing(graph: LayerGraph, reading: Reading) -> Difference | None:
    """The first layer that makes anything else than what the model's tensors held, or None."""
    arrays = reading.arrays
    names = [name for layer in graph.layers for name in layer.outputs if name]
    got = _again(graph, arrays)
    suspects = [
        name for name in names if name in got and name in arrays and not _is_close(got[name], arrays[name])
    ]
    if not suspects:
        return None
    bounds = _again(
        _absolute(graph, arrays), {name: _magnitude(array) for name, array in arrays.items()}, suspects
    )
    makers = graph.producers()
    for name in suspects:
        bound = bounds.get(name)
        if bound is not None:
            bound = bound + _scaled(makers[name], graph, reading)
        if not _is_close(got[name], arrays[name], bound):
            return _difference(makers[name], name, got[name], arrays[name])
    return None


def _scaled(layer: Layer, graph: LayerGraph, reading: Reading) -> Array:
    """What a layer made before it was scaled, times the scale: the model rounds it, and may cancel most."""
    before = next((each for each in reading.graph.layers if each.name == layer.name), None)
    if before is None or before.outputs[0] not in reading.arrays or layer.op == "BatchNormalization":
        return np.zeros(1, dtype=np.float32)
    old, new = reading.graph.constants.get(before.input(1)), graph.constants.get(layer.input(1))
    result = reading.arrays[before.outputs[0]]
    if old is None or new is None or old.shape != new.shape:
        return np.zeros(1, dtype=np.float32)
    least = float(np.finfo(np.float32).tiny)
    scale = _largest(layer, new) / np.maximum(_largest(layer, old), least)
    return np.asarray(np.abs(result) * scale.reshape(-1, *[1] * (result.ndim - 2)))


def _largest(layer: Layer, weights: Array) -> Array:
    """The largest weight of each channel of a layer's result."""
    magnitude = np.abs(weights)
    if layer.op == "ConvTranspose":
        groups = layer.integer("group", 1)
        parts = magnitude.reshape(groups, weights.shape[0] // groups, weights.shape[1], -1)
        return np.asarray(parts.max(axis=(1, 3)).ravel())
    axis = 1 if layer.op == "Gemm" and not layer.integer("transB", 0) else 0
    return np.asarray(np.moveaxis(magnitude, axis, 0).reshape(weights.shape[axis], -1).max(axis=1))


def _again(
    graph: LayerGraph, arrays: Mapping[str, Array], wanted: Sequence[str] | None = None
) -> dict[str, Array]:
    """What each layer makes of what the model's tensors hold."""
    new: dict[str, str] = {}
    layers, fed = [], {}
    for layer in graph.layers:
        if layer.op in RANDOM and layer.op != "Dropout":
            continue
        inputs = []
        for name in layer.inputs:
            if name in arrays and name not in graph.constants:
                fed[name] = arrays[name]
            inputs.append(name if name in fed or name not in new else new[name])
        new.update({name: f"{name}/again" for name in layer.outputs if name})
        outputs = tuple(new.get(name, "") for name in layer.outputs)
        layers.append(replace(layer, inputs=tuple(inputs), outputs=outputs))
    names = [name for name in new if wanted is None or name in wanted]
    held = replace(
        graph,
        layers=tuple(layers),
        inputs=tuple(Value(name, array.shape, str(array.dtype)) for name, array in fed.items()),
        outputs=tuple(replace(graph.values[name], name=new[name]) for name in names),
    )
    if not names:
        return {}
    found = run_tensors(to_onnx(held), [new[name] for name in names], fed, graph.name)
    return {name: found[new[name]] for name in names}


def _absolute(graph: LayerGraph, arrays: Mapping[str, Array]) -> LayerGraph:
    """The linear layers with the magnitudes of their constants: they make the bounds of what they sum."""
    known = {*arrays, *graph.constants, ""}
    layers = tuple(layer for layer in graph.layers if layer.op in LINEAR and known.issuperset(layer.inputs))
    names = {name for layer in layers for name in layer.inputs if name in graph.constants}
    constants = {name: _magnitude(graph.constants[name]) for name in names}
    return replace(graph.with_constants(constants), layers=layers)


def _magnitude(array: Array) -> Array:
    return np.abs(array) if array.dtype.kind == "f" else array


def _is_close(got: Array, want: Array, bound: Array | None = None) -> bool:
    """Whether two arrays are the same up to rounding."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    return not _excess(got, want, bound).any()


def _excess(got: Array, want: Array, bound: Array | None = None) -> Array:
    """Where two arrays of one shape differ by more than rounding."""
    if want.dtype.kind != "f":
        return np.asarray(got != want)
    peak = float(np.abs(want).max(initial=0.0, where=np.isfinite(want)))
    allowed: Array | float = TOLERANCE * peak
    if bound is not None:
        allowed = np.maximum(allowed, ROUNDING * bound)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = ~(np.abs(got - want) <= allowed)
    return np.asarray(apart & (got != want) & ~(np.isnan(got) & np.isnan(want)))


def _difference(layer: Layer, name: str, got: Array, want: Array) -> Difference:
    if got.shape != want.shape or got.dtype != want.dtype:
        return Difference(name, layer.origin, got.shape, float(got.size), float(want.size))
    error = np.where(_excess(got, want), np.abs(got.astype(np.float64) - want.astype(np.float64)), -1.0)
    worst = np.unravel_index(int(np.nan_to_num(error, nan=np.inf, posinf=np.inf).argmax()), got.shape)
    position = tuple(int(i) for i in worst)
    return Difference(name, layer.origin, position, float(got[position]), float(want[position]))
