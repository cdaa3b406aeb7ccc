"""A short run of each fuzz target; `make fuzz N=100000` is the long one."""

import sys
from pathlib import Path

import pytest

from .harness import fuzz

ROOT = Path(__file__).parents[2]

SECONDS = 12.0


@pytest.mark.parametrize("target", ["model", "image"])
def test_damaged_files_end_in_one_error(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])  # where the child finds these modules
    found = fuzz(target, seed=1, count=100_000, seconds=SECONDS)
    assert found.cases
    assert not found.failures, found.failures[0].what
