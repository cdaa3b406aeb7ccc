"""`snc`: runs the command, and turns every way of ending into one exit code and clear words on stderr.

A command is imported when it runs, not when it is listed: `snc --help` loads no library but click.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import click
from click.exceptions import Exit, NoArgsIsHelpError

from ..ir.errors import SncError
from ..ir.version import __version__
from .start import INTERRUPTED

USAGE = 2
INTERNAL = 70  # EX_SOFTWARE of sysexits.h
BROKEN_PIPE = 141  # 128 + SIGPIPE


class LazyCommand(click.Command):
    """A command known by name and a line of help; `home` ("module:function") is imported at its call."""

    def __init__(self, name: str, home: str, line: str) -> None:
        super().__init__(name, help=line)
        self.home = home

    def load(self) -> click.Command:
        """The command itself."""
        module, _, function = self.home.partition(":")
        command = getattr(import_module(module, __package__), function)
        assert isinstance(command, click.Command), f"{self.home} is no command"
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself, which therefore is what runs and what explains itself."""
        return self.load().make_context(info_name, args, parent, **extra)


COMMANDS: tuple[LazyCommand, ...] = (
    LazyCommand("compile", ".compile:compile_command", "Compile a model into a memory image."),
    LazyCommand(
        "check", ".check:check_command", "List what of a model is supported, and every problem at once."
    ),
    LazyCommand(
        "inspect", ".inspect:inspect_command", "Show the mapping of an image: layers, cores, memory."
    ),
    LazyCommand(
        "disasm",
        ".images.disasm:disasm_command",
        "List every word of an image with address, fields and origin.",
    ),
    LazyCommand(
        "assemble",
        ".images.assemble:assemble_command",
        "Write the image of a listing of `snc disasm --whole`.",
    ),
    LazyCommand(
        "export",
        ".images.export:export_command",
        "Write each core's memory and the firing order as files, with a table for the loader.",
    ),
    LazyCommand(
        "explain",
        ".images.explain:explain_command",
        "Say what a word or a neuron is for: its node of the model, what leads to it, whom it sends to.",
    ),
    LazyCommand(
        "rtl",
        ".images.rtl:rtl_command",
        "Run an image in the chip in Verilog, and compare it with the machine in chip arithmetic.",
    ),
    LazyCommand(
        "diff",
        ".images.diff:diff_command",
        "Show what changed from one image to another: layers, cuts, cores, words, bytes.",
    ),
    LazyCommand("simulate", ".simulate:simulate_command", "Run an image on a data set, event by event."),
    LazyCommand(
        "estimate",
        ".studies.estimate:estimate_command",
        "Compare a network's forms on a stream: frames, sigma-delta, integrate-and-fire.",
    ),
    LazyCommand(
        "train",
        ".studies.train:train_command",
        "Let an image learn by its own rule, and write the trained image.",
    ),
    LazyCommand("verify", ".verify:verify_command", "Compare an image with its model in ONNX Runtime."),
    LazyCommand(
        "compare", ".compare:compare_command", "Compare the memory bill of a model with that of tables."
    ),
    LazyCommand("paper", ".paper:paper_command", "Reproduce the published memory bills of five networks."),
    LazyCommand(
        "sweep",
        ".studies.sweep:sweep_command",
        "Compile and measure every combination of models, targets and options.",
    ),
    LazyCommand(
        "tune",
        ".studies.tune:tune_command",
        "Search for weight formats that take less and keep the answers, each measured on its image.",
    ),
    LazyCommand(
        "quantise",
        ".studies.quantise:quantise_command",
        "Quantise a float model to 8-bit integers with ONNX Runtime's quantiser.",
    ),
    LazyCommand(
        "target",
        ".target:target_group",
        "List the target chips, show their limits, begin a target of one's own.",
    ),
    LazyCommand("models", ".models:models_group", "List the reference networks and write them as files."),
)


@click.group("snc", commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def snc() -> None:
    """Compile trained neural networks into memory images for event-based accelerators.

    Exit codes: 0 done, 1 a check found a difference, 2 the input or the options are at fault, 3 the model
    does not fit the chip.
    """


def main(arguments: Sequence[str] | None = None, is_interrupted: Callable[[], bool] = lambda: False) -> int:
    """The exit code of `snc` with these arguments, or the process's own. `is_interrupted`: whatever an end
    looks like, an interrupt has brought it about.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        exit_code = _run(given)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort) as interrupt:
        return _interrupted(*interrupt.args, *_notes(interrupt))
    except Exception as error:
        return _interrupted(*_notes(error)) if is_interrupted() else _failed(error, given)
    return exit_code


def _notes(end: BaseException) -> Sequence[str]:
    """What is there all the same."""
    found: Sequence[str] = getattr(end, "__notes__", ())
    return found


def _interrupted(*known: object) -> int:
    """One line, with what the interrupt itself says."""
    said = ", ".join(filter(None, map(str, known)))
    click.echo(f"snc: interrupted: {said}" if said else "snc: interrupted", err=True)
    return INTERRUPTED


def _failed(error: Exception, given: Sequence[str]) -> int:
    """The exit code of a command that did not come to its end, and why."""
    for note in _notes(error):
        click.echo(f"snc: note: {note}", err=True)
    match error:
        case NoArgsIsHelpError():
            error.show()
            return USAGE
        case click.ClickException():
            _describe(error, given, _way_out(error))
            return _complain(error.format_message() + _in_brackets(_way_out(error)), USAGE)
        case SncError():
            _describe(error, given)
            return _complain(str(error), error.exit_code)
        case BrokenPipeError():
            # Whoever read our output has left: the interpreter's last flush must not fail on it once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
    if os.environ.get("SNC_DEBUG") == "1":
        traceback.print_exception(error)
    words = " ".join(f"{type(error).__name__}: {error}".split())
    click.echo(f"snc: internal error: {words} (please report; SNC_DEBUG=1 shows the traceback)", err=True)
    return INTERNAL


def _run(arguments: list[str]) -> int:
    """Run a command to its end: 0, or what it says itself (`ctx.exit(1)`: a check found a difference)."""
    try:
        with snc.make_context("snc", arguments) as context:
            snc.invoke(context)
    except Exit as end:
        return end.exit_code
    return 0


def _complain(text: str, exit_code: int) -> int:
    """Each line of the text on stderr as an error; hands the exit code on."""
    for line in text.splitlines():
        click.echo(f"snc: error: {line}", err=True)
    return exit_code


def _describe(error: Exception, given: Sequence[str], hint: str = "") -> None:
    """The error as an object on stdout, where JSON was asked for."""
    if "--json" in given:
        from .views.errors import error_object
        from .views.show import say_json

        say_json(error_object(error, hint))


def _way_out(error: click.ClickException) -> str:
    """The command whose help explains the options."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see {context.command_path} --help" if context else ""


def _in_brackets(hint: str) -> str:
    return f" ({hint})" if hint else ""
