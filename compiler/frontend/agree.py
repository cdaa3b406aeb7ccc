"""Whether layers still compute what a model computes: each one alone, on what the model gives it to read.

A rounding of one layer is not carried to the next, so what differs is the fault of the layer that is named.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import onnx

from ...ir.deadline import in_time
from ...ir.errors import Origin, VerifyError
from ...ir.layers import Array, Layer, LayerGraph, Value
from .observe import SEED, Seen, run_tensors
from .read import Reading, to_layers, to_onnx
from .runtime import fed_beside
from .sizes import RANDOM

TOLERANCE = 1e-4  # of a tensor's peak
ROUNDING = 1e-5  # of the largest sum that its summands could have
CONDITION = 16  # times what a change of the operands' last bit makes
DRAWS = 32  # of which one moves every element, as good as surely
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
        found = differing(graph, Reading(unfolded, Seen.whole({**frame, **arrays})))
        if found is not None:
            return found
    return None


def assert_agrees(graph: LayerGraph, reading: Reading) -> None:
    """Raises VerifyError where a layer makes anything else than the model that was read, if that was run."""
    found = differing(graph, reading)
    if found is not None:
        raise VerifyError(f"{found} (snc has read the model wrong: please report it)")


def differing(graph: LayerGraph, reading: Reading) -> Difference | None:
    """The first layer that makes anything else than what the model's tensors hold, or None."""
    if reading.seen is None:
        return None
    checks = _checks(graph, reading.graph, reading.seen.names)
    held: dict[str, Array] = {}
    seen = iter(reading.seen.run())
    for check, later in zip(checks, _later(checks), strict=True):
        held |= next(seen)
        found = _first_of(replace(graph, layers=check.layers), reading.graph, held) if check.layers else None
        if found is not None:
            return found
        held = {name: array for name, array in held.items() if name in later}
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """The layers that can be compared once a piece of the model was seen, and the tensors that this takes."""

    layers: tuple[Layer, ...]
    reads: frozenset[str]


def _checks(graph: LayerGraph, original: LayerGraph, pieces: Sequence[frozenset[str]]) -> tuple[Check, ...]:
    """What is compared after each piece: every layer with the results that the model has, too, and with those
    that make what the model has not.
    """
    piece_of = {name: number for number, names in enumerate(pieces) for name in names}
    makers, models_makers = graph.producers(), original.producers()
    layers: list[set[Layer]] = [set() for _ in pieces]
    reads: list[set[str]] = [set() for _ in pieces]
    for layer in graph.layers:
        results = piece_of.keys() & set(layer.outputs)
        if not results:
            continue
        part = _behind(makers, piece_of, results)
        models = _behind(models_makers, piece_of, results)
        read = {name for each in part | models for name in (*each.inputs, *each.outputs) if name in piece_of}
        number = max(piece_of[name] for name in read)
        layers[number] |= part
        reads[number] |= read
    return tuple(
        Check(tuple(layer for layer in graph.layers if layer in chosen), frozenset(names))
        for chosen, names in zip(layers, reads, strict=True)
    )


def _later(checks: Sequence[Check]) -> list[frozenset[str]]:
    """For each check the tensors that later ones take."""
    later: list[frozenset[str]] = [frozenset()]
    for check in reversed(checks[1:]):
        later.append(later[-1] | check.reads)
    return later[::-1]


def _first_of(graph: LayerGraph, original: LayerGraph, arrays: Mapping[str, Array]) -> Difference | None:
    """The first of some layers that makes anything else than what the model's tensors hold, or None."""
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
        in_time("what was read was compared with the model")
        sums = ROUNDING * bounds.get(name, np.zeros(1))
        if _is_close(got[name], arrays[name], sums):
            continue
        noise = np.fmax(_noise(original, arrays, name), _noise(graph, arrays, name))
        if not _is_close(got[name], arrays[name], np.fmax(sums, CONDITION * noise)):
            return _difference(makers[name], name, got[name], arrays[name])
    return None


def _behind(makers: Mapping[str, Layer], known: Collection[str], names: Collection[str]) -> set[Layer]:
    """The layers that make tensors of what is known."""
    found: set[Layer] = set()
    wanted = list(names)
    while wanted:
        maker = makers.get(wanted.pop())
        if maker is not None and maker not in found:
            found.add(maker)
            wanted += [name for name in maker.inputs if name not in known]
    return found


def _noise(graph: LayerGraph, arrays: Mapping[str, Array], name: str) -> Array:
    """How far layers go, by element, when every number on the way to a tensor changes in its last bit.

    What is ill-conditioned (a normalisation of nearly equal values) is no fault.
    """
    found = np.zeros(arrays[name].shape, np.float32)
    behind = _behind(graph.producers(), arrays, [name])
    part = replace(graph, layers=tuple(layer for layer in graph.layers if layer in behind))
    if not part.layers:
        return found
    read = {each for layer in part.layers for each in layer.inputs}
    rng = np.random.default_rng(SEED)
    still = _again(part, arrays, [name])[name].astype(np.float32)
    for _ in range(DRAWS):
        moved = {each: _last_bit(array, rng) for each, array in arrays.items() if each in read}
        other = _again(_jittered(part, arrays, rng), moved, [name])[name].astype(np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(other - still)
        found = np.fmax(found, np.where(np.isfinite(apart), apart, 0))
    return found


def _jittered(graph: LayerGraph, arrays: Mapping[str, Array], rng: np.random.Generator) -> LayerGraph:
    """Layers whose tensors that the model has not go on changed in their last bit."""
    layers: list[Layer] = []
    constants: dict[str, Array] = {}
    for layer in graph.layers:
        own = [name for name in layer.outputs if name and name not in arrays]
        own = [name for name in own if np.dtype(graph.values[name].dtype).kind == "f"]
        raw = {name: f"{name}/raw" for name in own}
        layers.append(replace(layer, outputs=tuple(raw.get(name, name) for name in layer.outputs)))
        for name in own:
            bit, kind = f"{name}/bit", np.dtype(graph.values[name].dtype)
            constants[bit] = _last_bit(np.ones(graph.values[name].shape, kind), rng)
            layers.append(Layer(bit, "Mul", (raw[name], bit), (name,), MappingProxyType({}), layer.origin))
    return replace(graph.with_constants(constants), layers=tuple(layers))


def _last_bit(array: Array, rng: np.random.Generator) -> Array:
    """An array with every number one bit more, one less, or as it is."""
    if array.dtype.kind != "f":
        return array
    ends = np.array([-np.inf, np.inf], array.dtype)[rng.integers(0, 2, array.shape)]
    is_moved = np.isfinite(array) & (rng.integers(0, 3, array.shape) > 0)
    with np.errstate(over="ignore"):
        return np.where(is_moved, np.nextafter(array, ends), array)


def _again(
    graph: LayerGraph, arrays: Mapping[str, Array], wanted: Sequence[str] | None = None
) -> dict[str, Array]:
    """What each layer makes of what the model's tensors hold."""
    new: dict[str, str] = {}
    read = {name for layer in graph.layers for name in layer.inputs}
    constants = {name: array for name, array in graph.constants.items() if name in read}
    fed = fed_beside(constants)
    layers = []
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
        constants=MappingProxyType({name: array for name, array in constants.items() if name not in fed}),
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


def _is_close(got: Array, want: Array, rounding: Array | float = 0.0) -> bool:
    """Whether two arrays are the same up to rounding."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    return not _excess(got, want, rounding).any()


def _excess(got: Array, want: Array, rounding: Array | float = 0.0) -> Array:
    """Where two arrays of one shape differ by more than rounding."""
    if want.dtype.kind != "f":
        return np.asarray(got != want)
    got, want = _unbounded(got), _unbounded(want)
    peak = float(np.abs(want).max(initial=0.0, where=np.isfinite(want)))
    allowed = np.maximum(TOLERANCE * peak, rounding)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = ~(np.abs(got - want) <= allowed)
    return np.asarray(apart & (got != want) & ~(np.isnan(got) & np.isnan(want)))


def _unbounded(array: Array) -> Array:
    """An array in which the largest number is infinite: ONNX Runtime masks with the least in place of minus
    infinity.
    """
    largest = np.finfo(array.dtype).max
    return np.where(np.abs(array) == largest, np.copysign(np.inf, array), array).astype(array.dtype)


def _difference(layer: Layer, name: str, got: Array, want: Array) -> Difference:
    if got.shape != want.shape or got.dtype != want.dtype:
        return Difference(name, layer.origin, got.shape, float(got.size), float(want.size))
    error = np.where(_excess(got, want), np.abs(got.astype(np.float64) - want.astype(np.float64)), -1.0)
    worst = np.unravel_index(int(np.nan_to_num(error, nan=np.inf, posinf=np.inf).argmax()), got.shape)
    position = tuple(int(i) for i in worst)
    return Difference(name, layer.origin, position, float(got[position]), float(want[position]))
