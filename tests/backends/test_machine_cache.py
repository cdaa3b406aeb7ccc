"""Compiled code is kept where caches belong; the machine runs where nothing can be written, or compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snc.ir.compiled import cache_folder, compilations, config, edition, kept

TESTS = Path(__file__).parent


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No cache folder is named; home and temporary files are in a folder of the test's own."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def unwritable(path: Path) -> str:
    """A home in which nothing can be made, by root either: a file stands in its place."""
    path.touch()
    return str(path)


def test_the_users_caches(unset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder("edition") == unset / "home/.cache/snc/numba" / "edition"
    monkeypatch.setenv("XDG_CACHE_HOME", str(unset / "caches"))
    assert cache_folder("edition") == unset / "caches/snc/numba" / "edition"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("edition") == unset / "home/.cache/snc/numba" / "edition"


def test_the_users_word_for_numba(unset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(unset / "mine"))
    assert cache_folder("edition") == unset / "mine" / "edition"


def test_a_private_folder(unset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", unwritable(unset / "home"))
    folder = cache_folder("edition")
    assert folder is not None
    assert folder.parent.parent == unset
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", ["open", "link", "file"])
def test_a_folder_that_others_may_write_is_not_used(
    unset: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("HOME", unwritable(unset / "home"))
    folder = cache_folder("edition")
    assert folder is not None
    private = folder.parent
    folder.rmdir()
    if how == "open":
        private.chmod(0o777)
    else:
        private.rmdir()
        (unset / "elsewhere").mkdir(mode=0o700)
        private.symlink_to(unset / "elsewhere") if how == "link" else private.touch()
    assert cache_folder("edition") is None


def test_no_folder_at_all(unset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setenv("HOME", unwritable(unset / "home"))
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    assert cache_folder("edition") is None
    assert kept()(successor)(1) == 2


def successor(number: int) -> int:
    return number + 1


def test_numba_is_not_told_of_our_folder(unset: Path) -> None:
    assert kept()(successor)(1) == 2
    assert config.CACHE_DIR == ""
    assert list((unset / "home/.cache/snc/numba").glob("*/*/*.nbi"))


def test_an_edition_is_the_code_beside_a_function_and_what_it_reads(tmp_path: Path) -> None:
    code, constants, other = tmp_path / "here/code.py", tmp_path / "constants.py", tmp_path / "other.py"
    code.parent.mkdir()
    for path in (code, constants, other):
        path.write_text("one = 1\n")
    first = edition(code.parent, constants)
    other.write_text("one = 2\n")
    assert edition(code.parent, constants) == first
    for path in (code, constants):
        path.write_text("one = 2\n")
        assert edition(code.parent, constants) != first
        path.write_text("one = 1\n")
    assert edition(code.parent, constants) == first


def test_a_damaged_cache_is_passed_by(unset: Path) -> None:
    kept()(successor)(1)
    for index in (unset / "home").rglob("*.nbi"):
        index.write_bytes(b"no index")
    again = kept()(successor)
    assert again(1) == 2
    assert again(2) == 3


def run_apart(*choice: str, **environment: str) -> str:
    """What pytest says of tests of the machine, run by another Python with these settings and no others."""
    kept_settings = {
        name: value
        for name, value in os.environ.items()
        if name != "XDG_CACHE_HOME" and not name.startswith(("NUMBA_", "PYTEST_", "COV_"))
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "test_machine.py")]
    done = subprocess.run(
        [*command, *choice],
        env=kept_settings | environment,
        capture_output=True,
        text=True,
        cwd=TESTS.parents[1],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_compiled() -> None:
    """Coverage sees no compiled lines, and Python checks the indices that compiled code does not."""
    assert " passed" in run_apart(NUMBA_DISABLE_JIT="1")


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    home, temporary = unwritable(tmp_path / "home"), tmp_path / "temporary"
    temporary.mkdir()
    said = run_apart("-k", "test_the_toy_of_two_cores", HOME=home, TMPDIR=str(temporary))
    assert "1 passed" in said
    assert list(temporary.glob("snc-numba-*/*/*/*.nbc"))


def test_what_is_compiled_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that holds the function says nothing: the second decoration finds what the first one stored."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    told: list[str] = []

    def double(number: float) -> float:
        return number + number

    with compilations(lambda: told.append("compiles")):
        assert kept()(double)(2) == 4
        assert told == ["compiles"]
        assert kept()(double)(3) == 6
    assert kept()(double)(0.5) == 1.0
    assert told == ["compiles"]
