"""First readers: what the layers behind a network's inputs read, and how they want it to lie.

Views of the inputs are followed as arrays of element numbers; layers that work element by element, and views
in which other tensors stand too, are looked through for what is read behind them.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from ...ir.errors import SncError
from ...ir.layers import ARRANGEMENTS, Layer, LayerGraph
from ...ir.network import Neuron, Shape
from .arrangement import Scattered
from .builder import Builder
from .operators.table import HANDLERS
from .views import Ids

# Operators that read [1, D, H, W] as it stands.
MAPS = (
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "BatchNormalization", "Resize", "Upsample"),
    *("GlobalAveragePool", "GlobalMaxPool"),
)
PRODUCTS = ("Gemm", "MatMul")


class FirstReaders:
    """What the first layers read.

    `elements`: every tensor that is made of nothing but elements of the inputs, which are numbered one after
    the other, and zeros (-1). `read`: those of them that other layers read, or that are outputs. `as_maps`:
    those that a layer reads as they stand; `in_any_order`: those that are only flattened, or put out.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.elements = self._views()
        rest = [layer for layer in graph.layers if layer.result not in self.elements]
        outputs = [output.name for output in graph.outputs]
        read = [name for layer in rest for name in layer.inputs] + outputs
        self.read = [name for name in dict.fromkeys(read) if name in self.elements]
        self.as_maps: set[str] = set()
        self.in_any_order = set(self.read)
        self._wishes: dict[str, list[Ids]] = {name: [] for name in self.read}
        self._follow(rest)

    def wish(self, name: str) -> Scattered | None:
        """How a tensor stands in maps that are read of it, or behind it, where all of it does."""
        ids = self.elements[name]
        for maps in self._wishes[name]:
            if maps.size == ids.size and maps.min() >= 0 and len(np.unique(maps)) == ids.size:
                return Scattered(ids.shape, maps)
        return None

    def _views(self) -> dict[str, Ids]:
        builder = Builder(self.graph)
        for value in self.graph.inputs:
            _number(builder, value.name)
        total = builder.neurons.count
        found = {value.name: builder.views[value.name] for value in self.graph.inputs}
        for layer in self.graph.layers:
            data = layer.inputs if layer.op == "Concat" else layer.inputs[:1]
            if layer.op in ARRANGEMENTS and all(name in found for name in data) and _lowered(builder, layer):
                made = {name: builder.views[name] for name in layer.outputs if name in builder.views}
                if all(ids.size and ids.max() < total for ids in made.values()):
                    found.update(made)
        return found

    def _follow(self, layers: Sequence[Layer]) -> None:
        builder = Builder(self.graph)
        for name in self.read:
            _number(builder, name)
        for layer in layers:
            known = [name for name in layer.inputs if name in builder.views]
            if not known:
                continue
            rows = self._rows(builder, layer) if layer.op in PRODUCTS else None
            if rows is not None and rows.size == rows.shape[-1]:
                continue  # a dense layer: its weights lie as its input does
            self.in_any_order.difference_update(known)
            if rows is not None:
                self._wish(builder, np.moveaxis(rows, -1, 0).reshape(rows.shape[-1], 1, -1))
            elif layer.op in MAPS:
                self.as_maps.update(known[:1])
                self._wish(builder, _pictured(builder.views[known[0]]))
            elif layer.op in ARRANGEMENTS:
                self._see_through(builder, layer)
            else:
                shape = self.graph.shape(layer.result)
                alike = [name for name in known if self.graph.shape(name) == shape]
                builder.views.update((layer.result, builder.views[name]) for name in alike[:1])

    def _rows(self, builder: Builder, layer: Layer) -> Ids | None:
        """What a product with constant weights reads, as rows of features."""
        data = 0 if layer.input(0) in builder.views else 1
        if layer.input(data) not in builder.views or layer.input(1 - data) not in self.graph.constants:
            return None
        ids = builder.views[layer.input(data)]
        is_turned = layer.op == "Gemm" and layer.integer(("transA", "transB")[data], 0) != 0
        return np.swapaxes(ids, -1, -2) if is_turned != (data == 1) and ids.ndim > 1 else ids

    def _see_through(self, builder: Builder, layer: Layer) -> None:
        """A view in which other tensors stand, too: they count as zeros."""
        others = [name for name in layer.inputs if name and name not in builder.views]
        if layer.op == "Concat":
            builder.views.update((n, np.full(self.graph.shape(n), -1, dtype=np.int64)) for n in others)
        _lowered(builder, layer)
        for name in others:
            builder.views.pop(name, None)

    def _wish(self, builder: Builder, maps: Ids | None) -> None:
        """Notes of each tensor that stands in maps where it does."""
        for population in builder.neurons.populations(maps) if maps is not None else ():
            if maps is None or population >= len(self.read):
                continue
            base, size = builder.neurons.bases[population], builder.neurons.shapes[population].neurons
            is_mine = (maps >= base) & (maps < base + size)
            lines = (np.flatnonzero(is_mine.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
            self._wishes[self.read[population]].append(np.where(is_mine, maps - base, -1)[np.ix_(*lines)])


def _number(builder: Builder, name: str) -> None:
    """A tensor whose elements are numbered in their order."""
    shape = builder.graph.shape(name)
    population = builder.add(None, Shape(prod(shape), 1, 1), name, neuron=Neuron.INPUT)
    builder.define(name, builder.ids(population).reshape(shape))


def _lowered(builder: Builder, layer: Layer) -> bool:
    """Whether a view could be lowered; what is wrong with it, the true lowering says."""
    try:
        HANDLERS[layer.op].lower(builder, layer)
    except SncError:
        return False
    return True


def _pictured(ids: Ids) -> Ids | None:
    """[1, D, H, W] as a stack of maps; [1, D] and [1, D, W] count as H = 1."""
    if ids.ndim not in (2, 3, 4) or ids.shape[0] != 1:
        return None
    return ids.reshape(ids.shape[1], ids.shape[2] if ids.ndim == 4 else 1, -1)
