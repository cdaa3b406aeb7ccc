"""`snc` itself: lazily loaded commands, and one exit code and clear words for every way of ending."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import snc
from snc.cli import main as cli
from snc.ir.errors import BadInput, DoesNotFit, ManyErrors, Origin

ENDS: dict[str, Exception | type[BaseException]] = {
    "input": BadInput(Origin("a.onnx"), "is empty", "export it again"),
    "many": ManyErrors([BadInput(None, "one"), DoesNotFit(None, "two")]),
    "bug": ValueError("lost\nmy way"),
    "interrupt": KeyboardInterrupt,
    "difference": click.exceptions.Exit(1),
    "file": click.FileError("a.onnx", "is a folder"),
}


@click.command()
@click.argument("end", required=False)
@click.option("--size", type=int)
def dummy(end: str | None, size: int | None) -> None:
    """Ends as its argument says."""
    if end:
        raise ENDS[end]
    click.echo(f"size {size}")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`snc dummy`, registered as every command is."""
    monkeypatch.setitem(sys.modules, "snc.cli.dummy", sys.modules[__name__])
    cli.snc.add_command(cli.LazyCommand("dummy", ".dummy:dummy", "Ends as its argument says."))
    yield
    del cli.snc.commands["dummy"]


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        ("dummy --size 3", 0, "size 3\n", ""),
        ("dummy input", 2, "", "snc: error: a.onnx: is empty (export it again)\n"),
        ("dummy many", 3, "", "snc: error: one\nsnc: error: two\n"),
        ("dummy difference", 1, "", ""),
        ("dummy interrupt", 130, "", "snc: interrupted\n"),
        (
            "dummy bug",
            70,
            "",
            "snc: internal error: ValueError: lost my way (please report; SNC_DEBUG=1 shows the traceback)\n",
        ),
        ("dummy file", 2, "", "snc: error: Could not open file 'a.onnx': is a folder\n"),
        (
            "dummy --size x",
            2,
            "",
            "snc: error: Invalid value for '--size': 'x' is not a valid integer. (see snc dummy --help)\n",
        ),
        ("--nonsense", 2, "", "snc: error: No such option '--nonsense'. (see snc --help)\n"),
    ],
)
def test_every_end_has_its_code_and_words(
    arguments: str, code: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments.split()) == code
    assert capsys.readouterr() == (out, err)


@pytest.mark.usefixtures("command")
def test_help_of_a_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dummy", "--help"]) == 0
    assert "--size INTEGER" in capsys.readouterr().out


def test_help_imports_no_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    absent = cli.LazyCommand("absent", ".absent:absent", "Is imported by nobody.")
    monkeypatch.setitem(cli.snc.commands, "absent", absent)
    assert cli.main(["--help"]) == 0
    assert "absent    Is imported by nobody." in capsys.readouterr().out
    assert cli.main(["absent"]) == cli.INTERNAL


def test_the_table_says_what_each_command_says_of_itself() -> None:
    for row in cli.COMMANDS:
        loaded = row.load()
        assert loaded.name == row.name
        assert loaded.get_short_help_str(limit=200) == row.get_short_help_str(limit=200)


@pytest.mark.usefixtures("command")
def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNC_DEBUG", "1")
    assert cli.main(["dummy", "bug"]) == cli.INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_without_arguments_the_help_is_shown_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("Usage: snc")


@pytest.mark.parametrize("program", [["snc"], [sys.executable, "-m", "snc"]])
def test_the_installed_command_knows_its_version(program: list[str]) -> None:
    program = [program[0] if "/" in program[0] else f"{sys.exec_prefix}/bin/{program[0]}", *program[1:]]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"snc {snc.__version__}\n", "")


def test_a_reader_that_leaves_is_no_error() -> None:
    code = "import sys; from snc.cli.main import main; sys.exit(main(['--help']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (cli.BROKEN_PIPE, b"")
