"""Resize and Upsample: what each target position is a weighted sum of, for ONNX's modes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ..builder import Builder

Weights = dict[int, float]
Positions = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Line:
    """One axis of a Resize: sizes, the scale as it was given, and the part of the source that is cut out."""

    source: int
    target: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    @property
    def whole(self) -> float:
        """The target's size before it is rounded down."""
        return self.scale * self.source

    def positions(self, coordinate: "Coordinate") -> Positions:
        """Where each target position stands in the source: in single precision, as ONNX Runtime computes it,
        for it rounds what it computes. A scale of 1 moves nothing, not even by a cut.
        """
        targets: Positions = np.arange(self.target).astype(np.float32)
        return targets if self.scale == 1.0 else coordinate(self, targets)


Coordinate = Callable[[Line, Positions], Positions]


def _aligned(line: Line, x: Positions) -> Positions:
    return np.asarray(x * (line.source - 1) / max(line.target - 1, 1))


def _half(line: Line, x: Positions) -> Positions:
    return (x + 0.5) / np.float32(line.scale) - 0.5


def _half_of_many(line: Line, x: Positions) -> Positions:
    return _half(line, x) if line.target > 1 else np.zeros_like(x)


def _symmetric(line: Line, x: Positions) -> Positions:
    """The offset is rounded to single precision, and then the sum, once."""
    source, scale = np.float32(line.source), np.float32(line.scale)
    offset = source / 2 * (1 - np.float32(line.target) / (scale * source))
    position = float(offset) + (x.astype(np.float64) + 0.5) / float(scale) - 0.5
    return np.asarray(position.astype(np.float32))


def _cropped(line: Line, x: Positions) -> Positions:
    start, end, last = (np.float32(part) for part in (line.start, line.end, line.source - 1))
    if line.target == 1:
        return np.full_like(x, (start + end) * last / 2)
    return start * last + x * (end - start) * last / np.float32(line.target - 1)


# The position in the source of a target position (ONNX, Resize).
COORDINATES: Mapping[str, Coordinate] = {
    "asymmetric": lambda line, x: x / np.float32(line.scale),
    "half_pixel": _half,
    "pytorch_half_pixel": _half_of_many,
    "half_pixel_symmetric": _symmetric,
    "align_corners": _aligned,
    "tf_half_pixel_for_nn": lambda line, x: (x + 0.5) / np.float32(line.scale),
    "tf_crop_and_resize": _cropped,
}

HALF = 0.5 + 1e-6  # what ONNX Runtime still takes for a half, on either side

ROUNDINGS: Mapping[str, Callable[[float], int]] = {
    "round_prefer_floor": lambda p: math.ceil(p - HALF),
    "round_prefer_ceil": lambda p: math.floor(p + HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}


def _rounding(line: Line) -> Callable[[float], int]:
    """How positions are rounded before opset 11: up where the target is smaller."""
    return math.ceil if line.scale < 1.0 else math.floor


def _triangle(distance: float) -> float:
    return max(0.0, 1.0 - abs(distance))


def _cubic(a: float) -> Callable[[float], float]:
    def weight(distance: float) -> float:
        d = abs(distance)
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    return weight


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a target position takes from the source; None where it lies outside, and has a value of its own.

    `reach` is how far the filter reaches at the source's scale; an antialiased filter is as much wider as the
    target is smaller.
    """

    line: Line
    positions: Positions
    rounding: Callable[[float], int] | None
    filter: Callable[[float], float]
    reach: int
    antialias: bool
    exclude_outside: bool
    crops: bool

    def __call__(self, x: int) -> Weights | None:
        """The weights of the source positions."""
        position, last = float(self.positions[x]), self.line.source - 1
        if self.crops and not 0 <= position <= last:
            return None
        if self.rounding is not None:
            return {min(max(self.rounding(position), 0), last): 1.0}
        scale = min(self.line.scale, 1.0) if self.antialias else 1.0
        low = math.ceil(position - self.reach / scale)
        high = math.floor(position + self.reach / scale)
        listed = [(s, self.filter((s - position) * scale)) for s in range(low, high + 1)]
        if self.exclude_outside:
            listed = [(s, w) for s, w in listed if 0 <= s <= last]
        total = sum(w for _, w in listed)
        found: Weights = {}
        for s, w in listed:
            clamped = min(max(s, 0), last)
            found[clamped] = found.get(clamped, 0.0) + w / total
        return {s: w for s, w in found.items() if abs(w) > NOTHING}


NOTHING = 1e-6  # what rounding leaves of a weight that is zero, single precision's of positions below ten


def rules(layer: Layer, builder: Builder, source: Sequence[int], target: Sequence[int]) -> list[Rule]:
    """For Y and X, the weights of the sources of a target position. Raises Unsupported."""
    mode = layer.text("mode", "nearest")
    old = layer.op == "Upsample" or builder.graph.opset < 11
    coordinate_mode = "asymmetric" if old else layer.text("coordinate_transformation_mode", "half_pixel")
    rounding_mode = "floor" if old else layer.text("nearest_mode", "round_prefer_floor")
    known = ("nearest", "linear", "bilinear", "cubic")
    if coordinate_mode not in COORDINATES or rounding_mode not in ROUNDINGS or mode not in known:
        raise Unsupported(
            layer.origin,
            f"mode {mode} with {coordinate_mode}, {rounding_mode} cannot be mapped",
            hint="use nearest, linear or cubic",
        )
    lines = _lines(layer, builder, source, target)
    is_cut = any(abs(line.whole - line.target) > WHOLE for line in lines)
    if coordinate_mode == "align_corners" and is_cut:
        raise Unsupported(
            layer.origin,
            "ONNX and ONNX Runtime read align_corners differently where a scale gives no whole size",
            hint="give the sizes instead",
        )
    if coordinate_mode == "half_pixel_symmetric" and layer.integer("antialias", 0) and is_cut:
        raise Unsupported(
            layer.origin,
            "ONNX and ONNX Runtime read half_pixel_symmetric differently with antialias where a scale gives "
            "no whole size",
            hint="give the sizes instead",
        )
    crops = coordinate_mode == "tf_crop_and_resize"
    filtered = _cubic(layer.number("cubic_coeff_a", -0.75)) if mode == "cubic" else _triangle
    return [
        Rule(
            line,
            line.positions(COORDINATES[coordinate_mode]),
            (_rounding(line) if old else ROUNDINGS[rounding_mode]) if mode == "nearest" else None,
            filtered,
            2 if mode == "cubic" else 1,
            layer.integer("antialias", 0) == 1,
            layer.integer("exclude_outside", 0) == 1,
            crops,
        )
        for line in lines
    ]


WHOLE = 1e-3  # scales are float32: times a size they miss a whole number by less


def _lines(layer: Layer, builder: Builder, source: Sequence[int], target: Sequence[int]) -> list[Line]:
    """The axes, with the scales as the operator was given them; from the sizes where it was given sizes."""
    rank = len(builder.graph.shape(layer.outputs[0]))
    axes = [a % rank for a in layer.integers("axes", tuple(range(rank)))] or list(range(rank))
    spatial = list(range(2, rank))
    missing = [-1] * (len(source) - len(spatial))  # rank 3 has no rows

    def given(index: int) -> list[float]:
        name = layer.input(index)
        found = builder.graph.constants.get(name)
        return [] if found is None else [float(v) for v in np.ravel(found)]

    modern = layer.op == "Resize" and builder.graph.opset >= 11
    scales = given(2 if modern else 1) or list(layer.numbers("scales"))
    sizes, roi = given(3), given(1) if modern else []
    shape = builder.graph.shape(layer.inputs[0])
    policy = layer.text("keep_aspect_ratio_policy", "stretch")
    if sizes and not scales:
        scales = [size / shape[a] for size, a in zip(sizes, axes, strict=True)]
        if policy != "stretch":
            scales = [min(scales) if policy == "not_larger" else max(scales)] * len(scales)
    by_axis = dict(zip(axes, scales, strict=True)) if scales else {}
    if any(abs(by_axis.get(a, 1.0) - 1.0) > WHOLE for a in range(min(2, rank))):
        raise Unsupported(layer.origin, "it resizes channels", hint="resize only H and W")
    cuts = {}
    if len(roi) == 2 * len(axes):
        cuts = {a: (roi[i], roi[len(axes) + i]) for i, a in enumerate(axes)}
    if tuple(shape) == tuple(builder.graph.shape(layer.outputs[0])):
        return [Line(s, t, 1.0) for s, t in zip(source, target, strict=True)]  # a copy, whatever the scales
    return [
        Line(s, t, float(np.float32(by_axis.get(a, t / s))), *cuts.get(a, (0.0, 1.0)))
        for a, s, t in zip((*missing, *spatial), source, target, strict=True)
    ]
