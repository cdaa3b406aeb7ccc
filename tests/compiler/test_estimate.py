"""Estimates of a run, by hand from its counters."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.backends.machine.cycles import TIMING
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.estimate import estimate
from snc.compiler.running.simulating.simulation import Simulation, simulate

from .reference import CHIP

COSTS = replace(CHIP, access_fj=100, access_root_fj=0, operation_fj=7, hop_fj=11, cycle_ps=2000)


def run(folder: Path, frames: int) -> Simulation:
    """One output channel of ones on 4 channels of 5 x 5, of which one neuron in each frame is not zero."""
    w = Writer(13, 0)
    x = w.input((1, 4, 5, 5))
    model = w.model([w.add("Conv", x, w.constant(np.ones((1, 4, 3, 3), np.float32)))], "one")
    path = folder / "one.onnx"
    path.write_bytes(model.SerializeToString())
    image = compile_model(path, CHIP, Options(effort=0.5)).image
    frame = np.zeros((1, 4, 5, 5), np.float32)
    frame[0, 1, 2, 2] = 1
    name = next(tensor.name for tensor in image.tensors if tensor.kind == "input")
    return simulate(image, folder / "one.snc", [{name: frame}] * frames)


@pytest.mark.parametrize("frames", [1, 3])
def test_one_event_by_hand(frames: int, tmp_path: Path) -> None:
    found = run(tmp_path, frames)
    first, last = found.per_layer
    assert (first.neurons, last.neurons) == (100, 9)
    assert first.sparsity == pytest.approx(0.99)
    assert last.sparsity == pytest.approx(0)
    assert (last.synaptic_operations, last.busiest) == (9 * frames, 9 * frames)
    assert found.per_core[0].layers == (first.name, last.name)
    costs = estimate(found, COSTS)
    # A word costs 100 fJ. Nine weights of 8 bits take two words; an event reads 4 words and leaves no core.
    assert last.weight_bits == pytest.approx(128 / 9)
    operation = 7 + (128 / 9 + 2 * 16) / 64 * 100
    assert costs.energy_nj == pytest.approx((9 * operation + found.events / frames * 400) / 1e6)
    assert found.hops == 0
    strided = estimate(found, replace(COSTS, strided_tables=1))
    assert strided.energy_nj == pytest.approx((9 * operation + found.events / frames * 600) / 1e6)
    assert "events * 6 * word_fj" in strided.energy_formula
    # FIRE of the input: a step, its end, 99 silent values of 2 cycles, and one that takes the PEG for 4.
    # RESET and FIRE of the layer, with one extension word each: 9 states, then a channel of 9 values.
    cycles = (8 + 12 + 99 * 2 + 4) + (8 + 2 + 9) + (8 + 2 + 12 + 2 + 9 * 4)
    assert costs.latency_us == pytest.approx(cycles * 2000 / 1e6)
    assert sum(layer.cycles for layer in found.per_layer) == cycles * frames


def test_the_core_with_most_to_do_sets_the_pace(tmp_path: Path) -> None:
    w = Writer(13, 0)
    model = w.model(
        [w.add("Conv", w.input((1, 1, 8, 8)), w.constant(np.ones((64, 1, 3, 3), np.float32)))], "wide"
    )
    path = tmp_path / "wide.onnx"
    path.write_bytes(model.SerializeToString())
    image = compile_model(path, CHIP, Options(effort=0.5)).image
    name = next(tensor.name for tensor in image.tensors if tensor.kind == "input")
    frame = np.zeros((1, 1, 8, 8), np.float32)
    silent = simulate(image, tmp_path / "wide.snc", [{name: frame}])
    frame[0, 0, 4, 4] = 1
    found = simulate(image, tmp_path / "wide.snc", [{name: frame}])
    (before, _), (after, _) = (each.per_layer for each in (silent, found))
    # One event, 9 positions of 64 channels, a synapse a cycle: more than the walk over 64 values takes.
    event, position = TIMING.synapses(64, 64, 8, 9)
    assert (event, position) == (5, 64)
    assert after.cycles - before.cycles == event + 9 * position - 64 * 2


def test_what_synapses_take_by_hand() -> None:
    # What an event takes beside its positions, and what a position of its kernel takes. One weight: port,
    # kernel and state are read, and every eighth weight is in a new word. Four: a group is written before the
    # next event's. Sixteen: a word of weights for each group comes in time. Two weights a word: three cycles,
    # then four. Of five channels, some lie in the next word. One group in sixteen has no weight.
    for given, by_hand in (
        ((1, 1, 8, 4), (3 + 3 - 3.125, 3.125)),
        ((4, 4, 8, 1), (5 + 3 - 4, 4)),
        ((16, 16, 16, 9), (5 + 3 + 1 - 4, 16)),
        ((4, 4, 32, 9), (3 + 3 + 1 - 4, 3 + 4)),
        ((5, 5, 8, 1), ((3 + 3 + 4 + 5) / 4 + 3 - (3 * 3.625 + 4) / 4, (4 + 3 + 2 + 2 + 3 * 3.625 + 4) / 4)),
        ((4, 4, 8, 9, 0.5), (5 + 3 + 1 + 1 - 4.25, 4 * 15 / 16 + 2 / 16 + 0.25)),
    ):
        assert TIMING.synapses(*given) == pytest.approx(by_hand), given


def test_wider_weights_cost_more_energy(tmp_path: Path) -> None:
    spent = {}
    for weights in ("fixed8", "float16", "float32"):
        w = Writer(13, 0)
        model = w.model([layers.conv(w, w.input((1, 8, 9, 9)), 16, (3, 3))], "conv")
        path = tmp_path / "conv.onnx"
        path.write_bytes(model.SerializeToString())
        image = compile_model(path, CHIP, Options(weights=weights, effort=0.5)).image
        frame = np.ones((1, 8, 9, 9), np.float32)
        name = next(tensor.name for tensor in image.tensors if tensor.kind == "input")
        found = simulate(image, tmp_path / "conv.snc", [{name: frame}])
        (layer,) = found.per_layer[1:]
        bits = {"fixed8": 8, "float16": 16, "float32": 32}[weights]
        assert layer.weight_bits == pytest.approx(bits, rel=0.1)  # some are zero, and left out
        (_, costs) = estimate(found, CHIP).layers
        spent[weights] = costs.operations_nj / layer.synaptic_operations
    assert 1.1 * spent["fixed8"] < spent["float16"]
    assert 1.2 * spent["float16"] < spent["float32"]


def test_hops_cost_and_layers_make_up_the_whole(tmp_path: Path) -> None:
    found = run(tmp_path, 1)
    first = replace(found.per_layer[0], hops=5)
    costs = estimate(replace(found, per_layer=(first, *found.per_layer[1:])), COSTS)
    assert costs.layers[0].hops_nj == pytest.approx(55 / 1e6)
    assert costs.energy_nj == pytest.approx(sum(layer.energy_nj for layer in costs.layers))
    for layer in costs.layers:
        assert layer.energy_nj == pytest.approx(layer.operations_nj + layer.events_nj + layer.hops_nj)
