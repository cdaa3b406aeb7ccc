"""The wheel holds the packages and their declared data, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import snc

from .tree import ROOT, files, folders, pyproject

NOT_SHIPPED = {"benchmarks", "docs", "examples", "tests", "tools"}


def expected() -> set[str]:
    data = pyproject()["tool"]["setuptools"]["package-data"]
    shipped = set()
    for name in files():
        path = Path(name)
        if str(path.parent) in folders():
            package = ".".join(("snc", *path.parent.parts))
            if any(fnmatch(path.name, pattern) for pattern in ["*.py", *data.get(package, [])]):
                shipped.add(f"snc/{name}")
    return shipped


def test_wheel_holds_what_git_lists(tmp_path: Path) -> None:
    for folder in {name.split("/")[0] for name in folders()} - {"."}:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    info = f"snc-{snc.__version__}.dist-info"
    metadata = {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")
    }
    assert set(zipfile.ZipFile(wheel).namelist()) == expected() | metadata | {f"{info}/licenses/LICENSE"}


def test_data_of_every_pattern_is_declared_where_it_lies() -> None:
    shipped = expected()
    left_out = [
        name
        for name in files()
        if str(Path(name).parent) in folders() - {"."} and f"snc/{name}" not in shipped
    ]
    assert left_out == []


def test_every_package_is_listed() -> None:
    with_init = {str(Path(name).parent) for name in files() if name.endswith("__init__.py")}
    assert with_init - NOT_SHIPPED == folders()
    assert all(folder.count("/") <= 2 for folder in folders()), "folders stay at most three levels deep"


def test_code_stands_in_a_package_or_is_no_part_of_the_product() -> None:
    places = {Path(name).parts[0] for name in files() if name.endswith(".py") and "/" in name}
    assert places <= folders() | NOT_SHIPPED


def test_the_root_holds_two_modules() -> None:
    assert {name for name in files() if name.endswith(".py") and "/" not in name} == {
        "__init__.py",
        "__main__.py",
    }
