"""Sums: terms that are added, as convolutions, transposed convolutions and products."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....backends.lifted.edges import Geometry
from .graph import Graph, Size
from .terms import Floats, NotDenseError, Term, reached
from .windows import Operand, Operands, Single

PIXELS_MOST = 2**20  # of a matrix between the pixels of two maps
GROUPED_MOST = 2**22  # weights among which groups are looked for


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Weights [D, channels / groups, KH, KW], taps as the chip counts them."""

    operand: Operand
    geometry: Geometry
    weights: Floats
    groups: int


def added(o: Operands, terms: Sequence[Term], bias: Floats, scale: float) -> str:
    """All terms and the bias, times the scale."""
    g, left = o.graph, _scaled(bias, scale)
    found: list[str] = []
    for each in _parts(o, terms, scale):
        if isinstance(each, str):
            found.append(each)
        elif each.geometry.us:
            found.append(_upsampled(o, each))
        else:
            found.append(_convolved(o, each, left))
            left = np.zeros_like(left)
    if not found:
        full = 1, o.size.depth, o.size.height, o.size.width
        return g.node("Identity", [g.constant(np.broadcast_to(left[:, None, None], full))])
    if left.any():
        found.append(g.constant(left[:, None, None]))
    return _total(g, found)


def added_in_place(o: Operands, terms: Sequence[Term], bias: Floats) -> str:
    """All terms, whose neurons hear those at their own place, and the bias, product by product."""
    g, found = o.graph, []
    for term in terms:
        name = o.channels(o.maps[term.source], term.channels).name
        if (term.weights != 1).any():
            name = g.node("Mul", [name, g.constant(term.weights)])
        found.append(name)
    if bias.any():
        found.append(g.constant(bias[:, None, None]))
    return _total(g, found)


def _total(graph: Graph, names: Sequence[str]) -> str:
    """Tensors, added one by one."""
    total = names[0]
    for name in names[1:]:
        total = graph.node("Add", [total, name])
    return total


def _parts(o: Operands, terms: Sequence[Term], scale: float) -> Iterator[Convolution | str]:
    whole: dict[tuple[Geometry, int, int, bool], list[tuple[Operand, Floats]]] = defaultdict(list)
    spread: dict[Operand, list[tuple[Geometry, Floats]]] = defaultdict(list)
    for term in terms:
        if not term.is_single:
            operand, geometry = o.window(term)
            key = geometry, operand.size.height, operand.size.width, term.source in o.constant
            whole[key].append((o.channels(operand, term.channels), term.weights))
    for (geometry, *_), parts in whole.items():
        weights = parts[0][1] if len(parts) == 1 else np.concatenate([each for _, each in parts], axis=1)
        groups = _groups(weights)
        many, few = weights.shape[0] // groups, weights.shape[1] // groups
        if groups > 1:
            weights = np.concatenate(
                [weights[i * many : (i + 1) * many, i * few : (i + 1) * few] for i in range(groups)]
            )
        yield Convolution(o.joined([each for each, _ in parts]), geometry, _scaled(weights, scale), groups)
    plain = []
    for single in o.assembled([term for term in terms if term.is_single]):
        weights = _scaled(single.weights, scale)
        if single.heard.all() and _is_spread(o, single):
            spread[single.operand].append((single.geometry, weights[0]))
        elif o.is_in_place(single.operand, single.geometry) and (weights == 1).all():
            plain.append(single.operand.name)
        else:
            yield Convolution(single.operand, single.geometry, weights[:, None], o.size.depth)
    for operand, each in spread.items():
        yield _by_pixel(o, operand, each)
    yield from plain


def _convolved(o: Operands, each: Convolution, bias: Floats) -> str:
    geometry = each.geometry
    operand, pads = o.under(each.operand, geometry)
    flipped = o.graph.constant(each.weights[:, :, ::-1, ::-1])
    inputs = [operand.name, flipped, *([o.graph.constant(bias)] if bias.any() else [])]
    return o.graph.node(
        "Conv",
        inputs,
        kernel_shape=[geometry.kh, geometry.kw],
        strides=[2**geometry.sl] * 2,
        pads=list(pads),
        group=each.groups,
    )


def _upsampled(o: Operands, each: Convolution) -> str:
    """Of a source that is finer spread: nearest neighbours where all taps are one weight."""
    g, geometry, size = o.graph, each.geometry, each.operand.size
    if geometry.sl:
        raise NotDenseError("an axon with a stride that is upsampled, too")
    by = 2**geometry.us
    if _is_nearest(geometry, each.weights):
        scales = g.constant([1, 1, by, by])
        name = g.node(
            "Resize",
            [each.operand.name, "", scales],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        larger = Operand(name, Size(size.depth, size.height * by, size.width * by))
        place = Geometry(0, 0, 1, 1, geometry.y, geometry.x, geometry.update)
        weights = each.weights[:, :, :1, :1]
        if o.is_in_place(larger, place) and each.groups == o.size.depth and (weights == 1).all():
            return name
        return _convolved(o, Convolution(larger, place, weights, each.groups), np.zeros(0, np.float32))
    depth, few = each.weights.shape[:2]
    weights = each.weights.reshape(each.groups, depth // each.groups, few, geometry.kh, geometry.kw)
    weights = weights.transpose(0, 2, 1, 3, 4).reshape(-1, depth // each.groups, geometry.kh, geometry.kw)
    ends = [
        (-first, (count - 1) * by + taps + first - targets)
        for first, count, taps, targets in (
            (geometry.y, size.height, geometry.kh, o.size.height),
            (geometry.x, size.width, geometry.kw, o.size.width),
        )
    ]
    (top, bottom), (left, right) = ends
    crop = [top, left, bottom, right]
    name = g.node(
        "ConvTranspose",
        [each.operand.name, g.constant(weights)],
        kernel_shape=[geometry.kh, geometry.kw],
        strides=[by, by],
        pads=[max(0, end) for end in crop],
        group=each.groups,
    )
    if min(crop) >= 0:
        return name
    top, left, bottom, right = (max(0, -end) for end in crop)
    return g.node("Pad", [name, g.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)])


def _is_nearest(geometry: Geometry, weights: Floats) -> bool:
    by = 2**geometry.us
    placed = geometry.kw == geometry.kh == by and geometry.y <= 0 and geometry.x <= 0
    return placed and bool((weights == weights[..., :1, :1]).all())


def _is_spread(o: Operands, single: Single) -> bool:
    """Whether channels hear by one matrix over pixels: cheaper than a transposed convolution."""
    size, weights = single.operand.size, single.weights
    pixels = size.height * size.width * o.size.height * o.size.width
    same = bool((weights == weights[:1]).all())
    return (
        single.geometry.us > 0
        and same
        and pixels <= PIXELS_MOST
        and not _is_nearest(single.geometry, weights)
    )


def _by_pixel(o: Operands, operand: Operand, some: Sequence[tuple[Geometry, Floats]]) -> str:
    size, g = operand.size, o.graph
    matrix = np.zeros((size.height, size.width, o.size.height, o.size.width), dtype=np.float32)
    for geometry, weights in some:
        rows = _joins(geometry.y, geometry, geometry.kh, size.height, o.size.height)
        columns = _joins(geometry.x, geometry, geometry.kw, size.width, o.size.width)
        for y, dy, row in rows:
            for x, dx, column in columns:
                matrix[y, x, row, column] += weights[dy, dx]
    flat = g.node("Reshape", [operand.name, g.constant([0, 0, size.height * size.width], np.int64)])
    weighed = g.constant(matrix.reshape(size.height * size.width, -1))
    product = g.node("MatMul", [flat, weighed])
    return g.node("Reshape", [product, g.constant([0, 0, o.size.height, o.size.width], np.int64)])


def _joins(offset: int, geometry: Geometry, taps: int, size: int, targets: int) -> list[tuple[int, int, int]]:
    return [
        (position, tap, target)
        for position in range(size)
        for tap, target in reached(position, offset, geometry.us, geometry.sl, taps, targets)
    ]


def _groups(weights: Floats) -> int:
    """The most groups of channels, in their order, of which none hears another's."""
    many, few = weights.shape[:2]
    heard: NDArray[np.bool_] = (weights != 0).any(axis=(2, 3))
    if many * few > GROUPED_MOST or heard.mean() > 0.5:
        return 1
    for count in range(min(many, few), 1, -1):
        if many % count == 0 and few % count == 0:
            blocks = heard.reshape(count, many // count, count, few // count).any(axis=(1, 3))
            if not (blocks & ~np.eye(count, dtype=np.bool_)).any():
                return count
    return 1


def _scaled(numbers: Floats, scale: float) -> Floats:
    return numbers if scale == 1 else (numbers.astype(np.float64) * scale).astype(np.float32)
