"""The NIR network that an image computes: its file's graph, with the weights that the image holds."""

from pathlib import Path

from ....ir.errors import BadInput, Origin, Unsupported
from ....passes.quantise import held_constants
from ...frontend.nir.graph import load_graph
from ...frontend.nir.write import as_nir
from ...pipeline.map import quantised
from ...pipeline.prepare import is_netx, is_spiking, prepare
from ..engines import AnyImage
from ..inputs import random_frames
from .verify import HINT, dynamics_of, verify_spiking

STEPS, TOLERANCE = 32, 1e-5


def nir_of(path: Path, image: AnyImage) -> bytes:
    """The file. Raises SncError where it is not what the image computes: some steps of both are compared."""
    if not is_spiking(path) or is_netx(path):
        raise Unsupported(Origin(file=path.name), "is no .nir network", hint="give the one that was compiled")
    dynamics = dynamics_of(image, path.name)
    found = verify_spiking(path, image, random_frames(image, STEPS, 0), tolerance=TOLERANCE)
    if not found["mapping"].is_right:
        raise BadInput(Origin(file=path.name), "is another network than the image's", hint=HINT)
    prepared = prepare(path, dynamics=dynamics)
    held = held_constants(quantised(prepared, image.about.weights), dict(prepared.graph.constants))
    return as_nir(load_graph(path), dynamics, held)
