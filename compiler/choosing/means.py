"""What rounding weights changes in a layer's sums on average: the mean of the layer with the errors as its
weights, channel by channel, over the frames to choose by. Its inputs are those of the float network.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.layers import Layer, LayerGraph, Value
from ...ir.network import Network
from ...passes.correct import correctable
from ..frontend.runtime import Arrays

LINEAR = ("Conv", "ConvTranspose", "Gemm")
CHANNELS = 1  # the axis of channels, of maps and of rows
Run = Callable[[Mapping[str, NDArray[Any]]], Iterable[Arrays]]


class Site(NamedTuple):
    """A layer whose bias may change: its weights, its bias, and the tensor that holds the weights' errors."""

    layer: Layer
    weights: str
    bias: str

    @property
    def errors(self) -> str:
        """The weights' errors, in the layer's twin."""
        return f"{self.weights}/error"

    @property
    def output(self) -> str:
        """What the layer's twin makes of them."""
        return f"{self.layer.outputs[0]}/error"


def sites(graph: LayerGraph, network: Network, constants: Sequence[str]) -> tuple[Site, ...]:
    """The layers with weights of these constants and a bias of their own."""
    sizes, found = correctable(network), []
    uses = [name for layer in graph.layers for name in layer.inputs]
    for layer in graph.layers:
        if layer.op not in LINEAR or len(layer.inputs) < 3:
            continue
        weights = next((name for name in layer.inputs[:2] if name in constants), None)
        bias, shape = layer.inputs[2], graph.values[layer.outputs[0]].shape
        if weights is None or uses.count(bias) != 1 or len(shape) <= CHANNELS:
            continue
        if sizes.get(bias) == shape[CHANNELS] == graph.constants[bias].size:
            found.append(Site(layer, weights, bias))
    return tuple(found)


def twins(graph: LayerGraph, found: Sequence[Site]) -> LayerGraph:
    """The network with a twin beside each of these layers, which has errors as its weights and no bias; their
    results are its outputs.
    """
    layers, outputs, constants = list(graph.layers), [], dict(graph.constants)
    for site in found:
        inputs = tuple(site.errors if name == site.weights else name for name in site.layer.inputs[:2])
        name = f"{site.layer.name}/error"
        layers.append(replace(site.layer, name=name, inputs=inputs, outputs=(site.output,)))
        constants[site.errors] = np.zeros_like(graph.constants[site.weights], dtype=np.float32)
        shape = graph.values[site.layer.outputs[0]].shape
        outputs.append(Value(site.output, shape, "float32"))
    return replace(graph, layers=tuple(layers), outputs=tuple(outputs), constants=constants)


def mean_errors(
    found: Sequence[Site], run: Run, own: Mapping[str, Any], held: Mapping[str, Any]
) -> dict[str, NDArray[np.float32]]:
    """By the name of its bias, what a layer's sums are larger by on average with the weights as held."""
    with np.errstate(invalid="ignore", over="ignore"):  # of weights that a format makes infinite
        errors = {site.errors: (held[site.weights] - own[site.weights]).astype(np.float32) for site in found}
        sums: dict[str, NDArray[np.float64]] = {}
        frames = 0
        for frame in run(errors):
            frames += 1
            for site in found:
                axes = tuple(axis for axis in range(frame[site.output].ndim) if axis != CHANNELS)
                mean = frame[site.output].mean(axis=axes, dtype=np.float64)
                sums[site.bias] = sums.get(site.bias, np.zeros_like(mean)) + mean
    means = {name: (total / frames).astype(np.float32) for name, total in sums.items()}
    return {name: np.where(np.isfinite(mean), mean, np.float32(0)) for name, mean in means.items()}
