"""Resize along one axis, from the operator's definition: which inputs an output reads, and how much of each.

Coordinates are exact fractions, so no rounding of ours decides which neighbour is nearest.
"""

import math
from collections import defaultdict
from fractions import Fraction

HALF = Fraction(1, 2)


def source_coordinate(
    position: int, scale: Fraction, size: int, resized: int, transformation: str
) -> Fraction:
    """Where in the input an output position lies (the operator's coordinate_transformation_mode)."""
    match transformation:
        case "asymmetric":
            return position / scale
        case "half_pixel":
            return (position + HALF) / scale - HALF
        case "pytorch_half_pixel":
            return (position + HALF) / scale - HALF if resized > 1 else Fraction(0)
        case "align_corners":
            return Fraction(position * (size - 1), resized - 1) if resized > 1 else Fraction(0)
        case "half_pixel_symmetric":
            adjustment = Fraction(resized) / (scale * size)
            return Fraction(size, 2) * (1 - adjustment) + (position + HALF) / scale - HALF
        case _:
            raise NotImplementedError(f"coordinate_transformation_mode {transformation}")


def nearest_index(coordinate: Fraction, rule: str) -> int:
    """The nearest whole position (the operator's nearest_mode)."""
    match rule:
        case "floor":
            return math.floor(coordinate)
        case "ceil":
            return math.ceil(coordinate)
        case "round_prefer_floor":
            return math.ceil(coordinate - HALF)
        case "round_prefer_ceil":
            return math.floor(coordinate + HALF)
        case _:
            raise NotImplementedError(f"nearest_mode {rule}")


def nearest_taps(coordinate: Fraction, size: int, rule: str) -> dict[int, float]:
    """The one input that is read, as {index: 1}."""
    return {min(max(nearest_index(coordinate, rule), 0), size - 1): 1.0}


def linear_taps(coordinate: Fraction, size: int) -> dict[int, float]:
    """The one or two inputs that are read, with their shares; a neighbour without a share is not read."""
    left = math.floor(coordinate)
    taps: defaultdict[int, Fraction] = defaultdict(Fraction)
    for index, share in ((left, 1 - (coordinate - left)), (left + 1, coordinate - left)):
        if share:
            taps[min(max(index, 0), size - 1)] += share
    return {index: float(share) for index, share in taps.items()}
