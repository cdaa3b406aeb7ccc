"""The values between the steps as text: the same every time, and all of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle.writer import Writer

from snc.cli.compile import STEPS
from snc.cli.main import main
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.steps import Step
from snc.compiler.reports.dump import text_of
from snc.ir.mapping import Mapping

from .reference import shrunken


def toy() -> onnx.ModelProto:
    """A convolution with a function of two parameters, a pool, and a dense layer, of whole numbers."""
    w = Writer(13, 0)
    x = w.input((1, 2, 4, 4))
    weights = np.arange(-27, 27, dtype=np.float32).reshape(3, 2, 3, 3)
    y = w.add("Conv", x, w.constant(weights), w.constant(np.array([1, 2, -3], np.float32)), pads=[1, 1, 1, 1])
    y = w.add(
        "Clip", y, w.constant(np.array(-1, dtype=np.float32)), w.constant(np.array(6, dtype=np.float32))
    )
    y = w.add("Flatten", w.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]))
    dense = np.arange(24, dtype=np.float32).reshape(12, 2)
    return w.model([w.add("MatMul", y, w.constant(dense))], "toy")


def dumped(folder: Path) -> dict[Step, str]:
    path = folder / "toy.onnx"
    path.write_bytes(toy().SerializeToString())
    found: dict[Step, str] = {}
    compile_model(
        path, shrunken(core_words=64), Options(effort=0.5), watch=lambda s, v: found.update({s: text_of(v)})
    )
    return found


def test_every_step_is_written_as_it_was(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    found = dumped(tmp_path)
    assert [step.value for step in found] == list(STEPS) == [step.value for step in Step]
    golden("dump_toy.txt", "\n".join(f"== {step} ==\n{text}" for step, text in found.items()))


def test_a_network_says_what_changed(tmp_path: Path) -> None:
    found = dumped(tmp_path)
    before, after = (found[step].splitlines() for step in (Step.NETWORK, Step.QUANTISED))
    assert len(before) == len(after)
    differ = [line.split()[0] for line, other in zip(before, after, strict=True) if line != other]
    assert set(differ) == {"network", "projection"}


def test_a_file_is_written_for_each_step_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = dumped(tmp_path)
    target = tmp_path / "small.toml"
    target.write_text('name = "shrunken"\ncore_words = 64\n', encoding="utf-8")
    image = tmp_path / "made.snc"
    given = [
        "compile",
        str(tmp_path / "toy.onnx"),
        "-o",
        str(image),
        "--target",
        str(target),
        "--effort",
        "0.5",
    ]
    assert main([*given, "--dump", "layers", "--dump", "placed"]) == 0
    written = {path.name for path in tmp_path.glob("*.txt")}
    assert written == {"made.layers.txt", "made.placed.txt"}
    for step in (Step.LAYERS, Step.PLACED):
        assert (tmp_path / f"made.{step}.txt").read_text(encoding="utf-8") == texts[step]
    capsys.readouterr()


def test_what_was_reached_is_written_where_a_model_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.onnx").write_bytes(toy().SerializeToString())
    target = tmp_path / "tiny.toml"
    target.write_text('name = "tiny"\ncore_words = 40\nmesh = [1, 1]\n', encoding="utf-8")
    given = ["compile", str(tmp_path / "toy.onnx"), "--target", str(target)]
    assert main([*given, *(word for step in STEPS for word in ("--dump", step))]) == 3
    written = {path.name for path in tmp_path.glob("*.txt")}
    assert written == {"toy.layers.txt", "toy.network.txt", "toy.quantised.txt"}
    capsys.readouterr()


def test_a_dump_is_of_one_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toy.onnx").write_bytes(toy().SerializeToString())
    assert main(["compile", str(tmp_path / "toy.onnx"), "--pareto", "--dump", "layers"]) == 2
    assert "--dump" in capsys.readouterr().err


def test_a_mapping_without_places_has_none_in_its_text(tmp_path: Path) -> None:
    path = tmp_path / "toy.onnx"
    path.write_bytes(toy().SerializeToString())
    seen: dict[Step, Mapping] = {}

    def watch(step: Step, value: object) -> None:
        if isinstance(value, Mapping):
            seen[step] = value

    compile_model(path, shrunken(core_words=64), Options(effort=0.5), watch=watch)
    assert " at (" not in text_of(seen[Step.PACKED])
    assert " at (" in text_of(seen[Step.PLACED])
