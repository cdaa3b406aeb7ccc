"""README and ARCHITECTURE are true: their blocks are what the commands print, their words are the image's."""

import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.backends.image.image import Image
from snc.cli.main import COMMANDS, main
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target

from .tree import ROOT, files

DOCUMENTS = [name for name in files() if name.endswith(".md")]
SECONDS = re.compile(r"in [\d.]+ s")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
FILE = re.compile(r"`([\w/.-]+/[a-z_][\w.-]*\.(?:py|toml|md))`")  # capitals stand for any name
DIGITS = "digits.onnx", "digits_test.npz"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, list[str]]]:
    """The commands of a document's indented blocks, each with the lines that it prints there."""
    found: list[tuple[str, list[str]]] = []
    is_inside = False
    for line in text(name).splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), []))
            is_inside = True
        elif line and not line.startswith("    "):
            is_inside = False
        elif is_inside:
            found[-1][1].append(line.strip())
    return found


def untimed(line: str) -> str:
    """A line without the seconds that it states."""
    return SECONDS.sub("", line).strip()


def test_readme_shows_what_the_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    for name in DIGITS:
        shutil.copy(ROOT / "models" / name, tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shown = [block for block in blocks("README.md") if "digits" in block[0] and "small.toml" not in block[0]]
    assert [command.split()[1] for command, _ in shown] == ["compile", "verify", "simulate"]
    for command, lines in shown:
        assert main(command.split()[1:]) == 0
        printed = [untimed(line) for line in capsys.readouterr().out.splitlines()]
        expected = [untimed(line) for line in lines if line and not line.startswith("...")]
        if "verify" in command:  # the last digits of errors are the processor's
            expected = [line for line in expected if not re.search(r"\d", line)]
        assert [line for line in expected if line not in printed] == [], command


def write_unmappable(path: Path) -> None:
    """An operator that cannot be mapped between two convolutions."""
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, 8, 8]) for name in "xy")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["t0"], name="conv0"),
        onnx.helper.make_node("CumSum", ["t0", "axis"], ["t1"], name="cumsum0"),
        onnx.helper.make_node("Conv", ["t1", "w"], ["y"], name="conv1"),
    ]
    held = [
        onnx.numpy_helper.from_array(np.eye(2, dtype=np.float32)[:, :, None, None], "w"),
        onnx.numpy_helper.from_array(np.array(2), "axis"),
    ]
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y], held), opset_imports=opsets), path
    )


def test_readme_shows_the_errors_of_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(ROOT / "models" / "digits.onnx", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    write_unmappable(Path("unmappable.onnx"))
    Path("small.toml").write_text('name = "small"\nmesh = [2, 1]\ncore_words = 600\n')
    wrong = [block for block in blocks("README.md") if "small.toml" in block[0] or "unmappable" in block[0]]
    assert len(wrong) == 2
    for command, lines in wrong:
        assert main(command.split()[1:]) in (2, 3)
        assert capsys.readouterr().err.split() == " ".join(lines).split(), command


def test_readme_names_options_that_there_are() -> None:
    known = {command.name: command.load() for command in COMMANDS}
    rows = [line for line in text("README.md").splitlines() if line.startswith("| `snc ")]
    assert {row.split()[2].strip("`") for row in rows} == known.keys()
    for row in rows:
        command = known[row.split()[2].strip("`")]
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"`(--[\w-]+)", row)) <= options, row


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files_of_a_document_are_there(name: str) -> None:
    folder = (ROOT / name).parent
    assert [link for link in LINK.findall(text(name)) if not (folder / link).exists()] == []
    assert [file for file in FILE.findall(text(name)) if not _is_there(file)] == []


def _is_there(file: str) -> bool:
    return any(known.endswith(f"/{file}") or known == file for known in files())


@pytest.fixture(scope="module")
def image() -> Image:
    return compile_model(ROOT / "models" / "digits.onnx", load_target("grai-vip"), Options()).image


def test_the_weight_and_the_axon_of_architecture_are_in_the_image(image: Image) -> None:
    words = image.cores[0].words.tolist()
    written = text("ARCHITECTURE.md").replace("`**`", "").replace("**`", "").replace("`**", "")
    for address, held in ((136, "49ce41c9d143e937"), (37, "00010dea6000880f"), (17, "080011000003ffff")):
        assert held in written
        assert f"{words[address]:016x}" == held
