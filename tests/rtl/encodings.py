"""A layer in the controllers in Verilog: what they are built with, what they are given, and what they say."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snc.backends.encodings.forms import Stored
from snc.backends.encodings.layer import Integers
from snc.backends.encodings.machine import Pass

RTL = Path(__file__).parents[2] / "rtl" / "encodings"


@dataclass(frozen=True, eq=False)
class Found:
    """The memory after a pass, the events' sums, words of the table read and written, then of states."""

    memory: NDArray[np.uint64]
    sums: list[int]
    counts: list[int]
    cycles: int


def widths(stored: Stored) -> dict[str, int]:
    """What a controller is built for."""
    layout = stored.layout
    return {
        "FORM": layout.form,
        "SHARED": layout.shared,
        "INDEX_BITS": layout.index_bits,
        "POINTER_BITS": max(1, layout.pointer_bits),
        "SLOT_BITS": max(1, layout.slot_bits),
        "WEIGHT_BITS": layout.weight_bits,
        "STATE_BITS": layout.state_bits,
        "LOG_STATES": layout.states_a_word.bit_length() - 1,
    }


def settings(stored: Stored, depth: int) -> list[int]:
    """What encoding_controller.sv is told of the layer."""
    at = stored.layout
    block = -(-depth // (64 // at.weight_bits))
    return [
        at.states,
        at.kernel,
        at.target_height,
        at.target_width,
        at.taps_y,
        at.taps_x,
        at.stride_y.bit_length() - 1,
        at.stride_x.bit_length() - 1,
        at.spread_y.bit_length() - 1,
        at.spread_x.bit_length() - 1,
        at.base_y,
        at.base_x,
        at.pitch,
        at.pitch * at.target_width,
        block,
        block * at.taps_x,
    ]


def hexadecimal(path: Path, numbers: list[int], bits: int) -> None:
    path.write_text("".join(f"{number % 2**bits:x}\n" for number in numbers), encoding="utf-8")


def build(folder: Path, stored: Stored, events: int) -> Path:
    """The bench for a form and a layer's widths, as a program of iverilog's."""
    program = folder / "bench.vvp"
    numbers = {**widths(stored), "WORDS": len(stored.memory), "EVENTS": events}
    flags = [f"-Pbench.{name}={number}" for name, number in numbers.items()]
    files = sorted(map(str, RTL.glob("*.sv")))
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", program, *flags, *files], check=True)
    return program


def simulate(
    folder: Path, program: Path, stored: Stored, depth: int, kind: Pass, rows: Integers, values: Integers
) -> Found:
    """One pass of the controller."""
    at = stored.layout
    positions = at.source_height * at.source_width
    places = [
        (row, row // positions, row % positions // at.source_width, row % at.source_width, value)
        for row, value in zip(rows.tolist(), values.tolist(), strict=True)
    ]
    hexadecimal(folder / "memory.memh", stored.memory.tolist(), 64)
    hexadecimal(folder / "settings.memh", settings(stored, depth), 32)
    hexadecimal(folder / "events.memh", [number for place in places for number in place], 32)
    command = ["vvp", "-n", str(program), f"+folder={folder}", f"+kind={int(kind)}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["clash"] not in lines
    (last,) = (line for line in lines if line[0] == "counts")
    after = (folder / "after.memh").read_text(encoding="utf-8").splitlines()
    memory = [int(line, 16) for line in after if not line.startswith("//")]
    sums = [int(line[1]) for line in lines if line[0] == "sum"]
    return Found(np.array(memory, dtype=np.uint64), sums, [int(each) for each in last[1:5]], int(last[-1]))
