"""Verifying an image against ONNX Runtime: the mapping against the reference graph, quantisation against the
original, each in figures of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ...backends.image.image import Image
from ...ir.errors import BadInput, Origin
from ...passes.quantise import held_constants
from ..frontend.onnx_file import load_model
from ..frontend.read import original, to_onnx
from ..frontend.runtime import Arrays, reference_outputs
from ..pipeline.driver import lower
from ..pipeline.options import Options
from .runner import Runner, network_inputs

if TYPE_CHECKING:
    from ...backends.machine.machine import Arithmetic

TOLERANCE = 1e-5
PEAK_MIN = 1e-6  # below it, errors are taken as they are


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a tensor is from its reference; `max_rel_error` is over the reference's peak."""

    name: str
    max_abs_error: float
    max_rel_error: float
    sqnr_db: float
    argmax_agree: float


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first layer whose values differ from the reference's, and its worst neuron."""

    layer: str
    neuron: tuple[int, ...]
    got: float
    want: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures of every output against the original and against the reference; `layers` against the
    reference.
    """

    outputs: tuple[Figures, ...]
    reference: tuple[Figures, ...]
    layers: tuple[Figures, ...]
    first_divergence: Divergence | None
    tolerance: float

    @property
    def is_mapped_right(self) -> bool:
        """Whether no output is further from the reference graph than the tolerance."""
        return all(figure.max_rel_error <= self.tolerance for figure in self.reference)


def figures(name: str, got: Sequence[NDArray[Any]], want: Sequence[NDArray[Any]]) -> Figures:
    """The figures of a tensor over all frames."""
    out, ref = (np.stack([np.asarray(a, dtype=np.float64) for a in arrays]) for arrays in (got, want))
    out = out.reshape(ref.shape)
    error = out - ref
    worst = float(np.abs(error).max(initial=0.0))
    peak = float(np.abs(ref).max(initial=0.0))
    noise, signal = float((error**2).sum()), float((ref**2).sum())
    sqnr = float("inf") if noise == 0 else 10 * float(np.log10(max(signal, 1e-300) / noise))
    flat_out, flat_ref = out.reshape(len(out), -1), ref.reshape(len(ref), -1)
    agree = float((flat_out.argmax(axis=1) == flat_ref.argmax(axis=1)).mean())
    return Figures(name, worst, worst / peak if peak > PEAK_MIN else worst, sqnr, agree)


def rebuild_reference(path: Path, image: Image) -> onnx.ModelProto:
    """The simplified network with the image's own weights and biases, as ONNX."""
    shapes = {tensor.name: tensor.shape for tensor in network_inputs(image)}
    graph, _, network = lower(path, image.chip, Options(weights=image.about.weights, input_shapes=shapes))
    return to_onnx(graph.with_constants(held_constants(network, dict(graph.constants))))


def precise(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose sigmoids and hyperbolic tangents are computed in double precision.

    ONNX Runtime's single-precision kernels err by 1e-7, absolute: a thousandth of the peak of a detection
    head that sees nothing. That is not the network's error, nor the image's.
    """
    exact = onnx.ModelProto()
    exact.CopyFrom(model)
    del exact.graph.node[:]
    for node in model.graph.node:
        if node.op_type not in ("Sigmoid", "Tanh"):
            exact.graph.node.append(node)
            continue
        wide, result = f"{node.output[0]}/wide", f"{node.output[0]}/result"
        make, single, double = onnx.helper.make_node, onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
        exact.graph.node.append(make("Cast", [node.input[0]], [wide], to=double))
        exact.graph.node.append(make(node.op_type, [wide], [result]))
        exact.graph.node.append(make("Cast", [result], [node.output[0]], to=single))
    return exact


def verify(
    path: Path,
    image: Image,
    frames: Sequence[Arrays],
    *,
    reference: Path | None = None,
    tolerance: float = TOLERANCE,
    arithmetic: "Arithmetic" = "float32",
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Compares an image with its model on some frames. Raises BadInput when they do not belong together."""
    shapes = {tensor.name: tensor.shape for tensor in network_inputs(image)}
    foreign = [name for name in shapes if name not in {value.name for value in load_model(path).graph.input}]
    if foreign:
        rule = f"has no input {foreign[0]!r}, which the image's network takes"
        hint = "verify the image against the model it was compiled from"
        raise BadInput(Origin(file=path.name), rule, hint=hint)
    source = original(path, shapes)
    mapped = rebuild_reference(path, image) if reference is None else load_model(reference)
    layers = [tensor for tensor in image.tensors if tensor.kind == "layer"]
    runner = Runner(image, arithmetic)
    outputs = [value.name for value in source.graph.output]
    names = list(dict.fromkeys([*(tensor.name for tensor in layers), *outputs]))
    got: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    want: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    exact: dict[str, list[NDArray[Any]]] = {name: [] for name in outputs}
    for index, frame in enumerate(frames):
        on_frame(index, len(frames))
        result = runner(frame, keep_layers=True)
        if set(result.outputs) != set(outputs):
            raise BadInput(
                Origin(file=path.name),
                f"has the outputs {outputs}, the image {sorted(result.outputs)}",
                hint="verify the image against the model it was compiled from",
            )
        known = {**result.run.layers, **result.outputs}
        for name, array in reference_outputs(precise(mapped), frame, names).items():
            want[name].append(array)
            got[name].append(np.asarray(known[name]).reshape(np.shape(array)))
        for name, array in reference_outputs(precise(source), frame, outputs).items():
            exact[name].append(array)
    compared = [figures(tensor.name, got[tensor.name], want[tensor.name]) for tensor in layers]
    divergence = next(
        (
            _divergence(tensor.layer, got[tensor.name], want[tensor.name])
            for tensor, found in zip(layers, compared, strict=True)
            if not found.max_rel_error <= tolerance  # NaN diverges, too
        ),
        None,
    )
    return Verdict(
        tuple(figures(name, got[name], exact[name]) for name in outputs),
        tuple(figures(name, got[name], want[name]) for name in outputs),
        tuple(compared),
        divergence,
        tolerance,
    )


def _divergence(layer: str, got: Sequence[NDArray[Any]], want: Sequence[NDArray[Any]]) -> Divergence:
    out, ref = np.stack(got).astype(np.float64), np.stack(want).astype(np.float64)
    worst = np.unravel_index(int(np.abs(out - ref).argmax()), out.shape)
    return Divergence(layer, tuple(int(i) for i in worst[1:]), float(out[worst]), float(ref[worst]))
