"""Resize and Upsample: where each target position is taken from, by ONNX's coordinate and nearest modes."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..ir.errors import Unsupported
from ..ir.layers import Layer
from .builder import Builder

Rule = Callable[[int], dict[int, float]]
Coordinate = Callable[[int, float, int, int], float]

# Target position, scale, source size and target size give the position in the source (ONNX, Resize).
COORDINATES: dict[str, Coordinate] = {
    "asymmetric": lambda x, scale, source, target: x / scale,
    "half_pixel": lambda x, scale, source, target: (x + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda x, scale, source, target: (x + 0.5) / scale - 0.5 if target > 1 else 0.0,
    "half_pixel_symmetric": lambda x, scale, source, target: (
        source / 2 * (1 - target / (scale * source)) + (x + 0.5) / scale - 0.5
    ),
    "align_corners": lambda x, scale, source, target: 0.0 if target == 1 else x * (source - 1) / (target - 1),
    "tf_half_pixel_for_nn": lambda x, scale, source, target: (x + 0.5) / scale,
}

ROUNDINGS: dict[str, Callable[[float], int]] = {
    "round_prefer_floor": lambda p: math.ceil(p - 0.5),
    "round_prefer_ceil": lambda p: math.floor(p + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}


def _nearest(position: float, source: int, rounding: Callable[[float], int]) -> dict[int, float]:
    return {min(max(rounding(position), 0), source - 1): 1.0}


def _linear(position: float, source: int) -> dict[int, float]:
    low = math.floor(position)
    part = position - low
    found: dict[int, float] = {}
    for neighbour, weight in ((low, 1 - part), (low + 1, part)):
        clamped = min(max(neighbour, 0), source - 1)
        found[clamped] = found.get(clamped, 0.0) + weight
    return found


def rules(layer: Layer, builder: Builder, source: Sequence[int], target: Sequence[int]) -> list[Rule]:
    """For each spatial axis, the weights of the sources of a target position. Raises Unsupported."""
    mode = layer.text("mode", "nearest")
    old = layer.op == "Upsample" or builder.graph.opset < 11
    coordinate_mode = "asymmetric" if old else layer.text("coordinate_transformation_mode", "half_pixel")
    rounding_mode = "floor" if old else layer.text("nearest_mode", "round_prefer_floor")
    unknown = coordinate_mode not in COORDINATES or rounding_mode not in ROUNDINGS
    if unknown or mode not in ("nearest", "linear", "bilinear") or layer.integer("antialias", 0):
        raise Unsupported(
            layer.origin,
            f"mode {mode} with {coordinate_mode}, {rounding_mode} cannot be mapped",
            hint="use nearest or linear",
        )
    scales = _scales(layer, builder, source, target)

    def rule(size: int, result: int, scale: float) -> Rule:
        def weights(x: int) -> dict[int, float]:
            position = COORDINATES[coordinate_mode](x, scale, size, result)
            if mode == "nearest":
                return _nearest(position, size, ROUNDINGS[rounding_mode])
            return _linear(position, size)

        return weights

    return [rule(s, t, f) for s, t, f in zip(source, target, scales, strict=True)]


def _scales(layer: Layer, builder: Builder, source: Sequence[int], target: Sequence[int]) -> list[float]:
    """The scales as the operator was given them; from the sizes where it was given sizes."""
    index = 2 if layer.op == "Resize" and builder.graph.opset >= 11 else 1
    given: Sequence[float] = layer.numbers("scales")
    if layer.input(index) in builder.graph.constants:
        given = [float(v) for v in np.ravel(builder.graph.constants[layer.input(index)])]
    if len(given) == len(layer.integers("axes")) and len(given) not in (0, 4):
        by_axis = dict(zip(layer.integers("axes"), given, strict=True))
        given = [by_axis.get(a, by_axis.get(a - 4, 1.0)) for a in range(4)]
    if len(given) == 4:
        return [float(given[2]), float(given[3])]
    return [t / s for s, t in zip(source, target, strict=True)]
