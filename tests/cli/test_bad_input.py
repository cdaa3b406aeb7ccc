"""Bad input: one clear error each, the right exit code, no traceback, and nothing written."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from snc.cli.main import LazyCommand, snc
from snc.cli.neurons import Threshold

from .conftest import Run, write_model


@pytest.fixture
def bad(tmp_path: Path, image: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A folder to stand in, full of files that are no good. Hands on their names."""
    monkeypatch.chdir(tmp_path)
    Path("text.onnx").write_text("I am no model.\n" * 20)
    Path("empty.onnx").touch()
    Path("truncated.onnx").write_bytes(digits.read_bytes()[:3000])
    write_model(Path("unknown.onnx"), "Relu", "Fancy")
    write_model(Path("unmappable.onnx"), "CumSum", closed=True)
    write_model(Path("large.onnx"), "Relu", size=256)
    write_model(Path("free.onnx"), "Relu", free=(2, 3))
    write_model(Path("batch.onnx"), "Relu", batch=4)
    Path("tiny.toml").write_text('name = "tiny"\nmesh = [1, 1]\n')
    Path("digits.onnx").write_bytes(digits.read_bytes())
    Path("digits.snc").write_bytes(image.read_bytes())
    flipped = bytearray(image.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    Path("flipped.snc").write_bytes(flipped)
    Path("short.snc").write_bytes(image.read_bytes()[:100])
    np.save("small.npy", np.zeros((1, 7, 7), dtype=np.float32))
    np.save("words.npy", np.array(["one", "two"]))
    np.savez("other.npz", label=np.zeros(3), picture=np.zeros((1, 8, 8)))
    Image.new("RGB", (640, 480)).save("photo.png")
    Path("broken.png").write_bytes(b"no picture")
    Path("target.toml").write_text("core_words = many\n")
    Path("huge.toml").write_text("core_words = 65536\n")
    Path("folder").mkdir()
    return {path.name for path in tmp_path.iterdir()}


CASES: dict[str, tuple[int, str]] = {
    "text": (2, "compile text.onnx"),
    "empty": (2, "compile empty.onnx"),
    "truncated": (2, "compile truncated.onnx"),
    "missing": (2, "compile missing.onnx"),
    "a folder": (2, "compile folder"),
    "here": (2, "compile ."),
    "unknown operator": (2, "compile unknown.onnx"),
    "unmappable operator": (2, "compile unmappable.onnx"),
    "a memory image": (2, "compile digits.snc"),
    "a memory image with a place for its image": (2, "compile digits.snc -o out.snc"),
    "free sizes": (2, "compile free.onnx"),
    "a shape of another rank": (2, "compile free.onnx --input-shape x:1,3,8"),
    "a batch": (2, "compile batch.onnx"),
    "too large": (3, "compile large.onnx --target tiny.toml"),
    "no target": (2, "compile digits.onnx --target nonsense -o out.snc"),
    "target that is no TOML": (2, "compile digits.onnx --target target.toml -o out.snc"),
    "target beyond the words": (2, "compile digits.onnx --target huge.toml -o out.snc"),
    "no weight format": (2, "compile digits.onnx --weights bfloat16 -o out.snc"),
    "no shape": (2, "compile digits.onnx --input-shape image -o out.snc"),
    "no such input": (2, "compile digits.onnx --input-shape picture:1,1,8,8 -o out.snc"),
    "in a file's place": (2, "compile digits.onnx -o text.onnx/out/digits.snc"),
    "over a folder": (2, "compile digits.onnx -o folder"),
    "over the model": (2, "compile digits.onnx -o digits.onnx"),
    "twice the same file": (2, "compile digits.onnx -o out.snc --reference ./out.snc"),
    "report of another kind": (2, "compile digits.onnx -o out.snc --report report.txt"),
    "flipped byte": (2, "inspect flipped.snc"),
    "flipped byte, disasm": (2, "disasm flipped.snc -o listing.txt"),
    "flipped byte, simulate": (2, "simulate flipped.snc -i missing.npy -o out.npz"),
    "flipped byte, verify": (2, "verify digits.onnx flipped.snc"),
    "truncated image": (2, "inspect short.snc"),
    "image that is a model": (2, "inspect digits.onnx"),
    "missing image": (2, "inspect missing.snc"),
    "no such layer": (2, "inspect digits.snc --layer conv3"),
    "no such core": (2, "inspect digits.snc --core 7"),
    "no such core, disasm": (2, "disasm digits.snc --core 7"),
    "two questions": (2, "inspect digits.snc --core 0 --layer conv1"),
    "missing frames": (2, "simulate digits.snc -i missing.npy"),
    "frames that are none": (2, "simulate digits.snc -i text.onnx"),
    "frames of another shape": (2, "simulate digits.snc -i small.npy"),
    "frames of another shape, verify": (2, "verify digits.onnx digits.snc -i small.npy"),
    "frames of words": (2, "simulate digits.snc -i words.npy"),
    "frames of another network": (2, "simulate digits.snc -i other.npz"),
    "a picture of another size": (2, "simulate digits.snc -i photo.png"),
    "a picture that is none": (2, "simulate digits.snc -i broken.png"),
    "a model in the image's place": (2, "simulate digits.onnx -i small.npy"),
    "image of another model": (2, "verify unmappable.onnx digits.snc"),
    "outputs of another kind": (2, "simulate digits.snc -i missing.npy -o out.txt"),
    "division by zero": (2, "simulate digits.snc -i missing.png --scale 0"),
    "two means": (2, "simulate digits.snc -i missing.png --mean 1,2"),
    "no such network": (2, "models build alexnet -o out.onnx"),
    "no such target": (2, "target show nonsense"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_error_and_nothing_written(
    case: str, run: Run, bad: set[str], golden: Callable[[str, str], None]
) -> None:
    code, command = CASES[case]
    done = run(*command.split())
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("snc: error: ")
    assert [line.startswith("snc: way out: ") for line in done.err.splitlines()[1:]] in ([], [True])
    assert "Traceback" not in done.err
    assert {path.name for path in Path().iterdir()} == bad


def test_the_words_of_every_error(run: Run, bad: set[str], golden: Callable[[str, str], None]) -> None:
    told = []
    for title, (_, command) in CASES.items():
        done = run(*command.split())
        said = re.sub(r"\d+(?= words)", "N", done.err)  # how many words it takes is the mapping's affair
        told.append(f"# {title}\n$ snc {command}\n{said}[{done.code}]\n")
    golden("errors.txt", "\n".join(told))


def commands(group: click.Group) -> Iterator[click.Command]:
    """All of them, those of groups within it, too."""
    for each in group.commands.values():
        command = each.load() if isinstance(each, LazyCommand) else each
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_no_option_takes_what_is_not_a_number() -> None:
    tried = [
        option
        for command in commands(snc)
        for option in command.params
        if isinstance(option.type, click.types.FloatParamType | Threshold)
    ]
    assert {"dt", "percentile", "threshold", "time_limit"} <= {option.name for option in tried}
    for option in tried:
        with pytest.raises(click.BadParameter, match="'nan' is not a number"):
            option.type.convert("nan", option, None)


def test_a_model_may_not_belong_to_the_image(run: Run, bad: set[str]) -> None:
    write_model(Path("other.onnx"), "Relu")
    done = run("verify", "other.onnx", "digits.snc")
    assert done.code == 2
    assert [line.startswith("snc: way out: ") for line in done.err.splitlines()[1:]] in ([], [True])
