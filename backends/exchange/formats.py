"""The formats in which words leave an image for memories that others load, and how they are read again."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from intelhex import IntelHex, IntelHexError
from numpy.typing import NDArray

from ..image.container import words_bytes
from ..words.bits import WORD_BYTES

Words = NDArray[np.uint64]
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Memory:
    """Words under a name that is the same in every format: "core_000", "steps"."""

    name: str
    words: Words


@dataclass(frozen=True, slots=True)
class Format:
    """How memories become files, by their names, and come back. `read` raises ValueError for other files."""

    title: str
    files: Callable[[Sequence[Memory]], dict[str, bytes]]
    read: Callable[[Files, str], Words]


def _apart(
    suffix: str, write: Callable[[Words], bytes], read: Callable[[bytes], Words], title: str
) -> Format:
    """A format with a file for each memory."""

    def files(memories: Sequence[Memory]) -> dict[str, bytes]:
        return {f"{memory.name}.{suffix}": write(memory.words) for memory in memories}

    return Format(title, files, lambda held, name: read(held[f"{name}.{suffix}"]))


def _from_bytes(data: bytes) -> Words:
    if len(data) % WORD_BYTES:
        raise ValueError(f"{len(data)} bytes are no whole words")
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def _memh(words: Words) -> bytes:
    return "".join(f"{word:016x}\n" for word in words.tolist()).encode()


def _from_memh(data: bytes) -> Words:
    """The words of a file for $readmemh; comments are left out, addresses may only go on."""
    text = re.sub(r"//.*", "", re.sub(r"(?s)/\*.*?\*/", " ", data.decode()))
    words: list[int] = []
    for token in text.split():
        if not token.startswith("@"):
            words.append(int(token, 16))
        elif int(token[1:], 16) != len(words):
            raise ValueError(f"{token} is not the next address")
    return np.array(words, dtype=np.uint64)


def _hex(words: Words) -> bytes:
    held, text = IntelHex(), io.StringIO()
    held.frombytes(words_bytes(words))
    held.write_hex_file(text, eolstyle="CRLF")
    return text.getvalue().encode()


def _from_hex(data: bytes) -> Words:
    try:
        held = IntelHex(io.StringIO(data.decode()))
    except IntelHexError as error:
        raise ValueError(str(error)) from None
    return _from_bytes(held.tobinstr(start=0) if len(held) else b"")


C_WORDS_IN_LINE = 4
C_HEADER = """\
/* The memories of a chip: which words go where before the first frame, and the firing order. */
#ifndef SNC_IMAGE_H
#define SNC_IMAGE_H
#include <stddef.h>
#include <stdint.h>

struct snc_memory {
    const char *name;      /* "core_000" and so on in order of the steps' core fields; "steps" last */
    const uint64_t *words; /* to address 0 and the following */
    size_t count;
};

extern const struct snc_memory snc_memories[];
extern const size_t snc_memory_count;

#endif
"""


def _c(memories: Sequence[Memory]) -> dict[str, bytes]:
    parts = ['#include "image.h"\n']
    for memory in memories:
        held = [f"UINT64_C(0x{word:016x})" for word in memory.words.tolist()] or ["0"]
        rows = [", ".join(held[i : i + C_WORDS_IN_LINE]) for i in range(0, len(held), C_WORDS_IN_LINE)]
        parts.append(f"static const uint64_t {memory.name}[] = {{\n    " + ",\n    ".join(rows) + "\n};\n")
    table = "".join(f'    {{"{each.name}", {each.name}, {each.words.size}}},\n' for each in memories)
    parts.append(f"const struct snc_memory snc_memories[] = {{\n{table}}};\n")
    parts.append(f"const size_t snc_memory_count = {len(memories)};\n")
    return {"image.h": C_HEADER.encode(), "image.c": "\n".join(parts).encode()}


def _from_c(files: Files, name: str) -> Words:
    found = re.search(rf"\b{name}\[\] = {{(.*?)}};".encode(), files["image.c"], flags=re.DOTALL)
    if found is None:
        raise ValueError(f"image.c has no array {name}")
    return np.array([int(word, 16) for word in re.findall(rb"0x([0-9a-f]{16})", found[1])], dtype=np.uint64)


FORMATS: dict[str, Format] = {
    "memh": _apart("memh", _memh, _from_memh, "a word a line in hexadecimal, for Verilog's $readmemh"),
    "hex": _apart("hex", _hex, _from_hex, "Intel HEX, byte addresses, each word its lowest byte first"),
    "bin": _apart("bin", words_bytes, _from_bytes, "raw, each word its lowest byte first"),
    "c": Format("a C source with a table of memories, and its header", _c, _from_c),
}
