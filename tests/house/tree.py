"""The checkout as these tests see it: what git tracks, or would on `git add`."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def pyproject() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files() -> list[str]:
    """Every file of the project, ignored ones left out, as paths from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).exists()})


def folders() -> set[str]:
    """The folders that are packages, the root as "."."""
    names = pyproject()["tool"]["setuptools"]["packages"]
    return {"/".join(name.split(".")[1:]) or "." for name in names}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """The modules that ship, parsed."""
    for name in files():
        if name.endswith(".py") and str(Path(name).parent) in folders():
            yield name, ast.parse((ROOT / name).read_text(encoding="utf-8"), name)
