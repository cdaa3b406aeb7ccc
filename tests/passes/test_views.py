"""Views: feature maps found again in numbers of neurons, and pieces that name each element's neuron."""

import weakref
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.compiler.frontend.read import to_layers
from snc.ir.network import PopulationId, Shape
from snc.passes.fold import Fold
from snc.passes.lowering.boxes import TooManyPieces
from snc.passes.lowering.lower import Lower
from snc.passes.lowering.views import Ids, Neurons, NotPlanar, Views

SHAPES = st.builds(Shape, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
Step = Callable[[list[Ids], np.random.Generator], Ids]


def reversed_channels(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return stacks[-1][::-1]


def chosen_channels(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return stacks[-1][random.integers(0, len(stacks[-1]), random.integers(1, 7))]


def sliced(stacks: list[Ids], random: np.random.Generator) -> Ids:
    low = random.integers(0, 2, 2)
    step = random.integers(1, 3, 2)
    cut = stacks[-1][:, low[0] :: step[0], low[1] :: step[1]]
    return cut if cut.size else stacks[-1]


def flipped(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return stacks[-1][:, ::-1, ::-1]


def padded(stacks: list[Ids], random: np.random.Generator) -> Ids:
    widths = [(int(a), int(b)) for a, b in random.integers(0, 3, (3, 2))]
    return np.pad(stacks[-1], widths, constant_values=-1)


def joined(stacks: list[Ids], random: np.random.Generator) -> Ids:
    alike = [stack for stack in stacks if stack.shape[1:] == stacks[-1].shape[1:]]
    return np.concatenate([stacks[-1], alike[int(random.integers(len(alike)))]])


def tiled(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return np.repeat(stacks[-1], 2, axis=int(random.integers(1, 3)))


def turned(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return stacks[-1].transpose(random.permutation(3))


def reshaped(stacks: list[Ids], random: np.random.Generator) -> Ids:
    d, h, w = stacks[-1].shape
    return stacks[-1].reshape([(d * h, 1, w), (d * h * w, 1, 1), (h, d, w), (d, h, w)][random.integers(4)])


def shuffled(stacks: list[Ids], random: np.random.Generator) -> Ids:
    return random.permutation(stacks[-1].ravel()).reshape(stacks[-1].shape)


ORDERLY: list[Step] = [reversed_channels, chosen_channels, sliced, flipped, padded, joined, tiled]
ANY: list[Step] = [*ORDERLY, turned, reshaped, shuffled]


def view(shapes: list[Shape], steps: list[Step], seed: int) -> tuple[Neurons, Ids]:
    """Populations, and a stack of maps that views have made of them."""
    random = np.random.default_rng(seed)
    neurons = Neurons()
    stacks = [neurons.ids(neurons.add(shape)) for shape in shapes]
    for step in steps:
        stacks.append(step(stacks, random))
    return neurons, stacks[-1]


def rebuilt(neurons: Neurons, ids: Ids) -> Ids:
    """The stack that planes say; no element is named twice."""
    found = np.full(ids.shape, -1, dtype=np.int64)
    for plane in neurons.planes(ids):
        shape, base = neurons.shapes[plane.population], neurons.bases[plane.population]
        assert len(set(plane.source_channels.tolist())) == len(plane.source_channels)
        for c, source in zip(plane.channels.tolist(), plane.source_channels.tolist(), strict=True):
            for y in np.flatnonzero(plane.rows >= 0):
                for x in np.flatnonzero(plane.columns >= 0):
                    assert found[c, y, x] == -1
                    row, column = plane.rows[y], plane.columns[x]
                    found[c, y, x] = base + (source * shape.height + row) * shape.width + column
    return found


@settings(deadline=None)
@given(
    st.lists(SHAPES, min_size=1, max_size=3),
    st.lists(st.sampled_from(ORDERLY), max_size=5),
    st.integers(0, 99),
)
def test_whole_rows_and_columns_are_found_again(shapes: list[Shape], steps: list[Step], seed: int) -> None:
    neurons, ids = view(shapes, steps, seed)
    assert np.array_equal(rebuilt(neurons, ids), ids)


@settings(deadline=None)
@given(
    st.lists(SHAPES, min_size=1, max_size=3), st.lists(st.sampled_from(ANY), max_size=5), st.integers(0, 99)
)
def test_planes_are_right_or_refused(shapes: list[Shape], steps: list[Step], seed: int) -> None:
    neurons, ids = view(shapes, steps, seed)
    try:
        found = rebuilt(neurons, ids)
    except NotPlanar:
        return
    assert np.array_equal(found, ids)


@settings(deadline=None)
@given(
    st.lists(SHAPES, min_size=1, max_size=3), st.lists(st.sampled_from(ANY), max_size=5), st.integers(0, 99)
)
def test_pieces_name_every_element_once(shapes: list[Shape], steps: list[Step], seed: int) -> None:
    neurons, ids = view(shapes, steps, seed)
    found = np.full(ids.size, -1, dtype=np.int64)
    for piece in neurons.pieces(ids):
        shape, base = neurons.shapes[piece.population], neurons.bases[piece.population]
        assert piece.c0 + piece.depth <= shape.depth
        assert piece.y0 + piece.height <= shape.height
        assert piece.x0 + piece.width <= shape.width
        c, y, x = np.ogrid[: piece.depth, : piece.height, : piece.width]
        elements = piece.base + c * piece.step_c + y * piece.step_y + x * piece.step_x
        assert len(np.unique(elements)) == elements.size
        assert (found[elements] == -1).all()
        row = ((piece.c0 + c) * shape.height + piece.y0 + y) * shape.width + piece.x0 + x
        found[elements] = base + row
    assert np.array_equal(found.reshape(ids.shape), ids)


@given(st.lists(SHAPES, min_size=1, max_size=3))
def test_a_population_is_one_piece_and_one_plane(shapes: list[Shape]) -> None:
    neurons = Neurons()
    for index, ids in enumerate([neurons.ids(neurons.add(shape)) for shape in shapes]):
        assert len(neurons.pieces(ids)) == len(neurons.planes(ids)) == 1
        assert neurons.populations(ids) == [PopulationId(index)]
        assert neurons.whole(ids) == index
        assert neurons.covers(ids, [PopulationId(index)])
        assert neurons.covers(ids.transpose(2, 0, 1), [PopulationId(index)])
        assert len(neurons.pieces(ids[::-1])) == 1  # negative steps are steps


def test_covering_is_naming_every_neuron_once() -> None:
    neurons = Neurons()
    first, second = (neurons.ids(neurons.add(shape)) for shape in (Shape(2, 2, 2), Shape(1, 2, 2)))
    both = np.concatenate([second, first])
    assert neurons.populations(both) == [PopulationId(0), PopulationId(1)]
    assert neurons.covers(both, [PopulationId(0), PopulationId(1)])
    assert not neurons.covers(both, [PopulationId(0)])
    assert not neurons.covers(first[:1], [PopulationId(0)])
    assert not neurons.covers(np.concatenate([first[:1], first[:1]]), [PopulationId(0)])
    assert neurons.populations(np.full((1, 2, 2), -1)) == []


def test_large_views_that_are_mixed_are_refused_at_once() -> None:
    """Each of these took minutes, or gigabytes, when every part was found first."""
    neurons = Neurons()
    ids = neurons.ids(neurons.add(Shape(1, 2000, 2000)))
    for mixed in (ids.transpose(0, 2, 1), ids.transpose(0, 2, 1).reshape(1, 500, 8000)):
        with pytest.raises(NotPlanar):
            neurons.planes(mixed)
    with pytest.raises(NotPlanar):
        neurons.planes(np.zeros((100_000, 1, 1), dtype=np.int64))
    for scattered in (np.zeros((1, 1, 100_000), dtype=np.int64), ids.ravel()[::3]):
        with pytest.raises(TooManyPieces):
            neurons.pieces(scattered)


def test_maps_that_are_mixed_alike_are_looked_at_together() -> None:
    """60,000 maps of two populations each: two planes, and a box for each population. Map by map it took a
    minute.
    """
    neurons = Neurons()
    above, below = (neurons.ids(neurons.add(Shape(60_000, 2, 3))) for _ in range(2))
    mixed = np.concatenate([above, below], axis=1)
    first, second = sorted(neurons.planes(mixed), key=lambda plane: plane.population)
    assert first.rows.tolist() == [0, 1, -1, -1]
    assert second.rows.tolist() == [-1, -1, 0, 1]
    assert np.array_equal(second.source_channels, np.arange(60_000))
    assert len(neurons.pieces(mixed)) == 2
    with pytest.raises(NotPlanar):
        neurons.planes(np.tile(above[:4], (30_000, 1, 1)))


def test_a_tensor_that_is_a_whole_population_is_held_by_name() -> None:
    neurons = Neurons()
    first, second = neurons.add(Shape(2, 3, 4)), neurons.add(Shape(3, 2, 2))
    views = Views(neurons)
    views["whole"] = neurons.ids(second).reshape(1, 12)
    views["turned"] = neurons.ids(second).transpose(0, 2, 1)
    views["part"] = neurons.ids(first)[:1]
    before, held = dict(views), weakref.ref(views["whole"])
    for name in before:
        for _ in range(2):
            views.fold(name)
        assert np.array_equal(views[name], before[name])
    del before
    assert held() is None
    assert (list(views), "part" in views, len(views)) == (["whole", "turned", "part"], True, 3)
    del views["part"]
    assert "part" not in views


def test_lowering_holds_the_numbers_of_few_tensors_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Ids]] = []
    alive: list[int] = []
    ids = Neurons.ids

    def counted(neurons: Neurons, population: PopulationId) -> Ids:
        found = ids(neurons, population)
        made.append(weakref.ref(found if found.base is None else found.base))
        alive.append(sum(each() is not None for each in made))
        return found

    monkeypatch.setattr(Neurons, "ids", counted)
    layers = 20
    text = " ".join(f"x{i + 1} = Conv<pads = [1, 1, 1, 1]>(x{i}, w)" for i in range(layers))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> chain (float[1,2,4,4] x0) => (x{layers}) {{ {text} }}'
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((2, 2, 3, 3), np.float32), "w"))
    network = Lower()(Fold()(to_layers(model, "chain"))).whole()
    assert len(network.populations) == layers + 1
    assert len(alive) > layers
    assert max(alive) < 6
