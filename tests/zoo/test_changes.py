"""Real networks of integers that send changes of a moving picture (make zoo): the frame network's outputs."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from compiler.movies import FRAMES, movie

from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.ir.aims import NeuronUse

from .networks import CHIP, FOLDER, ZOO
from .pictures import cropped, picture
from .runtime import reread

SIZES = {"mlperf_pretrainedResnet_quant": 32, "mlperf_vww_96_int8": 96}

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]


@pytest.mark.parametrize("name", SIZES)
def test_a_moving_patch_takes_few_events_and_every_frame_is_equal(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    size, path, options = SIZES[name], FOLDER / f"{name}.onnx", Options()
    plain, found = (
        compile_model(path, CHIP, replace(options, neurons=NeuronUse(each)))
        for each in ("standard", "sigma-delta")
    )
    runner, frame_by_frame = (Runner(reread(each.image)) for each in (found, plain))
    still, patch = cropped(picture("chelsea", 0), size), cropped(picture("coffee", 0), size // 4)
    events = of_frames = mismatches = 0
    for pixels in movie(still.astype(np.int16) - 128, patch.astype(np.int16) - 128):
        inputs = {ZOO[name].input: pixels.astype(np.int8)[None]}
        got, want = (run(inputs, keep_layers=True) for run in (runner, frame_by_frame))
        shared = got.run.layers.keys() & want.run.layers.keys()
        assert len(shared) > 10
        mismatches += sum(int((got.run.layers[n] != want.run.layers[n]).sum()) for n in shared)
        mismatches += sum(int((got.outputs[n] != want.outputs[n]).sum()) for n in want.outputs)
        events += got.run.counters.total.events
        of_frames += want.run.counters.total.events
    dense = FRAMES * sum(population.shape.neurons for population in plain.network.populations)
    with capsys.disabled():
        shares = (
            f"{events / dense:.3f} of all neurons' events, {events / of_frames:.3f} of the frame network's"
        )
        sys.stdout.write(f"\n{name}: {mismatches} mismatches, {shares}")
    assert mismatches == 0
    assert runner(inputs).run.counters.total.events == 0
    assert events < 0.3 * dense
    assert events < 0.3 * of_frames
