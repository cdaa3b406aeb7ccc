"""Encodings of one small layer by hand, and the second paper's claims within the model."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle.layers import flatten
from oracle.writer import Writer

from snc.compiler.billing.encodings import ENCODINGS, Activity, claims, encodings
from snc.compiler.pipeline.map import quantised
from snc.compiler.pipeline.prepare import prepare
from snc.ir.network import Network
from snc.models.catalogue import build

from .reference import CHIP


def lowered(model: onnx.ModelProto, folder: Path) -> Network:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return quantised(prepare(path), "float32")


def dense() -> onnx.ModelProto:
    w = Writer(13, 0)
    x = flatten(w, w.input((1, 4, 2, 2)))
    return w.model([w.add("MatMul", x, w.constant(np.ones((16, 8), np.float32)))], "dense")


def test_a_dense_layer_by_hand(tmp_path: Path) -> None:
    (layer,) = encodings(lowered(dense(), tmp_path), CHIP, Activity(silent=0.25, zeros=0.5))
    pointers = 16 * 8  # sixteen rows, 128 synapses
    index, bitmap, functional = (layer.encodings[name] for name in ENCODINGS)
    assert index.stored_bits == pointers + 64 * (3 + 8)
    assert bitmap.stored_bits == pointers + 16 * 8 + 64 * 8
    assert functional.stored_bits == 64 * (1 + 4) + 128 * 8
    assert index.forward.bits == 0.75 * index.stored_bits
    assert index.backward.bits == index.stored_bits
    assert index.update.bits == 0.75 * (index.stored_bits + 64 * 8)
    assert layer.best == "bitmap"
    word_fj = CHIP.access_fj + CHIP.access_root_fj * (index.stored_bits / 64) ** 0.5
    assert index.forward.energy_fj == pytest.approx(index.forward.bits / 64 * word_fj)


def test_functional_encoding_saves_most_of_the_training_in_convolutions(tmp_path: Path) -> None:
    network = lowered(build("pilotnet"), tmp_path)
    assert claims(network, CHIP, Activity()).training_saved > 0.5
    saved = {zeros: claims(network, CHIP, Activity(zeros=zeros)).training_saved for zeros in (0, 0.9, 0.95)}
    assert {zeros: round(share, 3) for zeros, share in saved.items()} == {0: 0.985, 0.9: 0.568, 0.95: -0.129}
    convolutions = [la for la in encodings(network, CHIP, Activity()) if la.op == "Conv"]
    assert {layer.best for layer in convolutions} == {"functional"}


@pytest.mark.parametrize(
    ("layer", "bitmap", "index"), [("dense1", 0.142, 0.476), ("conv5", None, 0.983), ("conv1", None, None)]
)
def test_shares_of_zeros_from_which_others_store_less_than_functional_encoding(
    layer: str, bitmap: float | None, index: float | None, tmp_path: Path
) -> None:
    """Those of the table in docs/bill.md."""
    network = lowered(build("pilotnet"), tmp_path)

    def stored(zeros: float) -> dict[str, float]:
        (found,) = (la for la in encodings(network, CHIP, Activity(zeros=zeros)) if la.name == layer)
        return {name: found.encodings[name].stored_bits for name in ENCODINGS}

    for name, share in (("bitmap", bitmap), ("index", index)):
        below = stored(0.99 if share is None else share - 0.002)
        assert below[name] > below["functional"]
        if share is not None:
            above = stored(share + 0.001)
            assert above[name] < above["functional"]


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.8, 0.9, 0.99])
def test_a_bitmap_beats_indices_above_the_stated_share(zeros: float, tmp_path: Path) -> None:
    network = lowered(build("pilotnet"), tmp_path)
    activity = Activity(zeros=zeros)
    found = claims(network, CHIP, activity)
    for layer in encodings(network, CHIP, activity):
        smaller = layer.encodings["bitmap"].stored_bits < layer.encodings["index"].stored_bits
        assert smaller == (found.joined[layer.name] > found.bitmap_above[layer.name])
