"""What a command imports: nothing that it does not use, so that it starts at once."""

import subprocess
import sys
from pathlib import Path

import pytest

LARGE = {"numpy", "rich", "onnx", "onnxruntime", "ortools", "numba", "matplotlib", "jinja2", "PIL"}
CODE = """
import sys
from snc.cli.main import main
assert main(sys.argv[1:]) == 0
print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: object) -> set[str]:
    """The modules of a process that has run `snc` with these arguments."""
    program = [sys.executable, "-c", CODE, *map(str, arguments)]
    return set(subprocess.run(program, check=True, capture_output=True, text=True).stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_no_large_library(option: str) -> None:
    assert imported(option) & LARGE == set()


@pytest.mark.parametrize("command", ["inspect", "disasm"])
def test_what_reads_an_image_imports_no_compiler(command: str, image: Path) -> None:
    modules = imported(command, image)
    assert modules & LARGE <= {"numpy", "rich"}
    assert {"snc.compiler.pipeline.driver", "snc.compiler.frontend.read"} & modules == set()


def test_simulating_imports_the_machine_and_no_mapper(image: Path, frames: Path) -> None:
    modules = imported("simulate", image, "-i", frames, "--json")
    assert modules & LARGE <= {"numpy", "rich", "numba", "onnx"}
    assert [name for name in modules if name.startswith(("snc.passes", "snc.compiler.pipeline"))] == []


def test_compiling_for_one_core_imports_no_solver(digits: Path, tmp_path: Path) -> None:
    modules = imported("compile", digits, "-o", tmp_path / "digits.snc", "--json")
    assert modules & LARGE <= {"numpy", "rich", "onnx", "onnxruntime"}
