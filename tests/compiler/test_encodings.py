"""What the formulas of other encodings say is what their machine counts; the second paper's claims."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from oracle.layers import flatten
from oracle.writer import Writer

from backends.encodings import layers
from snc.backends.encodings.forms import Form, store
from snc.backends.encodings.layer import Layer
from snc.backends.encodings.machine import Pass, run
from snc.compiler.billing.encoded_words import expected
from snc.compiler.billing.encodings import ENCODINGS, PASSES, Activity, LayerEncodings, studied
from snc.compiler.pipeline.map import quantised
from snc.compiler.pipeline.prepare import prepare
from snc.ir.network import Network
from snc.models.catalogue import build
from snc.models.digits import digits_model

from .encoding_links import links_of_layer
from .reference import CHIP


def lowered(model: onnx.ModelProto, folder: Path) -> Network:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return quantised(prepare(path), "float32")


def encodings(network: Network, activity: Activity, *, count: bool = False) -> tuple[LayerEncodings, ...]:
    return studied(network, CHIP, activity, count=count)[0]


def dense() -> onnx.ModelProto:
    w = Writer(13, 0)
    x = flatten(w, w.input((1, 4, 2, 2)))
    return w.model([w.add("MatMul", x, w.constant(np.ones((16, 8), np.float32)))], "dense")


@pytest.mark.parametrize("form", Form)
@settings(deadline=None, max_examples=40, phases=[Phase.generate])
@given(layers(), st.integers(0, 2**32 - 1))
def test_the_machine_counts_what_the_formulas_say(form: Form, layer: Layer, seed: int) -> None:
    active = np.random.default_rng(seed).random(layer.sources) < 0.5
    stored, formula = store(layer, form), expected(links_of_layer(layer), form)
    assert stored.table_words == formula.table_words
    rows = np.arange(layer.sources)
    for kind in Pass:
        counted = run(stored, kind, rows, active.astype(np.int64)).accesses
        assert counted == formula.accesses(kind, active)


def test_a_dense_layer_by_hand(tmp_path: Path) -> None:
    (layer,) = encodings(lowered(dense(), tmp_path), Activity(silent=0.0))
    index, bitmap, functional = (layer.encodings[name] for name in ENCODINGS)
    # Sixteen rows: a head, a word of indices or bits, and one of 8 weights; 2 words of states. Four channels.
    assert (index.stored_words, bitmap.stored_words, functional.stored_words) == (48, 48, 20)
    assert [cost.words for cost in (index.forward, index.backward, index.update)] == [112, 80, 96]
    assert functional.update.accesses.table_writes == 16
    word_fj = CHIP.access_fj + CHIP.access_root_fj * (48 + 2) ** 0.5
    assert index.forward.energy_fj == pytest.approx(112 * word_fj + 128 * CHIP.operation_fj)


def test_layers_of_a_network_are_counted_as_the_formulas_say(tmp_path: Path) -> None:
    network = lowered(digits_model(), tmp_path)
    for activity in (Activity(silent=0.3, zeros=0.4), Activity(weight_bits=5)):
        stated, counted = (encodings(network, activity, count=count) for count in (False, True))
        assert {layer.name: layer.encodings["index"].counted for layer in counted} == {
            "conv1": True,
            "pool1": False,
            "conv2": True,
            "pool2": False,
            "logits": True,
        }
        for formula, layer in zip(stated, counted, strict=True):
            for name in ENCODINGS:
                for kind in PASSES:
                    assert getattr(layer.encodings[name], kind) == getattr(formula.encodings[name], kind)


def test_functional_encoding_saves_most_of_the_training_in_convolutions(tmp_path: Path) -> None:
    network = lowered(build("pilotnet"), tmp_path)
    found, claims = studied(network, CHIP, Activity())
    assert claims.training_saved > 0.5
    convolutions = [layer for layer in found if layer.op == "Conv"]
    assert {layer.best for layer in convolutions} == {"functional"}
    assert {layer.best_training for layer in convolutions} == {"functional"}


@pytest.mark.parametrize("zeros", [0.0, 0.8, 0.99])
def test_a_bitmap_beats_indices_above_the_stated_share(zeros: float, tmp_path: Path) -> None:
    found, claims = studied(lowered(build("pilotnet"), tmp_path), CHIP, Activity(zeros=zeros))
    for layer in found:
        share = claims.joined[layer.name] / claims.bitmap_above[layer.name]
        if not 0.8 < share < 1.25:  # whole words blur the border
            more = layer.encodings["bitmap"].stored_words - layer.encodings["index"].stored_words
            assert more <= 0 if share > 1 else more >= 0, layer.name
