"""The chip in Verilog does what the machine does, bit by bit, and a fault in it is found."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snc
from snc.backends.rtl.memories import mesh_of
from snc.backends.rtl.package import words_package
from snc.backends.rtl.simulator import Simulator, Tool, build, sources
from snc.cli.main import main
from snc.compiler.running.twin import TwinRun, run_twin
from snc.ir.errors import BadInput, Unsupported
from snc.models.moving import moving_digits

from . import drawing
from .networks import CASES, CHIP, Array, Case, Layers, changing, stream

ROOT = Path(__file__).parents[2]
RTL, MODELS = ROOT / "rtl", ROOT / "models"
# The file, what stands there, and what a fault puts behind it or in its place.
FAULTS = {
    "an offset is off by one": ("peg.sv", "$signed({{8{x_off[8]}}, x_off})", "\\g<0> + 17'sd1"),
    "hit detection is inverted": ("peg.sv", "x_min < width", "x_min >= width"),
    "a tie is rounded up": ("round_half.sv", "(sticky || kept[0])", "1'b1"),
    "the kernel's last row is left out": ("kernel_span.sv", "kernel_last = ", "\\g<0>-12'sd1 + "),
    "a maximum takes the smaller": ("update_unit.sv", "MAXIMUM ? term > held", "MAXIMUM ? term < held"),
    "slopes are forgotten": (
        "activation_unit.sv",
        "result = is_negative ? product",
        "result = 1'b0 ? product",
    ),
}


SPARSE_FAULTS = {
    "a weight counts itself": ("kernel_bitmap.sv", "rank         = earlier", "\\g<0> + stored[0]"),
    "a bitmap is read from behind": ("kernel_bitmap.sv", "stored       = bits", "stored       = ~bits"),
    "weights begin at their bitmap": ("esu.sv", ": {1'b0, all})", ": 21'd0)"),
    "a run's exponents are left out": ("esu.sv", "exponents_at == 0 ? HITS", "1'b1 ? HITS"),
    "channels of a run have one kernel": ("esu.sv", "+ {byte_steps, 3'b0}", "+ {byte_steps, 3'b0} * 21'd0"),
}


LIST_FAULTS = {
    "the first place is passed over": ("kernel_list.sv", "index <= 19'd1;", "index <= 19'd2;"),
    "a weight counts the next one": (
        "kernel_list.sv",
        "rank         = index[17:0] - 18'd1",
        "rank = index[17:0]",
    ),
    "weights begin in their list": ("esu.sv", "(lists ? list_size", "(lists ? 21'd0"),
}


CHANGE_FAULTS = {
    "what was sent is forgotten": ("population_control.sv", "at == WRITE ? 4'd1 <<", "at == WRITE ? 4'd0 <<"),
    "a change is sent below the threshold": (
        "sigma_delta.sv",
        "change[30:0] > sum[30:0]",
        "change[30:0] != 0",
    ),
    "accumulators are half as wide": ("accumulator.sv", "(is_wide ? 4'd3 : 4'd1)", "4'd1"),
    "a sum is cut off": ("float32_add.sv", "wire round_up = ", "\\g<0>1'b0 && "),
    "outputs take the changes": (
        "population_control.sv",
        "value <= change;",
        "\\g<0> computed <= change;",
    ),
    "the prologue is taken in each frame": ("sequencer.sv", "&& has_begun", "&& 1'b0"),
}


def needs(tool: Tool) -> None:
    """Skips where a tool is not installed, but not in CI, which has it."""
    if shutil.which(tool) is None and not os.environ.get("CI"):
        pytest.skip(f"no {tool}: install Debian's package {tool}")


@pytest.fixture(scope="session")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    """Four cores, built once for all networks."""
    needs("verilator")
    return build(RTL, tmp_path_factory.mktemp("chip"), (2, 2), CHIP.core_words)


def compiled(case: Case) -> snc.Compiled:
    return snc.compile(case.model, case.chip, **case.options)


def stream_twin(image: snc.ChipImage, frames: list[Array], simulator: Simulator | None = None) -> TwinRun:
    (name,) = image.inputs
    given = [{name: frame} for frame in frames]
    return run_twin(image.image, Path("stream.snc"), given, RTL, simulator=simulator)


def twin(image: snc.ChipImage, count: int, simulator: Simulator | None = None, **options: object) -> TwinRun:
    random = np.random.default_rng(3)
    shapes = image.inputs.items()
    frames = [
        {name: (2 * random.normal(size=shape)).astype(np.float32) for name, shape in shapes}
        for _ in range(count)
    ]
    return run_twin(image.image, Path("case.snc"), frames, RTL, simulator=simulator, **options)  # type: ignore[arg-type]


def test_field_positions_are_those_of_the_declarations() -> None:
    if os.environ.get("SNC_BLESS") == "1":
        (RTL / "words.sv").write_text(words_package(), encoding="utf-8", newline="\n")
    assert (RTL / "words.sv").read_text(encoding="utf-8") == words_package(), "make bless"


@pytest.mark.parametrize("name", CASES)
def test_networks_are_the_same_bit_by_bit(chip: Simulator, name: str) -> None:
    image = compiled(CASES[name]())
    found = twin(image, 2, chip)
    assert found.difference is None
    assert found.events > 0
    assert 0.9 < found.cycles / found.estimated < 1.1
    assert len(found.cores) == len(image.image.cores)
    if name == "residual":
        assert mesh_of(image.image) == (2, 2)
        assert all(core.counts["events"] > 0 for core in found.cores)


def random_run(chip: Simulator, seed: int) -> float | None:
    """The network of a seed does the same in both: its cycles by those that are estimated, or None where the
    chip in Verilog has not all that it uses.
    """
    image = drawing.compiled(drawing.drawn(seed))
    try:
        found = twin(image, 2, chip)
    except Unsupported:
        return None
    assert found.difference is None, seed
    return found.cycles / found.estimated


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_the_same_bit_by_bit(chip: Simulator, seed: int) -> None:
    ratio = random_run(chip, seed)
    assert ratio is not None
    assert 0.8 < ratio < 1.2


def random_stream(chip: Simulator, seed: int) -> float | None:
    """`random_run` for a network whose neurons send changes, over three frames of a stream; None where
    changes cannot express all that it has, too.
    """
    case = drawing.drawn(seed)
    options = case.options | {"neurons": "sigma-delta", "threshold": 0.05 * (seed % 2)}
    random = np.random.default_rng(seed)
    try:
        image = drawing.compiled(replace(case, options=options))
        frame = {name: 2 * random.normal(size=shape) for name, shape in image.inputs.items()}
        frames = []
        for _ in range(3):
            frames.append({name: values.astype(np.float32) for name, values in frame.items()})
            for name, values in frame.items():
                new = 2 * random.normal(size=values.shape)
                frame[name] = np.where(random.random(values.shape) < 1 / 3, new, values)
        found = run_twin(image.image, Path("stream.snc"), frames, RTL, simulator=chip)
    except Unsupported:
        return None
    assert found.difference is None, seed
    return found.cycles / found.estimated


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_random_streams_are_the_same_bit_by_bit(chip: Simulator, seed: int) -> None:
    ratio = random_stream(chip, seed)
    assert ratio is not None
    assert 0.8 < ratio < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 200, 20))
def test_a_hundred_random_streams_are_the_same_bit_by_bit(chip: Simulator, first: int) -> None:
    ratios = [random_stream(chip, seed) for seed in range(first, first + 20)]
    assert sum(ratio is not None for ratio in ratios) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 400, 20))
def test_hundreds_of_random_networks_are_the_same_bit_by_bit(chip: Simulator, first: int) -> None:
    ratios = [random_run(chip, seed) for seed in range(first, first + 20)]
    found = [ratio for ratio in ratios if ratio is not None]
    assert len(found) >= 12
    assert sum(0.8 < ratio < 1.2 for ratio in found) >= 0.8 * len(found)


def test_digits_are_the_same_bit_by_bit(chip: Simulator) -> None:
    image = snc.compile(MODELS / "digits.onnx")
    with np.load(MODELS / "digits_test.npz") as held_out:
        frames = image.frames(held_out["image"][:5])
    found = run_twin(image.image, Path("digits.snc"), frames, RTL, simulator=chip)
    assert found.difference is None
    assert (found.values, found.outputs) == (5 * 1994, 5 * 10)
    session = image.session("chip")
    total = [session.run(frame).run.counters.total for frame in frames]
    (core,) = found.cores
    assert core.counts["events"] == sum(tally.events for tally in total)
    assert core.counts["synaptic_operations"] == sum(tally.synaptic_operations for tally in total)
    assert sum(step.cycles for step in found.steps) == found.cycles
    assert 0.9 < found.cycles / found.estimated < 1.1


@pytest.mark.parametrize(("cores", "weights"), [(1, "float32"), (2, "fixed8")])
def test_a_stream_of_changes_is_the_same_bit_by_bit(chip: Simulator, cores: int, weights: str) -> None:
    image = compiled(changing(cores, weights))
    assert len(image.image.cores) == cores
    frames = stream(5)
    found = stream_twin(image, frames, chip)
    assert found.difference is None
    assert (found.frames, found.outputs) == (5, 5 * 5)
    assert 0.8 < found.cycles / found.estimated < 1.2
    # States last: frames that stay as they are send nothing, where the first one does.
    still = stream_twin(image, [frames[0]] * 3, chip)
    assert still.difference is None
    assert still.events == stream_twin(image, frames[:1], chip).events < found.events


def test_digits_that_move_are_the_same_bit_by_bit(chip: Simulator) -> None:
    image = snc.compile(MODELS / "digits.onnx", neurons="sigma-delta")
    frames = moving_digits(1, 8).images[:, None]
    found = stream_twin(image, list(frames), chip)
    assert found.difference is None
    assert found.outputs == 8 * 10
    assert 0.8 < found.cycles / found.estimated < 1.2


def small() -> Case:
    """Ties, a maximum, a slope, and a padded kernel, on as few neurons as can be."""
    net = Layers((1, 1, 4, 3), 6)
    x = net.add("LeakyRelu", net.conv("x", 1, 2, 3), alpha=0.25)
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return Case(net.model(net.conv(x, 2, 1, 1)), options={"weights": "fixed2"})


def sparse() -> Case:
    """A layer that skips zeros, and one with a strided table."""
    net = Layers((1, 2, 3, 3), 10, zeros=0.75)
    x = net.conv("x", 2, 12, 3)
    net.zeros = 0.0
    return Case(net.model(net.conv(x, 12, 3, 1)), replace(CHIP, strided_tables=4))


def few() -> Case:
    """A layer that lists its weights."""
    net = Layers((1, 3, 2, 2), 12, zeros=0.95)
    return Case(net.model(net.conv("x", 3, 70, 1)), options={"weights": "fixed8"})


@pytest.mark.parametrize("case", [small, sparse, few])
def test_another_simulator_agrees(case: Callable[[], Case]) -> None:
    needs("iverilog")
    assert twin(compiled(case()), 1, tool="iverilog").difference is None


@pytest.mark.parametrize("fault", [*FAULTS, *SPARSE_FAULTS, *LIST_FAULTS, *CHANGE_FAULTS])
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    needs("iverilog")
    name, before, after = (FAULTS | SPARSE_FAULTS | LIST_FAULTS | CHANGE_FAULTS)[fault]
    rtl = tmp_path / "rtl"
    shutil.copytree(RTL, rtl)
    text = (rtl / name).read_text()
    assert before in text
    (rtl / name).write_text(re.sub(re.escape(before), after, text))
    broken = build(rtl, tmp_path, (1, 1), CHIP.core_words, "iverilog")
    if fault in CHANGE_FAULTS:
        found = stream_twin(compiled(changing()), stream(2), broken)
    else:
        case = few if fault in LIST_FAULTS else small if fault in FAULTS else sparse
        found = twin(compiled(case()), 1, broken)
    assert found.difference is not None
    assert (found.cores, found.steps) == ((), ())


@pytest.mark.parametrize("operator", ["Sigmoid", "Atan"])
def test_what_is_not_in_verilog_is_refused_by_its_name(operator: str) -> None:
    net = Layers((1, 2, 4, 4), 7)
    case = Case(net.model(net.add(operator, "x")))
    function = f"the activation function {operator.upper()} is not in Verilog"
    with pytest.raises(Unsupported, match=function) as refused:
        twin(compiled(case), 1)
    assert "docs/rtl.md lists" in str(refused.value)


def test_the_sources_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=re.escape("holds no words.sv")):
        sources(tmp_path)


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("iverilog")
    image, frame = tmp_path / "small.snc", tmp_path / "x.npy"
    compiled(small()).save(image)
    np.save(frame, np.ones((1, 1, 4, 3), dtype=np.float32))
    call = ["rtl", str(image), "-i", str(frame), "--rtl", str(RTL), "--tool", "iverilog"]
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["difference"], found["frames"], found["mesh"]) == (None, 1, [1, 1])
    assert main(call) == 0
    assert "the same  " in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    assert main(call) == 2
    assert (
        "iverilog is not installed (on Debian and Ubuntu: apt-get install iverilog" in capsys.readouterr().err
    )
