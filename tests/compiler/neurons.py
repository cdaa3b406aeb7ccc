"""Images with neuron models of a test's own, from the lowered network of an ONNX model."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx

from snc.backends.emit import emit, image_layers
from snc.backends.image.image import About, Image, Solver
from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.prepare import prepare
from snc.ir.chip import Chip
from snc.ir.mapping import Mapping
from snc.ir.network import Network, Population

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
