"""Habits that no linter knows: who may print, who may shift, and what no file may say."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from .tree import ROOT, files, modules

LINES_MAX = 350
FILES_MAX = 14  # of a folder, its __init__.py apart
MAY_SHIFT = {
    "backends/words/bits.py": "the one place where words become bits",
    "backends/words/fields.py": "the same where widths are known when a machine runs",
    "backends/lifted/*.py": "the same geometry between feature maps",
    "backends/machine/*.py": "geometry: equation 12 and Algorithms 3 to 5 shift by SL and US",
}
SHIFTS = (ast.LShift, ast.RShift)
MASKS = (ast.BitAnd, ast.BitOr, ast.BitXor)
SHIFTING_CALLS = {
    "left_shift",
    "right_shift",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "packbits",
    "unpackbits",
}

# Put together from parts, for this file is read as well.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "root", "home")) + r")/")
REGISTRY = re.compile("|".join((r"py" + r"pi\.\w", "python" + "hosted", "index" + "-url", "find" + "-links")))


def is_integer(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def shifts(tree: ast.Module) -> Iterator[int]:
    """Lines that shift, or mask with a literal; `|` of types, sets and truth values is something else."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=op, left=left, right=right) | ast.AugAssign(op=op, target=left, value=right):
                masks = isinstance(op, MASKS) and (is_integer(left) or is_integer(right))
                if masks or isinstance(op, SHIFTS):
                    yield node.lineno
            case ast.Call(func=ast.Attribute(attr=name)) if name in SHIFTING_CALLS:
                yield node.lineno


def prints(tree: ast.Module) -> Iterator[int]:
    """Lines that print, or end the process."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print" | "exit" | "quit")):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="sys"), attr="exit" | "stdout"):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="os"), attr="_exit"):
                yield node.lineno


def test_the_checks_see_what_they_forbid() -> None:
    code = "a << 1\nb >>= c\nd & 0xFF\nnp.left_shift(e, 2)\nf | g\nh & (i > 2)\nint | None"
    assert sorted(shifts(ast.parse(code))) == [1, 2, 3, 4]
    assert sorted(prints(ast.parse("print(1)\nsys.exit(2)\nlog.print(3)\nos._exit(4)"))) == [1, 2, 4]
    assert MACHINE_PATH.search("see " + "/wo" + "rk/x")
    assert not MACHINE_PATH.search("net/wo" + "rk/x")


def test_shifts_and_masks_stay_in_their_modules() -> None:
    found = [
        f"{name}:{line}"
        for name, tree in modules()
        if not any(fnmatch(name, pattern) for pattern in MAY_SHIFT)
        for line in shifts(tree)
    ]
    assert found == []


def test_only_the_command_line_prints() -> None:
    found = [
        f"{name}:{line}" for name, tree in modules() if not name.startswith("cli/") for line in prints(tree)
    ]
    assert found == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for name in files():
        data = (ROOT / name).read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{name}:{number}: {line.strip()}")
    assert found == []


def test_files_and_folders_stay_small_enough_to_be_seen_at_once() -> None:
    shipped = [name for name, _ in modules()]
    lines = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in shipped}
    assert {name: count for name, count in lines.items() if count > LINES_MAX} == {}
    held = Counter(str(Path(name).parent) for name in shipped if not name.endswith("__init__.py"))
    assert {folder: count for folder, count in held.items() if count > FILES_MAX} == {}
