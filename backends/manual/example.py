"""The fifth part of docs/image.md: a tiny file, word by word and byte by byte, a frame of it, and vectors."""

import re
from collections.abc import Iterable, Iterator

import numpy as np

from ..image.container import HEAD, ROW, write_image
from ..machine.counters import Tally
from ..machine.machine import Arithmetic, Machine
from ..machine.values import rounded
from ..words.bits import Word
from ..words.text import fields_text
from .tiny import CORES, PICTURE, STEPS, Numbers, events, tiny_image
from .vectors import VECTORS, half

EVENT_HEAD = "from", "neuron (c, y, x)", "value", "to core", "port", "x_min", "y_min", "channel"

EXAMPLE = """\
## 5. A complete file

Two cores, one beside the other. The input x has two channels of one row of four. Each goes to a channel
of its own of the output a, through a kernel of width 3 and stride 2, with one neuron of padding to the
left: the table is strided, and the second channel's weights begin at an odd byte. Of a's channels, the
output b takes the first, times -1.5; events of the second meet a `NULL` kernel. The tables of this
section are made from the file, and suffice to make it: all that is not written here is zero, or follows
from section 1.

### The words of the tiny file

What stands at an address, and its fields or numbers, by the names of section 2:

$tiny_words

Core 0 stands at (0, 0), core 1 at (1, 0).

### The JSON sections of the tiny file

Broken into lines for this page: neither the breaks nor the blanks before a line are part of them.

$tiny_plain

### The bytes of the tiny file

In hexadecimal, 32 in a line, behind the offset of the first:

$tiny_bytes

### A frame of the tiny file

Of x = $tiny_picture, in row-major order, in chip mode. The events, in their order:

$tiny_events

What the states hold in the end, which are the words of one population each, and the outputs; the last
column has the outputs in float32 mode:

$tiny_outputs

The counters of the frame, in either mode: $tiny_counters.

### Vectors of the chip's arithmetic

One update each. Numbers in hexadecimal are the bits of float16; the weight is a float32. The last column
has what another rounding, to float32 first, would give, where it differs.

$vectors
"""


def example() -> dict[str, str]:
    """What stands in `EXAMPLE`."""
    data = write_image(tiny_image())
    chip, plain = _run("chip"), _run("float32")
    assert chip[1] == plain[1]
    return {
        "tiny_words": _table(("where", "address", "word", "what", "says"), _word_rows()),
        "tiny_plain": "\n\n".join(_plain(data)),
        "tiny_bytes": "\n".join(
            f"    {at:04x}  {data[at : at + 32].hex(' ')}" for at in range(0, len(data), 32)
        ),
        "tiny_picture": " ".join(str(value) for value in PICTURE.ravel()),
        "tiny_events": _table(EVENT_HEAD, _event_rows()),
        "tiny_outputs": _table(
            ("population", "neuron (c, y, x)", "state", "output", "in float32 mode"),
            ((*a, b[-1]) for a, b in zip(chip[0], plain[0], strict=True)),
        ),
        "tiny_counters": _counters(chip[1]),
        "vectors": _table(("state", "update", "weight", "value", "new state", "twice"), VECTORS),
    }


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [tuple(head)]
    lines += [("---",) * len(lines[0]), *(tuple(str(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _word_rows() -> Iterator[tuple[object, ...]]:
    for core, parts in enumerate(CORES):
        for at, part in enumerate(parts):
            word, what, says = _said(part)
            yield f"core {core}", at, word, what, says
    for at, step in enumerate(STEPS):
        yield "`ORDR`", at, *_said(step)


def _said(part: Word | Numbers) -> tuple[str, str, str]:
    if isinstance(part, Word):
        return f"{part.encode():016x}", type(part).__name__, fields_text(part)
    (word,) = part.words.tolist()
    return f"{word:016x}", part.title, f"{part.format}: {' '.join(f'{value:g}' for value in part.values)}"


def _plain(data: bytes) -> Iterator[str]:
    """The JSON sections, in lines."""
    _, _, count = HEAD.unpack_from(data)
    for number in range(count):
        kind, _, offset, length, _, _ = ROW.unpack_from(data, HEAD.size + ROW.size * number)
        if kind in (b"TARG", b"INFO", b"TENS"):
            text = data[offset : offset + length].decode()
            lines = [""]
            for part in re.findall(r"[^,]*,?", text):  # broken behind commas: there are none in strings
                lines += [part] if len(lines[-1] + part) > 100 else [lines.pop() + part]
            yield f"`{kind.decode()}`:\n\n" + "\n".join(f"    {line}" for line in lines)


def _run(arithmetic: Arithmetic) -> tuple[list[tuple[str, str, str, str]], Tally]:
    """Populations, neurons, states and values of the outputs after a frame, and its counters."""
    machine = Machine(tiny_image(), arithmetic)
    run = machine.run({"x": PICTURE})
    show = half if arithmetic == "chip" else lambda value: str(np.float32(value))
    rows = []
    for name, core, address in (("a", 1, 1), ("b", 0, 2)):
        (states,) = machine.states(core, address)
        for neuron, state in np.ndenumerate(states):
            rows.append(
                (f"{name}", str(neuron), show(float(state)), show(float(run.outputs[name][0][neuron])))
            )
    return rows, run.counters.total


def _event_rows() -> Iterator[tuple[object, ...]]:
    run = Machine(tiny_image(), "chip").run({"x": PICTURE})
    values = {(0, 1): rounded(PICTURE[0]), (1, 1): run.outputs["a"][0], (0, 2): run.outputs["b"][0]}
    names = {(0, 1): "x", (1, 1): "a"}
    for event in events(tiny_image(), values):
        target = event.core, event.port, event.x_min, event.y_min, event.channel
        yield names[event.source], event.neuron, half(event.value), *target


def _counters(tally: Tally) -> str:
    found = {
        "events": tally.events,
        "empty events": tally.empty_events,
        "synaptic operations": tally.synaptic_operations,
        "hops": tally.hops,
    }
    return ", ".join(f"{name} {count}" for name, count in found.items())
