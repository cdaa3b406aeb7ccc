"""Networks of convolutions, small enough to look at, without ONNX."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from snc.compiler.targets.target import load_target
from snc.ir.chip import Chip
from snc.ir.errors import Origin
from snc.ir.network import (
    AxisMap,
    Kernel,
    Network,
    Neuron,
    NeuronModel,
    Population,
    PopulationId,
    Projection,
    Shape,
    Update,
)
from snc.passes.lowering import axis

CHIP = load_target("grai-vip")


def shrunken(**numbers: int | tuple[int, int]) -> Chip:
    """The shipped target with some numbers replaced."""
    return replace(CHIP, **numbers)  # type: ignore[arg-type]


def kernel(sources: int, targets: int, height: int, width: int, seed: int = 0) -> Kernel:
    """Trained weights from every channel to every channel."""
    shape = sources, targets, height, width
    weights = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    index = np.arange(weights.size, dtype=np.int32).reshape(shape)
    return Kernel(weights, np.zeros(sources, dtype=np.int64), "float32", None, "w", index)


def ones(depth: int) -> Kernel:
    """Each channel to itself with weight one, which no training made."""
    weights = np.broadcast_to(np.ones((1, 1, 1, 1), np.float32), (depth, 1, 1, 1))
    return Kernel(weights, np.arange(depth), is_shared=True)


def projection(
    source: int, target: int, y: AxisMap, x: AxisMap, weights: Kernel, update: Update = Update.ADD
) -> Projection:
    return Projection(PopulationId(source), PopulationId(target), y, x, weights, Origin(), update)


def population(name: str, shape: Shape, neuron: NeuronModel = Neuron.STANDARD) -> Population:
    return Population(name, shape, Origin(node=name), neuron)


def chain(*depths: int, size: tuple[int, int] = (8, 8), kernel_size: int = 3) -> Network:
    """An input and padded convolutions behind it, all maps of one size."""
    height, width = size
    pad = kernel_size // 2
    y = axis.convolution(height, height, kernel_size, 1, pad, 1)
    x = axis.convolution(width, width, kernel_size, 1, pad, 1)
    populations = [population("input", Shape(depths[0], *size), Neuron.INPUT)]
    projections = []
    for index, (before, depth) in enumerate(pairwise(depths)):
        populations.append(population(f"conv{index}", Shape(depth, *size)))
        weights = kernel(before, depth, kernel_size, kernel_size, index)
        projections.append(projection(index, index + 1, y, x, weights))
    return network(populations, projections)


def network(populations: Sequence[Population], projections: Sequence[Projection]) -> Network:
    """A sound network in float32."""
    found = Network("net", tuple(populations), tuple(projections), (), "float32")
    found.verify()
    return found
