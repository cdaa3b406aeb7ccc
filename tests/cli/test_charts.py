"""Charts and tables of reports as files, estimates in the terminal, and what is said where a file fails."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from snc.compiler.running import outputs
from snc.ir.errors import BadInput, Origin

from .conftest import Run


def test_charts_are_drawings_and_tables_by_themselves(
    run: Run, image: Path, frames: Path, tmp_path: Path
) -> None:
    done = run("simulate", image, "-i", frames, "--labels", "label", "--charts", tmp_path / "c", "--json")
    assert done.code == 0
    counted = json.loads(done.out)["per_layer"]
    drawings = sorted((tmp_path / "c").glob("*.svg"))
    assert [path.stem for path in drawings] == [
        "activation-sparsity",
        "energy-of-each-frame",
        "energy-of-each-layer-in-a-frame",
        "events-of-each-frame",
        "operations-of-each-frame",
        "synaptic-operations-of-each-layer",
        "synaptic-operations-on-the-mesh",
        "traffic-on-the-mesh",
    ]
    for path in drawings:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(--" not in path.read_text(encoding="utf-8")
    energy = (tmp_path / "c" / "energy-of-each-layer-in-a-frame.svg").read_text(encoding="utf-8")
    assert all(f">{label}</text>" in energy for label in ("operations", "events", "hops"))
    with (tmp_path / "c" / "what-each-layer-did.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["layer"], int(row["events"])) for row in rows] == [
        (la["name"], la["events"]) for la in counted
    ]


def test_charts_of_an_image(run: Run, digits: Path, tmp_path: Path) -> None:
    assert run("compile", digits, "-o", tmp_path / "d.snc", "--charts", tmp_path / "c").code == 0
    names = {path.name for path in (tmp_path / "c").iterdir()}
    assert {"memory-of-each-layer.svg", "bytes-and-cuts-of-each-layer.csv"} <= names


def test_charts_of_bills_and_sweeps(run: Run, digits: Path, tmp_path: Path) -> None:
    """Whatever has a page has its charts and tables as files, too."""
    spec = tmp_path / "sweep.toml"
    spec.write_text(f'models = ["{digits}"]\n[options]\nweights = ["fixed8", "fixed2"]\n', encoding="utf-8")
    for name, command in (
        ("bill", ("compare", digits)),
        ("paper", ("paper", "pilotnet", "--no-image")),
        ("sweep", ("sweep", spec)),
    ):
        done = run(*command, "--charts", tmp_path / name, "--json")
        assert done.code == 0, done.err
        written = sorted((tmp_path / name).iterdir())
        assert {path.suffix for path in written} == {".svg", ".csv"}
        for path in written:
            if path.suffix == ".svg":
                assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            else:
                with path.open(encoding="utf-8", newline="") as file:
                    assert len(list(csv.reader(file))) > 1, path


def test_estimates_and_accuracy_are_shown(run: Run, image: Path, frames: Path, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    done = run("simulate", image, "-i", frames, "--labels", "label", "--report", page)
    assert "uJ a frame, estimated from the target's costs" in done.out
    assert "us a frame, estimated" in done.out
    assert "100.00 % of the frames" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--report", "--reference"])
def test_a_file_that_fails_does_not_take_the_image_with_it(
    option: str, run: Run, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, other = tmp_path / "d.snc", tmp_path / ("r.json" if option == "--report" else "r.onnx")

    def full(path: Path, _: object) -> None:
        raise BadInput(Origin(file=path.name), "cannot be written: No space left on device")

    monkeypatch.setattr(outputs, "save_text", full)
    monkeypatch.setattr("snc.backends.image.container.write_whole", full)
    monkeypatch.setattr("snc.compiler.running.images.save_any", lambda path, _: path.write_bytes(b"image"))
    done = run("compile", digits, "-o", image, option, other)
    assert (done.code, image.exists()) == (2, True)
    assert done.err == (
        f"snc: note: {image} is written\n"
        f"snc: error: {other.name}: cannot be written: No space left on device\n"
    )
