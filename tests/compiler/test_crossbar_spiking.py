"""Networks that run over time on crossbars: every spike is that of the chip of cores."""

from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest

from snc.backends.crossbar.machine import CrossbarMachine
from snc.compiler.pipeline.crossbar.compile import compile_crossbars, load_crossbar
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_target
from snc.ir.aims import NeuronUse
from snc.ir.errors import Unsupported
from snc.passes.crossbar.decompose import Method

from .nir_graphs import chain, ends, lif, saved, weights
from .sequences import FEATURES, HIDDEN, Net, sequence

STEPS = 40


@pytest.mark.parametrize("method", [Method.TREE, Method.CHAIN])
def test_spikes_of_decomposed_neurons_are_the_same(method: Method, tmp_path: Path) -> None:
    first, last = ends((40,), (6,))
    nodes = {
        "input": first,
        "a": nir.Linear(weights(1, 30, 40)),
        "one": lif((30,), v_threshold=0.02),
        "b": nir.Linear(weights(2, 6, 30)),
        "two": lif((6,), v_threshold=0.01),
        "output": last,
    }
    path = saved(tmp_path, chain(nodes))
    options = Options("float32", decompose=method)
    cores = Runner(compile_model(path, load_target("grai-vip"), options).image)
    small = replace(load_crossbar("crossbar-128"), rows=16, columns=16, fan_in_max=16, mesh=(20, 20))
    machine = CrossbarMachine(compile_crossbars(path, small, options))
    random = np.random.default_rng(3)
    spikes = 0
    for _ in range(STEPS):
        frame = {
            name: (random.random(shape) < 0.3).astype(np.float32) for name, shape in machine.inputs.items()
        }
        want, got = cores(frame).outputs, machine.run(frame).outputs
        for name, array in want.items():
            assert (got[name] == array).all()
            spikes += int(array.sum())
    assert spikes > STEPS
    with pytest.raises(Unsupported, match="its neurons send values"):
        compile_crossbars(path, small, replace(options, neurons=NeuronUse.SIGMA_DELTA), refused=None)


def test_a_sequence_runs_step_by_step(tmp_path: Path) -> None:
    """What an RNN carries feeds back from frame to frame; gates multiply, which no crossbar does."""
    small = replace(load_crossbar("crossbar-128"), rows=16, columns=16, fan_in_max=4, mesh=(20, 20))
    path = tmp_path / "model.onnx"
    for begins in (False, True):
        net = Net(6)
        first = ("", net.held(np.full((1, 1, HIDDEN), 0.5, np.float32))) if begins else ()
        onnx.save(net.model(net.cell("RNN", "x", FEATURES, *first)[0]), path)
        image = compile_crossbars(path, small, Options("float32"), refused=None)
        assert image.about.decomposed == "tree"
        verdict = verify(path, image, [{"x": row[None]} for row in sequence(6)])
        assert verdict.is_right
    net = Net(6)
    onnx.save(net.model(net.cell("LSTM", "x")[0]), path)
    with pytest.raises(Unsupported, match="it multiplies neurons by neurons, a crossbar only sums"):
        compile_crossbars(path, small, Options("float32"), refused=None)
