"""What becomes of a well-formed model: right, refused, or one of the ways to fail."""

import re
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
from checker.check import assert_obeys

from snc.backends.image.container import read_image, write_image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.report import report
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.chip import Chip
from snc.ir.errors import SncError

from .drawing import Array, quick_session
from .graphs import Case, Frames

CHIP = load_target("grai-vip")
OPTIONS = Options(weights="float32", effort=1.0)
TOLERANCE = 1e-5  # of the largest value that an output has in any frame
FLOOR = 2e-6  # of the largest value in the network: float32 sums in another order, where an output cancels
CONDITION, DRAWS = 16, 8  # times what the inputs' last bit makes, in so many draws

# Floats of other widths are floats of single precision in an image, its outputs too (docs/image.md).
SINGLES = {np.dtype(name): np.dtype("float32") for name in ("float16", "float64")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kind`: right, refused, wrong, internal, or invalid where ONNX Runtime refuses it; `why`: the rule,
    what is wrong, or the exception.
    """

    kind: str
    why: str = ""
    detail: str = ""

    @property
    def fails(self) -> bool:
        return self.kind in ("wrong", "internal")

    def like(self, other: "Verdict") -> bool:
        """Whether a failure is taken for the same as another."""
        return (self.kind, self.why) == (other.kind, other.why)


def drawn_chip(seed: int) -> Chip:
    """The shipped target; for every fourth seed one that has to cut what that one need not."""
    random = np.random.default_rng((seed, 3))
    if seed % 4:
        return CHIP
    return replace(
        CHIP,
        name="drawn",
        mesh=(24, 24),
        core_words=int(random.choice([4096, 8192, 32768])),
        width_max=int(random.choice([8, 16, 64])),
        height_max=int(random.choice([8, 16, 64])),
        depth_max=int(random.choice([4, 16, 64])),
        kernel_max=int(random.choice([2, 3, 16])),
        upsampling_max=int(random.choice([2, 128])),
        stride_max=int(random.choice([1, 2])),
        strided_tables=int(random.choice([0, 1, 3])),
    )


def judge(case: Case, chip: Chip = CHIP, folder: Path | None = None) -> Verdict:
    """What becomes of a case; its model is a file of the folder."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            return judge(case, chip, Path(made))
    try:
        want, scale = truth(case.model, case.frames)
    except Exception as error:  # a dozen kinds of ONNX Runtime's
        return Verdict("invalid", "ONNX Runtime refuses it", str(error))
    try:
        got = _computed(case, chip, folder)
    except SncError as error:
        if error.exit_code not in (2, 3):
            return Verdict("internal", "exit code", repr(error))
        return Verdict("refused", rule(error), str(error))
    except Exception as error:  # whatever it is: this is what is looked for
        return Verdict("internal", f"{type(error).__name__} in {_place(error)}", traceback.format_exc())
    found = compare(want, got, scale)
    # Where the model is ill-conditioned, the last bit of an input moves what ONNX Runtime gives as far.
    return found if found.why != "numbers" else compare(want, got, scale, noise(case, want))


def noise(case: Case, want: list[dict[str, Array]]) -> dict[str, float]:
    """How far ONNX Runtime's outputs go when the inputs change in their last bit."""
    random = np.random.default_rng(0)
    found = dict.fromkeys(want[0], 0.0)
    for _ in range(DRAWS):
        moved = [{name: _last_bit(array, random) for name, array in frame.items()} for frame in case.frames]
        for true, other in zip(want, truth(case.model, moved)[0], strict=True):
            for name, array in true.items():
                apart = np.abs(other[name].astype(np.float64) - array).max(initial=0)
                found[name] = max(found[name], float(apart))
    return found


def _last_bit(array: Array, random: np.random.Generator) -> Array:
    """An array of floats with every number one bit more, one less, or as it is."""
    if array.dtype.kind != "f":
        return array
    ends = np.array([-np.inf, np.inf], array.dtype)[random.integers(0, 2, array.shape)]
    return np.where(random.integers(0, 3, array.shape) > 0, np.nextafter(array, ends), array)


def _computed(case: Case, chip: Chip, folder: Path) -> list[dict[str, Array]]:
    path = folder / "model.onnx"
    path.write_bytes(case.model.SerializeToString())
    made = compile_model(path, chip, OPTIONS).image
    path = folder / "model.snc"
    path.write_bytes(image := write_image(made))
    assert_obeys(image, report(made, path))
    runner = Runner(read_image(image))
    return [runner(dict(frame)).outputs for frame in case.frames]


def truth(model: onnx.ModelProto, frames: Frames) -> tuple[list[dict[str, Array]], float]:
    """What ONNX Runtime gives in every frame, and the largest value of any tensor."""
    wide = onnx.ModelProto.FromString(model.SerializeToString())
    known = {each.name for each in wide.graph.output}
    inner = [n for node in wide.graph.node if node.op_type != "Constant" for n in node.output if n]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner if name not in known)
    session = quick_session(wide)
    names = [each.name for each in session.get_outputs()]
    fed = [each.name for each in session.get_inputs()]
    runs = [
        dict(zip(names, session.run(None, {name: frame[name] for name in fed}), strict=True))
        for frame in frames
    ]
    every = [each for found in (*runs, *frames) for each in found.values() if each.dtype.kind == "f"]
    scale = max((float(np.abs(each).max(initial=0)) for each in every), default=0.0)
    return [{name: found[name] for name in known} for found in runs], scale


def compare(
    want: list[dict[str, Array]],
    got: list[dict[str, Array]],
    scale: float,
    noise: Mapping[str, float] = MappingProxyType({}),
) -> Verdict:
    """Whether all outputs are there in shape and type, finite, and near enough in every frame."""
    for name in want[0]:
        peak = max(float(np.abs(frame[name]).max(initial=0)) for frame in want)
        bound = max(TOLERANCE * peak, FLOOR * scale, CONDITION * noise.get(name, 0.0), 1e-30)
        for index, (true, found) in enumerate(zip(want, got, strict=True)):
            if sorted(true) != sorted(found):
                return Verdict("wrong", "names", f"{sorted(found)}, not {sorted(true)}")
            if found[name].shape != true[name].shape:
                return Verdict("wrong", "shape", f"{name}: {found[name].shape}, not {true[name].shape}")
            if found[name].dtype != SINGLES.get(true[name].dtype, true[name].dtype):
                return Verdict("wrong", "type", f"{name}: {found[name].dtype}, not {true[name].dtype}")
            if not np.isfinite(found[name]).all():
                return Verdict("wrong", "not finite", f"{name} in frame {index}")
            error = float(np.abs(found[name] - true[name]).max())
            if error > bound:
                what = f"{name} in frame {index}: {error:.3g}, at most {bound:.3g}, peak {peak:.3g}"
                return Verdict("wrong", "numbers", what)
    return Verdict("right")


def rule(error: SncError) -> str:
    """The rules that an error names, without names and numbers."""
    parts = getattr(error, "errors", (error,))
    found = {f"{part.origin.operator if part.origin else ''}: {part.message}" for part in parts}
    return " | ".join(sorted({re.sub(r"'[^']*'|\d+", "_", each) for each in found}))


def _place(error: BaseException) -> str:
    """The innermost line of ours that an exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/snc/" in f.filename and "/tests/" not in f.filename]
    frame = (ours or frames)[-1]
    return f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.name}"
