"""`import snc` and `snc --help` are light, the public names exist, and the version stands in one place."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import snc

from .tree import ROOT, files

HEAVY = {"llvmlite", "numba", "numpy", "onnx", "onnxruntime", "ortools", "PIL", "rich"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after the code."""
    script = f"{code}\nimport sys\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "code",
    [
        "import snc",
        "import snc; snc.SncError",
        "from snc.cli.main import main; assert main(['--help']) == 0",
        "from snc.cli.main import main; assert main(['--version']) == 0",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    loaded = loaded_by(code)
    assert "snc" in loaded
    assert not HEAVY & loaded


def test_public_names_exist() -> None:
    for name in snc.__all__:
        assert getattr(snc, name) is not None
    assert dir(snc) == sorted(snc.__all__)


def test_unknown_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(snc, "nonsense")  # noqa: B009 (mypy knows that there is none)


def test_version_is_one_fact() -> None:
    assert version("snc") == snc.__version__
    sources = [name for name in files() if name.endswith((".py", ".toml", "Makefile", ".yml", ".cfg"))]
    holders = [
        name for name in sources if f'"{snc.__version__}"' in (ROOT / name).read_text(encoding="utf-8")
    ]
    assert holders == ["ir/version.py"]
