"""The onnx package's light models: whole networks whose weights are one constant, filled with seeded ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from .pictures import cropped, first_channels, picture
from .runtime import Arrays, Floats

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

Fill = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def _he(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Weights [outputs, inputs, ...] that hand on the variance of what a ReLU lets through."""
    fan_in = int(np.prod(shape[1:]))
    weights: Floats = (random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
    return weights


def _near(middle: float) -> Fill:
    """Biases and means around 0, scales and variances around 1."""
    return lambda random, shape: random.uniform(middle - 0.2, middle + 0.2, shape).astype(np.float32)


# What a constant is, by the operator that reads it and where.
ROLES: dict[tuple[str, int], Fill] = {
    ("Conv", 1): _he,
    ("Conv", 2): _near(0),
    ("Gemm", 1): _he,
    ("Gemm", 2): _near(0),
    ("BatchNormalization", 1): _near(1),
    ("BatchNormalization", 2): _near(0),
    ("BatchNormalization", 3): _near(0),
    ("BatchNormalization", 4): _near(1),
    ("Mul", 1): _near(1),
    ("Add", 1): _near(0),
}
CARRIERS = ("Reshape", "Unsqueeze")  # what may stand between a constant and the layer that reads it


def light_model(name: str, seed: int = 0) -> onnx.ModelProto:
    """A light model whose weights, biases and normalisations come from a generator."""
    model = onnx.load(FOLDER / f"light_{name}.onnx")
    graph = model.graph
    random = np.random.default_rng(seed)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    read = {name for node in graph.node for name in node.input}
    shapes = {t.name: tuple(t.dims) for t in stored.values() if t.data_type == t.FLOAT and t.name in read}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(int(n) for n in numpy_helper.to_array(stored[node.input[0]]))
    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    filled = [
        numpy_helper.from_array(_fill(kept, constant)(random, shape), constant)
        for constant, shape in shapes.items()
    ]
    whole = [tensor for tensor in stored.values() if tensor.name not in shapes]
    model.ir_version = max(model.ir_version, 4)  # before, initializers had to be inputs too
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend([*whole, *filled])
    return model


def light_input(model: onnx.ModelProto) -> Arrays:
    """A picture for a light model, of values around zero."""
    stored = {tensor.name for tensor in model.graph.initializer}
    (name,) = (value.name for value in model.graph.input if value.name not in stored)
    pixels = cropped(picture("chelsea", 0), 224)
    return {name: first_channels((pixels - np.float32(118)) / np.float32(60))}


def _fill(nodes: list[onnx.NodeProto], constant: str) -> Fill:
    """What fills a constant, told by its first reader."""
    node = next(node for node in nodes if constant in node.input)
    if node.op_type in CARRIERS:
        return _fill(nodes, node.output[0])
    return ROLES[node.op_type, list(node.input).index(constant)]
