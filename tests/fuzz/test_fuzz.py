"""A short run of each fuzz target; `make fuzz N=100000` is the long one."""

import pytest

from .harness import fuzz

SECONDS = 20.0


@pytest.mark.parametrize("target", ["model", "image"])
def test_damaged_files_end_in_one_error(target: str) -> None:
    found = fuzz(target, seed=1, count=100_000, seconds=SECONDS)
    assert found.cases
    assert not found.failures, found.failures[0].what
