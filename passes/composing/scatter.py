"""Scattering with a reduction: what is there already is gathered, reduced with the updates, and put back."""

import numpy as np

from ...ir.layers import Layer
from ..lowering.operators.picking import scattered
from ..lowering.views import turns
from .layer_writer import Writer, composes

REDUCTIONS = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}


@composes("ScatterElements", "ScatterND")
def scatter(w: Writer, layer: Layer) -> str | None:
    """Constant indices: a view; with a reduction, so many of it as updates meet in one element."""
    data, indices, updates = layer.inputs
    reduction = layer.text("reduction", "none")
    if reduction not in REDUCTIONS or not w.is_constant(indices):
        return None
    shape, form = w.shape(data), w.shape(updates)
    places = scattered(layer, shape, w.held(indices).astype(np.int64)).ravel()
    turn = turns(places)
    for each in range(int(turn.max(initial=-1)) + 1):
        now = np.flatnonzero(turn == each)
        there = w.constant(np.stack(np.unravel_index(places[now], shape), axis=-1), np.int64)
        from_ = w.constant(np.stack(np.unravel_index(now, form), axis=-1), np.int64)
        pair = (
            w.add("GatherND", data, there, shape=(len(now),)),
            w.add("GatherND", updates, from_, shape=(len(now),)),
        )
        data = w.add("ScatterND", data, there, w.add(REDUCTIONS[reduction], *pair), shape=shape)
    return data
