"""README and ARCHITECTURE are true: their options and files are there, their words are the image's."""

import re

import pytest

from snc.backends.image.image import Image
from snc.cli.main import COMMANDS
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target

from .session import text
from .tree import ROOT, files

DOCUMENTS = [name for name in files() if name.endswith(".md")]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
FILE = re.compile(r"`([\w/.-]+/[a-z_][\w.-]*\.(?:py|toml|md))`")  # capitals stand for any name


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
