"""The Python interface: `snc.compile`, `snc.load`, `snc.verify`, `snc.bill`, and the chips' images they give.

    image = snc.compile("model.onnx", target="grai-vip", weights="fixed8")
    outputs = image.simulate(frames).outputs
    image.save("model.snc")

Errors are SncError: what is at fault, the rule, and the way out.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray

from ..backends.analysis.bill import ImageBill
from ..backends.analysis.bill import bill as bill_of
from ..backends.analysis.listing import disassemble
from ..backends.exchange.export import load_export, save_export
from ..backends.image.container import load as load_image
from ..backends.image.container import save as save_image
from ..backends.image.image import Image, ImageTensor
from ..backends.machine.counters import Counters
from ..ir.chip import Chip
from ..ir.errors import BadInput
from .pipeline.driver import Compiled as Mapped
from .pipeline.driver import compile_model, compile_prepared
from .pipeline.options import Options
from .pipeline.prepare import Prepared
from .running.chain import runner_of
from .running.inputs import random_frames
from .running.outcome import Verification, verification
from .running.runner import Result, Runner, network_inputs
from .running.simulating.answers import batched
from .running.verify import verify as verify_image
from .targets.target import load_cores

if TYPE_CHECKING:
    from ..backends.machine.machine import Arithmetic, Fire
    from .reports.explanation import NeuronExplanation, WordExplanation

Array = NDArray[Any]
Frames = ArrayLike | Mapping[str, ArrayLike]
Model = str | Path | onnx.ModelProto | Prepared


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """What frames made: the network's outputs, frames along the first axis, and what was counted in all.

    `outputs`: by name, [frames, ..] in the type that the network gives. `layers`: the same for the layers'
    results, where they were asked for. `counters`: neurons that fired, events, hops (of events from core to
    core), synaptic operations and estimated cycles of all frames, by population.
    """

    outputs: Mapping[str, Array]
    layers: Mapping[str, Array]
    counters: Counters


class Session:
    """An image that runs frame by frame; states that last go on from one frame to the next."""

    def __init__(self, image: Image, arithmetic: "Arithmetic") -> None:
        self._runner = Runner(image, arithmetic)

    def run(
        self,
        frame: Mapping[str, ArrayLike],
        *,
        layers: bool = False,
        on_fire: "Callable[[Fire], None] | None" = None,
    ) -> Result:
        """The next frame: an array for each input of the network, in its shape. Raises BadInput for others.

        `on_fire` is called after every population that fires, with its values and what became of its events;
        what `states` gives then is what they are after that step.
        """
        given = {name: np.asarray(array) for name, array in frame.items()}
        return self._runner(given, keep_layers=layers, on_fire=on_fire)

    def states(self, core: int, population: int) -> tuple[Array, ...]:
        """What the states of a population hold now, [D, H, W] each, in the unit of its sums. `core`: index of
        the core; `population`: address of the descriptor. Raises BadInput for others.
        """
        try:
            return self._runner.machine.states(core, population)
        except KeyError:
            rule = f"core {core} has no population at address {population}"
            raise BadInput(None, rule, hint="image.listing() has the addresses") from None

    def restart(self) -> None:
        """The next frame is the first of a run: all states are set before it."""
        self._runner.machine.restart()


class ChipImage:
    """A memory image: what it holds, what it takes, and what it computes. `image`: its plain value."""

    def __init__(self, image: Image, name: str = "image") -> None:
        self.image = image
        self.name = name

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input of the network, the host's included."""
        return {tensor.name: tensor.shape for tensor in self._inputs}

    def save(self, path: str | Path) -> None:
        """Writes the image; the file is whole or not there. Raises BadInput."""
        save_image(path, self.image)

    def export(self, folder: str | Path, form: str) -> None:
        """Writes the memories as files: "memh", "hex", "bin" or "c" (docs/exchange.md). Raises BadInput."""
        save_export(Path(folder), self.image, form)

    def memory(self, core: int) -> NDArray[np.uint64]:
        """The 64-bit words of a core from address 0 on, states included: shape (words,), a copy. Raises
        BadInput where there is no such core.
        """
        if not 0 <= core < len(self.image.cores):
            raise BadInput(None, f"there is no core {core}", hint=f"there are {len(self.image.cores)}")
        return self.image.cores[core].words.copy()

    def listing(self, core: int | None = None, *, whole: bool = False) -> str:
        """Every word with its address, role, fields and layer: the text of `snc disasm`. `core`: of this one
        alone; `whole`: everything that the file holds. Raises BadInput where there is no such core.
        """
        return disassemble(self.image, core, whole)

    def bill(self) -> ImageBill:
        """Bytes by category, of each core and of each layer."""
        return bill_of(self.image)

    def explain(self, what: str) -> "WordExplanation | NeuronExplanation":
        """What a word ("54", "3:54") or a neuron ("conv2[3,1,2]") is for. Raises BadInput."""
        from .reports.explanation import explain

        return explain(self.image, what, self.name)

    def session(self, arithmetic: "Arithmetic" = "float32") -> Session:
        """The image ready to run frame by frame. "chip" rounds states to 16 bits after every update. Raises
        BadInput for another arithmetic, BadImage where the words do not hold together.
        """
        return Session(self.image, arithmetic)

    def simulate(
        self, frames: Frames, *, arithmetic: "Arithmetic" = "float32", layers: bool = False
    ) -> Simulation:
        """Runs frames: for each input an array of frames along its first axis, or of one frame in its shape.

        A network of one input takes the array alone. Frames of [C, H, W] do for an input of [1, C, H, W].
        Raises BadInput for other shapes and names.
        """
        runner = runner_of(self.image, arithmetic, "auto")
        results = [runner(frame, keep_layers=layers) for frame in self.frames(frames)]
        counters = results[0].run.counters
        for result in results[1:]:
            counters = counters + result.run.counters
        outputs = {name: _joined([r.outputs[name] for r in results]) for name in results[0].outputs}
        kept = {name: _joined([r.run.layers[name] for r in results]) for name in results[0].run.layers}
        return Simulation(outputs, kept, counters)

    def frames(self, given: Frames) -> list[dict[str, Array]]:
        """Frames one by one, each array in its input's shape. Raises BadInput as `simulate` does."""
        if not isinstance(given, Mapping):
            if len(self._inputs) != 1:
                raise BadInput(None, "one array is given", hint=f"the inputs are {', '.join(self.inputs)}")
            given = {self._inputs[0].name: given}
        if missing := self.inputs.keys() ^ given.keys():
            rule = f"{sorted(missing)[0]!r} is missing or no input"
            raise BadInput(None, rule, hint=f"the inputs are {', '.join(self.inputs)}")
        split = {tensor.name: _split(np.asarray(given[tensor.name]), tensor) for tensor in self._inputs}
        counts = {name: len(frames) for name, frames in split.items()}
        if len(set(counts.values())) != 1 or not next(iter(counts.values())):
            raise BadInput(
                None, f"numbers of frames are {counts}", hint="give all inputs as many, at least one"
            )
        count = next(iter(counts.values()))
        return [{name: frames[i] for name, frames in split.items()} for i in range(count)]

    @cached_property
    def _inputs(self) -> Sequence[ImageTensor]:
        return network_inputs(self.image)


class Compiled(ChipImage):
    """An image that was compiled here; `mapped` has the network, its mapping, and the seconds it took."""

    def __init__(self, mapped: Mapped, name: str) -> None:
        super().__init__(mapped.image, name)
        self.mapped = mapped

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done that the model does not say, and warnings."""
        return (*self.mapped.prepared.notes, *self.mapped.prepared.warnings)


def compile(  # noqa: A001 - it is called as snc.compile
    model: Model,
    target: str | Path | Chip = "grai-vip",
    *,
    progress: Callable[[str], None] = lambda stage: None,
    **options: Any,
) -> Compiled:
    """Compiles a model: an ONNX file, an ONNX model, or what `snc.prepare` gave.

    `target`: a shipped target's name, a TOML file, or a Chip. `options` are the fields of `snc.Options`:
    weights, states, objective, seed, effort, time_limit, input_shapes, force. `progress` gets every stage.
    Raises SncError: exit_code 2 where the model cannot be mapped, 3 where it does not fit.
    """
    chip = target if isinstance(target, Chip) else load_cores(str(target))
    try:
        chosen = Options(**options)
    except TypeError:
        known = Options.__dataclass_fields__
        unknown = next(name for name in options if name not in known)
        raise BadInput(
            None, f"there is no option {unknown!r}", hint=f"known are {', '.join(known)}"
        ) from None
    if isinstance(model, Prepared):
        return Compiled(compile_prepared(model, chip, chosen), model.graph.name)
    with _file(model) as path:
        return Compiled(compile_model(path, chip, chosen, progress), path.name)


def load(path: str | Path) -> ChipImage:
    """The image of a file, or of an exported folder. Raises BadInput, BadImage."""
    path = Path(path)
    return ChipImage(load_export(path) if path.is_dir() else load_image(path), path.name)


def verify(
    model: str | Path | onnx.ModelProto,
    image: ChipImage | str | Path,
    frames: Frames | int = 3,
    *,
    seed: int = 0,
    arithmetic: "Arithmetic" = "float32",
) -> Verification:
    """Compares an image with its model in ONNX Runtime, layer by layer: `is_right` says whether both agree.

    `frames`: as for `simulate`, of the shapes of `image.inputs`, or how many are drawn at random from `seed`.
    Errors are in the unit of each output, relative ones by its largest magnitude. Raises BadInput where
    model, image and frames do not belong together.
    """
    held = image if isinstance(image, ChipImage) else load(image)
    given = random_frames(held.image, frames, seed) if isinstance(frames, int) else held.frames(frames)
    with _file(model) as path:
        verdict = verify_image(path, held.image, given, arithmetic=arithmetic)
        return verification(verdict, held.image, path, Path(held.name), arithmetic, len(given))


def bill(image: ChipImage | str | Path) -> ImageBill:
    """What an image takes: bytes by category, of each core and of each layer. Raises BadInput, BadImage."""
    return (image if isinstance(image, ChipImage) else load(image)).bill()


@contextmanager
def _file(model: str | Path | onnx.ModelProto) -> Iterator[Path]:
    """The file of a model; one that has none gets it for a while."""
    if not isinstance(model, onnx.ModelProto):
        yield Path(model)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        yield path


def _joined(frames: Sequence[Array]) -> Array:
    """Frames along the first axis: where a frame has an axis of one for it, along that."""
    return np.stack(frames).reshape(batched(len(frames), frames[0].shape))


def _split(array: Array, tensor: ImageTensor) -> list[Array]:
    """The frames of an array. Raises BadInput where its shape is none of an input's frames."""
    shape = tensor.shape
    for frame in (shape, shape[1:] if shape[:1] == (1,) else shape):
        if array.shape == frame:
            return [array.reshape(shape)]
        if array.shape[1:] == frame:
            return [each.reshape(shape) for each in array]
    raise BadInput(
        None, f"input {tensor.name!r} is of shape {array.shape}", hint=f"give {shape}, or frames of it"
    )
