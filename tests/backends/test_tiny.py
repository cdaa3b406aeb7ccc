"""The complete file of docs/image.md: made by hand from the page's text alone, and run by it."""

import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from snc.backends.image.container import read_image, write_image
from snc.backends.machine.machine import Machine
from snc.backends.words.words import BiasFormat
from snc.ir.network import Neuron, Update

from .by_the_manual import Chip
from .machine_toys import Toy

PAGE = (Path(__file__).parents[2] / "docs" / "image.md").read_text(encoding="utf-8")
NUMBERS = {"float16": "e", "int8": "b", "fixed8": "b"}
COUNTERS = "events", "empty events", "synaptic operations", "hops"


def part(title: str) -> str:
    """What stands below a heading."""
    return re.split(r"\n#+ ", PAGE.split(f"# {title}\n")[1])[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line[2:].split(" |")][:-1] for line in lines[2:]]


def code(table: str, name: str) -> int:
    """What stands for a name in a table of codes."""
    text = PAGE.split(f"\n| {table} | name | ")[1].split("\n\n")[0]
    return next(int(row[0]) for row in rows(f"| \n| \n| {text}") if row[1:2] == [name])


def assembled(word: str, says: str) -> int:
    """A word of the fields that the page tells of, by its table of this kind of word."""
    given = dict(fact.split("=") for fact in says.split())
    found = 0
    for where, name, values, _ in rows(part(f"{word}")):
        if not name:
            continue
        low, high = int(where.split(" to ")[0]), int(where.split(" to ")[-1])
        if values.startswith("a code of "):
            number = code(values.removeprefix("a code of "), given.pop(name))
        elif values == "float32":
            (number,) = struct.unpack("<I", struct.pack("<f", float(given.pop(name))))
        else:
            number = (int(given.pop(name)) - ("minus one" in values)) & (1 << high - low + 1) - 1
        assert number >> high - low + 1 == 0
        found |= number << low
    assert not given
    return found


def packed(says: str) -> int:
    """A word of numbers side by side."""
    kind, values = says.split(": ")
    numbers = [float(value) for value in values.split()]
    data = b"".join(struct.pack(f"<{NUMBERS[kind]}", n if kind == "float16" else int(n)) for n in numbers)
    return int.from_bytes(data, "little")


def words(where: str) -> bytes:
    """The words of a core, or of the firing order, from their fields."""
    found: list[int] = []
    for place, address, word, what, says in rows(part("The words of the tiny file")):
        if place == where:
            assert int(address) == len(found)
            found.append(packed(says) if ": " in says else assembled(what, says))
            assert f"{found[-1]:016x}" == word
    return struct.pack(f"<{len(found)}Q", *found)


def plain(kind: str) -> bytes:
    text = part("The JSON sections of the tiny file").split(f"`{kind}`:\n\n")[1].split("\n\n")[0]
    return "".join(line.strip() for line in text.splitlines()).encode()


def by_hand() -> bytes:
    """The file, as section 1 says it is made."""
    places = re.findall(r"[Cc]ore (\d) stands at \((\d), (\d)\)|core (\d) at \((\d), (\d)\)", PAGE)
    payloads = [(kind, 0, plain(kind)) for kind in ("TARG", "INFO", "TENS")]
    payloads.append(("ORDR", 0, words("ORDR")))
    for place in places:
        core, x, y = (int(number) for number in place if number)
        held = words(f"core {core}")
        payloads.append(("CORE", core, struct.pack("<HHI", x, y, len(held) // 8) + held))
    head, at, data = struct.pack("<8sII", b"SNCIMAGE", 3, len(payloads)), 16 + 32 * len(payloads) + 4, b""
    for kind, index, payload in payloads:
        data += bytes(-at % 8) + payload
        at += -at % 8
        head += struct.pack("<4sIQQII", kind.encode(), index, at, len(payload), zlib.crc32(payload), 0)
        at += len(payload)
    return head + struct.pack("<I", zlib.crc32(head)) + data


def on_the_page() -> bytes:
    lines = [
        line.split("  ", 3)[2:] for line in part("The bytes of the tiny file").splitlines() if "  " in line
    ]
    assert [int(at, 16) for at, _ in lines] == [32 * number for number in range(len(lines))]
    return bytes.fromhex("".join(text for _, text in lines))


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    found = re.search(r"Of x = ([-0-9. ]+), in row-major", PAGE)
    assert found
    return np.array([float(n) for n in found[1].split()], np.float32).reshape(1, 2, 1, 4)


def half(text: str) -> float:
    return float(np.array(int(text, 16), np.uint16).view(np.float16))


def test_the_tiny_file_is_made_by_hand_bit_for_bit() -> None:
    assert by_hand() == on_the_page()
    assert write_image(read_image(on_the_page())) == on_the_page()
    assert json.loads(plain("TARG"))["name"] == "tiny"


def test_events_states_outputs_and_counters_are_those_of_the_page() -> None:
    text = part("A frame of the tiny file")
    tables = text.split("\n\n| ")[1:]
    populations = {"x": (0, 1), "a": (1, 1), "b": (0, 2)}
    chip, single = Chip(on_the_page(), "chip"), Chip(on_the_page())
    machine = Machine(read_image(on_the_page()), "chip")
    outputs, plain_outputs = chip.run({"x": picture()}), single.run({"x": picture()})
    run = machine.run({"x": picture()})
    told = [
        (populations[name], tuple(json.loads(f"[{neuron[1:-1]}]")), half(value), *map(int, wire))
        for name, neuron, value, *wire in rows(f"| {tables[0]}")
    ]
    assert told == chip.events
    assert len(told) == 8
    found = rows(f"| {tables[1]}")
    assert len(found) == 6
    for name, neuron, state, output, wide in found:
        c, y, x = json.loads(f"[{neuron[1:-1]}]")
        core, address = populations[name]
        held = chip.cores[core].states[chip.population(core, address).slot((c, y, x))]
        assert half(state) == held == machine.states(core, address)[0][c, y, x]
        assert half(output) == outputs[name][0, c, y, x] == run.outputs[name][0, c, y, x]
        assert np.float32(wide) == plain_outputs[name][0, c, y, x]
    for counter in COUNTERS:
        counted = chip.counted(counter.replace(" ", "_"))
        assert counted == getattr(run.counters.total, counter.replace(" ", "_"))
        assert f"{counter} {counted}" in text


@pytest.mark.parametrize("update", Update)
def test_the_machine_computes_the_vectors(update: Update) -> None:
    chosen = [row for row in rows(part("Vectors of the chip's arithmetic")) if row[1] == update.name]
    count = len(chosen)
    assert count > 1
    states, values, want = (np.array([half(row[i]) for row in chosen], np.float32) for i in (0, 3, 4))
    weights = np.array([float(row[2]) for row in chosen], np.float32)
    toy = Toy()
    source = toy.input("x", (count, 1, 1))
    target = toy.population(
        (count, 1, 1), neuron=Neuron.STANDARD, bias=states, bias_format=BiasFormat.FLOAT32
    )
    toy.join(source, target, weights.reshape(-1, 1, 1, 1), first=range(count), update=update)
    image, frame = toy.output("y", target).image(), {"x": values.reshape(1, -1, 1, 1)}
    np.testing.assert_array_equal(Machine(image, "chip").run(frame).outputs["y"].ravel(), want)
    np.testing.assert_array_equal(Chip(write_image(image), "chip").run(frame)["y"].ravel(), want)


def test_some_vectors_tell_one_rounding_from_two() -> None:
    told = [row for row in rows(part("Vectors of the chip's arithmetic")) if row[5]]
    assert told
    assert all(row[5] != row[4] for row in told)
