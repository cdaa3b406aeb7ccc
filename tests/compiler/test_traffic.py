"""The traffic of the report is what the placer and the simulator count, and links add up to hops."""

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from oracle.graphs import random_input, random_recipe
from oracle.writer import Writer

from snc.backends.analysis.traffic import traffic
from snc.compiler.running.runner import Runner
from snc.passes.placing.place import flows

from .reference import compiled, reread, shrunken

SMALL = shrunken(core_words=300, width_max=5, height_max=5, depth_max=2, mesh=(8, 8), chip_mesh=(2, 3))


@pytest.mark.parametrize("seed", [4, 5, 7])
def test_the_images_traffic_is_what_the_placer_counted(seed: int) -> None:
    found = compiled(random_recipe(seed).model(), SMALL)
    known, sent, places = traffic(reread(found.image)), flows(found.mapping), np.array(found.mapping.places)
    assert known.events == sum(flow.events for flow in sent) > 0
    assert known.hops == sum(
        flow.events * int(np.abs(places[flow.source] - places[flow.target]).sum()) for flow in sent
    )
    assert known.hops == sum(link.events for link in known.links)
    assert known.hops == sum(router.events for router in known.routers)
    assert len({(router.x, router.y) for router in known.routers}) == len(known.routers)
    assert known.busiest_link == max(link.events for link in known.links)
    crossings = sum(
        flow.events * int(np.abs(places[flow.source] // (2, 3) - places[flow.target] // (2, 3)).sum())
        for flow in sent
    )
    assert known.border_events == crossings


def test_it_is_what_the_simulator_counts_when_every_neuron_fires() -> None:
    w = Writer(13, 1)
    x = w.input((1, 2, 9, 13))
    y = w.add("Conv", x, w.constant(w.rng.normal(1, 0.2, (5, 2, 3, 3)).astype(np.float32)), strides=[2, 2])
    z = w.add("ConvTranspose", y, w.constant(w.rng.normal(1, 0.2, (5, 4, 4, 4)).astype(np.float32)))
    model = w.model([z], "loud")
    found = compiled(model, SMALL)
    counted = Runner(found.image)(random_loud(model)).run.counters.total
    known = traffic(found.image)
    assert counted.hops - counted.input_hops == known.hops > 0


def random_loud(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.float32]]:
    """Inputs without a zero."""
    return {name: np.abs(values) + 1 for name, values in random_input(model, 0).items()}
