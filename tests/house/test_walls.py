"""Imports run one way: the contracts of pyproject.toml hold, and notice a breach."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .tree import ROOT, folders

# A line that breaks a contract, the module it is added to, and the contract that must notice.
BREACHES = [
    ("from ..compiler import __doc__", "passes/__init__.py", "one way"),
    ("from ..cli import __doc__", "compiler/__init__.py", "one way"),
    ("from ..backends import __doc__", "passes/__init__.py", "one way"),
    ("from ..passes import __doc__", "backends/__init__.py", "one way"),
    ("from ..passes import __doc__", "models/__init__.py", "one way"),
    ("from ..passes import __doc__", "ir/errors.py", "one way"),
    ("from ...passes import __doc__", "backends/machine/machine.py", "machine knows only"),
    ("from ..emit import __doc__", "backends/machine/machine.py", "machine knows only"),
    ("from ..cutting import __doc__", "passes/wiring/wire.py", "Inside passes"),
    ("from ..placing import __doc__", "passes/cutting/pack.py", "Inside passes"),
    ("from .lower import __doc__", "passes/lowering/builder.py", "Inside lowering"),
    ("from ..pipeline import __doc__", "compiler/frontend/read.py", "Inside compiler"),
    ("from ..reports import __doc__", "compiler/running/verify.py", "Inside compiler"),
    ("from ..pipeline import __doc__", "compiler/targets/kinds.py", "Inside compiler"),
    ("from ...compiler.targets import __doc__", "passes/lowering/lower.py", "knows no target"),
    ("from ..machine import __doc__", "backends/image/image.py", "Inside backends"),
    ("from ..manual import __doc__", "backends/analysis/bill.py", "Inside backends"),
    ("import onnxruntime", "backends/machine/machine.py", "machine knows only"),
    ("import onnx", "ir/errors.py", "ir reads no file"),
    ("import rich", "compiler/__init__.py", "command line"),
]


def lint_imports(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(
        [*command, "--config", str(ROOT / "pyproject.toml")],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("line", "file", "contract"), BREACHES)
def test_contracts_notice_a_breach(line: str, file: str, contract: str, tmp_path: Path) -> None:
    package = tmp_path / "snc"
    package.mkdir()
    for folder in folders():
        (package / folder).mkdir(parents=True, exist_ok=True)
        for module in (ROOT / folder).glob("*.py"):
            shutil.copy(module, package / folder)
    with (package / file).open("a") as text:
        text.write(f"\n{line}\n")
    done = lint_imports(tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [name for name in done.stdout.splitlines() if " BROKEN" in name]
    assert any(contract in name for name in broken), done.stdout
