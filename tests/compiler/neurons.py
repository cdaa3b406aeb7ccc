"""Images with neuron models of a test's own, from the lowered network of an ONNX model."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from snc.backends.emit import emit, image_layers
from snc.backends.image.image import About, Image, Solver
from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.prepare import prepare
from snc.ir.chip import Chip
from snc.ir.mapping import Mapping
from snc.ir.network import Network, Population, Projection

from .reference import CHIP, options, reread


def network_with(model: onnx.ModelProto, changed: Callable[[Population], Population]) -> Network:
    """The chip's network of a model, its populations changed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        found = quantised(prepare(path), "float32")
    return replace(found, populations=tuple(map(changed, found.populations)))


def mapped(network: Network, states: str, chip: Chip = CHIP) -> Mapping:
    """A network in cores."""
    network.verify()
    packer = packer_of(network, chip, options("float32", states))
    mapping = packer.located(packer.choices()).mapping
    mapping.verify()
    return mapping


def image_of(mapping: Mapping, states: str) -> Image:
    """The image of a mapping, as its bytes hold it."""
    layers = image_layers(mapping)
    about = About("m", "c", "float32", states, "cores", 0, Solver("", 0, 0, 1), layers, (), ())
    return reread(emit(mapping, about))


def matrix(each: Projection) -> npt.NDArray[np.float64]:
    """All synapses of a projection: [target neurons, source neurons]."""
    kernel, y, x = each.kernel, each.y, each.x
    depth, kd = kernel.weights.shape[:2]
    targets = int(kernel.first.max()) + kd
    found = np.zeros((targets, y.target_size, x.target_size, depth, y.source_size, x.source_size))
    for ty, sy, ky in zip(y.targets, y.sources, y.taps, strict=True):
        for tx, sx, kx in zip(x.targets, x.sources, x.taps, strict=True):
            for c in range(depth):
                first = kernel.first[c]
                found[first : first + kd, ty, tx, c, sy, sx] += kernel.weights[c, :, ky, kx]
    return found.reshape(targets * y.target_size * x.target_size, -1)
