"""Benchmarks are scripts that nothing else runs: each at least finds what it imports, and explains itself."""

import subprocess
import sys

import pytest

from .tree import ROOT, files

SCRIPTS = [
    name for name in files() if name.startswith("benchmarks/") and "__main__" in (ROOT / name).read_text()
]


def test_there_are_benchmarks() -> None:
    assert "benchmarks/simulate.py" in SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_explains_itself(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / name), "--help"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert name in done.stdout
