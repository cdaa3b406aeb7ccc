"""Kernels: tiles cover them once and keep the chip's size, descriptors hold the weights turned; offsets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.ir.mapping import Fragment, Grid, Span
from snc.ir.network import AxisMap, Kernel, Network, PopulationId, Shape
from snc.ir.storage.tables import NULL, Descriptor
from snc.ir.storage.weights import FORMATS
from snc.passes.lowering import axis
from snc.passes.wiring.connect import Connect
from snc.passes.wiring.meeting import offset
from snc.passes.wiring.tiles import pieces
from snc.passes.wiring.wire import Wire
from snc.passes.wiring.wired import Wired

from .networks import chain, kernel, network, population, projection, shrunken


@given(st.integers(0, 30), st.integers(1, 60), st.integers(1, 16), st.booleans())
def test_pieces_cover_an_extent_once(start: int, size: int, largest: int, even: bool) -> None:
    found = pieces(Span(start, start + size), largest, even)
    assert [piece.start for piece in found] == [start, *(piece.stop for piece in found[:-1])]
    assert found[-1].stop == start + size
    assert 0 < min(map(len, found)) <= max(map(len, found)) <= largest
    assert len(found) == -(-size // largest)
    if even:
        assert max(map(len, found)) == -(-size // len(found))


def kernels_of(found: Network, kernel_max: int = 16) -> Wired:
    """The kernels of a network's only projection."""
    chip = shrunken(kernel_max=kernel_max)
    (wired,) = Wire()(found, chip)
    return wired


def joined(y: AxisMap, x: AxisMap, weights: Kernel, depth: int) -> Network:
    """Two populations and one projection."""
    shapes = (
        Shape(len(weights.first), y.source_size, x.source_size),
        Shape(depth, y.target_size, x.target_size),
    )
    populations = [population(f"p{i}", shape) for i, shape in enumerate(shapes)]
    return network(populations, [projection(0, 1, y, x, weights)])


def box(shape: Shape) -> Fragment:
    """A whole population, the second."""
    return Fragment(PopulationId(1), Span(0, shape.depth), Span(0, shape.height), Span(0, shape.width))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 3), st.integers(1, 16))
def test_tiles_cover_a_kernel_once(height: int, width: int, dilation: int, largest: int) -> None:
    rows, columns = 24 + height * dilation, 24 + width * dilation
    y = axis.convolution(rows, 5, height, 1, 0, dilation)
    x = axis.convolution(columns, 4, width, 1, 0, dilation)
    found = joined(y, x, kernel(2, 3, height, width), 3)
    kernels = kernels_of(found, largest)
    target = box(found.populations[1].shape)
    covered = np.zeros(((height - 1) * dilation + 1, (width - 1) * dilation + 1), dtype=np.int64)
    for tile in kernels.tiles(target):
        assert 1 <= min(tile.kh, tile.kw) <= max(tile.kh, tile.kw) <= largest
        covered[tile.y0 : tile.y0 + tile.kh, tile.x0 : tile.x0 + tile.kw] += 1
    assert covered.max() == 1
    assert (covered[::dilation, ::dilation] == 1).all()  # tiles that lie in holes alone are left out


def test_a_fragment_at_a_border_needs_less_of_a_kernel() -> None:
    """Rows of the kernel that lie in the padding for all of a fragment's neurons are not stored."""
    found = chain(1, 1, size=(9, 9), kernel_size=9)
    kernels = kernels_of(found)
    (whole,) = kernels.tiles(box(found.populations[1].shape))
    (corner,) = kernels.tiles(Fragment(PopulationId(1), Span(0, 1), Span(0, 1), Span(8, 9)))
    assert (whole.kh, whole.kw) == (9, 9)
    assert (corner.kh, corner.kw) == (5, 5)


def held(descriptor: Descriptor) -> np.ndarray:
    """The weights of a descriptor, [channel, delta y, delta x] of the kernel before it was turned."""
    assert descriptor.weights is not None
    numbers = FORMATS[descriptor.format].numbers(descriptor.weights).astype(np.float64)
    broadcast = numbers.reshape(descriptor.kw, descriptor.kh, descriptor.kd) * 2.0**descriptor.exponent
    return broadcast.transpose(2, 1, 0)[:, ::-1, ::-1]


def test_descriptors_hold_the_weights_of_their_channels() -> None:
    found = chain(4, 6)
    kernels, weights = kernels_of(found), found.projections[0].kernel.weights
    target = Fragment(PopulationId(1), Span(2, 5), Span(0, 8), Span(0, 8))
    (tile,) = kernels.tiles(target)
    listed = kernels.stored.descriptors(tile, target, Span(1, 4))
    assert len(listed) == 3
    for channel, descriptor in enumerate(listed, 1):
        assert (descriptor.kd, descriptor.first, descriptor.sl) == (3, 0, 0)
        assert np.array_equal(held(descriptor), weights[channel, 2:5])


def test_depthwise_channels_reach_their_own_and_others_are_null() -> None:
    values = np.arange(4 * 9, dtype=np.float32).reshape(4, 1, 3, 3)
    y = axis.convolution(6, 6, 3, 1, 1, 1)
    depthwise = Kernel(values, np.arange(4), "float32", None, "w", values.astype(np.int32))
    found = joined(y, y, depthwise, 4)
    kernels = kernels_of(found)
    target = Fragment(PopulationId(1), Span(1, 3), Span(0, 6), Span(0, 6))
    (tile,) = kernels.tiles(target)
    listed = kernels.stored.descriptors(tile, target, Span(0, 4))
    assert listed[0] == listed[3] == NULL
    assert [descriptor.first for descriptor in listed[1:3]] == [0, 1]
    assert np.array_equal(held(listed[2]), values[2])


@pytest.mark.parametrize(("pad", "stride"), [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (3, 2)])
def test_offsets_are_equation_12(pad: int, stride: int) -> None:
    """X_off = (X0_src << US) - KW + XP + 1 - (X0_dst << SL), for fragments anywhere."""
    size = 5
    y = axis.convolution(24, (24 + 2 * pad - size) // stride + 1, size, stride, pad, 1)
    kernels = kernels_of(joined(y, y, kernel(1, 1, size, size), 1))
    run = kernels.wiring.x[0]
    assert (kernels.up, kernels.stride) == (1, stride)
    for source in (Span(0, 24), Span(5, 11), Span(12, 24)):
        for target in (Span(0, 10), Span(3, 7)):
            want = source.start - size + pad + 1 - target.start * stride
            assert offset(kernels, source, target, run.shift, 0, size) == want


@pytest.mark.parametrize("size", [(3, 4), (5, 5), (17, 6), (18, 20)])
def test_cut_kernels_meet_only_the_fragments_they_reach(size: tuple[int, int]) -> None:
    """An axon for every tile and source that share a synapse, and none for others."""
    height, width = size
    y = axis.convolution(24, 24 - height + 1, height, 1, 0, 1)
    x = axis.convolution(30, 30 - width + 1, width, 1, 0, 1)
    found = joined(y, x, kernel(2, 2, height, width), 2)
    chip = shrunken(kernel_max=8)
    wirings = Wire()(found, chip)
    halves = Grid((Span(0, 2),), (Span(0, 12), Span(12, 24)), (Span(0, 15), Span(15, 30)))
    rows, columns = y.target_size, x.target_size
    whole = Grid((Span(0, 2),), (Span(0, rows),), (Span(0, columns),))
    mapping = Connect()(found, chip, wirings, (halves, whole))
    kernels = wirings[0]
    for plan in mapping.plans[:4]:
        wanted = 0
        for tile in kernels.tiles(mapping.plans[4].fragment):
            meets_y = any(
                0 <= s - r - tile.y0 < tile.kh
                for s in range(plan.fragment.y.start, plan.fragment.y.stop)
                for r in range(rows)
            )
            meets_x = any(
                0 <= s - c - tile.x0 < tile.kw
                for s in range(plan.fragment.x.start, plan.fragment.x.stop)
                for c in range(columns)
            )
            wanted += meets_y and meets_x
        assert len(plan.axons) == wanted
