"""An image in other forms comes back as it was, byte for byte; what is no image is refused with its place."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.backends.analysis.listing import disassemble
from snc.backends.exchange.assembler import assemble
from snc.backends.exchange.export import export, imported, load_export, save_export
from snc.backends.exchange.formats import FORMATS
from snc.backends.image.container import read_image, write_image
from snc.backends.image.image import Image
from snc.backends.words.words import Port
from snc.ir.errors import BadImage, BadInput, VerifyError
from snc.ir.neurons import Update

from .toy import toy_image


def scribbled(image: Image, changes: list[tuple[int, int, int]]) -> Image:
    """An image with words overwritten: core, address and word, all taken modulo what there is."""
    cores = list(image.cores)
    for core, address, word in changes:
        at = core % len(cores)
        held = cores[at].words.copy()
        held[address % held.size] = word
        cores[at] = replace(cores[at], words=held)
    return replace(image, cores=tuple(cores))


def named(image: Image, name: str) -> Image:
    """An image whose layers have this name."""
    layers = tuple(replace(layer, name=name) for layer in image.about.layers)
    return replace(image, about=replace(image.about, layers=layers))


words = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63]))
changes = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 63), words), max_size=6)
hosts = st.one_of(st.none(), st.binary(max_size=200))
images = st.builds(
    lambda found, name, before, after: replace(
        named(scribbled(toy_image(), found), name), host_before=before, host_after=after
    ),
    changes,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    hosts,
    hosts,
)


def sound(image: Image) -> bytes | None:
    """The file of an image, or None where the words that were overwritten make it none."""
    try:
        data = write_image(image)
        read_image(data)
    except (BadImage, VerifyError):
        return None
    return data


@settings(max_examples=150, deadline=None)
@given(images)
def test_a_whole_listing_is_assembled_to_the_same_bytes(image: Image) -> None:
    data = sound(image)
    if data is not None:
        assert write_image(assemble(disassemble(image, is_whole=True))) == data


@settings(max_examples=60, deadline=None)
@given(images, st.sampled_from(sorted(FORMATS)))
def test_an_export_is_read_back_to_the_same_bytes(image: Image, form: str) -> None:
    data = sound(image)
    if data is not None:
        assert write_image(imported(export(image, form))) == data


LISTING = disassemble(toy_image(), is_whole=True)
PORT = next(line for line in LISTING.split("\n") if " port " in line)


def changed(old: str, new: str) -> str:
    """The listing of the toy with one text in place of another."""
    assert old in LISTING
    return LISTING.replace(old, new, 1)


def test_the_fields_of_a_word_may_be_changed() -> None:
    bits = PORT.split()[1]
    image = assemble(changed(PORT, PORT.replace(bits, "-").replace("update=ADD", "update=MAXIMUM")))
    core = image.cores[1]
    assert Port.decode(int(core.words[0])).update is Update.MAXIMUM
    whole = write_image(image)
    assert len(whole) == len(write_image(toy_image()))
    assert core.words[1:].tolist() == toy_image().cores[1].words[1:].tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed(PORT, PORT.replace("update=ADD", "update=MINIMUM")), "the fields make"),
        (changed(PORT, PORT.replace("update=ADD", "update=TIMES")), "update = TIMES is no"),
        (changed(PORT, PORT.replace("update=ADD ", "")), "needs update"),
        (changed(PORT, PORT.replace("update=ADD", "update=ADD mood=1")), "has no field mood"),
        (changed(PORT, PORT.replace(" 0  ", " 1  ", 1)), "word 1 stands where word 0 must"),
        (changed("core 1 at", "core 2 at"), "core 2 stands where core 1 must"),
        (changed("core 1 at (1, 0)", "core 1 at (99999, 0)"), "(99999, 0) is no place of a core"),
        (changed("TARG {", "TARGET {"), "is no line of a listing"),
        (LISTING.replace("TARG ", ";TARG ", 1), "has no section TARG"),
        (LISTING + "\n" + next(line for line in LISTING.split("\n") if line.startswith("INFO")), "twice"),
        ("    0  0000000000000000  port\n", "a word stands before the first core"),
        (
            "core 0 at (0, 0): 9 of 9 words\n    0  2 words  weights  2 x\n       zz\n",
            "'zz' is no word of 16 hexadecimal digits",
        ),
        (
            f"core 0 at (0, 0): 9 of 9 words\n    0  2 words  weights  2 x\n       {'0' * 16}*3\n",
            "has more words than the line above says",
        ),
        ("core 0 at (0, 0): 9 of 9 words\n    0  99999 words  weights  2 x\n", "a core has at most"),
        ("core 0 at (0, 0): 9 of 9 words\n    0  -  bias  x\n", "has no fields"),
    ],
)
def test_a_listing_that_is_wrong_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        assemble(text, "listing.txt")
    assert said in str(caught.value)
    assert str(caught.value).startswith("listing.txt: ")


def test_a_listing_without_its_words_is_refused() -> None:
    text = "core 0 at (0, 0): 9 of 9 words\n    0  2 words  weights  2 x\n\ncore 1 at (1, 0): 0 of 9 words\n"
    with pytest.raises(BadInput, match="line 4: 2 words of the run above are left out"):
        assemble(text)


def test_sections_that_are_damaged_are_refused_as_an_image_is() -> None:
    with pytest.raises(BadImage, match="section TENS"):
        assemble(LISTING.replace("TENS [", "TENS ["[:-1] + "{", 1))
    before = disassemble(replace(toy_image(), host_before=b"abc"), is_whole=True)
    with pytest.raises(BadInput, match="HSTB is no base64"):
        assemble(before.replace("YWJj", "Y*Jj"))


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_lies_in_a_folder(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "chip"
    for _ in range(2):  # an export takes the place of another
        save_export(folder, toy_image(), form)
        assert write_image(load_export(folder)) == write_image(toy_image())
    assert [path.name for path in tmp_path.iterdir()] == ["chip"]


def test_a_smaller_export_leaves_nothing_of_a_larger_one_and_no_other_file_goes(tmp_path: Path) -> None:
    save_export(tmp_path / "chip", replace(toy_image(), host_after=b"abc"), "memh")
    (tmp_path / "chip" / "notes.txt").write_text("mine")
    save_export(tmp_path / "chip", toy_image(), "bin")
    assert write_image(load_export(tmp_path / "chip")) == write_image(toy_image())
    names = {path.name for path in (tmp_path / "chip").iterdir()}
    assert "notes.txt" in names
    assert not {"host_after.onnx", "core_000.memh"} & names


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BadInput, match="holds other files than an export"):
        save_export(tmp_path, toy_image(), "bin")
    with pytest.raises(BadInput, match="it is there and no folder"):
        save_export(tmp_path / "thesis.tex", toy_image(), "bin")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_export_is_refused(tmp_path: Path) -> None:
    files = export(toy_image(), "memh")
    with pytest.raises(BadInput, match=r"'core_001.memh' is missing"):
        imported({name: data for name, data in files.items() if name != "core_001.memh"})
    with pytest.raises(BadInput, match="core_001 has"):
        imported(files | {"core_001.memh": files["core_001.memh"][17:]})
    with pytest.raises(BadInput, match="cannot be read: @00000001 is not the next address"):
        imported(files | {"core_001.memh": b"@00000001\n" + files["core_001.memh"]})
    with pytest.raises(BadInput, match="cannot be read"):
        imported(export(toy_image(), "hex") | {"steps.hex": b":00000001FE\n"})
    with pytest.raises(BadInput, match="No such file"):
        load_export(tmp_path / "nowhere")


def test_comments_of_memory_files_are_read_over() -> None:
    files = export(toy_image(), "memh")
    first = b"// a memory\n@00000000 /* from\nhere */ " + files["core_001.memh"]
    assert write_image(imported(files | {"core_001.memh": first})) == write_image(toy_image())


LOADER_C = """\
#include <inttypes.h>
#include <stdio.h>
#include "image.h"
int main(void) {
    for (size_t i = 0; i < snc_memory_count; i++)
        for (size_t j = 0; j < snc_memories[i].count; j++)
            printf("%s %016" PRIx64 "\\n", snc_memories[i].name, snc_memories[i].words[j]);
    return 0;
}
"""


@pytest.mark.skipif(
    shutil.which("cc") is None and os.environ.get("CI") != "true", reason="there is no C compiler"
)
def test_the_c_source_is_one(tmp_path: Path) -> None:
    image = toy_image()
    save_export(tmp_path / "c", image, "c")
    (tmp_path / "main.c").write_text(LOADER_C)
    source = [tmp_path / "main.c", tmp_path / "c" / "image.c"]
    flags: list[str | Path] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-I", tmp_path / "c"]
    subprocess.run(["cc", *flags, *source, "-o", tmp_path / "loader"], check=True)
    printed = subprocess.run([tmp_path / "loader"], check=True, capture_output=True, text=True).stdout
    memories = [(f"core_{index:03}", core.words) for index, core in enumerate(image.cores)]
    memories.append(("steps", image.steps))
    assert printed == "".join(f"{name} {word:016x}\n" for name, words in memories for word in words.tolist())
