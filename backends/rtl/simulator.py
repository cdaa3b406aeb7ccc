"""The chip in Verilog as a program: built for a mesh, it runs an image's memories and says what happens."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...ir.errors import BadInput, Origin

Tool = Literal["verilator", "iverilog"]
PACKAGE = "words.sv"  # comes first: the modules use it
TOP = "bench"


@dataclass(frozen=True, slots=True)
class Simulator:
    """A command that runs the bench; `width` and `height` are its mesh's cores in X and Y."""

    command: tuple[str, ...]
    width: int
    height: int


def sources(rtl: Path) -> list[Path]:
    """The Verilog files in the order in which a tool takes them. Raises BadInput where they are not there."""
    if not (rtl / PACKAGE).is_file():
        rule = f"holds no {PACKAGE}: the chip in Verilog is not there"
        raise BadInput(
            Origin(file=str(rtl)), rule, hint="give --rtl the folder rtl of snc's source; no wheel has it"
        )
    return [rtl / PACKAGE, *sorted(path for path in rtl.glob("*.sv") if path.name != PACKAGE)]


def found(tool: Tool) -> str:
    """The path of a tool. Raises BadInput where it is not installed."""
    path = shutil.which(tool)
    if path is None:
        raise BadInput(
            None, f"{tool} is not installed", hint=f"on Debian and Ubuntu: apt-get install {tool} g++ make"
        )
    return path


def build(
    rtl: Path, folder: Path, mesh: tuple[int, int], core_words: int, tool: Tool = "verilator"
) -> Simulator:
    """Builds the bench in a folder. Raises BadInput where tool or sources are missing, or at fault."""
    width, height = mesh
    numbers = {"MESH_X": width, "MESH_Y": height, "CORE_WORDS": core_words}
    files = [str(path.resolve()) for path in sources(rtl)]
    if tool == "verilator":
        flags = [f"-G{name}={number}" for name, number in numbers.items()]
        options = ["--binary", "--timing", "-O3", "-CFLAGS", "-O1", "-j", "2", "--Mdir", str(folder)]
        _call([found(tool), *options, *flags, "--top-module", TOP, *files])
        return Simulator((str(folder / f"V{TOP}"),), width, height)
    program = folder / f"{TOP}.vvp"
    flags = [f"-P{TOP}.{name}={number}" for name, number in numbers.items()]
    _call([found(tool), "-g2012", "-s", TOP, "-o", str(program), *flags, *files])
    return Simulator(("vvp", "-n", str(program)), width, height)


def _call(command: list[str]) -> None:
    """Runs a tool to its end. Raises BadInput with the first error that it reports."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr + done.stdout).splitlines()
        said = next((line for line in lines if "rror" in line), f"exit code {done.returncode}")
        raise BadInput(None, f"{Path(command[0]).name} fails: {said}", hint="look at the Verilog files")


@contextmanager
def lines(
    simulator: Simulator, folder: Path, frames: int, steps: int, limit: int
) -> Iterator[Iterator[list[str]]]:
    """Runs the bench on a folder of memories: what it says, line by line, in words. Ends with the context.

    `limit`: cycles of a step, at most.
    """
    numbers = {"frames": frames, "steps": steps, "limit": limit}
    given = [f"+{name}={number}" for name, number in numbers.items()]
    command = [*simulator.command, f"+folder={folder}", *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            yield (line.split() for line in running.stdout)
        finally:
            running.kill()
