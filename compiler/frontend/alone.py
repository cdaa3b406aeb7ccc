"""One layer alone: what ONNX Runtime makes of any value of its one input that is not constant."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...ir.errors import BadInput, SncError
from ...ir.layers import Array, Layer, LayerGraph, Value
from .read import to_onnx
from .runtime import session


def alone(graph: LayerGraph, layer: Layer) -> Callable[[Array], Array]:
    """A layer's result as a function of its map, of any sizes; the other inputs are constant. In
    double precision, where ONNX Runtime has it. Raises BadInput where that does not take the layer, and the
    function, where it does not take the sizes.
    """
    source, result = _map(graph, layer), layer.outputs[0]
    runtime, kind = _session(graph, layer)

    def computed(given: Array) -> Array:
        try:
            return np.asarray(runtime.run([result], {source: given.astype(kind)})[0])
        except Exception:  # onnxruntime raises a dozen kinds of its own
            rule = f"ONNX Runtime does not take {list(given.shape)}"
            raise BadInput(layer.origin, rule, hint="give it what it was exported for") from None

    return computed


def _session(graph: LayerGraph, layer: Layer) -> tuple[Any, str]:
    """ONNX Runtime's session of a layer, and the type of its map."""
    try:
        return _of_type(graph, layer, "float64"), "float64"
    except SncError:
        return _of_type(graph, layer, "float32"), "float32"


def _map(graph: LayerGraph, layer: Layer) -> str:
    """The first input that is not constant."""
    return next(name for name in layer.inputs if name and name not in graph.constants)


def _of_type(graph: LayerGraph, layer: Layer, kind: str) -> Any:
    """The session of a layer whose floats are of one type. Raises BadInput."""
    source, result = _map(graph, layer), layer.outputs[0]
    held = {name: graph.constants[name] for name in layer.inputs if name in graph.constants}
    held = {name: a.astype(kind) if a.dtype == np.float32 else a for name, a in held.items()}
    model = to_onnx(
        replace(
            graph,
            layers=(layer,),
            constants=MappingProxyType(held),
            inputs=(Value(source, graph.shape(source), kind),),
            outputs=(Value(result, graph.shape(result), kind),),
        )
    )
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            dim.ClearField("dim_value")
    return session(model.SerializeToString(), optimised=False)
