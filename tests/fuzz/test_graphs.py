"""Well-formed random graphs: what the generator draws, that it finds planted faults, and what becomes of some
hundred of them; `make fuzz N=100000` is the long run.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from snc.ir.layers import Layer
from snc.passes.lowering.operators.table import HANDLERS, Handler
from snc.passes.support import summaries

from .graphs import OPSETS, Case, case, graph
from .harness import fuzz
from .shrink import shown, shrunk
from .verdict import judge

ROOT = Path(__file__).parents[2]
SEEDS = range(400)
FIRST = range(1200)  # among these, every operator comes


def operators(model: onnx.ModelProto) -> set[str]:
    """The operators of a model, those of its functions included."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    return {node.op_type for node in nodes if not node.domain}


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    return [case(seed) for seed in FIRST]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries' own
        yield


def test_every_operator_comes_soon(drawn: list[Case]) -> None:
    assert summaries().keys() <= set().union(*(operators(drawn[seed].model) for seed in FIRST))


def test_every_opset_and_rank_comes(drawn: list[Case]) -> None:
    opsets = {entry.version for one in drawn for entry in one.model.opset_import if not entry.domain}
    assert opsets == {*OPSETS}
    assert {array.ndim for one in drawn for frame in one.frames for array in frame.values()} >= {2, 3, 4, 5}


def test_a_seed_always_gives_the_same_graph() -> None:
    for seed in range(20):
        assert graph(seed).SerializeToString() == graph(seed).SerializeToString()


def test_onnx_runtime_seldom_refuses_what_is_drawn(drawn: list[Case]) -> None:
    """A node that it refuses is drawn again, so that the whole is well-formed."""
    refused = [reason for one in drawn for reason in one.refused]
    assert len(refused) <= 0.05 * sum(len(one.model.graph.node) for one in drawn), Counter(refused)


def test_well_formed_graphs_compute_what_onnx_runtime_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])  # where the child finds these modules
    found = fuzz("graph", seed=0, count=len(SEEDS))
    assert found.cases == len(SEEDS)
    assert not found.failures, "\n".join(f"{each.number}: {each.what}" for each in found.failures)
    for kind, share in (("refused", 0.1), ("invalid", 0.01)):
        count = sum(count for name, count in found.kinds.items() if name.startswith(kind))
        assert count <= share * found.cases, found.kinds


def _without_pads(layer: Layer) -> Layer:
    left = {key: value for key, value in layer.attributes.items() if key != "pads"}
    return replace(layer, attributes=left)


def _other_mode(layer: Layer) -> Layer:
    mode = "CRD" if layer.text("mode", "DCR") == "DCR" else "DCR"
    return replace(layer, attributes={**layer.attributes, "mode": mode})


def _crash(layer: Layer) -> Layer:
    raise ZeroDivisionError(layer.name)


FAULTS: Mapping[str, tuple[str, Callable[[Layer], Layer], str]] = {
    "padding is dropped": ("Conv", _without_pads, "wrong"),
    "channels come in another order": ("DepthToSpace", _other_mode, "wrong"),
    "operands change places": ("Sub", lambda layer: replace(layer, inputs=layer.inputs[::-1]), "wrong"),
    "an attribute is forgotten": ("Elu", lambda layer: replace(layer, attributes={}), "wrong"),
    "a bias is forgotten": ("ConvTranspose", lambda layer: replace(layer, inputs=layer.inputs[:2]), "wrong"),
    "the lowering breaks": ("Softplus", _crash, "internal"),
}


def plant(monkeypatch: pytest.MonkeyPatch, operator: str, change: Callable[[Layer], Layer]) -> None:
    """From now on, the layers of an operator are lowered as other ones."""
    lower = HANDLERS[operator].lower
    planted = Handler(operator, lambda builder, layer: lower(builder, change(layer)), "planted")
    monkeypatch.setitem(HANDLERS, operator, planted)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, drawn: list[Case]) -> None:
    operator, change, kind = FAULTS[fault]
    having = [one for one in drawn if operator in operators(one.model)]

    def kind_with_fault(one: Case) -> str:
        with pytest.MonkeyPatch.context() as monkeypatch:
            plant(monkeypatch, operator, change)
            return judge(one).kind

    assert any(kind_with_fault(one) == kind and judge(one).kind == "right" for one in having[:64])


def test_a_failing_graph_is_made_small(drawn: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "Softplus", _crash)
    for one in drawn:
        if len(one.model.graph.node) > 4 and (verdict := judge(one)).why.startswith("ZeroDivisionError"):
            break
    small = shrunk(one, lambda smaller: judge(smaller).like(verdict))
    assert [node.op_type for node in small.model.graph.node] == ["Softplus"]
    assert len(small.frames) == 1
    assert "Softplus" in shown(small)
