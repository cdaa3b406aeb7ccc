"""Networks of spiking neurons from NIR files: every node, every dialect, spike for spike."""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from checker.check import assert_obeys

from snc.backends.image.container import save
from snc.backends.machine.machine import Machine
from snc.compiler.frontend.nir.dynamics import Dialect, Dynamics, Reset
from snc.compiler.frontend.nir.graph import load_graph
from snc.compiler.frontend.nir.write import as_nir
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.report import report
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import Verdict, verify
from snc.ir.chip import Chip
from snc.ir.errors import SncError
from snc.ir.network import Neuron

from .nir_graphs import chain, cuba, ends, graph, integrate, lif, saved, weights
from .reference import CHIP, shrunken

SMALL = shrunken(mesh=(12, 12), core_words=500, width_max=5, depth_max=6)


def steps(dt: float = 1e-4, dialect: str = "nir", reset: str | None = None) -> Dynamics:
    return Dynamics.named(dt, dialect, reset)


def compiled(path: Path, chip: Chip = CHIP, form: str = "float32", **dynamics: Any) -> Compiled:
    found = compile_model(path, chip, Options(weights=form, effort=1.0, dynamics=steps(**dynamics)))
    image = path.with_suffix(".snc")
    save(image, found.image)
    assert_obeys(image.read_bytes(), report(found.image, image))
    return found


def verdict(path: Path, found: Compiled, steps: int = 60) -> Verdict:
    """Of random spikes; something must spike, and not everything always."""
    return verify(path, found.image, random_frames(found.image, steps, 3))


def assert_equal(found: Verdict) -> None:
    """Every layer is what the equations say: spikes exactly."""
    assert found.is_right, found.compared["layers"].first_divergence
    assert {"frontend", "mapping", "layers", "quantisation"} <= found.compared.keys()
    assert all(figure.max_rel_error < 1e-6 for figure in found.layers)


def one(node: Any) -> nir.NIRGraph:
    first, last = ends([1], [1])
    return chain(
        {"input": first, "weight": nir.Linear(np.ones((1, 1), np.float32)), "lif": node, "output": last}
    )


def euler(given: np.ndarray[Any, Any], late: bool) -> tuple[list[int], list[float]]:
    """The neuron of `lif`, by forward Euler: its spikes, and its voltage after each step."""
    spikes, voltages, v = [], [], 0.0
    for step, x in enumerate(np.concatenate([[0.0], given[:-1]]) if late else given):
        v += 1e-4 / 2.5e-3 * (x - v)
        if v > 0.1:
            spikes.append(step)
            v = 0.0
        voltages.append(v)
    return spikes, voltages


GIVEN = (np.random.default_rng(4).random(400) < 0.12).astype(np.float32)


@pytest.mark.parametrize("dialect", ["nir", "norse", "snntorch", "lava"])
def test_a_neuron_spikes_when_it_should_and_has_the_voltage_that_it_should(
    tmp_path: Path, dialect: str
) -> None:
    found = compiled(saved(tmp_path, one(lif())), dialect=dialect)
    machine = Machine(found.image)
    (index,) = (i for i, each in enumerate(found.network.populations) if each.neuron is Neuron.LIF)
    layer = next(layer for layer in found.image.about.layers if layer.name == "lif")
    place = layer.fragments[0].core, layer.fragments[0].population
    unit, decay = 1e-4 / 2.5e-3, 1 - 1e-4 / 2.5e-3
    spikes, voltages = [], []
    for step, x in enumerate(GIVEN):
        (value,) = machine.run({"input": np.array([[x]])}).outputs.values()
        if value.any():
            spikes.append(step)
        late = x if dialect == "lava" else 0.0  # has arrived, for the next step
        voltages.append(unit * (float(machine.states(*place)[0].item()) - late) / decay)
    want, exact = euler(GIVEN, dialect == "lava")
    assert spikes == want
    assert len(spikes) > 3
    np.testing.assert_allclose(voltages, exact, atol=1e-6)
    assert found.network.populations[index].bias is None


def test_names_are_taken_for_what_they_name() -> None:
    found = Dynamics(dialect="sinabs", reset="subtract")  # type: ignore[arg-type]
    assert (found.dialect, found.reset) == (Dialect.SINABS, Reset.SUBTRACT)
    assert Dynamics.parsed(str(found)) == found
    with pytest.raises(SncError, match="'sinab' is no dialect"):
        Dynamics(dialect="sinab")  # type: ignore[arg-type]
    with pytest.raises(SncError, match=r"a step of 0\.0 seconds is none"):
        Dynamics(0.0)


def test_sinabs_decays_exponentially_and_counts_spikes(tmp_path: Path) -> None:
    found = compiled(saved(tmp_path, one(lif(v_threshold=0.03))), dialect="sinabs")
    machine, v, most = Machine(found.image), 0.0, 0.0
    for x in GIVEN:
        (value,) = machine.run({"input": np.array([[2 * x]])}).outputs.values()
        v = float(np.exp(-1e-4 / 2.5e-3)) * v + 1e-4 / 2.5e-3 * 2 * x
        spikes = np.floor(v / 0.03)
        v -= spikes * 0.03
        assert value.item() == spikes
        most = max(most, spikes)
    assert most > 1


def convolutions(*, dialect: str = "nir", groups: int = 1) -> nir.NIRGraph:
    """Every spatial node."""
    first, last = ends([2, 9, 8], [3])
    shape = [4, 9, 8]
    bias = np.array([0.05, -0.02, 0.0, 0.1], np.float32)
    threshold = np.array([0.4, 0.5, 0.6, 0.3])[:, None, None]
    nodes = {
        "input": first,
        "conv": nir.Conv2d((9, 8), 2 * weights(1, 4, 2 // groups, 3, 5), 1, (1, 2), 1, groups, bias),
        "if": integrate(shape, v_threshold=threshold),
        "scale": nir.Scale(np.broadcast_to(np.array([1.0, 0.5, 2.0, 1.5])[:, None, None], shape).copy()),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "strided": nir.Conv2d((4, 4), weights(2, 6, 4, 3, 3), 2, 1, 1, 1, np.zeros(6, np.float32)),
        "li": nir.LI(*(np.full((6, 2, 2), n) for n in (1e-3, 9.0, 0.02))),
        "mean": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([1, 1])),
        "threshold": nir.Threshold(np.full((6, 3, 3), 0.05)),
        "flat": nir.Flatten({"input": np.array([6, 3, 3])}, 0, -1),
        "dense": nir.Affine(3 * weights(3, 3, 54), np.array([0.1, 0.0, -0.1], np.float32)),
        "lif": lif([3], tau=1e-3, r=8.0, v_leak=0.02 if dialect != "sinabs" else 0.0, v_threshold=0.8),
        "output": last,
    }
    if dialect == "sinabs":
        nodes["li"] = nir.LI(*(np.full((6, 2, 2), n) for n in (1e-3, 9.0, 0.0)))
    return chain(nodes)


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=["whole", "small"])
@pytest.mark.parametrize("form", ["float32", "fixed8"])
@pytest.mark.parametrize("dialect", Dialect)
def test_every_spatial_node_is_mapped(tmp_path: Path, chip: Chip, form: str, dialect: Dialect) -> None:
    path = saved(tmp_path, convolutions(dialect=dialect))
    found = verdict(path, compiled(path, chip, form, dialect=dialect), 24)
    assert found.compared["mapping"].is_right
    assert found.compared["layers"].is_right, found.compared["layers"].first_divergence
    values = {figure.name: figure for figure in found.layers}
    assert "lif" in values or "output" in values


def recurrent(reset: str, *, subgraph: bool = False) -> nir.NIRGraph:
    """A layer that feeds back, and another one behind it."""
    first, last = ends([6], [4])
    rec = nir.Affine(weights(5, 9, 9), np.full(9, 0.02, np.float32))
    inner: dict[str, Any] = {"cuba": cuba([9]), "rec": rec}
    edges = [("cuba", "rec"), ("rec", "cuba")]
    nodes = {
        "input": first,
        "fc1": nir.Affine(2 * weights(4, 9, 6), np.full(9, 0.1, np.float32)),
        "fc2": nir.Linear(3 * weights(6, 4, 9)),
        "out": cuba([4], tau_syn=2e-4, w_in=2.0),
        "output": last,
    }
    if subgraph:
        begin, end = ends([9], [9])
        inner |= {"input": begin, "output": end}
        nodes["loop"] = graph(inner, [("input", "cuba"), ("cuba", "output"), *edges])
        way = [("fc1", "loop"), ("loop", "fc2")]
    else:
        nodes |= inner
        way = [("fc1", "cuba"), ("cuba", "fc2"), *edges]
    return graph(nodes, [("input", "fc1"), *way, ("fc2", "out"), ("out", "output")])


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=["whole", "small"])
@pytest.mark.parametrize("reset", Reset)
def test_what_feeds_back_is_seen_a_step_later(tmp_path: Path, reset: Reset, chip: Chip) -> None:
    path = saved(tmp_path, recurrent(reset))
    found = compiled(path, chip, reset=reset)
    assert sum(p.is_recurrent for p in found.network.projections) == 1
    result = verdict(path, found, 256)
    assert_equal(result)
    assert sum(figure.mismatches for figure in result.layers if figure.name in ("cuba", "out")) == 0


@pytest.mark.parametrize("form", ["int8", "ternary"])
def test_weights_may_have_scales_of_channels(tmp_path: Path, form: str) -> None:
    """Where neurons integrate weights over time, these are stored with the scale in them."""
    path = saved(tmp_path, recurrent("subtract"))
    assert_equal(verdict(path, compiled(path, form=form, reset="subtract"), 100))


def test_a_subgraph_is_its_nodes(tmp_path: Path) -> None:
    one, other = (
        saved(tmp_path, recurrent("value", subgraph=inside), f"{inside}.nir") for inside in (False, True)
    )
    first, second = (compiled(path) for path in (one, other))
    assert {layer.name for layer in second.graph.layers} >= {"loop.cuba", "loop.rec"}
    assert_equal(verdict(other, second, 100))
    for frame in random_frames(first.image, 20, 1):
        got, want = Machine(first.image).run(frame).outputs, Machine(second.image).run(frame).outputs
        np.testing.assert_array_equal(got["output"], want["output"])


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("dialect", [Dialect.NIR, Dialect.LAVA])
def test_delays_are_populations_that_fire_before_what_they_wait_for(
    tmp_path: Path, steps: int, dialect: Dialect
) -> None:
    first, last = ends([3], [3])
    nodes = {
        "input": first,
        "wait": nir.Delay(np.full(3, steps * 1e-4)),
        "fc": nir.Linear(2 * weights(8, 3, 3)),
        "if": integrate([3], v_threshold=0.5),
        "again": nir.Delay(np.full(3, 2e-4)),
        "output": last,
    }
    path = saved(tmp_path, chain(nodes, ("input", "if")))
    assert_equal(verdict(path, compiled(path, dialect=dialect)))


def test_other_neurons_and_edges(tmp_path: Path) -> None:
    """Integrators, a current without spikes, a neuron that feeds itself, and 1-D convolutions."""
    first, last = ends([2, 12], [4, 10])
    shape = (4, 10)
    li = {"tau_syn": 5e-4, "tau_mem": 2e-3, "r": 2.0, "v_leak": 0.01, "w_in": 1.0}
    nodes = {
        "input": first,
        "conv": nir.Conv1d(12, weights(7, 4, 2, 3), 1, 0, 1, 1, np.zeros(4, np.float32)),
        "i": nir.I(np.full(shape, 0.25)),
        "if": integrate(shape, v_reset=-0.1),
        "li": nir.CubaLI(**{name: np.full(shape, n) for name, n in li.items()}),
        "output": last,
    }
    path = saved(tmp_path, chain(nodes, ("if", "if"), ("conv", "if")))
    found = compiled(path)
    result = verdict(path, found)
    assert result.is_right, result.compared["layers"].first_divergence


@pytest.mark.parametrize("dialect", [Dialect.NIR, Dialect.SINABS])
def test_a_graph_is_written_with_what_an_image_holds(tmp_path: Path, dialect: Dialect) -> None:
    """Weights, biases of half precision, and what a leak and the biases before it come to together."""
    path = saved(tmp_path, convolutions(dialect=dialect))
    found = compiled(path, CHIP, "fixed8", dialect=dialect)
    held = tmp_path / "held.nir"
    held.write_bytes(as_nir(load_graph(path), steps(dialect=dialect), found.reference().constants))
    result = verdict(held, found, 24)
    assert result.compared["quantisation"].outputs[0].max_abs_error < 1e-6
    assert result.compared["layers"].is_right
    assert found.reference().constants["lif.drive" if dialect is Dialect.NIR else "dense.bias"].any()


def refused(tmp_path: Path, found: nir.NIRGraph, **dynamics: Any) -> str:
    path = saved(tmp_path, found)
    with pytest.raises(SncError) as caught:
        compile_model(path, CHIP, Options(dynamics=steps(**dynamics)))
    assert caught.value.exit_code == 2
    return str(caught.value)


def between(**nodes: Any) -> nir.NIRGraph:
    first, last = ends([4, 3, 3], [4, 3, 3])
    return chain({"input": first, **nodes, "output": last})


PLACES = np.linspace(0.5, 1.5, 36).reshape(4, 3, 3)
FLAT = nir.Flatten({"input": np.array([4, 3, 3])}, 1, -1)


@pytest.mark.parametrize(
    ("nodes", "dynamics", "rule"),
    [
        (
            {"if": integrate([4, 3, 3], v_threshold=PLACES)},
            {},
            "if (IF): its threshold is not the same for all",
        ),
        ({"flat": FLAT}, {}, "dimensions 1 to -1 of [4, 3, 3] may be [4, 9] or [36]"),
        ({"wait": nir.Delay(np.full((4, 3, 3), 1.5e-4))}, {}, "no whole number of steps"),
        ({"wait": nir.Delay(PLACES * 1e-4)}, {"dt": 1e-6}, "no whole number of steps"),
        ({"wait": nir.Delay(np.full((4, 3, 3), 1.0))}, {}, "it waits for 10000 steps"),
        ({"cuba": cuba([4, 3, 3])}, {"dialect": "norse"}, "give --dialect nir, snntorch or lava"),
        ({"lif": lif([4, 3, 3])}, {"dt": 0.01}, "is longer than its time constant"),
        ({"lif": lif([4, 3, 3], r=-1.0)}, {}, "lif (LIF): its r is not above 0"),
        ({"lif": lif([4, 3, 3], v_reset=0.05)}, {"reset": "subtract"}, "its v_reset is not 0"),
        ({"if": integrate([4, 3, 3])}, {"dialect": "sinabs", "reset": "value"}, "give --reset subtract"),
        ({"if": integrate([5, 3, 3])}, {}, "if (IF): its r has the shape [5, 3, 3]"),
        ({"fc": nir.Linear(weights(1, 2, 9))}, {}, "fc (Linear): its weights [2, 9] do not fit"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_the_rule(
    tmp_path: Path, nodes: dict[str, Any], dynamics: dict[str, Any], rule: str
) -> None:
    assert rule in refused(tmp_path, between(**nodes), **dynamics)


def test_a_flatten_is_read_as_what_follows_takes_it(tmp_path: Path) -> None:
    first, last = ends([4, 3, 3], [2])
    nodes = {"input": first, "flat": FLAT, "fc": nir.Linear(weights(1, 2, 36)), "if": integrate([2])}
    path = saved(tmp_path, chain({**nodes, "output": last}))
    assert_equal(verdict(path, compiled(path)))


def test_an_edge_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    found = one(lif())
    found.edges = [*found.edges, ("weight", "soma")]
    text = refused(tmp_path, found)
    assert "'weight'" in text
    assert "'soma'" in text


def test_a_loop_needs_a_state(tmp_path: Path) -> None:
    first, last = ends([2], [2])
    nodes = {
        "input": first,
        "a": nir.Linear(weights(1, 2, 2)),
        "b": nir.Linear(weights(2, 2, 2)),
        "output": last,
    }
    assert "a (Linear): the edge from 'b' closes a loop" in refused(tmp_path, chain(nodes, ("b", "a")))


def test_what_no_input_reaches_is_refused(tmp_path: Path) -> None:
    first, last = ends([2], [2])
    nodes = {"input": first, "if": integrate([2]), "output": last, "alone": nir.Linear(weights(1, 2, 2))}
    edges = [("input", "if"), ("if", "output"), ("alone", "if")]
    assert "alone (Linear): no input reaches it, and it feeds 'if'" in refused(tmp_path, graph(nodes, edges))


def test_what_is_no_nir_file_is_refused(tmp_path: Path) -> None:
    for name, data in (("text.nir", b"no network"), ("empty.nir", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SncError, match="is no network that the package nir can read"):
            compile_model(path, CHIP, Options())


@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_that_ends_too_early_is_refused(tmp_path: Path, part: float) -> None:
    data = saved(tmp_path, recurrent("value", subgraph=True)).read_bytes()
    path = tmp_path / "part.nir"
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(SncError):
        check(path, CHIP, Options())


def test_a_library_that_stumbles_over_a_file_is_told_as_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised for a damaged file is of a dozen kinds, none of them documented."""

    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("Link iteration failed (bad local heap signature)")

    path = saved(tmp_path, recurrent("value"))
    monkeypatch.setattr(nir, "read", stumble)
    with pytest.raises(SncError, match="is no network that the package nir can read: Link iteration failed"):
        check(path, CHIP, Options())


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        (nir.Linear(np.full((4, 4), np.nan)), "x (Linear): its weight has numbers that are not finite"),
        (integrate([4], v_threshold=np.inf), "x (IF): its v_threshold has numbers that are not finite"),
        (lif([4], tau=np.nan), "x (LIF): its tau has numbers that are not finite"),
    ],
)
def test_numbers_that_are_none_are_refused(tmp_path: Path, node: Any, rule: str) -> None:
    first, last = ends([4], [4])
    assert rule in refused(tmp_path, chain({"input": first, "x": node, "output": last}))


def test_a_check_says_how_true_each_node_is(tmp_path: Path) -> None:
    found = check(saved(tmp_path, recurrent("value")), CHIP, Options())
    how = {layer.name: layer.how for layer in found.layers}
    assert found.is_supported
    assert how["cuba"].startswith("exact: forward Euler of NIR's equations")
    assert how["fc1"].startswith("exact, but for how its weights are stored")
    assert "steps of 0.0001 s (nir)" in found.notes[0]
