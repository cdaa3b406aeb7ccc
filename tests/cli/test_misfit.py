"""What does not fit: the obstacle is said at once, then the way out, in words or as an object with a code."""

import json
import os
from pathlib import Path

import pytest

from snc.cli.views.errors import CODES, code_of, error_object, errors_page
from snc.compiler.pipeline import driver
from snc.ir.errors import BadInput, BadTarget, DoesNotFit, ManyErrors, Origin, SncError, TargetRule

from .conftest import Run

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"
OBSTACLE = "snc: error: digits.onnx: the network takes 3 cores (1294 words), small has 2 (1200 words)\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A target that is too small for the digits."""
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\nmesh = [2, 1]\ncore_words = 600\n', encoding="utf-8")
    return path


def test_the_obstacle_comes_before_the_way_out(run: Run, digits: Path, small: Path, tmp_path: Path) -> None:
    done = run("compile", digits, "--target", small, "-o", tmp_path / "d.snc")
    assert done == (3, "", OBSTACLE + "snc: way out: a mesh of 2 x 2 holds it\n")
    assert not (tmp_path / "d.snc").exists()


def test_no_remedy_is_sought_where_none_is_wanted(
    run: Run, digits: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "remedied", None)
    done = run("compile", digits, "--target", small, "-o", tmp_path / "d.snc", "--no-remedy")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(OBSTACLE.strip())


def test_an_interrupted_search_for_a_remedy_keeps_the_obstacle(
    run: Run, digits: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "remedied", interrupted)
    done = run("compile", digits, "--target", small, "-o", tmp_path / "d.snc", "--json")
    assert done.code == 130
    assert done.err == OBSTACLE + "snc: interrupted\n"
    assert json.loads(done.out)["error"]["code"] == "SNC3001"


def test_errors_are_objects_where_json_is_asked_for(
    run: Run, digits: Path, small: Path, tmp_path: Path
) -> None:
    done = run("compile", digits, "--target", small, "-o", tmp_path / "d.snc", "--json")
    assert json.loads(done.out) == {
        "error": {
            "code": "SNC3001",
            "message": "the network takes 3 cores (1294 words), small has 2 (1200 words)",
            "file": "digits.onnx",
            "node": None,
            "hint": "a mesh of 2 x 2 holds it",
            "remedy": {"mesh": [2, 2]},
        }
    }
    missing = run("check", tmp_path / "none.onnx", "--json")
    assert (missing.code, json.loads(missing.out)["error"]["code"]) == (2, "SNC2002")
    unknown = run("check", digits, "--nope", "--json")
    assert (unknown.code, json.loads(unknown.out)["error"]["code"]) == (2, "SNC2001")
    assert json.loads(unknown.out)["error"]["hint"] == "see snc check --help"


def test_every_kind_of_error_has_a_code_and_its_digit_is_the_exit_code() -> None:
    kinds = {row.kind for row in CODES}
    assert set(SncError.__subclasses__()) - {ManyErrors} <= kinds
    assert len({row.code for row in CODES}) == len(CODES)
    assert {row.of for row in CODES if row.kind is BadTarget} == {*TargetRule}
    for row in CODES:
        assert row.code[3] == str(getattr(row.kind, "exit_code", 2) if issubclass(row.kind, SncError) else 2)
    assert code_of(DoesNotFit(None, "a", ways=[{"core_words": 9}])) == "SNC3002"
    assert code_of(DoesNotFit(None, "a")) == "SNC3000"


def test_several_errors_are_all_listed() -> None:
    found = error_object(ManyErrors([BadInput(Origin(file="a.onnx", node="n"), "b"), DoesNotFit(None, "c")]))
    assert [one["code"] for one in found["errors"]] == ["SNC2002", "SNC3000"]  # type: ignore[attr-defined]
    assert found["error"]["node"] == "n"  # type: ignore[index]


def test_the_page_of_errors_is_up_to_date() -> None:
    if os.environ.get("SNC_BLESS") == "1":
        DOCS.write_text(errors_page(), encoding="utf-8", newline="\n")
    assert DOCS.read_text(encoding="utf-8") == errors_page(), "docs/errors.md differs: make bless"
