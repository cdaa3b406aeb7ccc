"""An image in the chip in Verilog and in the machine, frame by frame: what differs, and what it took."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...backends.image.image import Image
from ...backends.machine.machine import Fire
from ...backends.rtl.memories import mesh_of, nodes_of, save_memories
from ...backends.rtl.needs import check
from ...backends.rtl.record import Counts, recorded
from ...backends.rtl.simulator import Simulator, Tool, build, lines
from ...backends.rtl.twin import Compared, Difference, Seen, SeenFrame, Twin
from ...backends.words.words import Order, Population, Step
from ...ir.errors import VerifyError
from ...ir.neurons import Neuron
from ..frontend.runtime import Arrays
from .estimate import estimate
from .runner import Runner
from .simulating.simulation import simulate

OnFrame = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class StepCycles:
    """A step of the firing order, and its cycles in all frames."""

    step: int
    order: str
    layer: str
    core: int
    population: int
    cycles: int


@dataclass(frozen=True, slots=True)
class CoreCycles:
    """What a core did in all frames: events taken, accesses to its memory, waiting.

    `queue_deepest`: of the events that waited for the ESU. `send_stalls`: cycles in which an event found
    no space to leave. `read_stalls`: cycles in which PEG or control waited for the memory. `esu_cycles`:
    cycles in which an event was worked on.
    """

    core: int
    x: int
    y: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TwinRun:
    """A run of the chip in Verilog. `estimated`: the cycles that `estimate` says its frames take, in all."""

    image: str
    tool: str
    mesh: tuple[int, int]
    frames: int
    values: int
    events: int
    outputs: int
    cycles: int
    estimated: float
    steps: tuple[StepCycles, ...]
    cores: tuple[CoreCycles, ...]
    difference: Difference | None


def seen_frames(image: Image, frames: Sequence[Arrays]) -> list[SeenFrame]:
    """The frames in the machine, in chip arithmetic."""
    runner = Runner(image, "chip", engine="literal")
    found = []
    for frame in frames:
        seen: list[Seen] = []

        def note(fire: Fire, seen: list[Seen] = seen) -> None:
            held = None if _is_input(image, fire) else runner.machine.states(fire.core, fire.population)
            seen.append(Seen(fire, held))

        run = runner(frame, on_fire=note).run
        found.append(SeenFrame(tuple(seen), run.outputs))
    return found


def run_twin(
    image: Image,
    path: Path,
    frames: Sequence[Arrays],
    rtl: Path,
    *,
    tool: Tool = "verilator",
    simulator: Simulator | None = None,
    stage: Callable[[str], None] = lambda name: None,
    on_frame: OnFrame = lambda done, of: None,
) -> TwinRun:
    """Runs frames in both. `rtl`: the folder of the Verilog files; `simulator`: what `build` made of them
    before, for a mesh that has all cores. Ends at the first difference.

    Raises Unsupported for what is not in Verilog, BadInput where the tool or the files are missing.
    """
    mesh = mesh_of(image) if simulator is None else (simulator.width, simulator.height)
    check(image, path.name, mesh)
    with tempfile.TemporaryDirectory(prefix="snc-rtl-") as folder:
        work = Path(folder)
        if simulator is None:
            stage(f"{tool} builds {mesh[0]} x {mesh[1]} cores")
            simulator = build(rtl, work, mesh, image.chip.core_words, tool)
        stage("the machine runs")
        seen = seen_frames(image, frames)
        fed = [[each.fire.values for each in frame.seen if each.states is None] for frame in seen]
        save_memories(work, image, mesh, fed)
        stage("the chip runs")
        return _compared(image, path, frames, seen, simulator, tool, work, on_frame)


def _compared(
    image: Image, path: Path, frames: Sequence[Arrays], seen: Sequence[SeenFrame],
    simulator: Simulator, tool: Tool, work: Path, on_frame: OnFrame,
) -> TwinRun:  # fmt: skip
    mesh = simulator.width, simulator.height
    twin = Twin(image, mesh)
    done: list[Compared] = []
    counted: dict[int, Counts] = {}
    by_step = np.zeros(len(image.steps), dtype=np.int64)
    cycles, limit = 0, max(_bound(each.fire) for frame in seen for each in frame.seen)
    with lines(simulator, work, len(frames), len(image.steps), limit) as said:
        for found in recorded(said):
            if isinstance(found, tuple):
                counted[found[0]] = found[1]
                continue
            done.append(twin.compared(len(done), seen[len(done)], found))
            on_frame(len(done), len(frames))
            if done[-1].difference is not None:
                break
            taken = np.diff([*found.begins, found.end])
            by_step[-len(taken) :] += taken
            cycles += int(taken.sum())
    difference = done[-1].difference if done else None
    if difference is None and (len(done) < len(frames) or len(counted) < mesh[0] * mesh[1]):
        raise VerifyError(f"{path.name}: the chip in Verilog ends after {len(done)} of {len(frames)} frames")
    costs = estimate(simulate(image, path, frames, "chip"), image.chip)
    ended = not difference
    return TwinRun(
        image=str(path),
        tool=tool,
        mesh=mesh,
        frames=len(frames),
        values=sum(each.values for each in done),
        events=sum(each.events for each in done),
        outputs=sum(each.outputs for each in done),
        cycles=cycles,
        estimated=costs.latency_us * 1e6 / image.chip.cycle_ps * len(frames) if image.chip.cycle_ps else 0.0,
        steps=_steps(image, by_step) if ended else (),
        cores=tuple(
            CoreCycles(index, image.cores[index].x, image.cores[index].y, counted[node])
            for index, node in enumerate(nodes_of(image, mesh))
        )
        if ended
        else (),
        difference=difference,
    )


def _bound(fire: Fire) -> int:
    """Cycles that this step does not need, nor the RESET of its population: far more than it takes."""
    return 2000 + 400 * fire.events + 8 * fire.synaptic_operations + 100 * fire.values.size


def _steps(image: Image, cycles: NDArray[np.int64]) -> tuple[StepCycles, ...]:
    names = {
        (place.core, place.population): layer.name
        for layer in image.about.layers
        for place in layer.fragments
    }
    found = []
    for number, (word, taken) in enumerate(zip(image.steps.tolist(), cycles.tolist(), strict=True)):
        step = Step.decode(word)
        layer = names.get((step.core, step.population), "")
        found.append(StepCycles(number, Order(step.order).name, layer, step.core, step.population, taken))
    return tuple(found)


def _is_input(image: Image, fire: Fire) -> bool:
    word = Population.decode(int(image.cores[fire.core].words[fire.population]))
    return word.neuron is Neuron.INPUT
