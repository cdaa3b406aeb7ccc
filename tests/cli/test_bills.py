"""`snc compare` and `snc paper`."""

import json
from pathlib import Path

import pytest

from snc.models.catalogue import build

from .conftest import Run

TECHNIQUES = ("paper_rules", "snc", "lut", "hier_lut")
BYTES = ("neurons_bytes", "connectivity_bytes", "parameters_bytes", "biases_bytes", "total_bytes")


@pytest.fixture(scope="module")
def pilotnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bills") / "pilotnet.onnx"
    path.write_bytes(build("pilotnet").SerializeToString(deterministic=True))
    return path


def test_compare_has_every_bill(run: Run, pilotnet: Path) -> None:
    found = json.loads(run("compare", pilotnet, "--json").out)
    for technique in TECHNIQUES:
        *parts, total = (found[technique][key] for key in BYTES)
        assert sum(parts) == total
        assert sum(layer[technique]["total_bytes"] for layer in found["layers"]) == total
    assert found["synapses"] == 26_876_342
    assert found["cores"]["available"] == 144


def test_compare_shows_layers_and_techniques(run: Run, pilotnet: Path) -> None:
    done = run("compare", pilotnet)
    assert (done.code, done.err) == (0, "")
    for word in (
        "conv5",
        "dense1",
        "hierarchical LUT",
        "paper's rules",
        "snc's image",
        "26,876,342 synapses",
    ):
        assert word in done.out


def test_layers_have_bars_where_there_is_room(
    run: Run, pilotnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    wide = run("compare", pilotnet).out
    lines = {line.split()[0]: line for line in wide.splitlines() if line.strip()}
    assert "#" * 20 in lines["conv1"]
    assert "=" * 20 in lines["dense1"]
    assert "bars: # neurons, + connectivity, = parameters, : biases" in wide
    monkeypatch.setenv("COLUMNS", "60")
    assert "bars: #" not in run("compare", pilotnet).out


def test_widths_are_options(run: Run, pilotnet: Path) -> None:
    wide = json.loads(run("compare", pilotnet, "--json", "--tag-bits", "16", "--weight-bits", "16").out)
    assert wide["hier_lut"]["parameters_bytes"] == 2 * wide["synapses"]
    assert wide["widths"]["tag"] == 16


def test_paper_has_the_contract_s_keys(run: Run) -> None:
    found = json.loads(run("paper", "pilotnet", "--json").out)["networks"]["PilotNet"]
    for technique in TECHNIQUES:
        assert set(BYTES) == set(found[technique])
    assert set(found["cores"]) >= {"paper_rules", "snc"}
    assert found["published"]["this_work"]["total"]["text"] == "0.45 MB"


def test_paper_shows_ours_the_paper_s_and_the_deviation(run: Run) -> None:
    done = run("paper", "PilotNet", "--no-image")
    assert (done.code, done.err) == (0, "")
    for word in ("48.46 MB", "off by", "166", "table and text disagree"):
        assert word in done.out


def test_paper_knows_its_networks(run: Run) -> None:
    done = run("paper", "alexnet")
    assert done.code == 2
    assert "no network of the paper: PilotNet" in done.err
