"""What `snc compile` writes and measures beside an image: its network, its states of 16 bits, the report."""

from pathlib import Path
from typing import TYPE_CHECKING

from .show import json_text, plain, progress

if TYPE_CHECKING:
    from ...compiler.choosing.frames import StateAccuracy
    from ...compiler.pipeline.driver import Compiled
    from ...compiler.pipeline.options import Frames
    from ...compiler.reports.crossbar.kinds import AnyReport


def reference_of(model: Path, compiled: "Compiled") -> bytes:
    """The network with the weights that the image holds, as the model's format has it."""
    from ...compiler.frontend.nir.graph import load_graph
    from ...compiler.frontend.nir.write import as_nir
    from ...compiler.frontend.read import to_onnx

    found, dynamics = compiled.reference(), compiled.prepared.dynamics
    if dynamics is not None:
        return as_nir(load_graph(model), dynamics, found.constants)
    data: bytes = to_onnx(found).SerializeToString(deterministic=True)
    return data


def chip_states(compiled: "Compiled", frames: "Frames") -> "StateAccuracy":
    """How near the image is with states of 16 bits."""
    from ...compiler.running.simulating.states import chip_accuracy

    with progress("compile: states of 16 bits"):
        return chip_accuracy(compiled, frames(compiled.graph.inputs))


def save_report(report: "AnyReport", file: Path) -> None:
    """The report as a file: JSON, or a page."""
    from ...compiler.running import outputs

    if file.suffix.lower() == ".html":
        # Its drawing library takes a while to load: only where it is asked for.
        from ...compiler.reports.crossbar.kinds import page_of

        outputs.save_text(file, page_of(report, plain(report)))
    else:
        outputs.save_text(file, json_text(report) + "\n")
