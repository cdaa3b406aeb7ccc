"""Images for crossbars, read from their bytes alone: nothing of the compiler or its machine is used here.

Bits, sections and what units do are written down again, as section 7 of docs/image.md says them.
"""

import json
import math
import struct
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

IDENTITY, RELU = 0, 1
STANDARD = 0


def cut(word: int, *widths: int) -> list[int]:
    """Fields of a word, from bit 0 upwards."""
    found = []
    for width in widths:
        found.append(word % 2**width)
        word //= 2**width
    assert word == 0, "bits beyond the fields are zero"
    return found


def single(bits: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", bits))[0])


def _route(word: int) -> tuple[int, int, int, int]:
    column, x, y, row = cut(word, 12, 8, 8, 12)
    return column, x, y, row


@dataclass
class Tile:
    """A crossbar: cells by row and column, and its columns and routes."""

    x: int
    y: int
    cells: dict[tuple[int, int], float]
    columns: list[tuple[float, int, int]]  # bias, rule, step
    routes: list[tuple[int, int, int, int]]  # column, x, y, row
    rows: int


@dataclass
class Read:
    """An image."""

    chip: dict[str, Any]
    about: dict[str, Any]
    tensors: list[dict[str, Any]]
    rules: list[tuple[int, int, float, list[float]]]  # neuron, activation, scale, numbers
    sites: list[list[int]]
    tiles: list[Tile] = field(default_factory=list)


def read(data: bytes) -> Read:
    magic, version, count = struct.unpack_from("<8sII", data)
    assert (magic, version) == (b"SNCXBARS", 2)
    table = 16 + 32 * count
    assert struct.unpack_from("<I", data, table)[0] == zlib.crc32(data[:table])
    parts = {}
    for number in range(count):
        kind, index, offset, length, checksum, zero = struct.unpack_from("<4sIQQII", data, 16 + 32 * number)
        payload = data[offset : offset + length]
        assert (zero, checksum) == (0, zlib.crc32(payload))
        parts[kind.decode(), index] = payload

    def words(payload: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(payload) // 8}Q", payload))

    rules = []
    left = iter(words(parts["RULE", 0]))
    for word in left:
        neuron, activation, numbers, _, scale = cut(word, 4, 5, 8, 15, 32)
        rules.append((neuron, activation, single(scale), [single(next(left)) for _ in range(numbers)]))
    found = Read(
        json.loads(parts["TARG", 0]),
        json.loads(parts["INFO", 0]),
        json.loads(parts["TENS", 0]),
        rules,
        [cut(word, 10, 26, 14, 12) for word in words(parts["SITE", 0])],
    )
    for index in range(sum(kind == "XBAR" for kind, _ in parts)):
        payload = parts["XBAR", index]
        x, y, size = struct.unpack_from("<HHI", payload)
        held = words(payload[8:])
        assert len(held) == size
        rows, columns, routes = cut(held[0], 12, 12, 32)
        singles = [half for word in held[1 + columns + routes :] for half in cut(word, 32, 32)]
        assert len(singles) - rows * columns in (0, 1)
        units = [cut(word, 32, 12, 20) for word in held[1 : 1 + columns]]
        found.tiles.append(
            Tile(
                x,
                y,
                {divmod(i, columns): single(bits) for i, bits in enumerate(singles[: rows * columns])},
                [(single(bias), rule, step) for bias, rule, step in units],
                [_route(word) for word in held[1 + columns : 1 + columns + routes]],
                rows,
            )
        )
    return found


def assert_obeys(image: Read) -> None:
    """Every limit of the chip, and that each row has one source at most."""
    chip = image.chip
    mesh = chip["mesh"]
    assert len({(tile.x, tile.y) for tile in image.tiles}) == len(image.tiles)
    driven: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    for tile in image.tiles:
        assert tile.x < mesh[0]
        assert tile.y < mesh[1]
        assert tile.rows <= chip["rows"]
        assert 0 < len(tile.columns) <= chip["columns"]
        reached: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
        for column, x, y, row in tile.routes:
            assert column < len(tile.columns)
            driven[x, y, row] += 1
            reached[column].add((x, y))
        assert max((len(to) for to in reached.values()), default=0) <= chip["fan_out_max"]
        for column in range(len(tile.columns)):
            heard = sum(tile.cells[row, column] != 0 for row in range(tile.rows))
            assert heard <= chip["fan_in_max"]
    for tensor, _, crossbar, line in image.sites:
        tile = image.tiles[crossbar]
        if image.tensors[tensor]["kind"] == "input":
            driven[tile.x, tile.y, line] += 1
    at = {(tile.x, tile.y): tile for tile in image.tiles}
    assert all(row < at[x, y].rows for x, y, row in driven)
    assert max(driven.values(), default=1) == 1


def run(image: Read, inputs: dict[str, list[float]]) -> dict[str, list[float]]:
    """One frame of a network without memory, whose units are linear or rectify."""
    rows: defaultdict[tuple[int, int, int], float] = defaultdict(float)
    for tensor, element, crossbar, line in image.sites:
        if image.tensors[tensor]["kind"] == "input":
            tile = image.tiles[crossbar]
            rows[tile.x, tile.y, line] = inputs[str(image.tensors[tensor]["name"])][element]
    values: dict[tuple[int, int], float] = {}
    for step in sorted({step for tile in image.tiles for _, _, step in tile.columns}):
        fired = []
        for index, tile in enumerate(image.tiles):
            for column, (bias, rule, when) in enumerate(tile.columns):
                if when == step:
                    terms = [tile.cells[r, column] * rows[tile.x, tile.y, r] for r in range(tile.rows)]
                    neuron, activation, scale, _ = image.rules[rule]
                    assert neuron == STANDARD
                    assert activation in (IDENTITY, RELU)
                    state = scale * (bias + math.fsum(terms))
                    values[index, column] = max(state, 0.0) if activation == RELU else state
                    fired.append((index, column))
        for index, column in fired:
            for source, x, y, row in image.tiles[index].routes:
                if source == column:
                    rows[x, y, row] = values[index, column]
    found: dict[str, list[float]] = {}
    for number, tensor_ in enumerate(image.tensors):
        if tensor_["kind"] == "output":
            sites = [site for site in image.sites if site[0] == number]
            flat = [0.0] * math.prod(tensor_["shape"])
            for _, element, crossbar, line in sites:
                flat[element] = values[crossbar, line]
            found[str(tensor_["name"])] = flat
    return found
