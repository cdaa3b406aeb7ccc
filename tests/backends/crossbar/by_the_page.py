"""A decoder and a simulator of images for crossbars, written from section 7 of docs/image.md alone.

Where fields lie is read from the tables of that page; what neuron types and activation functions do is
`by_the_manual`'s, which is written from the same page.
"""

import json
import math
import re
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..by_the_manual import ACTIVATIONS, EXACT, NEURONS, f32

PAGE = (Path(__file__).parents[3] / "docs" / "image.md").read_text(encoding="utf-8")
IDENTITY, RELU = 0, 1
LASTING = {2, 3, 4, 5, 8, 9, 10}  # neuron types whose states last, by the table of neuron types


def part(title: str) -> str:
    """What stands below a heading."""
    return re.split(r"\n#+ ", PAGE.split(f"# {title}\n")[1])[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line[2:].split(" |")][:-1] for line in lines[2:]]


def single(bits: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", bits))[0])


def fields(kind: str, word: int) -> dict[str, Any]:
    """The fields of a word of a kind, as the page's table of it says."""
    found: dict[str, Any] = {}
    for where, name, values, _ in rows(part(kind)):
        low, high = int(where.split(" to ")[0]), int(where.split(" to ")[-1])
        raw = word >> low & (1 << high - low + 1) - 1
        if not name:
            assert raw == 0, "a reserved bit"
        else:
            found[name] = single(raw) if values == "float32" else raw
    return found


class Chip:
    """An image, decoded, with its rows and states."""

    def __init__(self, data: bytes) -> None:
        magic, version, count = struct.unpack_from("<8sII", data)
        assert magic.decode() == re.search(r"The magic is `(\w+)`", PAGE)[1]  # type: ignore[index]
        assert version == 2
        sections: dict[tuple[str, int], bytes] = {}
        for number in range(count):
            kind, index, at, length, checksum, _ = struct.unpack_from("<4sIQQII", data, 16 + 32 * number)
            payload = data[at : at + length]
            assert zlib.crc32(payload) == checksum
            sections[kind.decode(), index] = payload
        self.target = json.loads(sections["TARG", 0])
        self.tensors = json.loads(sections["TENS", 0])
        self.rules: list[tuple[int, int, float, list[float]]] = []
        words = iter(self._words(sections["RULE", 0]))
        for word in words:
            rule = fields("Rule", word)
            numbers = [fields("Number", next(words))["value"] for _ in range(rule["numbers"])]
            self.rules.append((rule["neuron"], rule["activation"], rule["scale"], numbers))
        self.sites = [fields("Site", word) for word in self._words(sections["SITE", 0])]
        self.cells: list[list[list[float]]] = []  # of each crossbar, row, column
        self.columns: list[list[dict[str, Any]]] = []
        self.routes: list[list[dict[str, Any]]] = []
        self.at: dict[tuple[int, int], int] = {}
        while payload := sections.get(("XBAR", len(self.cells)), b""):
            self._crossbar(payload)
        self.numbers = [[0.0] * len(cells) for cells in self.cells]
        self.values: dict[tuple[int, int], float] = {}
        self.states: dict[tuple[int, int], list[Any]] = {}

    @staticmethod
    def _words(payload: bytes) -> list[int]:
        return [word for (word,) in struct.iter_unpack("<Q", payload)]

    def _crossbar(self, payload: bytes) -> None:
        x, y, count = struct.unpack_from("<HHI", payload)
        words = self._words(payload[8:])
        assert len(words) == count
        head = fields("Head", words[0])
        columns, routes = 1 + head["columns"], 1 + head["columns"] + head["routes"]
        halves = [single(half) for word in words[routes:] for half in (word & 0xFFFFFFFF, word >> 32)]
        width = head["columns"]
        self.at[x, y] = len(self.cells)
        self.cells.append([halves[row * width : (row + 1) * width] for row in range(head["rows"])])
        self.columns.append([fields("Column", word) for word in words[1:columns]])
        self.routes.append([fields("Route", word) for word in words[columns:routes]])

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The next frame: tensors by their names."""
        for site in self.sites:
            tensor = self.tensors[site["tensor"]]
            if tensor["kind"] == "input":
                element = np.asarray(inputs[tensor["name"]]).ravel()[site["element"]]
                self.numbers[site["crossbar"]][site["line"]] = float(f32(element))
        for step in sorted({one["step"] for columns in self.columns for one in columns}):
            fired = [
                (crossbar, column)
                for crossbar, columns in enumerate(self.columns)
                for column, one in enumerate(columns)
                if one["step"] == step
            ]
            for place in fired:
                self.values[place] = self._value(*place)
            for crossbar, column in fired:
                for route in self.routes[crossbar]:
                    if route["column"] == column:
                        target = self.at[route["x"], route["y"]]
                        self.numbers[target][route["row"]] = self.values[crossbar, column]
        found = {}
        for number, tensor in enumerate(self.tensors):
            if tensor["kind"] != "input":
                flat = np.zeros(math.prod(tensor["shape"]), np.float32)
                for site in self.sites:
                    if site["tensor"] == number:
                        flat[site["element"]] = self.values[site["crossbar"], site["line"]]
                found[tensor["name"]] = flat.reshape(tensor["shape"])
        return found

    def _value(self, crossbar: int, column: int) -> float:
        one = self.columns[crossbar][column]
        cells = self.cells[crossbar]
        total = sum(
            (number * row[column] for number, row in zip(self.numbers[crossbar], cells, strict=True)), 0.0
        )
        neuron, activation, scale, numbers = self.rules[one["rule"]]
        if neuron not in LASTING and activation in (IDENTITY, RELU):
            state: float = scale * (one["bias"] + total)
            return max(state, 0.0) if activation == RELU else state
        count, own, rule = NEURONS[neuron]
        first = f32(one["bias"])
        held: Any = np.float64 if neuron in EXACT else f32
        fresh = [first, *[f32(0)] * (count - 1)]
        before = self.states.get((crossbar, column), fresh) if neuron in LASTING else fresh
        parameters = [f32(number) for number in numbers]

        def function(state: Any) -> Any:
            return ACTIVATIONS[activation](f32(f32(scale) * state), *parameters[own:])

        states = [held(float(before[0]) + total), *before[1:]]
        value, after = rule(states, parameters[:own], function, first)
        self.states[crossbar, column] = [held(each) for each in after]
        return float(value)

    def counted(self) -> Counter[str]:
        """The counters of the frame that is just over."""
        found: Counter[str] = Counter(firing=sum(value != 0 for value in self.values.values()))
        for (x, y), crossbar in self.at.items():
            for route in self.routes[crossbar]:
                if self.values[crossbar, route["column"]] != 0:
                    hops = abs(x - route["x"]) + abs(y - route["y"])
                    found["spikes" if hops else "local"] += 1
                    found["hops"] += hops
            for number, row in zip(self.numbers[crossbar], self.cells[crossbar], strict=True):
                if number == 0:
                    found["silent"] += 1
                    continue
                used = sum(cell != 0 for cell in row)
                found += Counter(reads=1, used=used, unused=self.target["columns"] - used)
        return found
