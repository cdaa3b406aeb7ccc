"""The file: written one way, and read only if it is whole and sound."""

import errno
import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.image.container import load, read_image, save, write_image, write_whole
from snc.backends.image.image import CoreImage, Image, ImageTensor
from snc.backends.words.bits import Word
from snc.backends.words.words import Order, Step
from snc.ir.errors import BadImage, BadInput, VerifyError

from .toy import box, toy_image, words

TOY = write_image(toy_image())
Sections = list[tuple[bytes, int, bytes]]


def read_sections(data: bytes) -> Sections:
    """The sections of a sound file, read as docs/image.md describes it."""
    magic, version, count = struct.unpack_from("<8sII", data)
    assert (magic, version) == (b"SNCIMAGE", 3)
    rows = [struct.unpack_from("<4sIQQII", data, 16 + 32 * i) for i in range(count)]
    return [(kind, index, data[offset : offset + length]) for kind, index, offset, length, _, _ in rows]


def file_of(
    sections: Sections,
    lie: Callable[[int, list[Any]], None] | None = None,
    *,
    version: int = 3,
    extra: int = 0,
) -> bytes:
    """A file with sound checksums, whatever the sections hold; `lie` may change a row of the table."""
    head = struct.pack("<8sII", b"SNCIMAGE", version, len(sections) + extra)
    body = b""
    start = 16 + 32 * len(sections) + 4
    start += -start % 8
    for number, (kind, index, payload) in enumerate(sections):
        body += bytes(-len(body) % 8)
        row: list[Any] = [kind, index, start + len(body), len(payload), zlib.crc32(payload), 0]
        if lie is not None:
            lie(number, row)
        head += struct.pack("<4sIQQII", *row)
        body += payload
    head += struct.pack("<I", zlib.crc32(head))
    return head + bytes(-len(head) % 8) + body


def with_payload(kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The toy with the first section of a kind changed, and checksums that agree."""
    sections = read_sections(TOY)
    place = [k for k, _, _ in sections].index(kind)
    sections[place] = (kind, sections[place][1], change(sections[place][2]))
    return file_of(sections)


def with_json(kind: bytes, change: Callable[[Any], object]) -> bytes:
    """The toy with the JSON of a section changed in place, or replaced by what is returned."""

    def edit(payload: bytes) -> bytes:
        value = json.loads(payload)
        changed = change(value)
        value = value if changed is None else changed
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    return with_payload(kind, edit)


def test_an_image_comes_back() -> None:
    image = toy_image()
    back = read_image(TOY)
    assert (back.chip, back.tensors, back.about) == (image.chip, image.tensors, image.about)
    assert [(core.x, core.y) for core in back.cores] == [(0, 0), (1, 0)]
    for core, want in zip(back.cores, image.cores, strict=True):
        np.testing.assert_array_equal(core.words, want.words)
        assert core.words.dtype == np.uint64
    np.testing.assert_array_equal(back.steps, image.steps)
    assert back.host_before is None
    assert back.host_after is None
    assert write_image(back) == TOY == write_image(toy_image())


def test_host_graphs_come_back() -> None:
    for before, after in ((b"", None), (None, b"abc"), (b"x" * 9, b"y")):
        data = write_image(replace(toy_image(), host_before=before, host_after=after))
        back = read_image(data)
        assert (back.host_before, back.host_after) == (before, after)
        assert write_image(back) == data


def test_the_layout_is_what_the_manual_says() -> None:
    sections = read_sections(TOY)
    assert [(kind, index) for kind, index, _ in sections] == [
        (b"TARG", 0),
        (b"INFO", 0),
        (b"TENS", 0),
        (b"ORDR", 0),
        (b"CORE", 0),
        (b"CORE", 1),
    ]
    assert file_of(sections) == TOY
    assert struct.unpack_from("<HHI7Q", sections[5][2])[:3] == (1, 0, 7)
    assert json.loads(sections[2][2])[0]["pieces"] == [[0, 0, 0, 0, 0, 1, 2, 2, 0, 4, 2, 1]]


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    for place in range(bit, len(TOY), 3):
        damaged = bytearray(TOY)
        damaged[place] ^= 1 << bit
        with pytest.raises(BadImage):
            read_image(bytes(damaged), "toy.snc")


def test_every_truncation_and_every_tail_is_noticed() -> None:
    for size in range(len(TOY)):
        with pytest.raises(BadImage):
            read_image(TOY[:size])
    with pytest.raises(BadImage, match="8 bytes behind"):
        read_image(TOY + bytes(8))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data: bytes) -> None:
    for head in (b"", TOY[:8], TOY[:16], TOY[:300]):
        with pytest.raises(BadImage):
            read_image(head + data)


@settings(deadline=None)
@given(st.data())
def test_changed_payloads_are_refused_or_read_back(data: st.DataObject) -> None:
    sections = read_sections(TOY)
    place = data.draw(st.integers(0, len(sections) - 1))
    kind, index, payload = sections[place]
    at = data.draw(st.integers(0, len(payload)))
    drop = data.draw(st.integers(0, 12))
    new = data.draw(
        st.one_of(st.binary(max_size=12), st.sampled_from([b"9" * 30, b"-1", b"1e999", b"[" * 2000]))
    )
    sections[place] = (kind, index, payload[:at] + new + payload[at + drop :])
    damaged = file_of(sections)
    try:
        image = read_image(damaged)
    except BadImage:
        return
    assert write_image(image) == damaged


def shuffled(order: list[int]) -> bytes:
    sections = read_sections(TOY)
    return file_of([sections[place] for place in order])


def lying(number: int, column: int, change: Callable[[int], object]) -> bytes:
    def lie(row_number: int, row: list[Any]) -> None:
        if row_number == number:
            row[column] = change(row[column])

    return file_of(read_sections(TOY), lie)


WRONG_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no memory image"),
    "text": (b"hello, world", "is no memory image"),
    "magic alone": (b"SNCIMAGE", "in its head"),
    "version": (file_of(read_sections(TOY), version=1), "version 1"),
    "more sections than there are": (file_of(read_sections(TOY), extra=5), "checksum|ends after"),
    "millions of sections": (file_of(read_sections(TOY), extra=2**32 - 7), "claims"),
    "no sections": (file_of([]), "0 sections"),
    "unknown kind": (file_of([*read_sections(TOY), (b"MORE", 0, b"")]), "MORE"),
    "kind that is no text": (lying(0, 0, lambda _: b"\xff\xfe\0\1"), "may stand"),
    "missing target": (shuffled([1, 2, 3, 4, 5]), "5 sections where 6"),
    "missing order": (shuffled([0, 1, 2, 4, 5]), "5 sections where 6"),
    "missing core": (shuffled([0, 1, 2, 3, 5]), "CORE 1 is not where"),
    "doubled core": (shuffled([0, 1, 2, 3, 4, 4, 5]), "CORE 0 is not where"),
    "doubled target": (shuffled([0, 0, 1, 2, 3, 4, 5]), "TARG is not where"),
    "other order": (shuffled([0, 2, 1, 3, 4, 5]), "TENS is not where"),
    "doubled host graph": (file_of([*read_sections(TOY), (b"HSTA", 0, b"a"), (b"HSTA", 0, b"a")]), "HSTA"),
    "host graphs swapped": (file_of([*read_sections(TOY), (b"HSTA", 0, b"a"), (b"HSTB", 0, b"a")]), "HSTA"),
    "gap": (lying(2, 2, lambda offset: offset + 8), "TENS begins at"),
    "overlap": (lying(2, 2, lambda offset: offset - 8), "TENS begins at"),
    "section outside": (lying(5, 2, lambda _: 2**64 - 8), "CORE 1 begins at"),
    "too long": (lying(5, 3, lambda length: length + 8), "truncated"),
    "far too long": (lying(5, 3, lambda _: 2**64 - 1), "truncated"),
    "too short": (lying(5, 3, lambda length: length - 8), "8 bytes behind"),
    "checksum": (lying(1, 4, lambda checksum: checksum ^ 1), "INFO is damaged"),
    "reserved": (lying(1, 5, lambda _: 1), "INFO begins at"),
    "padding": (TOY[:215] + b"\1" + TOY[216:], "TARG has bytes before it"),
    "core head": (with_payload(b"CORE", lambda _: b"\0" * 7), "CORE 0 is too short"),
    "core claims": (
        with_payload(b"CORE", lambda old: struct.pack("<HHI", 0, 0, 2**32 - 1) + old[8:]),
        "claims",
    ),
    "half a word": (with_payload(b"ORDR", lambda old: old[:-1]), "whole words"),
    "no UTF-8": (with_payload(b"INFO", lambda old: b"\xff" + old), "UTF-8"),
    "no JSON": (with_payload(b"INFO", lambda old: old[1:]), "no JSON"),
    "deep JSON": (with_payload(b"TENS", lambda _: b"[" * 10**6), "too deeply"),
    "deep JSON, closed": (with_payload(b"TENS", lambda _: b"[" * 10**6 + b"]" * 10**6), "too deeply"),
    "long number": (with_payload(b"TENS", lambda _: b"9" * 10**6), "too long"),
    "long fraction": (with_payload(b"TENS", lambda _: b"0." + b"9" * 10**6), "too long"),
    "spaces": (with_payload(b"TENS", lambda old: old + b" "), "canonical"),
    "doubled key": (with_payload(b"TARG", lambda old: old[:-1] + b',"width_max":256}'), "canonical"),
    "large JSON": (with_payload(b"TENS", lambda _: b" " * (2**24 + 1)), "the most is"),
    "lone surrogate": (
        with_payload(b"INFO", lambda old: old.replace(b"toy.onnx", rb"\ud800")),
        "no canonical JSON",
    ),
    "not a number": (with_payload(b"INFO", lambda old: old.replace(b"9.0", b"NaN", 1)), "NaN"),
    "no list": (with_json(b"TENS", lambda _: {}), "no array"),
    "no object": (with_json(b"TARG", lambda _: []), "no object"),
    "missing key": (with_json(b"TARG", lambda chip: chip.pop("mesh") and None), "no object of"),
    "key too many": (with_json(b"TARG", lambda chip: chip.update(more=1)), "no object of"),
    "text for a number": (with_json(b"TARG", lambda chip: chip.update(core_words="64")), "type int"),
    "truth for a number": (with_json(b"TARG", lambda chip: chip.update(core_words=True)), "type int"),
    "fraction for a number": (with_json(b"TARG", lambda chip: chip.update(core_words=64.0)), "type int"),
    "number for a text": (with_json(b"TARG", lambda chip: chip.update(name=1)), "type str"),
    "integer for a float": (with_json(b"INFO", lambda about: about.update(host_share_of_macs=1)), "float"),
    "huge integer": (with_json(b"TARG", lambda chip: chip.update(axons_max=2**53 + 1)), "beyond 2\\^53"),
    "mesh of three": (with_json(b"TARG", lambda chip: chip.update(mesh=[1, 2, 3])), "3 elements, not 2"),
    "short piece": (
        with_json(b"TENS", lambda tensors: tensors[0]["pieces"][0].pop() and None),
        "array of 12",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_files_are_refused_with_the_reason(name: str) -> None:
    data, reason = WRONG_FILES[name]
    with pytest.raises(BadImage, match=reason) as caught:
        read_image(data, "toy.snc")
    assert str(caught.value).startswith("toy.snc: ")


def test_a_claimed_size_is_never_allocated() -> None:
    claims = [WRONG_FILES[name][0] for name in ("millions of sections", "core claims", "far too long")]
    tracemalloc.start()
    for data in claims:
        with pytest.raises(BadImage):
            read_image(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6


def with_core(index: int, **changes: object) -> Image:
    cores = list(toy_image().cores)
    core: dict[str, Any] = {"x": cores[index].x, "y": cores[index].y, "words": cores[index].words} | changes
    cores[index] = CoreImage(**core)
    return replace(toy_image(), cores=tuple(cores))


def with_chip(**changes: Any) -> Image:
    return replace(toy_image(), chip=replace(toy_image().chip, **changes))


def with_tensor(**changes: Any) -> Image:
    first, *others = toy_image().tensors
    return replace(toy_image(), tensors=(replace(first, **changes), *others))


def with_piece(**changes: int) -> Image:
    return with_tensor(pieces=(replace(box(0, 0, 1), **changes),))


def with_steps(*steps: Word) -> Image:
    return replace(toy_image(), steps=words(*steps))


def with_fragment(**changes: int) -> Image:
    about = toy_image().about
    layer = about.layers[0]
    fragment = replace(layer.fragments[0], **changes)
    return replace(toy_image(), about=replace(about, layers=(replace(layer, fragments=(fragment,)),)))


UNSOUND: dict[str, tuple[Image, str]] = {
    "core words": (with_chip(core_words=2**15 + 1), "core_words = 32769 is outside 1..32768"),
    "kernel": (with_chip(kernel_max=17), "kernel_max"),
    "states": (with_chip(state_bits=8), "state_bits"),
    "no mesh": (with_chip(mesh=(0, 5)), "mesh"),
    "vast mesh": (with_chip(mesh=(2**50, 2**50)), "mesh"),
    "small core": (with_chip(core_words=6), "core 1 has 7 words"),
    "outside the mesh": (with_core(1, y=1), "core 1 at \\(1, 1\\) is outside"),
    "one place": (with_core(1, x=0), "core 1 at \\(0, 0\\) is not the only one"),
    "step of no core": (
        with_steps(Step(order=Order.FIRE, core=2, population=0)),
        "step 0: there is no core 2",
    ),
    "step of no address": (with_steps(Step(order=Order.FIRE, core=1, population=7)), "no address 7"),
    "step of no population": (
        with_core(1, words=np.array([0, 3 * 2**59], dtype=np.uint64)),
        "address 1: no population descriptor",
    ),
    "no step": (replace(toy_image(), steps=np.array([2**63], dtype=np.uint64)), "step 0"),
    "kind": (with_tensor(kind="middle"), "kind"),
    "type": (with_tensor(dtype="complex64"), "type 'complex64'"),
    "shape": (with_tensor(shape=(1, 0, 2)), "shape"),
    "vast shape": (with_tensor(shape=(2**20, 2**20)), "shape"),
    "shape of many axes": (with_tensor(shape=(1,) * 65), "shape"),
    "layer of an output": (with_tensor(layer="conv"), "is no layer"),
    "doubled tensor": (replace(toy_image(), tensors=(toy_image().tensors[0],) * 2), "is there twice"),
    "core of a piece": (with_piece(core=2), "piece 0: there is no core 2"),
    "negative core": (with_piece(core=-1), "no core -1"),
    "address of a piece": (with_piece(population=2), "no address 2"),
    "piece too wide": (with_piece(width=3), "outside its population"),
    "piece too deep": (with_piece(depth=2), "outside its population"),
    "piece before the first": (with_piece(y0=-1), "outside its population"),
    "empty piece": (with_piece(height=0), "outside its population"),
    "element beyond": (with_piece(base=1), "elements 1 to 4 of 4"),
    "element before": (with_piece(step_y=-2), "elements -2 to 1 of 4"),
    "input that is none": (with_tensor(pieces=(box(1, 1, 1),)), "no input"),
    "fragment": (with_fragment(population=9), "fragment 0: core 0 has no address 9"),
    "fragment before its layer": (with_fragment(c0=-1), "before its layer"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_images_are_neither_written_nor_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, reason = UNSOUND[name]
    with pytest.raises(VerifyError, match=reason):
        write_image(image)
    with monkeypatch.context() as unguarded:
        unguarded.setattr("snc.backends.image.container.faults", lambda _: iter(()))
        data = write_image(image)
    with pytest.raises(BadImage, match=reason):
        read_image(data)


def test_pieces_may_run_backwards() -> None:
    data = write_image(with_piece(base=3, step_y=-2, step_x=-1))
    assert read_image(data).tensors[0].pieces[0].step_y == -2


def test_names_of_any_script_come_back() -> None:
    tensor = ImageTensor('bild "größe"\n\0図', "layer", (), "bool", ())
    back = read_image(write_image(replace(toy_image(), tensors=(tensor,))))
    assert back.tensors == (tensor,)


def test_only_plain_numbers_are_written() -> None:
    with pytest.raises(ValueError, match=r"value\[0\]\.shape\[0\] is not of type int"):
        write_image(with_tensor(shape=(np.int64(1), 1, 2, 2)))


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "toy.snc"
    save(path, toy_image())
    assert path.read_bytes() == TOY
    assert write_image(load(path)) == TOY
    save(str(path), replace(toy_image(), host_after=b"new"))
    assert load(str(path)).host_after == b"new"
    assert os.listdir(tmp_path) == ["toy.snc"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.snc").symlink_to(tmp_path / "toy.snc")
    save(tmp_path / "link.snc", toy_image())
    assert (tmp_path / "link.snc").is_symlink()
    assert (tmp_path / "toy.snc").read_bytes() == TOY


def test_a_failed_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toy.snc"
    path.write_bytes(b"before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"toy\.snc: cannot be written: No space left"):
        save(path, toy_image())
    assert os.listdir(tmp_path) == ["toy.snc"]
    assert path.read_bytes() == b"before"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "toy.snc", tmp_path, Path(os.devnull)):
        with pytest.raises(BadInput, match="cannot be written"):
            write_whole(path, b"")


def test_folders_of_a_file_are_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "folder" / "file", b"data")
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == b"data"


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.snc: cannot be read: No such file"):
        load(tmp_path / "none.snc")
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(BadInput, match="is no file"):
            load(path)
    for name, (data, reason) in WRONG_FILES.items():
        (tmp_path / "wrong.snc").write_bytes(data)
        with pytest.raises(BadImage, match=reason):
            load(tmp_path / "wrong.snc")
        assert name


def test_a_file_that_is_larger_than_its_table_says_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vast.snc"
    path.write_bytes(TOY)
    os.truncate(path, 2**40)
    with pytest.raises(BadImage, match="behind its last section"):
        load(path)
